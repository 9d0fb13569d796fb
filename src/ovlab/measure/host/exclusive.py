"""The machine to itself: one measurement at a time on a host, whoever starts it."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import filelock

from ovlab.files import storage_in_words, temporary_folder, write_text
from ovlab.measure.host.clock_limit import restore_left_over

log = logging.getLogger("ovlab.measure.host.exclusive")
POLL_S = 1.0
REMIND_S = 60.0


def lock_path() -> Path:
    """Return the lock file that all measurements on this host share.

    Not in ``TMPDIR``, which batch systems and users set to folders of their own: their measurements would not see each
    other.
    """
    place = Path("/tmp")  # noqa: S108 (shared on purpose; the lock follows no link and is never trusted as data)
    return (place if place.is_dir() else temporary_folder()) / "ovlab-measuring.lock"


def holder_path() -> Path:
    """Return the file in which the holder of the lock says who it is; what it says is only as good as the lock."""
    return lock_path().with_suffix(".holder")


def clock_note() -> Path:
    """Return the file in which a measurement that lowers the clock notes how it was."""
    return lock_path().with_suffix(".clock")


@dataclass
class Alone:
    """When a measurement had the host to itself, as records keep it: UTC, to the millisecond.

    Attributes
    ----------
    began, ended : str
        In ISO 8601; `ended` is empty as long as it lasts.
    """

    began: str
    ended: str = ""


@contextlib.contextmanager
def exclusive_host() -> Iterator[Alone]:
    """Wait until no other measurement runs on this host, and keep others waiting meanwhile.

    Snakemake's resources keep the jobs of one run apart; this keeps apart the runs. The lock is the operating
    system's, so it goes with its process: a killed run blocks nobody. While waiting, a line says so now and then.

    Yields
    ------
    Alone
        When that was; whole when the block has ended.
    """
    lock = filelock.FileLock(lock_path(), mode=0o666)
    started, patience = time.monotonic(), 0.0
    while not lock.is_locked:
        try:
            with storage_in_words(lock_path().parent, lock_path().name):
                lock.acquire(timeout=patience, poll_interval=POLL_S)
        except filelock.Timeout:
            so_far = f" ({time.monotonic() - started:.0f} s so far)" if patience else ""
            log.info("waiting: another measurement is running on this host%s%s", _holder(), so_far)
            patience = REMIND_S
    if patience:
        log.info("waited %.0f s for another measurement", time.monotonic() - started)
    with contextlib.suppress(OSError):  # another user's file; the lock holds all the same
        write_text(holder_path(), f"process {os.getpid()}, since {datetime.now():%H:%M:%S}\n")
    alone = Alone(_now())
    try:
        restore_left_over(clock_note())
        yield alone
    finally:
        alone.ended = _now()
        with contextlib.suppress(OSError):
            holder_path().unlink(missing_ok=True)
        lock.release()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _holder() -> str:
    try:
        return f": {holder_path().read_text(encoding='utf-8').strip()}"
    except OSError:
        return ""
