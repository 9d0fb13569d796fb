"""Figures of a size for print, their panels, legends and axes."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

WIDE, NARROW = 6.7, 3.3
"""Widths in inches of a figure across two columns and one column of a paper."""
WIDTHS = {"column": NARROW, "text": WIDE}
"""Endings of the PDFs whose width a paper asks for: one column, or the text across two."""
LOG_FROM = 6.0
"""Ratio of the largest to the smallest value from which an axis is logarithmic."""
KEY, LETTER, GAP = 0.42, 0.068, 0.14
"""Widths in inches of a legend's sign, of a letter beside it, and between entries."""
COLUMNS_OF_NARROW = 2
"""Most panels across one column of a paper: narrower ones have ticks that cannot be read."""
TALLEST = 9.0
"""Height in inches of the text of a page."""
_width: ContextVar[float | None] = ContextVar("width", default=None)


@contextlib.contextmanager
def drawn_for(width: float) -> Iterator[None]:
    """Draw figures in one width (``NARROW`` or ``WIDE``), whatever number of panels they have."""
    token = _width.set(width)
    try:
        yield
    finally:
        _width.reset(token)


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
    width = _width.get()
    columns = max(1, min(panels, columns, COLUMNS_OF_NARROW if width == NARROW else columns))
    rows = math.ceil(panels / columns)
    across = width or (NARROW if columns == 1 and narrow else WIDE)
    # Not by pyplot, whose state is global.
    figure = Figure(figsize=(across, 0.5 + height * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharey=share_y)
    for axes in grid.flat[panels:]:
        axes.set_axis_off()
    return figure, list(grid.flat[:panels])


def fits_page(figure: Figure, width: float) -> bool:
    """Tell whether a figure drawn for a width is no taller than a page of a paper."""
    if width == figure.get_figwidth():
        return True
    grids = [spec.get_gridspec() for axes in figure.axes if (spec := axes.get_subplotspec()) is not None]
    if not grids or width == WIDE:
        return True
    panels, rows = len(figure.axes), grids[0].nrows
    narrow_rows = math.ceil(panels / min(grids[0].ncols, COLUMNS_OF_NARROW))
    return (figure.get_figheight() - 0.5) / rows * narrow_rows + 0.5 <= TALLEST


def fitting(width: float) -> int:
    """Return how many panels of a width in inches fit across the figure."""
    return int(((_width.get() or WIDE) - 0.4) / width)


def legend_above(figure: Figure, handles: Sequence[Artist], most: int = 8) -> None:
    """Put a legend above the panels, in as many columns as fit."""
    widths = [KEY + GAP + LETTER * len(str(one.get_label())) for one in handles]
    for columns in range(min(most, len(handles)), 0, -1):
        # Entries go down the columns, as matplotlib fills them.
        across = sum(max(part) for part in np.array_split(widths, columns))
        if across <= figure.get_figwidth() or columns == 1:
            looks: Any = {"columnspacing": 1.2, "handletextpad": 0.5}
            figure.legend(handles=list(handles), loc="outside upper center", ncols=columns, **looks)
            return


def plain_number(value: float) -> str:
    """Format a tick: no powers of ten between a thousandth and a million."""
    return f"{value:.10g}".replace("-", "−") if value == 0 or 1e-3 <= abs(value) < 1e6 else f"{value:.0e}"


def plain_tick(value: float, _: float) -> str:
    """Format a tick for matplotlib, which hands over its number too. No lambda: a figure with one cannot be pickled."""
    return plain_number(value)


def log_axis(axes: Axes, low: float, high: float) -> None:
    """Make the x axis logarithmic from `low` to `high`, with plain numbers at its ticks."""
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    # Two decades need more ticks than their powers of ten.
    subs = (1.0, 2.0, 5.0) if high / low < 150 else (1.0,)
    axes.xaxis.set_major_locator(LogLocator(base=10, subs=subs, numticks=12))
    if len(subs) > 1:
        axes.xaxis.set_minor_locator(NullLocator())  # enough is marked
    axes.xaxis.set_major_formatter(FuncFormatter(plain_tick))
    axes.xaxis.set_minor_formatter(NullFormatter())
