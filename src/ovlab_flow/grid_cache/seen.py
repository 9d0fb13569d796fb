"""What a composition looks at besides its options: a kept grid holds as long as all of it is still as it was.

Whoever reads a file of the configuration, looks for one that is not there or lists a folder notes it here first. A file
that is changed between the note and the reading makes the note stale, never the grid.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ovlab.errors import OvlabError
from ovlab.files import sha256_of

MISSING = "missing"
# An interpolation with a resolver, or inside of another: it may stand for the environment, the time, anything.
_RESOLVED = re.compile(r"\$\{[^}]*(?::|\$\{)")


@dataclass
class Seen:
    """What was looked at.

    Attributes
    ----------
    files : dict
        SHA-256 of each file, or ``missing``.
    folders : dict
        Digest of the names in each folder, or ``missing``.
    passing : bool
        Whether something went in that may be another the next time, such as the environment, or something was said
        that has to be said each time, such as a warning.
    """

    files: dict[str, str] = field(default_factory=dict)
    folders: dict[str, str] = field(default_factory=dict)
    passing: bool = False

    def still_holds(self) -> bool:
        """Tell whether every file and folder is as it was."""
        files = all(_state_of_file(Path(path)) == state for path, state in self.files.items())
        return files and all(_state_of_folder(Path(path)) == state for path, state in self.folders.items())


_SEEN: list[Seen] = []
"""The ones that are being made, the innermost last."""


@contextlib.contextmanager
def watching() -> Iterator[Seen]:
    """Collect what is looked at, and whether a warning is given."""
    seen, log = Seen(), logging.getLogger("ovlab_flow")
    listener = _Listener(seen)
    _SEEN.append(seen)
    log.addHandler(listener)
    try:
        yield seen
    finally:
        log.removeHandler(listener)
        _SEEN.remove(seen)


def note_file(path: Path) -> None:
    """Note that a file is read, or looked for."""
    for seen in _SEEN:
        if str(path) not in seen.files:
            seen.files[str(path)] = _state_of_file(path)


def note_folder(path: Path) -> None:
    """Note that the names in a folder are looked at."""
    for seen in _SEEN:
        if str(path) not in seen.folders:
            seen.folders[str(path)] = _state_of_folder(path)


def note_text(text: str) -> None:
    """Note a text of the configuration, for what its interpolations may stand for."""
    if _SEEN and _RESOLVED.search(text):
        for seen in _SEEN:
            seen.passing = True


def _state_of_file(path: Path) -> str:
    try:
        return sha256_of(path)
    except (OSError, ValueError, OvlabError):
        return MISSING


def _state_of_folder(path: Path) -> str:
    try:
        names = sorted(one.name for one in path.iterdir())
    except (OSError, ValueError):
        return MISSING
    return hashlib.sha256("\0".join(names).encode("utf-8", "surrogateescape")).hexdigest()


class _Listener(logging.Handler):
    def __init__(self, seen: Seen) -> None:
        super().__init__(logging.WARNING)
        self._seen = seen

    def emit(self, _record: logging.LogRecord) -> None:
        """Note that something is said."""
        self._seen.passing = True
