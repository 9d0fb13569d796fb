"""Paths of this machine, which tell whose it is and mean nothing elsewhere."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SHORTEST = 5
"""Signs of a path that is looked for: a shorter one stands in other words."""


def machine_paths(results: Path, prefix: str) -> dict[str, str]:
    """Return what is replaced, longest first, and by what.

    Parameters
    ----------
    results : Path
        The results folder.
    prefix : str
        What records call it.
    """
    known = {
        prefix: "results",
        str(results.resolve()): "results",
        str(results.absolute()): "results",
        str(Path(__file__).resolve().parents[3]): "<ovlab>",
        str(Path.cwd()): "<folder>",
        sys.prefix: "<python>",
        sys.base_prefix: "<python>",
        str(Path.home()): "<home>",
        tempfile.gettempdir(): "<tmp>",
    }
    usable = {path: name for path, name in known.items() if Path(path).is_absolute() and len(path) >= SHORTEST}
    short = {path: name for path, name in known.items() if path in {"/tmp", "/root"}}  # noqa: S108
    return dict(sorted((usable | short).items(), key=lambda one: -len(one[0])))


class Replacer:
    """Replaces paths of this machine in texts.

    Parameters
    ----------
    paths : mapping of str
        From `machine_paths`.
    """

    def __init__(self, paths: Mapping[str, str]) -> None:
        self._names = dict(paths)
        either = "|".join(re.escape(path) for path in paths) or "(?!)"
        self._pattern = re.compile(rf"(?<![\w./])(?:{either})(?![\w.-])")

    def text(self, text: str) -> str:
        """Return a text without these paths."""
        return self._pattern.sub(lambda found: self._names[found[0]], text)

    def data(self, data: Any) -> Any:
        """Return plain data without these paths."""
        if isinstance(data, str):
            return self.text(data)
        if isinstance(data, dict):
            return {self.text(key): self.data(value) for key, value in data.items()}
        return [self.data(value) for value in data] if isinstance(data, list) else data
