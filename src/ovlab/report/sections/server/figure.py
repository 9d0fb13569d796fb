"""The figure of servers: highest rates."""

from __future__ import annotations

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from ovlab.report.format import Estimate, significant
from ovlab.report.style import INK, NARROW, STYLE, WIDE, Plot, colours, new_figure


def server_figure(ok: pd.DataFrame) -> Plot | None:
    """Draw the highest rates as bars with intervals, a panel for each session; None if there is no server."""
    rows = ok[ok["offered_rate"].notna()]
    if rows.empty:
        return None
    palette = colours(ok["precision"].unique())
    panels = list(rows.groupby(["model", "device", "scenario"], sort=False))
    with mpl.rc_context(STYLE):
        columns = min(len(panels), 3)
        lines = -(-len(panels) // columns)
        figure = new_figure(NARROW if columns == 1 else WIDE, 0.5 + 2.0 * lines)
        grid = figure.subplots(lines, columns, squeeze=False)
        for axes in grid.flat[len(panels) :]:
            axes.set_axis_off()
        for axes, (names, panel) in zip(grid.flat, panels, strict=False):
            _server_panel(axes, panel, palette)
            axes.set_title("\n".join([str(names[0]), ", ".join(str(name) for name in names[1:])]))
        figure.supylabel("arrivals (1/s)", fontsize=8)
        handles = [
            Line2D([], [], marker="_", ls="", ms=9, mew=1.2, color=INK, label="capacity"),
            Line2D([], [], color=INK, lw=0.7, ls=(0, (4, 3)), label="offered rate"),
        ]
        figure.legend(handles=handles, loc="outside upper center", ncols=2)
    caption = (
        "Bars: highest rate of random arrivals whose 99th percentile of latency is within the scenario’s bound, with "
        "its 95 % confidence interval from launches. Above them what all requests in flight achieve."
    )
    return Plot("server", caption, figure)


def _server_panel(axes: Axes, panel: pd.DataFrame, palette: dict[str, str]) -> None:
    names = list(panel["precision"])
    tops = [0.0]
    for x, row in enumerate(panel.to_dict("records")):
        rate = Estimate.of(row["max_rate"], row["max_rate_low"], row["max_rate_high"])
        capacity = Estimate.of(row["capacity"]).value or 0.0
        value = rate.value or 0.0
        axes.bar(x, value, 0.7, color=palette[row["precision"]])
        axes.plot(x, capacity, "_", color=INK, ms=16, mew=1.2)
        if rate.low is not None and rate.high is not None:
            axes.plot([x, x], [rate.low, min(rate.high, 1.5 * max(value, capacity))], color=INK, lw=0.9)
        label = significant(value) if rate.value is not None else "none"
        axes.annotate(label, (x, 0), (0, 3), textcoords="offset points", ha="center", va="bottom", fontsize=7)
        tops += [value, capacity]
    axes.axhline(float(panel["offered_rate"].iloc[0]), color=INK, lw=0.7, ls=(0, (4, 3)))
    axes.set_ylim(0, 1.12 * max(*tops, float(panel["offered_rate"].max())))
    axes.set_xlim(-0.6, len(names) - 0.4)
    axes.set_xticks(range(len(names)), names)
    axes.tick_params(axis="x", length=0)
    axes.grid(axis="y")
