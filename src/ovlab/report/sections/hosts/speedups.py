"""Speed-ups by host: a table with a column a host, a figure, and whether the hosts agree.

Each speed-up is the ratio of two variants on one host; these ratios are what stands beside each other.
"""

from __future__ import annotations

import matplotlib as mpl
import pandas as pd
from matplotlib.patches import Patch

from ovlab.report.columns import CI, PRECISION
from ovlab.report.format import Estimate, estimate_text, joined
from ovlab.report.results import headline_scenario, rows_of
from ovlab.report.section import ReportContext
from ovlab.report.sections.results.tables import speedup_definition
from ovlab.report.style import INK, STYLE, Plot, colours, draw_bars, fitting, interval_note, new_panels
from ovlab.report.table import Column, Entry, Table

VARIANT = ["model", "device", "scenario", "precision"]
MOST_TOLD = 6


def _known(report: ReportContext) -> pd.DataFrame:
    ok = report.ok
    return ok[(ok["precision"] != report.reference) & ok["speedup"].notna()]


def speedups_table(report: ReportContext) -> Table:
    """Make the table of speed-ups: a row a variant under a scenario, a column a host."""
    columns = [
        *(Column(name, name) for name in VARIANT[:-1]),
        PRECISION,
        *(Column(f"speedup_{host}", host, "×", numeric=True, interval=True, least=1) for host in report.hosts),
    ]
    rows: list[list[Entry]] = []
    for names, cells in _known(report).groupby(VARIANT, sort=False):
        by_host = {row["host"]: Estimate.of_row(row, "speedup") for row in rows_of(cells)}
        entries: list[Entry] = [str(name) for name in names]
        rows.append([*entries, *(by_host.get(host, Estimate(None)) for host in report.hosts)])
    caption = (
        f"Speed-up against {report.reference} on each host: {speedup_definition(report.ok)}, both on the same host. "
        f"{CI}, from launches."
    )
    return Table("host_speedups", caption, columns, rows, grouped=2, made_from=("session",))


def speedups_figure(report: ReportContext) -> Plot | None:
    """Draw speed-ups under the scenario that heads the report: a panel for each model and device, hosts along x.

    Returns
    -------
    Plot or None
        None if no speed-up is known under it.
    """
    known = _known(report)
    scenario = headline_scenario(known)
    rows = known[known["scenario"] == scenario]
    if rows.empty:
        return None
    palette = colours(report.ok["precision"].unique())
    names = [name for name in palette if name in set(rows["precision"])]
    panels = list(rows.groupby(["model", "device"], sort=False))
    bars = len(report.hosts) * len(names)
    with mpl.rc_context(STYLE):
        figure, grid = new_panels(len(panels), fitting(max(1.5, 0.19 * bars + 0.5)), 2.0, narrow=bars <= 12)
        for axes, ((model, device), panel) in zip(grid, panels, strict=True):
            values, high = panel["speedup"].astype(float), panel["speedup_high"].astype(float)
            top = 1.18 * max(1.0, values.max(), min(float(high.fillna(0).max()), 1.5 * values.max()))
            draw_bars(
                axes,
                panel,
                "speedup",
                top / 1.12,
                palette={name: palette[name] for name in names},
                along="host",
                unit=" times",
                labelled=len(panel) <= 10,
            )
            axes.axhline(1, color=INK, lw=0.7, ls=(0, (4, 3)))
            axes.set_ylim(0, top)
            axes.set_xlim(-0.6, panel["host"].nunique() - 0.4)
            axes.set_title(f"{model}\n{device}" if rows["model"].nunique() > 1 else str(device))
        figure.supylabel(f"speed-up against {report.reference} (×)")
        handles = [Patch(color=palette[name], label=name) for name in names]
        figure.legend(handles=handles, loc="outside upper center", ncols=min(len(names), 6))
    caption = (
        f"Speed-up against {report.reference} on the same host (the dashed line), {scenario}. {interval_note(rows)} An "
        "interval that ends in a triangle goes on beyond the panel."
    )
    return Plot("host_speedups", caption, figure)


def speedup_sentences(report: ReportContext) -> list[str]:
    """Say for each variant what it gains on each host, and whether the hosts agree within their intervals."""
    known = _known(report)
    rows = known[known["scenario"] == headline_scenario(known)]
    sentences = []
    for (model, device, scenario, precision), cells in rows.groupby(VARIANT, sort=False):
        if cells["host"].nunique() > 1:
            found = {str(row["host"]): Estimate.of_row(row, "speedup") for row in rows_of(cells)}
            numbers = [f"{estimate_text(one, least=1)} times on {host}" for host, one in found.items()]
            what = f"{model} in {precision} on {device} ({scenario})"
            sentences.append(f"{what}, against {report.reference} there: {joined(numbers)}{_agreement(found)}.")
    more = (
        [f"The others are in host_speedups.csv ({len(sentences) - MOST_TOLD})."] if len(sentences) > MOST_TOLD else []
    )
    return sentences[:MOST_TOLD] + more


def _agreement(found: dict[str, Estimate]) -> str:
    """Say whether all intervals have a value in common; nothing where one is not known."""
    lows, highs = [one.low for one in found.values()], [one.high for one in found.values()]
    if any(one is None for one in (*lows, *highs)):
        return ""
    largest, smallest = max(one for one in lows if one is not None), min(one for one in highs if one is not None)
    return "; the intervals overlap" if largest <= smallest else "; the intervals do not overlap"
