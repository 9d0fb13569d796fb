"""Folders for work in progress, and the removal of those that killed processes have left."""

from __future__ import annotations

import contextlib
import logging
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import filelock

from ovlab.files import storage_in_words, temporary_folder

log = logging.getLogger("ovlab.scratch")
# A lock of the operating system's goes with its process, also in another container that shares the folder.
OWNER = ".owner.lock"
PREFIX = "ovlab-"
PARTIAL = ".partial"
JUST_MADE_S = 60.0


@contextlib.contextmanager
def scratch_folder(parent: Path | None = None, prefix: str = PREFIX, suffix: str = "") -> Iterator[Path]:
    """Give a folder that is removed afterwards: by this process, or by the next one that wants such a folder.

    Parameters
    ----------
    parent : Path, optional
        Where it lies; by default the folder for temporary files.
    prefix, suffix : str
        What its name begins and ends with. Before it is made, others of such a name that no living process owns
        are removed.

    Yields
    ------
    Path

    Raises
    ------
    StorageError
        If nothing can be written there; also for what the block writes, where it lets the disk's error out.
    """
    parent = temporary_folder() if parent is None else parent
    remove_abandoned(parent.glob(f"{prefix}*{suffix}"))
    with (
        storage_in_words(parent),
        tempfile.TemporaryDirectory(dir=parent, prefix=prefix, suffix=suffix) as name,
        filelock.FileLock(Path(name) / OWNER),
    ):
        yield Path(name)


def remove_abandoned(folders: Iterator[Path]) -> None:
    """Remove those folders that `scratch_folder` has made for a process that lives no more; others stay."""
    for folder in folders:
        owner = folder / OWNER
        with contextlib.suppress(OSError, filelock.Timeout):  # another user's, or removed by another process meanwhile
            if folder.is_symlink() or not owner.is_file():
                continue
            with filelock.FileLock(owner, timeout=0):
                # Between making the lock's file and locking it, a living owner holds no lock.
                is_empty = [path.name for path in folder.iterdir()] == [OWNER]
                if is_empty and time.time() - folder.stat().st_mtime < JUST_MADE_S:
                    continue
                log.info("removing %s, which a process that was killed has left", folder)
                shutil.rmtree(folder)
