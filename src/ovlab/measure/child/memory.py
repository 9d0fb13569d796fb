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
        lines = STATUS.read_text(encoding="ascii", errors="replace").splitlines()
        peak = next((line.split()[1] for line in lines if line.startswith("VmHWM:")), None)
        if peak is not None:  # some sandboxes' kernels do not tell
            return float(peak) * 1024 / 1e6
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * unit / 1e6
