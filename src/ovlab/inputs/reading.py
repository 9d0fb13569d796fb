"""Read a whole file that others made."""

from __future__ import annotations

import os
from pathlib import Path

from ovlab.errors import OvlabError, nearest, one_line
from ovlab.files import decode_text, open_handle
from ovlab.inputs.limits import limits
from ovlab.inputs.listing import compare_read

FEW = 100
"""Files of a folder up to which a misspelt name is compared with theirs."""


class TooLargeError(OvlabError):
    """A file or an image is larger than the limits allow."""


def read_bytes(path: Path, most_mb: float, key: str) -> bytes:
    """Read a file of bounded size.

    Parameters
    ----------
    path : Path
        The file.
    most_mb : float
        How large it may be, in MB (10^6 bytes).
    key : str
        What the YAML calls this limit.

    Raises
    ------
    TooLargeError
        If it is larger.
    NotAFileError
        If it is no regular file.
    ChangedFileError
        If it belongs to a source and is not what it was when that was made.
    OSError
        If it cannot be read.
    """
    handle, state = open_handle(path)
    try:
        size = state.st_size
        if size > most_mb * 1e6:
            raise TooLargeError(f"{path}: has {size / 1e6:.1f} MB, more than {most_mb:g} ({key})")
        data = os.read(handle, size + 1)
        # Not all of a large file comes at once; one that grows meanwhile is read as long as it was.
        if len(data) < size:
            data = _rest(handle, data, size)
    finally:
        os.close(handle)
    compare_read(path, state, data)
    return data


def _rest(handle: int, start: bytes, size: int) -> bytes:
    parts = [start]
    missing = size - len(start)
    while missing > 0 and (part := os.read(handle, missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def read_text(path: Path) -> str:
    """Read a text file, without its byte order mark: see `ovlab.files.decode_text`.

    Raises
    ------
    OvlabError
        As :func:`read_file` does, or if it is not text, naming the line.
    """
    return decode_text(read_file(path), str(path))


def read_file(path: Path) -> bytes:
    """Read a file of annotations, a list or names.

    Raises
    ------
    OvlabError
        If it does not exist, is no regular file, or is larger than ``limits.text_mb``.
    """
    try:
        return read_bytes(path, limits().text_mb, "limits.text_mb")
    except FileNotFoundError:
        raise OvlabError(f"{path}: no such file{_near(path)}") from None
    except OSError as error:
        raise OvlabError(f"{path}: {(error.strerror or one_line(error)).lower()}") from None


def require_regular_files(root: Path) -> None:
    """Check that a folder whose files others will open, such as a framework, holds no pipes, sockets or devices.

    Raises
    ------
    NotAFileError
        Naming the first that is none.
    """
    for folder, folders, names in os.walk(root):
        for name in names:
            path = Path(folder, name)
            if path.exists() and not path.is_file():
                os.close(open_handle(path)[0])
        folders.sort()


def _near(path: Path) -> str:
    names = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    return nearest(path.name, names) if len(names) < FEW else ""
