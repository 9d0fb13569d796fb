"""Folders for work in progress, and the removal of those that killed processes have left."""

from __future__ import annotations

import contextlib
import logging
import re
import shutil
import tempfile
import time
from collections.abc import Collection, Iterator
from pathlib import Path

import filelock

log = logging.getLogger("ovlab.scratch")
# A lock of the operating system's goes with its process, also in another container that shares the folder.
OWNER = ".owner.lock"
PREFIX = "ovlab-"
PARTIAL = ".partial"
DOWNLOADING = ".part"
# pooch's name for a file whose hash it is checking.
UNCHECKED = re.compile(r"tmp[a-z0-9_]{8}")
JUST_MADE_S = 60.0
KEPT_S = 86_400.0


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
    """
    parent = Path(tempfile.gettempdir()) if parent is None else parent
    remove_abandoned(parent.glob(f"{prefix}*{suffix}"))
    with (
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


def cache_folder(sha256: str) -> str:
    """Return the name of the folder in the download cache that keeps a file of this hash."""
    return sha256[:16]


def remove_leftovers(results: Path, wanted: Collection[str]) -> None:
    """Remove what killed runs have left: temporary folders, half-made files of steps, partial downloads.

    Parameters
    ----------
    results : Path
        The results folder.
    wanted : collection of str
        Folders of the download cache that this run goes on with; the partial files of others go after a day, in
        which the run that they belong to may be started again.
    """
    remove_abandoned(Path(tempfile.gettempdir()).glob(f"{PREFIX}*"))
    for kind in ("sources", "variants"):
        remove_abandoned((results / kind).glob(f"*/*/*/.*{PARTIAL}"))
    for folder in (results / "sources" / "cache").glob("*"):
        if folder.is_dir():
            _remove_partial_downloads(folder, is_wanted=folder.name in wanted)


def _remove_partial_downloads(folder: Path, *, is_wanted: bool) -> None:
    with contextlib.suppress(OSError, filelock.Timeout), filelock.FileLock(folder / ".lock", timeout=0):
        remove_unchecked(folder)
        for path in folder.glob(f"*{DOWNLOADING}"):
            if not is_wanted and time.time() - path.stat().st_mtime > KEPT_S:
                log.info("removing %s, which a run that was killed has left", path)
                path.unlink()


def remove_unchecked(folder: Path) -> None:
    """Remove what was left by a process that was killed while it checked a download; its caller holds the lock."""
    for path in folder.glob("tmp*"):
        if UNCHECKED.fullmatch(path.name):
            path.unlink()
