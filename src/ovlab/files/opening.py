"""Open files for reading that others made: regular files only, without waiting."""

from __future__ import annotations

import os
import stat
from io import FileIO
from pathlib import Path

from ovlab.errors import OvlabError

# Opening a named pipe would wait for a writer, a terminal would become this process's own; Windows has neither.
_READ = os.O_RDONLY
for _flag in ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY"):
    _READ |= getattr(os, _flag, 0)
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class NotAFileError(OvlabError):
    """What was to be read is a folder, a named pipe, a socket or a device."""


def open_handle(path: Path | str) -> tuple[int, os.stat_result]:
    """Open a file for reading, whoever made it, and return its descriptor and its state.

    Raises
    ------
    NotAFileError
        If it is no regular file: reading a named pipe would wait, a device such as ``/dev/zero`` has no end.
    OSError
        If it cannot be opened.
    """
    handle = os.open(path, _READ)
    state = os.fstat(handle)
    if not stat.S_ISREG(state.st_mode):
        os.close(handle)
        raise NotAFileError(f"{path}: is {_KINDS.get(stat.S_IFMT(state.st_mode), 'something else')}, expected a file")
    return handle, state


def open_file(path: Path | str) -> FileIO:
    """Open a file for reading, unbuffered; see :func:`open_handle` for what is raised."""
    return FileIO(open_handle(path)[0], "rb")
