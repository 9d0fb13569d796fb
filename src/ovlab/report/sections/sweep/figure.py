"""The figures of sweeps: a matrix of throughput."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from ovlab.report.format import Estimate, counted, significant
from ovlab.report.results import rows_of
from ovlab.report.style import INK, NARROW, STYLE, WIDE, Plot, new_figure
from ovlab.specs import ReportSettings, ScenarioSpec

COARSE = "coarse"
SHADE = 0.55
"""Share of the colour map that is used, so that dark text is readable on every cell."""


def sweep_figures(settings: ReportSettings, points: pd.DataFrame) -> list[Plot]:
    """Draw the matrix of each sweep: a figure a session, a panel a precision."""
    if points.empty:
        return []
    coarse = points[points["stage"] == COARSE]
    sessions: Any = coarse.groupby(["model", "device", "scenario"], sort=False)
    return [_sweep_figure(names, rows, points, settings.scenarios[names[2]]) for names, rows in sessions]


def _sweep_figure(names: Any, rows: pd.DataFrame, points: pd.DataFrame, scenario: ScenarioSpec) -> Plot:
    precisions = list(rows["precision"].unique())
    batches = list(dict.fromkeys(rows["batch"]))
    settings = list(dict.fromkeys(zip(rows["infer_requests"], rows["streams"], strict=True)))
    chosen = points[points["chosen"].astype(bool)]
    with mpl.rc_context(STYLE):
        columns = max(1, min(len(precisions), int(5.9 / (0.42 * len(batches) + 0.2))))
        lines = -(-len(precisions) // columns)
        figure = new_figure(WIDE if columns > 1 else NARROW, 0.7 + lines * (0.45 + 0.19 * len(settings)))
        grid = figure.subplots(lines, columns, squeeze=False, sharey=True)
        for axes in grid.flat[len(precisions) :]:
            axes.set_axis_off()
        for axes, precision in zip(grid.flat, precisions, strict=False):
            own = rows[rows["precision"] == precision]
            best = chosen[_same(chosen, names) & (chosen["precision"] == precision)]
            _matrix(axes, own, batches, settings, best, scenario)
            axes.set_title(str(precision))
        figure.supxlabel("batch", fontsize=8)
        figure.supylabel("requests in flight, streams", fontsize=8)
    limit = scenario.sweep.latency_limit_ms if scenario.sweep is not None else None
    percentile = scenario.sweep.limit_percentile if scenario.sweep is not None else 99
    over = f" In brackets: latency p{percentile} above the limit of {limit:g} ms." if limit is not None else ""
    launches = int(rows["launches"].max())
    caption = (
        f"{names[0]} on {names[1]}, {names[2]}: throughput in images/s at each point of the sweep (coarse pass, "
        f"{counted(launches, 'launch')} a point; hint: what the hint leads to). The darker, the closer "
        f"to the best. Framed: the chosen point, whose reported value comes from further launches.{over} ×: failed."
    )
    name = "_".join(re.sub(r"[^A-Za-z0-9_.-]", "_", str(one)) for one in names)
    return Plot(f"sweep_{name}", caption, figure)


def _same(frame: pd.DataFrame, names: Iterable[Any]) -> pd.Series:
    result = pd.Series(True, index=frame.index)
    for axis, name in zip(("model", "device", "scenario"), names, strict=True):
        result &= frame[axis] == name
    return result


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
    colour: Any = {"cmap": "Blues", "vmin": 0, "vmax": np.nanmax([1.0, *values.to_numpy().ravel()]) / SHADE}
    text: Any = {"annot": texts, "fmt": "", "annot_kws": {"fontsize": 6, "color": INK}}
    sns.heatmap(values.fillna(0), **colour, **text, cbar=False, ax=axes)
    for row in rows_of(best):
        corner = batches.index(row["batch"]), settings.index((row["infer_requests"], row["streams"]))
        axes.add_patch(Rectangle(corner, 1, 1, fill=False, ec=INK, lw=1.4, clip_on=False))
    axes.set_yticks(axes.get_yticks(), [", ".join(one) for one in settings], rotation=0)
    axes.tick_params(length=0)
    axes.set(xlabel=None, ylabel=None)


def _text(row: dict[Any, Any], scenario: ScenarioSpec) -> str:
    value = Estimate.of_row(row, "throughput_fps").value
    text = "×" if value is None else significant(value)
    return f"({text})" if _over(row, scenario) else text


def _over(row: dict[Any, Any], scenario: ScenarioSpec) -> bool:
    sweep = scenario.sweep
    if sweep is None or sweep.latency_limit_ms is None:
        return False
    value = Estimate.of(row.get(f"latency_ms_p{sweep.limit_percentile}")).value
    return value is not None and value > sweep.latency_limit_ms
