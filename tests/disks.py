"""Programs that run on a disk of a few kilobytes, without inodes, read-only: in a mount namespace of their own."""

from __future__ import annotations

import functools
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

MOUNT = (
    'mount -t tmpfs -o "$1" tmpfs "$2" && if [ -n "$3" ]; then mount -o "remount,$3" "$2"; fi && shift 3 && exec "$@"'
)


@functools.cache
def _namespace() -> tuple[str, ...]:
    """Return how a mount namespace is made here; empty where nobody may."""
    for options in (("-m",), ("-r", "-m")):
        try:
            probe = ["unshare", *options, "sh", "-c", "mount -t tmpfs -o size=64k tmpfs /mnt"]
            if subprocess.run(probe, capture_output=True, check=False).returncode == 0:
                return ("unshare", *options)
        except OSError:
            break
    return ()


def can_mount() -> bool:
    """Whether a disk can be made for a test."""
    return bool(_namespace())


def on_disk(
    command: Sequence[str],
    place: Path,
    options: str,
    *,
    then: str = "",
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program for which a folder is a file system of its own, which ends with it.

    Parameters
    ----------
    command : sequence of str
        The program.
    place : Path
        An existing folder.
    options : str
        Of the file system: ``size=5m``, ``nr_inodes=10``.
    then : str
        Further options once it is there: ``ro``.
    cwd, environment
        As for subprocess; the variables are set besides.
    """
    return subprocess.run(
        [*_namespace(), "sh", "-c", MOUNT, "sh", options, str(place), then, *command],
        cwd=cwd,
        env=os.environ | (environment or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=800,
    )
