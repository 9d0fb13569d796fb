"""What killed runs have left, in the results and in the folder for temporary files, is removed when a run starts."""

from __future__ import annotations

import contextlib
import logging
import re
import time
from collections.abc import Collection
from pathlib import Path

import filelock

from ovlab.files import temporary_folder
from ovlab.scratch import JUST_MADE_S, PARTIAL, PREFIX, remove_abandoned

log = logging.getLogger("ovlab.scratch")
DOWNLOADING = ".part"
# pooch's name for a file whose hash it is checking.
UNCHECKED = re.compile(r"tmp[a-z0-9_]{8}")
KEPT_S = 86_400.0
# Where steps write files, below the results folder: a data set's own, of which there may be millions, are none of them.
WRITTEN = ("*", "*/*", "*/report/*", "*/*/*/*", "*/sessions/*/*/*/*", "*/profiles/*/*/*")


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
    remove_abandoned(temporary_folder().glob(f"{PREFIX}*"))
    for kind in ("sources", "variants"):
        remove_abandoned((results / kind).glob(f"*/*/*/.*{PARTIAL}"))
    _remove_half_written(results)
    for folder in (results / "sources" / "cache").glob("*"):
        if folder.is_dir():
            _remove_partial_downloads(folder, is_wanted=folder.name in wanted)


def _remove_half_written(results: Path) -> None:
    """Remove files that were killed before they got their names; one that is still written to is younger."""
    for path in (path for place in WRITTEN for path in results.glob(f"{place}/.*{PARTIAL}*")):
        with contextlib.suppress(OSError):  # removed by another process meanwhile
            if path.is_file() and time.time() - path.stat().st_mtime > JUST_MADE_S:
                log.info("removing %s, which a process that was killed has left", path)
                path.unlink()


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
