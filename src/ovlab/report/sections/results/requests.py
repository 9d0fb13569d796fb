"""The figure of throughput over requests in flight."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from ovlab.report.format import Estimate, counted, estimate_text
from ovlab.report.results import rows_of
from ovlab.report.style import (
    STYLE,
    Plot,
    colours,
    dashes,
    fitting,
    interval_note,
    legend_above,
    new_panels,
    shapes,
    tell,
)

FEWEST_POINTS = 2
APART = 0.05
"""How far precisions stand apart at the same number of requests, as a share of the step between numbers."""


def requests_figure(ok: pd.DataFrame) -> Plot | None:
    """Draw throughput over requests in flight: a panel for each model and device measured with several numbers of them.

    Parameters
    ----------
    ok : DataFrame
        The results' rows with status ``ok``.

    Returns
    -------
    Plot or None
        None if every cell has the same number of requests.
    """
    known = ok[ok["infer_requests"].notna() & ok["throughput_fps"].notna() & ok["offered_rate"].isna()]
    groups = known.groupby(["model", "device"], sort=False)
    panels = [(names, rows) for names, rows in groups if rows["infer_requests"].nunique() >= FEWEST_POINTS]
    if not panels:
        return None
    drawn = pd.concat([rows for _, rows in panels])
    palette = colours(ok["precision"].unique())
    names = [name for name in palette if name in set(drawn["precision"])]
    with mpl.rc_context(STYLE):
        figure, grid = new_panels(len(panels), fitting(2.0), 1.9)
        for axes, ((model, device), rows) in zip(grid, panels, strict=True):
            _draw_panel(axes, rows, {name: palette[name] for name in names})
            axes.set_title(f"{model}, {device}" if ok["model"].nunique() > 1 else str(device))
        figure.supxlabel("requests in flight")
        figure.supylabel("throughput (images/s)")
        looks = {name: _look(name, palette) for name in names}
        legend_above(figure, [Line2D([], [], lw=1.2, label=name, **looks[name]) for name in names])
    caption = (
        "Throughput over requests in flight: a point for each scenario, with its batch and streams as the table of "
        f"results has them. {interval_note(drawn)} Points at the same number of requests stand a little apart."
    )
    return Plot("requests", caption, figure)


def _look(name: str, palette: dict[str, str]) -> dict[str, Any]:
    """Return how a precision's line and points look, in colour and without."""
    return {"color": palette[name], "ls": dashes([name])[name], "marker": shapes([name])[name], "ms": 4.5}


def _draw_panel(axes: Axes, rows: pd.DataFrame, palette: dict[str, str]) -> None:
    numbers = sorted({int(one) for one in rows["infer_requests"]})
    own = [name for name in palette if name in set(rows["precision"])]
    for place, name in enumerate(own):
        shift = (place - (len(own) - 1) / 2) * APART
        cells = rows_of(rows[rows["precision"] == name].sort_values("infer_requests", kind="stable"))
        across = [numbers.index(int(row["infer_requests"])) + shift for row in cells]
        look = _look(name, palette)
        shape = look.pop("marker"), look.pop("ms")
        axes.plot(across, [float(row["throughput_fps"]) for row in cells], lw=1.0, zorder=2, **look)
        for x, row in zip(across, cells, strict=True):
            speed = Estimate.of_row(row, "throughput_fps")
            if speed.low is not None and speed.high is not None:
                axes.plot([x, x], [speed.low, speed.high], color=palette[name], lw=0.9, zorder=2)
            (point,) = axes.plot(
                x, row["throughput_fps"], shape[0], color=palette[name], ms=shape[1], mec="#ffffff", mew=0.5
            )
            requests = counted(int(row["infer_requests"]), "request")
            tell(point, f"{name}, {row['scenario']}, {requests} in flight: {estimate_text(speed, ' images/s')}")
    axes.set_xticks(range(len(numbers)), [str(one) for one in numbers])
    axes.set_xlim(-0.5, len(numbers) - 0.5)
    axes.set_ylim(bottom=0)
    axes.grid(axis="y")
