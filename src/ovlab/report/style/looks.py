"""How precisions look: one fixed colour each, and what tells them apart where there is no colour."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import seaborn as sns

# Okabe and Ito's palette, which colour-blind readers tell apart; the reference is a neutral grey-blue.
COLOURS = {
    "fp32": "#7B8BA3",
    "default": "#3B4A63",
    "fp16": "#56B4E9",
    "bf16": "#009E73",
    "int8": "#D55E00",
    "int8_accuracy": "#E69F00",
}
FURTHER = ["#CC79A7", "#0072B2", "#B8A900", "#000000", "#8C510A", "#5E3C99"]
# On paper without colour: lines by their dashes, bars by their hatching, points by what is filled of them, or by shape.
DASHES: Sequence[Any] = ("-", (0, (5, 1.5)), (0, (1.5, 1)), (0, (4, 1, 1, 1)), (0, (8, 2)), (0, (3, 1, 1, 1, 1, 1)))
HATCHES = ("", "xxx", "....", "\\\\\\\\", "////", "---")
FILLS = ("none", "full", "left", "right", "top", "bottom")
SHAPES = "osD^vP"
PLAIN = {"dashes": "int8", "hatches": "default"}
"""What looks plainest: the line that most readers look for, the bar that is darkest anyway."""
INK = "#222222"
ON_COLOUR = "#101418"
"""Text upon a coloured ground: it stays dark where the page is dark."""
STYLE: Any = (
    sns.plotting_context("paper", font_scale=8 / 9.6)  # 8 points, as captions in papers
    | sns.axes_style("ticks")
    | dict.fromkeys(("text.color", "axes.labelcolor", "xtick.labelcolor", "ytick.labelcolor"), INK)
    | dict.fromkeys(("axes.edgecolor", "xtick.color", "ytick.color"), "#555555")
    | dict.fromkeys(("axes.linewidth", "xtick.major.width", "ytick.major.width", "grid.linewidth"), 0.6)
    | dict.fromkeys(("axes.spines.top", "axes.spines.right", "legend.frameon", "patch.force_edgecolor"), False)
    | {
        "font.family": "DejaVu Sans",  # comes with matplotlib: the same figure on every machine
        "legend.fontsize": 8,
        "figure.labelsize": 8,
        "grid.color": "#E6E8EC",
        "hatch.linewidth": 0.5,
        "hatch.color": "#ffffff",
        "svg.fonttype": "none",
        "pdf.fonttype": 42,
        "text.parse_math": False,  # a dollar sign in a name is a dollar sign
        # A title's place that is given need not be found again at each drawing, round what would be above a panel:
        # there is nothing, as a vertical axis has no offset or power of ten there.
        "axes.titley": 1.0,
        "axes.formatter.useoffset": False,
        "axes.formatter.limits": (-5, 9),
    }
)


def colours(precisions: Iterable[str]) -> dict[str, str]:
    """Return the colour of each precision: fixed for the known ones, the next free one for others."""
    return _looks(precisions, COLOURS, FURTHER)


def dashes(precisions: Iterable[str]) -> dict[str, Any]:
    """Return the line style of each precision."""
    return _numbered(precisions, DASHES, PLAIN["dashes"])


def hatches(precisions: Iterable[str]) -> dict[str, str]:
    """Return the hatching of each precision's bars."""
    return _numbered(precisions, HATCHES, PLAIN["hatches"])


def fills(precisions: Iterable[str]) -> dict[str, str]:
    """Return which part of each precision's points is filled (matplotlib's ``fillstyle``)."""
    return _numbered(precisions, FILLS)


def shapes(precisions: Iterable[str]) -> dict[str, str]:
    """Return the marker of each precision, for figures in which nothing else is told by shape."""
    return _numbered(precisions, SHAPES)


def _numbered(precisions: Iterable[str], looks: Sequence[Any], plainest: str = "") -> dict[str, Any]:
    names = list(COLOURS)
    if plainest:
        names = [plainest, *(name for name in names if name != plainest)]
    return _looks(precisions, dict(zip(names, looks, strict=True)), looks)


def _looks(precisions: Iterable[str], known: dict[str, Any], further: Sequence[Any]) -> dict[str, Any]:
    """Return a look for each name: fixed for the known ones, the next one for others."""
    free = iter([*further] * 8)
    return {name: known[name] if name in known else next(free) for name in precisions}
