"""Why a place cannot be written to, in one line: which one, what it needs and what it has."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ovlab.errors import StorageError

# What a folder's disk or its rights are to blame for; all else is told as it is.
ERRNOS = frozenset(
    {
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EFBIG,
        errno.EROFS,
        errno.EACCES,
        errno.EPERM,
        errno.EIO,
        errno.ENOTDIR,
        errno.EEXIST,
    }
)
# It does not say why, but a full disk is all that makes a write end early.
_NUMPY_WROTE_LESS = re.compile(r"\d+ requested and \d+ written")


@contextlib.contextmanager
def storage_in_words(folder: Path, name: str = "", needed: int | None = None) -> Iterator[None]:
    """Turn an error of the disk that comes out of the block into a line that says what is wrong with a folder.

    Parameters
    ----------
    folder : Path
        Where the block writes; it may be missing, where making it is what fails.
    name : str
        The file that is written, or what the block does.
    needed : int, optional
        Bytes that it takes, or about as many; unknown by default.

    Raises
    ------
    StorageError
        For an error that the folder's disk or its rights are to blame for. Others pass.
    """
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        if error.errno is None and _NUMPY_WROTE_LESS.fullmatch(str(error)):
            raise StorageError(no_room(folder, name, needed)) from None
        if error.errno not in ERRNOS or not _is_about(error, folder):
            raise
        raise StorageError(why_unwritable(error, folder, name, needed)) from None


def _is_about(error: OSError, folder: Path) -> bool:
    """Whether an error is about something in a folder, or about the folder's own path; most name nothing."""
    if not isinstance(error.filename, str | os.PathLike):
        return True
    place, found = Path(folder).absolute(), Path(error.filename).absolute()
    return found.is_relative_to(place) or place.is_relative_to(found)


def why_unwritable(error: OSError, folder: Path, name: str = "", needed: int | None = None) -> str:
    """Say in one line why a folder could not be written to; see `storage_in_words` for the parameters."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return no_room(folder, name, needed, is_quota=error.errno == errno.EDQUOT)
    if error.errno == errno.EFBIG:
        return f"{_what(folder, name)}: larger than a file may be here (ulimit -f, or the file system's own limit)"
    if error.errno == errno.EROFS:
        return f"{folder}: cannot be written to, its file system ({mount_of(folder)}) is read-only"
    if error.errno in {errno.EACCES, errno.EPERM}:
        return f"{error.filename or folder}: this user may not write there"
    if error.errno in {errno.ENOTDIR, errno.EEXIST}:
        return f"{error.filename or folder}: a file is where a folder is expected"
    return f"{_what(folder, name)}: the disk ({mount_of(folder)}) does not work: {(error.strerror or '').lower()}"


def no_room(folder: Path, name: str = "", needed: int | None = None, *, is_quota: bool = False) -> str:
    """Say that a folder has no room for a file: how much that takes, and how much is free."""
    mount = mount_of(folder)
    inodes = _inodes(mount)
    if inodes is not None and inodes.f_files and inodes.f_favail == 0:
        return f"{folder}: its file system ({mount}) holds no more files, all {inodes.f_files} inodes are taken"
    why = f"this user's quota on {mount} is used up" if is_quota else f"its disk ({mount}) is full"
    # By now what was written so far has been removed again, so that more than what is free was needed.
    free = size_text(shutil.disk_usage(mount).free)
    wanted = f"more than the {free} that are free" if needed is None else f"{size_text(needed)}, {free} are free"
    return f"{folder}: {why}: {name or 'what is written there'} needs {wanted}"


def size_text(size: int) -> str:
    """Write a number of bytes as kB, MB or GB."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6)):
        if size >= scale:
            return f"{size / scale:.1f} {unit}"
    return f"{size / 1e3:.1f} kB"


def require_room(folder: Path, name: str, needed: int) -> None:
    """Check, before anything is written, that a file or more of some bytes fits into a folder.

    Raises
    ------
    StorageError
        If it does not.
    """
    if needed > shutil.disk_usage(folder).free:
        raise StorageError(no_room(folder, name, needed))


def mount_of(folder: Path) -> Path:
    """Return the root of the file system that a folder lies in, or would lie in if it were made."""
    place = Path(folder).absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    while place != place.parent and not place.is_mount():
        place = place.parent
    return place


def require_writable(folder: Path) -> None:
    """Check that files can be made in a folder, which is made if it is missing.

    Raises
    ------
    StorageError
        If they cannot: it is read-only, another user's, or holds no more files.
    """
    with storage_in_words(folder):
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=folder, prefix=".writable.", suffix=".partial")
        os.close(handle)
        Path(name).unlink()


def temporary_folder() -> Path:
    """Return the folder for temporary files.

    Raises
    ------
    StorageError
        If no place for them can be written to.
    """
    try:
        return Path(tempfile.gettempdir())
    except OSError:
        before = f"TMPDIR={named}, " if (named := os.environ.get("TMPDIR")) else ""
        raise StorageError(
            f"no folder for temporary files can be written to: neither {before}the system's own ones nor the current "
            "folder; name one in TMPDIR"
        ) from None


def _inodes(mount: Path) -> os.statvfs_result | None:
    try:
        return os.statvfs(mount)
    except (OSError, AttributeError):  # Windows has no statvfs
        return None


def _what(folder: Path, name: str) -> str:
    return f"{folder}/{name}" if name else str(folder)
