"""How figures look: one fixed colour a precision, print sizes, deterministic files."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from ovlab.files import write_atomically
from ovlab.report.format import significant
from ovlab.text import visible

WIDE, NARROW = 6.7, 3.3
"""Widths in inches of a figure across two columns and one column of a paper."""
DPI = 200
SUFFIXES = ("svg", "pdf", "png")
CSS_PIXELS = 96 / 72 * 1.25
"""Pixels on the page for a point of a figure: a quarter larger than in print, like the page's text."""
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
INK = "#222222"
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
        "svg.fonttype": "none",
        "pdf.fonttype": 42,
        "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    }
)


@dataclass(frozen=True, slots=True)
class Plot:
    """A finished figure.

    Attributes
    ----------
    name : str
        Its files' name.
    caption : str
        What it shows, how many launches, what the intervals are.
    """

    name: str
    caption: str
    figure: Figure


def colours(precisions: Iterable[str]) -> dict[str, str]:
    """Return the colour of each precision: fixed for the known ones, the next free one for others."""
    free = iter(FURTHER * 4)
    return {name: COLOURS.get(name) or next(free) for name in precisions}


def file_name(*names: object) -> str:
    """Join names to one that every file system takes."""
    return "_".join(re.sub(r"[^A-Za-z0-9_.-]", "_", str(name)) for name in names)


def new_panels(
    panels: int, columns: int, height: float, *, narrow: bool = True, share_y: bool = False
) -> tuple[Figure, list[Axes]]:
    """Make a figure with so many panels; where it has one column of them, it takes one column of a paper.

    Parameters
    ----------
    columns : int
        Most panels a row: :func:`fitting` tells how many fit.
    height : float
        Of a panel, in inches.
    narrow : bool
        Whether one panel fits into one column of a paper.
    """
    columns = max(1, min(panels, columns))
    rows = math.ceil(panels / columns)
    # Not by pyplot, whose state is global.
    figure = Figure(figsize=(NARROW if columns == 1 and narrow else WIDE, 0.5 + height * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharey=share_y)
    for axes in grid.flat[panels:]:
        axes.set_axis_off()
    return figure, list(grid.flat[:panels])


def fitting(width: float) -> int:
    """Return how many panels of a width in inches fit across two columns of a paper."""
    return int((WIDE - 0.4) / width)


def draw_bars(
    axes: Axes, rows: pd.DataFrame, column: str, highest: float, *, labelled: bool = True, **others: Any
) -> None:
    """Draw bars with their 95 % confidence intervals; one that goes on beyond `highest` ends in a triangle.

    Parameters
    ----------
    rows : DataFrame
        One row a bar, with ``COLUMN_low`` and ``COLUMN_high`` (missing where there is no interval).
    labelled : bool
        Whether each bar's value stands above it.
    others : dict
        For seaborn's ``barplot``: ``x``, ``hue``, ``order``, ``palette``.
    """
    # seaborn's intervals are those of samples: three samples have the value as median and the bounds as extremes.
    samples = pd.concat(
        rows.assign(**{column: rows[one].astype(float).clip(upper=highest)})
        for one in (column, f"{column}_low", f"{column}_high")
    ).reset_index(drop=True)
    lines = {"color": INK, "linewidth": 0.9, "solid_capstyle": "butt"}
    interval: Any = {"estimator": "median", "errorbar": ("pi", 100), "err_kws": lines}
    sns.barplot(samples, y=column, **interval, **others, saturation=1, gap=0.12, legend=False, ax=axes)
    drawn = (np.asarray(line.get_xydata(), dtype=float) for line in axes.lines)
    ends = {round(float(points[0, 0]), 6): float(points[:, 1].max()) for points in drawn}
    for bar in (one for one in axes.patches if isinstance(one, Rectangle)):
        x, value = bar.get_x() + bar.get_width() / 2, float(bar.get_height())
        end = ends.get(round(x, 6), value)
        if end >= highest:
            axes.plot(x, end, "^", color=INK, ms=3)
        if labelled and value > 0:
            place: Any = {"textcoords": "offset points", "ha": "center", "va": "bottom", "fontsize": 7}
            axes.annotate(significant(value), (x, end), (0, 3), **place)
    axes.tick_params(axis="x", length=0)
    axes.set(xlabel=None, ylabel=None)
    axes.grid(axis="y")


def plain_number(value: float) -> str:
    """Format a tick: no powers of ten between a thousandth and a million."""
    return f"{value:.10g}".replace("-", "−") if value == 0 or 1e-3 <= abs(value) < 1e6 else f"{value:.0e}"


def log_axis(axes: Axes, low: float, high: float) -> None:
    """Make the x axis logarithmic from `low` to `high`, with plain numbers at its ticks."""
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    # Two decades need more ticks than their powers of ten.
    subs = (1.0, 2.0, 5.0) if high / low < 150 else (1.0,)
    axes.xaxis.set_major_locator(LogLocator(base=10, subs=subs, numticks=12))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: plain_number(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())


def save(plot: Plot, folder: Path) -> str:
    """Write a figure as SVG, PDF and PNG, atomically and without time stamps.

    Returns
    -------
    str
        The SVG's text, to be put into a page.
    """
    figure = plot.figure
    for text in figure.findobj(Text):
        text.set_text(visible(text.get_text()))
    with mpl.rc_context(STYLE | {"svg.hashsalt": plot.name}):
        figure.draw_without_rendering()
        figure.set_layout_engine(None)  # laid out once, not anew for each format
        memory = io.StringIO()
        figure.savefig(memory, format="svg", metadata={"Date": None, "Creator": None})
        drawing = memory.getvalue()
        write_atomically(folder / f"{plot.name}.svg", lambda path: path.write_text(drawing, encoding="utf-8"))
        dates, software = dict.fromkeys(("CreationDate", "Creator", "Producer")), {"Software": None}
        write_atomically(folder / f"{plot.name}.pdf", lambda path: figure.savefig(path, metadata=dates))
        write_atomically(folder / f"{plot.name}.png", lambda path: figure.savefig(path, dpi=DPI, metadata=software))
    return drawing


def inline_svg(text: str, prefix: str) -> str:
    """Make an SVG file's text fit for a page that holds several.

    The prolog, metadata and fixed size go; ids get a prefix, so that two figures do not share one.
    """
    body = text[text.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', body)
    body = re.sub(r'"#([^"]+)"', rf'"#{prefix}-\1"', body)
    body = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", body)
    # In an HTML page the parser gives the elements their namespaces; plain href is SVG 2's.
    body = body.replace("xlink:href", "href")
    body = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", body)
    head, _, rest = body.partition(">")
    width = re.search(r'\swidth="([\d.]+)pt"', head)
    size = f' style="width:{float(width.group(1)) * CSS_PIXELS:.0f}px"' if width else ""
    head = re.sub(r'\s(width|height)="[^"]*"', "", head).replace("<svg", f'<svg role="img"{size}', 1)
    return f"{head}>{rest}"
