"""Which names a file of the configuration may have: they stand in lists, in overrides, in paths and in tables."""

from __future__ import annotations

import re

from omegaconf import OmegaConf

LONGEST = 100
"""Bytes of a name: files that are made of two names and an ending must fit into a file system's 255."""
_NAME = re.compile(r"\w(?:[\w .+-]*[\w+-])?")
_RULE = "use letters, digits, '_', '-', '+', '.' and spaces, a letter, digit or '_' first"


def why_bad(name: str) -> str | None:
    """Say in a few words why a file cannot be called so; None for a good name.

    Parameters
    ----------
    name : str
        The file's name without ``.yaml``.
    """
    if len(name.encode("utf-8", "replace")) > LONGEST:
        return f"is longer than {LONGEST} bytes"
    if not _NAME.fullmatch(name) or not name.isprintable():
        return _RULE
    if name.endswith(".yaml"):
        return "ends in .yaml twice"
    # A list in YAML would say something else with it than this name.
    read = OmegaConf.select(OmegaConf.create(f"name: {name}"), "name")
    if str(read) != name:
        return f"YAML reads it as {read!r}"
    return None
