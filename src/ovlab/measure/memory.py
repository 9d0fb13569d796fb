"""Memory of this process."""

from __future__ import annotations

import sys
from pathlib import Path

import psutil

STATUS = Path("/proc/self/status")


def rss_mb() -> float:
    """Return the resident set size that this process has now, in MB (10^6 bytes)."""
    return float(psutil.Process().memory_info().rss) / 1e6


def peak_rss_mb() -> float:
    """Return the largest resident set size that this process has had, in MB (10^6 bytes)."""
    if sys.platform == "win32":
        return float(psutil.Process().memory_info().peak_wset) / 1e6
    if STATUS.exists():
        # Unlike getrusage's, this one begins with the program: that one's begins with the parent that started it.
        fields = dict(line.split(":", 1) for line in STATUS.read_text(encoding="ascii", errors="replace").splitlines())
        return float(fields["VmHWM"].split()[0]) * 1024 / 1e6
    import resource

    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) / 1e6  # macOS counts bytes
