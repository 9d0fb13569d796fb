"""The one place that gives files their names: what is written is whole or absent, also after a power cut.

A file gets its name by a rename, after its contents are on the disk; then the folder is brought there too. Other
modules write through this one (a test sees to that), or into folders that one of its functions names.
"""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from ovlab.files.storage import storage_in_words

# Folders that are brought to the disk when `folders_flushed_once` ends.
_WAITING: set[Path] | None = None


@contextlib.contextmanager
def atomic_path(target: Path, needed: int | None = None) -> Iterator[Path]:
    """Give a temporary path beside `target` that becomes `target` if the block succeeds.

    The temporary file lies in the same folder (so that the rename is atomic), is flushed to disk before the
    rename, and is removed if the block fails: a killed run leaves nothing that looks finished.

    Parameters
    ----------
    target : Path
        The file to write. Its folder is made if it is missing.
    needed : int, optional
        Its size in bytes, told if the disk is too small for it.

    Yields
    ------
    Path
        The path to write to; it keeps the suffix of `target`, which many writers look at.

    Raises
    ------
    StorageError
        If the disk is full, read-only or another user's.
    """
    with storage_in_words(target.parent, target.name, needed):
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.stem}.", suffix=f".partial{target.suffix}")
        os.close(handle)
        partial = Path(name)
        try:
            yield partial
            # mkstemp makes files that only their owner reads; results are to be shared.
            partial.chmod(0o666 & ~_umask())
            move(partial, target)
        finally:
            partial.unlink(missing_ok=True)


def move(source: Path, target: Path) -> None:
    """Rename a file, or a folder with all that is in it, once it is on the disk; `target` is replaced if it is a file.

    Parameters
    ----------
    source, target : Path
        On the same file system.

    Raises
    ------
    StorageError
        If the disk is full, read-only or another user's.
    """
    with storage_in_words(target.parent, target.name):
        if source.is_dir():
            _flush_tree(source)
        else:
            _flush(source)
        source.replace(target)
        _flush_folder(target.parent)


def write_atomically(target: Path, write: Callable[[Path], object]) -> None:
    """Call ``write(path)`` on a temporary path that then becomes `target`."""
    with atomic_path(target) as partial:
        write(partial)


def write_text(target: Path, text: str) -> None:
    """Write `text` to `target` as UTF-8 with Unix line ends, atomically."""
    data = text.encode("utf-8")
    with atomic_path(target, len(data)) as partial:
        partial.write_bytes(data)


@contextlib.contextmanager
def folders_flushed_once() -> Iterator[None]:
    """Bring the folders of the files that the block writes to the disk when it ends, not once for each file."""
    global _WAITING  # noqa: PLW0603 (one process writes one report)
    waiting: set[Path] = set()
    _WAITING = waiting
    try:
        yield
    finally:
        _WAITING = None
        for folder in sorted(waiting):
            _flush_folder(folder)


def _flush(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    """Bring a folder's entries to the disk: a rename is one of them."""
    if _WAITING is not None:
        _WAITING.add(folder)
        return
    # Not every system opens folders (Windows), and not every file system flushes them (network drives).
    with contextlib.suppress(PermissionError, IsADirectoryError, FileNotFoundError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        except OSError as error:
            if error.errno not in {errno.EINVAL, errno.ENOTSUP, errno.EBADF}:
                raise
        finally:
            os.close(handle)


def _flush_tree(folder: Path) -> None:
    """Bring a folder to the disk with all that is in it: in one call, as it may hold a million files."""
    import ctypes  # a launch, which writes no folders, does without

    syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None) if os.name == "posix" else None
    if syncfs is None:
        if hasattr(os, "sync"):
            os.sync()
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        if syncfs(handle):
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), str(folder))
    finally:
        os.close(handle)


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
