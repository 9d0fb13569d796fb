"""How figures look: one fixed colour a precision, print sizes, deterministic files."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from markupsafe import escape
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from ovlab.files import write_atomically
from ovlab.report.format import Estimate, counted, estimate_text, show, typographic
from ovlab.text import visible

WIDE, NARROW = 6.7, 3.3
"""Widths in inches of a figure across two columns and one column of a paper."""
DPI = 200
SUFFIXES = ("svg", "pdf", "png")
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
ON_COLOUR = "#101418"
"""Text upon a coloured ground: it stays dark where the page is dark."""
LOG_FROM = 6.0
"""Ratio of the largest to the smallest value from which an axis is logarithmic."""
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


@dataclass(frozen=True, slots=True)
class _Told:
    """The id of an artist whose numbers are told, until :func:`save` numbers it."""

    text: str


def tell(artist: Artist, text: str) -> None:
    """Give an artist the text that a reader gets who points at it or reaches it by keyboard: ``int8: 0.74 ms``."""
    artist.set_gid(_Told(text))  # type: ignore[arg-type]


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
    for row in rows.to_dict("records"):
        estimate = Estimate.of_row(row, column)
        if estimate.value is None:
            continue
        shift = beside.index(row["precision"]) - (len(beside) - 1) / 2 if beside else 0.0
        x = places.index(row[along]) + shift * share
        (bar,) = axes.bar(x, min(estimate.value, highest), 0.88 * share, color=palette[row["precision"]])
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
            axes.annotate(typographic(show(estimate, least=1).value), (x, end), (0, 3), **place)
    axes.set_xticks(range(len(places)), [str(one) for one in places])
    axes.tick_params(axis="x", length=0)
    axes.grid(axis="y")
    axes.set_axisbelow(True)


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
    told = _numbered(figure)
    with mpl.rc_context(STYLE | {"svg.hashsalt": plot.name}):
        figure.draw_without_rendering()
        figure.set_layout_engine(None)  # laid out once, not anew for each format
        memory = io.StringIO()
        figure.savefig(memory, format="svg", metadata={"Date": None, "Creator": None})
        drawing = _with_titles(memory.getvalue(), told)
        write_atomically(folder / f"{plot.name}.svg", lambda path: path.write_text(drawing, encoding="utf-8"))
        dates, software = dict.fromkeys(("CreationDate", "Creator", "Producer")), {"Software": None}
        write_atomically(folder / f"{plot.name}.pdf", lambda path: figure.savefig(path, metadata=dates))
        write_atomically(folder / f"{plot.name}.png", lambda path: figure.savefig(path, dpi=DPI, metadata=software))
    return drawing


def _numbered(figure: Figure) -> dict[str, str]:
    """Give the artists with a text their ids in the file; return the texts by id."""
    told: dict[str, str] = {}
    for artist in figure.findobj():
        own: Any = artist.get_gid()
        if isinstance(own, _Told):
            name = f"mark-{len(told) + 1}"
            told[name] = visible(own.text)
            artist.set_gid(name)
    return told


def _with_titles(drawing: str, told: dict[str, str]) -> str:
    """Put the texts into an SVG file, as titles, which browsers show to those who point at them."""
    return re.sub(
        r'<g id="(mark-\d+)">',
        lambda found: f'<g id="{found[1]}" class="mark"><title>{escape(told[found[1]])}</title>',
        drawing,
    )
