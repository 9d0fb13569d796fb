"""Memory: peaks that only grow, and that are this process's own."""

from __future__ import annotations

import subprocess
import sys

import numpy as np

from ovlab.measure.memory import peak_rss_mb, rss_mb


def test_peak_memory_only_grows() -> None:
    before = peak_rss_mb()
    block = np.ones(30_000_000, np.uint8)
    assert peak_rss_mb() >= before > 1
    assert block.sum() == 30_000_000


def test_what_is_held_now_is_no_more_than_the_peak() -> None:
    assert 1 < rss_mb() <= peak_rss_mb()


def test_the_peak_of_a_child_is_not_its_parents() -> None:
    block = np.ones(400_000_000, np.uint8)
    command = "from ovlab.measure.memory import peak_rss_mb; print(peak_rss_mb())"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 300 < rss_mb()
    assert block.sum() == 400_000_000
