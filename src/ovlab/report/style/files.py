"""Figures as files, each mark with its numbers; the same records give the same bytes."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.text import Text

from ovlab.files import write_atomically
from ovlab.report.style.looks import STYLE
from ovlab.report.style.tooltips import number_marks, with_titles
from ovlab.text import visible

DPI = 200
SUFFIXES = ("svg", "pdf", "png")
UNDATED = dict.fromkeys(("CreationDate", "Creator", "Producer"))


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


def save(plot: Plot, folder: Path) -> str:
    """Write a figure as SVG, PDF and PNG, atomically and without time stamps.

    Returns
    -------
    str
        The SVG's text, to be put into a page.
    """
    figure = plot.figure
    with mpl.rc_context(STYLE | {"svg.hashsalt": plot.name}):
        told = _lay_out(figure)
        memory = io.StringIO()
        figure.savefig(memory, format="svg", metadata={"Date": None, "Creator": None})
        drawing = with_titles(memory.getvalue(), told)
        write_atomically(folder / f"{plot.name}.svg", lambda path: path.write_text(drawing, encoding="utf-8"))
        write_atomically(folder / f"{plot.name}.pdf", lambda path: figure.savefig(path, metadata=UNDATED))
        software = {"Software": None}
        write_atomically(folder / f"{plot.name}.png", lambda path: figure.savefig(path, dpi=DPI, metadata=software))
    return drawing


def save_pdf(plot: Plot, path: Path) -> None:
    """Write a figure as PDF alone, atomically and without time stamps."""
    with mpl.rc_context(STYLE):
        _lay_out(plot.figure)
        write_atomically(path, lambda temporary: plot.figure.savefig(temporary, metadata=UNDATED, format="pdf"))


def _lay_out(figure: Figure) -> dict[str, tuple[str, ...]]:
    """Lay a figure out once, not anew for each format, with its texts made visible; return what its marks tell."""
    artists = figure.findobj()
    told = number_marks(artists)
    for text in artists:
        if isinstance(text, Text):
            text.set_text(visible(text.get_text()))
    for axes in figure.axes:
        for axis in axes.xaxis, axes.yaxis:
            if not axis.get_label_text():  # its place is not searched for round the ticks, at each drawing
                axis.set_label_coords(0.5, 0)
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine(None)
    return told
