"""What readers of data sets share: checks of what files of others say."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

from ovlab.errors import OvlabError, nearest
from ovlab.inputs import read_file, read_text

__all__ = [
    "checked_names",
    "class_index",
    "inside",
    "number",
    "pixels",
    "read_bytes",
    "read_text",
    "require_folder",
]

read_bytes = read_file

LONGEST_PART, LONGEST_PATH = 255, 2000
"""Bytes that file systems take for a name, and signs of a path that leave room for the folder before it."""


def class_index(name: str, class_names: Sequence[str], where: str) -> int:
    """Return the index of a class by its name.

    Raises
    ------
    OvlabError
        If there is none of that name.
    """
    if name not in class_names:
        raise OvlabError(f"{where}: class {name!r} is none of the data set's{nearest(name, class_names)}")
    return class_names.index(name)


def checked_names(class_names: Iterable[str], where: str) -> tuple[str, ...]:
    """Return class names as a tuple.

    Raises
    ------
    OvlabError
        If there is none, or one is there twice.
    """
    names = tuple(class_names)
    if not names:
        raise OvlabError(f"{where}: class_names: empty, expected the names of the classes")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise OvlabError(f"{where}: class_names: {twice[0]!r} is there twice")
    return names


def inside(folder: Path, name: str, where: str) -> Path:
    """Join a name that a file gives to a folder.

    Raises
    ------
    OvlabError
        If the name leads out of the folder, or is longer than a file's can be.
    """
    path = PurePosixPath(name.replace("\\", "/"))
    if not path.parts or "\0" in name or path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        raise OvlabError(f"{where}: {name!r} points outside of {folder.name!r}")
    require_short(path, where)
    return folder / path


def require_short(path: PurePath, where: str) -> None:
    """Check that a file system takes a path that a file gives.

    Raises
    ------
    OvlabError
        If it, or a name in it, is longer than a file's can be.
    """
    name = str(path)
    if any(len(part.encode("utf-8", "replace")) > LONGEST_PART for part in path.parts) or len(name) > LONGEST_PATH:
        raise OvlabError(f"{where}: {name!r} is longer than the name of a file can be")


def require_folder(root: Path, name: str, where: str) -> Path:
    """Return a folder of the data set.

    Raises
    ------
    OvlabError
        If it does not exist.
    """
    folder = root / name
    if not folder.is_dir():
        siblings = [entry.name for entry in folder.parent.iterdir() if entry.is_dir()] if folder.parent.is_dir() else []
        raise OvlabError(f"{where}: no folder {name!r}{nearest(folder.name, siblings)}")
    return folder


def number(value: Any, where: str) -> float:
    """Return a finite number that a file gives, as text or as a number.

    Raises
    ------
    OvlabError
        If it is none.
    """
    try:
        result = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        result = math.nan
    if not math.isfinite(result):
        raise OvlabError(f"{where}: {str(value)[:40]!r} is not a number")
    return result


def pixels(value: Any, where: str) -> int:
    """Return a size in whole pixels that a file gives.

    Raises
    ------
    OvlabError
        If it is not a whole number above 0.
    """
    size = number(value, where)
    if size < 1 or size != int(size):
        raise OvlabError(f"{where}: {str(value)[:40]!r} is not a size in pixels")
    return int(size)
