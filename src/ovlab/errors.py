"""The errors that users see: one clear line each."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from ovlab.text import readable_line, visible_line


class OvlabError(Exception):
    """Bad input or a step that cannot be done; the message is one line that a user can act on.

    Parameters
    ----------
    message : str
        What is wrong, where (file and key), and what was expected. It may hold text of others, such as a name or a
        server's answer: as a string it is one line of readable length in which everything can be seen.
    detail : str, optional
        What a library said of it, in as many lines: for the log and the record.
    """

    def __init__(self, message: str, *, detail: str = "") -> None:
        super().__init__(message)
        self.detail = detail

    def __str__(self) -> str:
        return readable_line(super().__str__())


class UnavailableError(OvlabError):
    """The host lacks what the work needs (a device, a precision): not a failure, a fact to report."""


class StorageError(OvlabError, OSError):
    """A place cannot be written to: its disk is full or read-only, or it is another user's."""


LISTED, LONGEST_NAME = 40, 200
_PLACE = re.compile(r"Exception from src/|FrontEnd API failed with \w+:$|Check '.*' failed at src/\S+:\d+:?$")
_IN_SOURCES = re.compile(r" (failed )?at src/\S+:\d+:?|Exception from src/\S+:\d+:? ?")
"""Where in OpenVINO's sources it was said, which helps nobody."""


def nearest(name: str, valid: Iterable[str]) -> str:
    """Say which valid name is meant, to end an error line with.

    Parameters
    ----------
    name : str
        The name that is not valid.
    valid : iterable of str
        The valid names.

    Returns
    -------
    str
        ``"; did you mean 'X'?"``, or the list of valid names when none is near.
    """
    names = sorted(set(valid))
    if len(name) > LONGEST_NAME:
        return ""  # no slip of the keyboard, and comparing it would take long
    # Small letters for capitals are no distance: cpu is CPU, not GPU.
    folded = {one.casefold(): one for one in names}
    close = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    if close:
        return f"; did you mean '{folded[close[0]]}'?"
    shown = [*names[:LISTED], "..."] if len(names) > LISTED else names
    return f"; valid: {', '.join(shown)}" if names else "; there are none"


def one_line(error: BaseException) -> str:
    """Put any exception into one line that still says what happened."""
    if isinstance(error, OvlabError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return readable_line(f"{where}{error.strerror.lower()}")
    if isinstance(error, MemoryError) or "std::bad_alloc" in _words(error):
        return "out of memory"
    # OpenVINO's messages begin with the places in its own sources; the last line says what is wrong.
    lines = [line.strip() for line in _words(error).splitlines() if line.strip()]
    telling = [_IN_SOURCES.sub("", line) for line in lines if not _PLACE.match(line)] or lines
    text = visible_line(" ".join(telling)[:500])
    name = type(error).__name__
    return text if name == "RuntimeError" and text else f"{name}: {text}" if text else name


def _words(error: BaseException) -> str:
    """Return what an exception says; one of a user's own may fail even in that."""
    try:
        return str(error)
    except Exception:
        return ""
