"""How figures look: of a size for print, colours that stay the same, marks that tell their numbers, files."""

from ovlab.report.style.bars import draw_bars, interval_note
from ovlab.report.style.drawing import save_all
from ovlab.report.style.files import SUFFIXES, Plot, save, save_pdf
from ovlab.report.style.looks import COLOURS, INK, ON_COLOUR, STYLE, colours, dashes, fills, hatches, shapes
from ovlab.report.style.panels import (
    LOG_FROM,
    NARROW,
    WIDE,
    WIDTHS,
    drawn_for,
    file_name,
    fits_page,
    fitting,
    legend_above,
    log_axis,
    new_panels,
    plain_number,
    plain_tick,
)
from ovlab.report.style.tooltips import tell, tell_each

__all__ = [
    "COLOURS",
    "INK",
    "LOG_FROM",
    "NARROW",
    "ON_COLOUR",
    "STYLE",
    "SUFFIXES",
    "WIDE",
    "WIDTHS",
    "Plot",
    "colours",
    "dashes",
    "draw_bars",
    "drawn_for",
    "file_name",
    "fills",
    "fits_page",
    "fitting",
    "hatches",
    "interval_note",
    "legend_above",
    "log_axis",
    "new_panels",
    "plain_number",
    "plain_tick",
    "save",
    "save_all",
    "save_pdf",
    "shapes",
    "tell",
    "tell_each",
]
