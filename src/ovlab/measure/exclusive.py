"""The machine to itself: one measurement at a time on a host, whoever starts it."""

from __future__ import annotations

import contextlib
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path

import filelock

log = logging.getLogger("ovlab.measure")
POLL_S = 1.0


def lock_path() -> Path:
    """Return the lock file that all measurements on this host share."""
    return Path(tempfile.gettempdir()) / "ovlab-measuring.lock"


@contextlib.contextmanager
def exclusive_host() -> Iterator[None]:
    """Wait until no other measurement runs on this host, and keep others waiting meanwhile.

    Snakemake's resources keep the jobs of one run apart; this keeps apart the runs. The lock is the operating
    system's, so it goes with its process: a killed run blocks nobody.
    """
    lock = filelock.FileLock(lock_path(), mode=0o666)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        log.info("waiting: another measurement is running on this host")
        lock.acquire(poll_interval=POLL_S)
    try:
        yield
    finally:
        lock.release()
