"""The page's style and scripts: files of this package that become part of every page."""

from __future__ import annotations

import functools
import re
from importlib import resources

from markupsafe import Markup

SCRIPTS = ("dom.js", "look.js", "figures.js", "cells.js", "tables.js")


def resource(name: str) -> str:
    """Return the text of a file of the report's package."""
    return resources.files("ovlab.report").joinpath(name).read_text(encoding="utf-8")


@functools.cache
def style() -> Markup:
    """Return the page's style."""
    return Markup(resource("assets/page.css"))  # noqa: S704  (ours)


@functools.cache
def script() -> Markup:
    """Return the page's scripts, one after the other."""
    return Markup("\n".join(resource(f"assets/{name}") for name in SCRIPTS))  # noqa: S704  (ours)


@functools.cache
def dark_colours() -> frozenset[str]:
    """Return the figures' colours for which the style has others on a dark ground (its ``--f-RRGGBB``)."""
    return frozenset(re.findall(r"--f-([0-9a-f]{6}):", style()))
