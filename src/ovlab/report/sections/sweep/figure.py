"""The figures of sweeps: a matrix of throughput."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from ovlab.report.format import Estimate, counted, significant
from ovlab.report.records import elsewhere
from ovlab.report.results import rows_of
from ovlab.report.style import ON_COLOUR, STYLE, Plot, file_name, fitting, new_panels
from ovlab.specs import ReportSettings, ScenarioSpec

COARSE = "coarse"
SESSION = ["model", "device", "scenario", "host"]
SHADE = 0.55
"""Share of the colour map that is used, so that dark text is readable on every cell."""


def sweep_figures(settings: ReportSettings, points: pd.DataFrame) -> list[Plot]:
    """Draw the matrix of each sweep: a figure a session, a panel a precision."""
    if points.empty:
        return []
    coarse = points[points["stage"] == COARSE]
    sessions: Any = coarse.groupby(SESSION, sort=False)
    return [_sweep_figure(names, rows, points, settings.scenarios[names[2]]) for names, rows in sessions]


def _sweep_figure(names: Any, rows: pd.DataFrame, points: pd.DataFrame, scenario: ScenarioSpec) -> Plot:
    precisions = list(rows["precision"].unique())
    batches = list(dict.fromkeys(rows["batch"]))
    settings = list(dict.fromkeys(zip(rows["infer_requests"], rows["streams"], strict=True)))
    chosen = points[points["chosen"].astype(bool)]
    with mpl.rc_context(STYLE):
        columns, height = fitting(0.45 * len(batches) + 0.2), 0.6 + 0.19 * len(settings)
        figure, grid = new_panels(len(precisions), columns, height, share_y=True)
        for axes, precision in zip(grid, precisions, strict=True):
            own = rows[rows["precision"] == precision]
            best = chosen[(chosen[SESSION] == list(names)).all(axis=1) & (chosen["precision"] == precision)]
            _matrix(axes, own, batches, settings, best, scenario)
            axes.set_title(str(precision))
        figure.supxlabel("batch")
        figure.supylabel("requests in flight, streams")
    limit = scenario.sweep.latency_limit_ms if scenario.sweep is not None else None
    percentile = scenario.sweep.limit_percentile if scenario.sweep is not None else 99
    over = f" In brackets: latency p{percentile} above the limit of {limit:g} ms." if limit is not None else ""
    launches = int(rows["launches"].max())
    where = "".join(f" of {host}" for host in elsewhere(names[3]))
    caption = (
        f"{names[0]} on {names[1]}{where}, {names[2]}: throughput in images/s at each point of the sweep (coarse pass, "
        f"{counted(launches, 'launch')} a point; hint: what the hint leads to). The darker, the closer "
        f"to the best. Framed: the chosen point, whose reported value comes from further launches.{over} ×: failed."
    )
    return Plot(file_name("sweep", *names[:3], *elsewhere(names[3])), caption, figure)


def _matrix(
    axes: Axes,
    own: pd.DataFrame,
    batches: list[int],
    settings: list[tuple[str, str]],
    best: pd.DataFrame,
    scenario: ScenarioSpec,
) -> None:
    index: Any = {"index": ["infer_requests", "streams"], "columns": "batch"}
    place = pd.MultiIndex.from_tuples(settings)
    labelled = own.assign(text=[_text(row, scenario) for row in rows_of(own)])
    texts = labelled.pivot(**index, values="text").reindex(index=place, columns=batches).fillna("")
    values = own.pivot(**index, values="throughput_fps").reindex(index=place, columns=batches).astype(float)
    colour: Any = {
        "cmap": "Blues",
        "vmin": 0,
        "vmax": (values.max().max() if values.notna().any(axis=None) else 1.0) / SHADE,
    }
    text: Any = {"annot": texts, "fmt": "", "annot_kws": {"fontsize": 6, "color": ON_COLOUR}}
    sns.heatmap(values.fillna(0), **colour, **text, cbar=False, ax=axes)
    for row in rows_of(best):
        corner = batches.index(row["batch"]), settings.index((row["infer_requests"], row["streams"]))
        axes.add_patch(Rectangle(corner, 1, 1, fill=False, ec=ON_COLOUR, lw=1.4, clip_on=False))
    axes.set_yticks(axes.get_yticks(), [", ".join(one) for one in settings], rotation=0)
    axes.tick_params(length=0)
    axes.set(xlabel=None, ylabel=None)


def _text(row: dict[Any, Any], scenario: ScenarioSpec) -> str:
    value, sweep = Estimate.of(row.get("throughput_fps")).value, scenario.sweep
    text = "×" if value is None else significant(value)
    if sweep is None or sweep.latency_limit_ms is None:
        return text
    latency = Estimate.of(row.get(f"latency_ms_p{sweep.limit_percentile}")).value
    return f"({text})" if latency is not None and latency > sweep.latency_limit_ms else text
