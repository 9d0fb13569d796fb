"""Figures on the page: their SVG text made part of it, in its font and in the colours of its light and dark looks."""

from __future__ import annotations

import re

CSS_PIXELS = 96 / 72 * 1.25
"""Pixels on the page for a point of a figure: a quarter larger than in print, like the page's text."""


def inline_svg(text: str, prefix: str, colours: frozenset[str] = frozenset()) -> str:
    """Make an SVG file's text fit for a page that holds several.

    The prolog, metadata and fixed size go; ids get a prefix, so that two figures do not share one.

    Parameters
    ----------
    text : str
        The file's text.
    prefix : str
        For its ids.
    colours : frozenset of str
        Colours (``1b1f24``) for which the page's style has others on a dark ground: they become variables with the
        colour of the file as what they are without a style.
    """
    body = text[text.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', body)
    body = re.sub(r'href="#([^"]+)"', rf'href="#{prefix}-\1"', body)
    body = re.sub(r'fill="(#[0-9a-f]{6})"', r'style="fill: \1"', body)  # an attribute cannot be a variable
    body = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", body)
    # In an HTML page the parser gives the elements their namespaces; plain href is SVG 2's.
    body = body.replace("xlink:href", "href")
    body = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", body)
    body = re.sub(r"<[^>]*>", lambda tag: _shortened(tag[0], colours), body)
    body = re.sub(r"(font: [^;\"]*?)'DejaVu Sans'", r"\1var(--figure-font,'DejaVu Sans')", body)
    body = body.replace('class="mark">', 'class="mark" role="img">')
    referred = set(re.findall(r'(?:href="#|url\(#)([^")]+)', body))
    body = re.sub(r' id="([^"]+)"', lambda one: one[0] if one[1] in referred or "-mark-" in one[1] else "", body)
    body = re.sub(r"<!--.*?-->\s*", "", body, flags=re.DOTALL)
    head, _, rest = body.partition(">")
    width = re.search(r'\swidth="([\d.]+)pt"', head)
    size = f' style="width:{float(width.group(1)) * CSS_PIXELS:.0f}px"' if width else ""
    # Marks are images of their own within: a group of them, as an image by itself would hide them.
    role = "group" if 'class="mark"' in rest else "img"
    named = f' role="{role}" aria-labelledby="{prefix}-caption"{size}'
    head = re.sub(r'\s(width|height)="[^"]*"', "", head).replace("<svg", f"<svg{named}", 1)
    return f"{head}>{rest}"


def _shortened(tag: str, colours: frozenset[str]) -> str:
    """Make colours variables, and coordinates as fine as a screen shows: a hundredth of a point."""
    tag = re.sub(r"(\d\.\d\d)\d+", r"\1", tag)
    return re.sub(r"#([0-9a-f]{6})\b", lambda one: _variable(one[1], colours), tag)


def _variable(colour: str, colours: frozenset[str]) -> str:
    return f"var(--f-{colour},#{colour})" if colour in colours else f"#{colour}"
