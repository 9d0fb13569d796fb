"""Peak memory of this process."""

from __future__ import annotations

import sys

import psutil


def peak_rss_mb() -> float:
    """Return the largest resident set size that this process has had, in MB (10^6 bytes)."""
    if sys.platform == "win32":
        return float(psutil.Process().memory_info().peak_wset) / 1e6
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts kibibytes, macOS bytes.
    return float(peak if sys.platform == "darwin" else peak * 1024) / 1e6
