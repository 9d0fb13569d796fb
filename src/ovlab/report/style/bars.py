"""Bars with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from ovlab.report.format import Estimate, counted, estimate_text, show, typographic
from ovlab.report.style.looks import INK, hatches
from ovlab.report.style.tooltips import tell

DIGIT = 4.7
"""Width in points of a digit above a bar."""
BESIDE = 0.55
"""Inches of a panel's width that its ticks and margins take."""


def draw_bars(
    axes: Axes,
    rows: pd.DataFrame,
    column: str,
    highest: float,
    *,
    palette: Mapping[str, str],
    along: str = "precision",
    unit: str = "",
    labelled: bool = True,
) -> None:
    """Draw bars with their 95 % confidence intervals; one that goes on beyond `highest` ends in a triangle.

    Parameters
    ----------
    rows : DataFrame
        One row a bar, with ``COLUMN_low`` and ``COLUMN_high`` (missing where there is no interval).
    palette : mapping
        Colours by precision, in the order of the bars at one place.
    along : str
        The column whose values are the places along x, in the order of the rows.
    unit : str
        Of the values, with a space in front where it needs one.
    labelled : bool
        Whether each bar's value stands above it.
    """
    places = list(dict.fromkeys(rows[along]))
    beside = [name for name in palette if name in set(rows["precision"])] if along != "precision" else []
    share = 0.8 / max(1, len(beside))
    hatched = hatches(palette)
    texts = {typographic(show(Estimate.of_row(row, column), least=1).value) for row in rows.to_dict("records")}
    upright = max(map(len, texts), default=0) * DIGIT > _room(axes, len(places) * max(1, len(beside)))
    for row in rows.to_dict("records"):
        estimate = Estimate.of_row(row, column)
        if estimate.value is None:
            continue
        shift = beside.index(row["precision"]) - (len(beside) - 1) / 2 if beside else 0.0
        x = places.index(row[along]) + shift * share
        look: Any = {"color": palette[row["precision"]], "hatch": hatched[row["precision"]]}
        (bar,) = axes.bar(x, min(estimate.value, highest), 0.88 * share, **look)
        names = ", ".join(dict.fromkeys(str(row[name]) for name in ("precision", along)))
        tell(bar, f"{names}: {estimate_text(estimate, unit, least=1)}")
        end = min(estimate.value, highest)
        if estimate.low is not None and estimate.high is not None:
            end = min(estimate.high, highest)
            axes.plot([x, x], [min(estimate.low, highest), end], color=INK, lw=0.9, solid_capstyle="butt")
        if end >= highest:
            axes.plot(x, end, "^", color=INK, ms=3)
        if labelled and estimate.value > 0:
            place: Any = {"textcoords": "offset points", "ha": "center", "va": "bottom", "fontsize": 7}
            place |= {"rotation": 90} if upright else {}
            axes.annotate(typographic(show(estimate, least=1).value), (x, end), (0, 3), **place)
    axes.set_xticks(range(len(places)), [str(one) for one in places])
    axes.tick_params(axis="x", length=0)
    axes.grid(axis="y")
    axes.set_axisbelow(True)


def _room(axes: Axes, bars: int) -> float:
    """Return about how many points of the figure's width a bar has, with what is between it and the next."""
    spec = axes.get_subplotspec()
    panels = 1 if spec is None else spec.get_gridspec().ncols
    width = axes.figure.get_figure(root=True).get_figwidth()
    return 72.0 * (width / panels - BESIDE) / max(1, bars)


def interval_note(rows: pd.DataFrame) -> str:
    """Say for a caption what the intervals of these rows of the results are, and how many launches they come from."""
    launches = rows["launches"].dropna().astype(int)
    if launches.empty:
        return "No interval is known."
    fewest, most = int(launches.min()), int(launches.max())
    number = counted(most, "launch") if fewest == most else f"{fewest} to {most} launches"
    if most == 1:
        return f"n = {number} a cell: no interval is known."
    return f"Lines: 95 % confidence intervals, n = {number} a cell."
