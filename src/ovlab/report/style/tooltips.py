"""The numbers that a reader gets who points at a mark of a figure, or reaches it by keyboard."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import escape
from matplotlib.artist import Artist

from ovlab.text import visible

MANY = "marks"
POINT = re.compile(r"(<(?:use|path) [^>]*/>)(?!\s*</defs>)")


@dataclass(frozen=True, slots=True)
class _Told:
    """The id of an artist whose numbers are told, until :func:`number_marks` numbers it."""

    texts: tuple[str, ...]
    many: bool = False


def tell(artist: Artist, text: str) -> None:
    """Give an artist the text that a reader gets who points at it: ``int8: 0.74 ms``."""
    artist.set_gid(_Told((text,)))  # type: ignore[arg-type]


def tell_each(points: Artist, texts: Sequence[str]) -> None:
    """Give each point of a collection its own text, in the order in which they were given to matplotlib."""
    points.set_gid(_Told(tuple(texts), many=True))  # type: ignore[arg-type]


def number_marks(artists: Iterable[Artist]) -> dict[str, tuple[str, ...]]:
    """Give the artists of a figure that have a text their ids in the file; return the texts by id."""
    told: dict[str, tuple[str, ...]] = {}
    for artist in artists:
        own: Any = artist.get_gid()
        if isinstance(own, _Told):
            name = f"{MANY if own.many else 'mark'}-{len(told) + 1}"
            told[name] = tuple(map(visible, own.texts))
            artist.set_gid(name)
    return told


def with_titles(drawing: str, told: dict[str, tuple[str, ...]]) -> str:
    """Put the texts into an SVG file, as titles, which browsers show to those who point at them."""
    drawing = re.sub(r'<g id="(mark-\d+)">', lambda found: _mark(found[1], told[found[1]][0]), drawing)
    group = re.compile(rf'^( *)<g id="({MANY}-\d+)">.*?^\1</g>$', re.DOTALL | re.MULTILINE)
    return group.sub(lambda found: _each(found[0], found[2], told[found[2]]), drawing)


def _each(group: str, name: str, texts: tuple[str, ...]) -> str:
    """Make each point of a collection a mark: matplotlib draws them one by one, in their order."""
    parts = POINT.split(group)
    if len(parts) != 2 * len(texts) + 1:  # a point that could not be drawn: none rather than another's numbers
        return group
    base = name.replace(MANY, "mark")
    for number, text in enumerate(texts):
        parts[2 * number + 1] = f"{_mark(f'{base}-{number}', text)}{parts[2 * number + 1]}</g>"
    return "".join(parts)


def _mark(name: str, text: str) -> str:
    return f'<g id="{name}" class="mark"><title>{escape(text)}</title>'
