"""A figure on the page."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest

from markupsafe import Markup

from ovlab.report.page.assets import dark_colours
from ovlab.report.page.svg import inline_svg
from ovlab.report.style import SUFFIXES, WIDTHS, Plot, fits_page

EMBEDDED_BYTES = 100_000
"""Largest PDF that is part of the page, so that it can be saved from a page that travels alone."""


DRAWN_BYTES = 4_000_000
"""Drawings that a page holds: of an experiment with many, some are in the files beside it alone."""


@dataclass
class ShownFigure:
    """A figure with its number on the page, and its SVG and PDF once they are written.

    Attributes
    ----------
    drawn : bool
        Whether the page holds the drawing, and not only its caption and where the files are.
    """

    number: int
    plot: Plot
    svg: str = ""
    pdf: bytes = b""
    drawn: bool = True

    @property
    def anchor(self) -> str:
        """Its id on the page."""
        return f"figure-{self.number}"

    @cached_property
    def markup(self) -> Markup:
        """The drawing as part of an HTML page."""
        # Made by matplotlib from escaped text: the only markup that is not the templates' own.
        return Markup(inline_svg(self.svg, self.anchor, dark_colours()))  # noqa: S704

    @property
    def widths(self) -> list[tuple[str, str]]:
        """Where the PDFs in the widths of a paper lie beside the page, by what they fit."""
        return [
            (name, f"figures/{self.plot.name}-{name}.pdf")
            for name, width in WIDTHS.items()
            if fits_page(self.plot.figure, width)
        ]

    @property
    def addresses(self) -> list[tuple[str, str]]:
        """Where the figure can be saved from, by suffix: files beside the page, a small PDF in the page itself."""
        found = {suffix: f"figures/{self.plot.name}.{suffix}" for suffix in SUFFIXES}
        if self.drawn and 0 < len(self.pdf) <= EMBEDDED_BYTES:
            found["pdf"] = f"data:application/pdf;base64,{base64.b64encode(self.pdf).decode('ascii')}"
        return list(found.items())


def choose_drawn(sections: Iterable[Sequence[ShownFigure]]) -> None:
    """Choose which figures the page draws: the first of each section, then the second, while there is room."""
    left = DRAWN_BYTES
    for turn in zip_longest(*sections):
        for figure in turn:
            if figure is not None:
                left -= len(figure.markup)
                figure.drawn = left >= 0
