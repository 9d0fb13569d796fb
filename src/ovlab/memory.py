"""How much memory a process may still take, and whether the kernel has killed one for taking too much."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import psutil

PROC = Path("/proc")
CGROUPS = Path("/sys/fs/cgroup")


def available_memory() -> int:
    """Return the bytes that a new process may take before swapping, or before its control group's limit is reached.

    Pages of files that the group may drop count as available, as they do in the kernel's own ``MemAvailable``.
    """
    return max(0, min([int(psutil.virtual_memory().available), *_headrooms()]))


def _headrooms() -> Iterator[int]:
    """Yield what each control group that holds this process leaves below its limit."""
    try:
        lines = (PROC / "self" / "cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", maxsplit=2)
        own = PurePosixPath(path.lstrip("/"))
        if not controllers:  # version 2
            place, files = CGROUPS, ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            place = CGROUPS / "memory"
            files = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        # A container may see its own group as the root, under another path than the kernel names.
        for group in (own, *own.parents):
            headroom = _headroom(place / group, *files)
            if headroom is not None:
                yield headroom


def _headroom(folder: Path, limit_file: str, usage_file: str, droppable: str) -> int | None:
    try:
        limit = int((folder / limit_file).read_text(encoding="ascii"))
        usage = int((folder / usage_file).read_text(encoding="ascii"))
        stat = dict(line.split() for line in (folder / "memory.stat").read_text(encoding="ascii").splitlines())
    except (OSError, ValueError):  # no such group, or no limit ("max")
        return None
    return limit - usage + int(stat.get(droppable, 0))


def oom_kills() -> int | None:
    """Return how many processes the kernel has killed for lack of memory since the host started; None if not told."""
    try:
        lines = (PROC / "vmstat").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), None)


def why_killed(kills_before: int | None) -> str:
    """Say what is known of why a process ended by SIGKILL.

    Parameters
    ----------
    kills_before : int or None
        :func:`oom_kills` before it started.
    """
    kills = oom_kills()
    if kills is None or kills_before is None:
        return "killed by SIGKILL (was the machine out of memory?)"
    if kills > kills_before:
        return "killed by the kernel for lack of memory"
    return "killed by SIGKILL, not by the kernel for lack of memory"
