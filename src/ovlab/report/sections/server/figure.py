"""The figure of servers: highest rates."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from ovlab.report.format import Estimate, estimate_text, show
from ovlab.report.style import INK, STYLE, Plot, colours, draw_bars, legend_above, new_panels, tell_each


def server_figure(ok: pd.DataFrame) -> Plot | None:
    """Draw the highest rates as bars with intervals, a panel for each session; None if there is no server."""
    rows = ok[ok["offered_rate"].notna()]
    if rows.empty:
        return None
    palette = colours(ok["precision"].unique())
    panels = list(rows.groupby(["model", "device", "scenario"], sort=False))
    with mpl.rc_context(STYLE):
        figure, grid = new_panels(len(panels), 3, 2.0)
        for axes, (names, panel) in zip(grid, panels, strict=True):
            _server_panel(axes, panel, palette)
            axes.set_title("\n".join([str(names[0]), ", ".join(str(name) for name in names[1:])]))
        figure.supylabel("arrivals (1/s)")
        handles = [
            Line2D([], [], marker="_", ls="", ms=9, mew=1.2, color=INK, label="capacity"),
            Line2D([], [], color=INK, lw=0.7, ls=(0, (4, 3)), label="offered rate"),
        ]
        legend_above(figure, handles)
    caption = (
        "Bars: highest rate of random arrivals whose 99th percentile of latency is within the scenario’s bound, with "
        "its 95 % confidence interval from launches. Above them what all requests in flight achieve."
    )
    return Plot("server", caption, figure)


def _server_panel(axes: Axes, panel: pd.DataFrame, palette: dict[str, str]) -> None:
    rates, capacities = (panel[name].astype(float).fillna(0) for name in ("max_rate", "capacity"))
    offered = float(panel["offered_rate"].iloc[0])
    top = max(offered, rates.max(), capacities.max())
    draw_bars(axes, panel.assign(max_rate=rates), "max_rate", 1.06 * top, palette=palette, unit="/s", labelled=False)
    for x, row in enumerate(panel.to_dict("records")):  # at the foot: above, the capacities have their marks
        place: Any = {"textcoords": "offset points", "ha": "center", "va": "bottom", "fontsize": 7}
        rate = Estimate.of_row(row, "max_rate")
        axes.annotate(show(rate).value if rate.value else "none", (x, 0), (0, 3), **place)
    marks = axes.scatter(range(len(panel)), capacities, s=200, marker="_", color=INK, linewidths=1.2)
    told = zip(panel["precision"], (Estimate.of_row(row, "capacity") for row in panel.to_dict("records")), strict=True)
    tell_each(marks, [f"{name}, capacity: {estimate_text(one, '/s')}" for name, one in told])
    axes.axhline(offered, color=INK, lw=0.7, ls=(0, (4, 3)))
    axes.set_ylim(0, 1.12 * top)
    axes.set_xlim(-0.6, len(panel) - 0.4)
