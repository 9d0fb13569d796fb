"""Memory: peaks that only grow, and that are this process's own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ovlab.measure.child.memory import peak_rss_mb, rss_mb


def test_peak_memory_only_grows() -> None:
    before = peak_rss_mb()
    block = np.ones(30_000_000, np.uint8)
    assert peak_rss_mb() >= before > 1
    assert block.sum() == 30_000_000


def test_what_is_held_now_is_no_more_than_the_peak() -> None:
    assert 1 < rss_mb() <= peak_rss_mb()


def test_a_kernel_that_does_not_tell_the_peak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "status").write_text("Name:\tpython\nVmRSS:\t100 kB\n", encoding="ascii")
    told = peak_rss_mb()
    monkeypatch.setattr("ovlab.measure.child.memory.STATUS", tmp_path / "status")
    assert peak_rss_mb() >= 0.9 * told  # getrusage's, of the parent at least
    (tmp_path / "status").write_text("VmHWM:\t 2000 kB\n", encoding="ascii")
    assert peak_rss_mb() == pytest.approx(2.048)


def test_the_peak_of_a_child_is_not_its_parents() -> None:
    block = np.ones(400_000_000, np.uint8)
    command = "from ovlab.measure.child.memory import peak_rss_mb; print(peak_rss_mb())"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 300 < rss_mb()
    assert block.sum() == 400_000_000
