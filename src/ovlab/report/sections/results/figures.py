"""The figures: speed-up bars, latency distributions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from ovlab.report.format import Estimate, counted, estimate_text, show
from ovlab.report.records import Records
from ovlab.report.results import rows_of
from ovlab.report.sections.results.tables import speedup_definition
from ovlab.report.style import (
    INK,
    LOG_FROM,
    STYLE,
    Plot,
    colours,
    dashes,
    draw_bars,
    file_name,
    fitting,
    hatches,
    interval_note,
    legend_above,
    log_axis,
    new_panels,
    plain_tick,
    tell,
)

POINTS, POINTS_OF_ALL = 40_000, 150_000
"""About so many points are drawn for a figure, and for all models' figures; all samples go into each curve."""
Row = dict[Any, Any]


@dataclass(frozen=True)
class _Panel:
    """What a panel of latencies is drawn from: a session's samples, and the results' rows that they belong to."""

    samples: pd.DataFrame
    rows: list[Row]

    @cached_property
    def precisions(self) -> list[str]:
        """The precisions of which there are samples."""
        return [str(name) for name in self.samples["precision"].unique()]


def speedup_figure(ok: pd.DataFrame, reference: str) -> Plot | None:
    """Draw speed-ups as bars with intervals: a panel for each model and device, the scenarios along x.

    Parameters
    ----------
    ok : DataFrame
        The results' rows with status ``ok``.

    Returns
    -------
    Plot or None
        None if there is nothing to draw.
    """
    rows = ok[(ok["precision"] != reference) & ok["speedup"].notna()]
    if rows.empty:
        return None
    palette = colours(ok["precision"].unique())
    names = list(rows["precision"].unique())
    panels = list(rows.groupby(["model", "device"], sort=False))
    bars = max(panel["scenario"].nunique() for _, panel in panels) * len(names)
    with mpl.rc_context(STYLE):
        figure, grid = new_panels(len(panels), fitting(max(1.5, 0.19 * bars + 0.5)), 2.0, narrow=bars <= 12)
        for axes, ((model, device), panel) in zip(grid, panels, strict=True):
            _speedup_panel(axes, panel, names, palette)
            axes.set_title(f"{model}\n{device}" if ok["model"].nunique() > 1 else str(device))
        figure.supylabel(f"speed-up against {reference} (×)")
        hatched = hatches(names)
        legend_above(figure, [Patch(color=palette[name], hatch=hatched[name], label=name) for name in names])
    caption = (
        f"Speed-up against {reference} (the dashed line): {speedup_definition(rows)}. "
        f"{interval_note(rows)} An interval that ends in a triangle goes on beyond the panel."
    )
    return Plot("speedup", caption, figure)


def _speedup_panel(axes: Axes, panel: pd.DataFrame, names: list[str], palette: dict[str, str]) -> None:
    values, high = panel["speedup"].astype(float), panel["speedup_high"].astype(float)
    top = 1.18 * max(1.0, values.max(), min(float(high.fillna(0).max()), 1.5 * values.max()))
    own = {name: palette[name] for name in names}
    draw_bars(
        axes, panel, "speedup", top / 1.12, palette=own, along="scenario", unit=" times", labelled=len(panel) <= 10
    )
    axes.axhline(1, color=INK, lw=0.7, ls=(0, (4, 3)))
    axes.set_ylim(0, top)
    scenarios = panel["scenario"].unique()
    axes.set_xlim(-0.6, len(scenarios) - 0.4)
    axes.set_xticks(range(len(scenarios)), [_wrapped(one) for one in scenarios])


def latency_figures(ok: pd.DataFrame, records: Records) -> list[Plot]:
    """Draw the distribution of all samples' latencies: a figure a model, a panel for each device and scenario.

    Parameters
    ----------
    ok : DataFrame
        The results' rows with status ``ok``.
    records : Records
        They know where the sessions' samples are, if these are at hand.
    """
    palette = colours(ok["precision"].unique())
    most = min(POINTS, POINTS_OF_ALL // max(1, ok["model"].nunique()))
    plots = []
    for model, cells in ok.groupby("model", sort=False):
        panels: dict[tuple[str, str], _Panel] = {}
        for names, rows in cells.groupby(["device", "scenario", "host"], sort=False):
            device, scenario, host = map(str, names)
            taken = records.samples(str(model), device, scenario, host)
            if taken is not None and not (own := taken[taken["precision"].isin(rows["precision"])]).empty:
                panels[records.place(device, host), scenario] = _Panel(own, rows_of(rows))
        if panels:
            plots.append(_latency_figure(str(model), cells, panels, palette, most))
    return plots


def _latency_figure(
    model: str, cells: pd.DataFrame, panels: dict[tuple[str, str], _Panel], palette: dict[str, str], most: int
) -> Plot:
    devices = list(dict.fromkeys(device for device, _ in panels))
    scenarios = list(dict.fromkeys(scenario for _, scenario in panels))
    measured = {name for one in panels.values() for name in one.precisions}
    names = [name for name in cells["precision"].unique() if name in measured]
    launches = sum(one.samples.groupby(["precision", "round"]).ngroups for one in panels.values())
    curves = sum(len(one.precisions) for one in panels.values())
    points = int(np.clip(most / launches, 20, 120)), int(np.clip(most / curves, 60, 240))
    with mpl.rc_context(STYLE):
        figure, grid = new_panels(len(devices) * len(scenarios), len(scenarios), 1.6, share_y=True)
        for axes, (device, scenario) in zip(grid, product(devices, scenarios), strict=True):
            if (device, scenario) in panels:
                _latency_panel(axes, panels[device, scenario], palette, points)
                axes.set_title(f"{device}, {scenario}")
            else:
                axes.set_axis_off()
        figure.supxlabel("latency (ms)")
        figure.supylabel("share of inferences (%)")
        dashed = dashes(names)
        legend_above(figure, [Line2D([], [], color=palette[name], lw=2, ls=dashed[name], label=name) for name in names])
    total = sum(len(one.samples) for one in panels.values())
    caption = (
        f"{model}: distribution of latency, all {total} timed inferences of {launches} launches (none dropped). Bold: "
        "all launches together; thin: each launch by itself, so that their distance shows the spread between launches."
    )
    return Plot(file_name("latency", model), caption, figure)


def _latency_panel(axes: Axes, panel: _Panel, palette: dict[str, str], points: tuple[int, int]) -> None:
    samples, rows = panel.samples, {str(row["precision"]): row for row in panel.rows}
    parts = {str(name): own for name, own in samples.groupby("precision", sort=False)}
    drawn, dashed = [name for name in rows if name in parts], dashes(rows)
    for name in drawn:
        launches = parts[name].groupby("round", sort=False)["latency_ms"]
        each = [_distribution(launch, points[0]) for _, launch in launches]
        axes.add_collection(LineCollection(each, colors=palette[name], linewidths=0.5, alpha=0.55))
    for name in drawn:
        look: Any = {"lw": 1.6, "color": palette[name], "ls": dashed[name]}
        (line,) = axes.plot(*_distribution(parts[name]["latency_ms"], points[1]).T, **look)
        tell(line, f"{name}: {_percentiles(rows[name], parts[name])}")
    low, high = float(samples["latency_ms"].min()), float(samples["latency_ms"].max())
    if high / low > LOG_FROM:
        log_axis(axes, low / 1.15, high * 1.15)
    else:
        axes.set_xlim(max(0.0, low - 0.06 * (high - low) - 1e-3 * low), high + 0.06 * (high - low) + 1e-3 * high)
        axes.xaxis.set_major_formatter(plain_tick)
    axes.set_ylim(0, 101)
    axes.set_yticks([0, 50, 90, 100])
    axes.grid()


def _percentiles(row: Row, own: pd.DataFrame) -> str:
    """Return the percentiles as the table of results has them, and how much was measured."""
    median = estimate_text(Estimate.of_row(row, "latency_ms_p50"), " ms")
    others = [f"p{percent} {show(Estimate.of(row[f'latency_ms_p{percent}'])).value} ms" for percent in (90, 99)]
    much = f"{counted(len(own), 'inference')}, {counted(own['round'].nunique(), 'launch')}"
    return f"median {median}, {', '.join(others)} ({much})"


def _distribution(latencies: pd.Series, points: int) -> NDArray[np.float64]:
    """Return the cumulative distribution: latency in ms and share in %, one point a row.

    It is thinned for drawing; the smallest and the largest sample stay.
    """
    ordered = np.sort(latencies.to_numpy())
    share = 100 * np.arange(1, ordered.size + 1) / ordered.size
    if ordered.size > points:
        # Half of the points are spread evenly, half lie in the upper tenth, where the tail is.
        even = np.linspace(0, ordered.size - 1, points // 2)
        tail = np.linspace(0.9 * ordered.size, ordered.size - 1, points // 2)
        chosen = np.unique(np.concatenate([even, tail]).astype(int))
        ordered, share = ordered[chosen], share[chosen]
    return np.column_stack([np.append(ordered[:1], ordered), np.append(0.0, share)])


def _wrapped(name: str) -> str:
    return name.replace("_", "_\n") if len(name) > 9 else name
