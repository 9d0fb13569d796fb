"""What a run says does not depend on the clock, which may be set while it goes on."""

from __future__ import annotations

import ast
import atexit
import os
from pathlib import Path
from typing import Any

import pytest

from ovlab_flow import clean_up, last_words, load_grid

SOURCE = Path(__file__).parents[2] / "src"


@pytest.mark.parametrize("hours", [-48, 48])
def test_a_summary_is_this_runs_own_wherever_the_clock_has_jumped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    printed: list[Any] = []
    monkeypatch.setattr(atexit, "register", lambda _function, *arguments, **_options: printed.extend(arguments))
    grid = load_grid("quickstart", overrides=[f"results={tmp_path}"])
    summary = tmp_path / "quickstart" / "failures.txt"
    summary.parent.mkdir()
    summary.write_text("of an earlier run\n", encoding="utf-8")
    clean_up(grid)
    last_words(str(summary))
    assert printed == []
    summary.write_text("of this run\n", encoding="utf-8")
    moved = summary.stat().st_mtime + 3600 * hours
    os.utime(summary, (moved, moved))
    last_words(str(summary))
    assert "of this run" in printed[0]


def test_no_duration_is_taken_from_the_clock() -> None:
    """The wall clock is asked for dates, and for the age of files that killed processes left; never for a duration."""
    asked = set()
    for path in sorted(SOURCE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        if calls & {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow"}:
            asked.add(path.relative_to(SOURCE).as_posix())
    assert asked == {
        "ovlab/measure/host/exclusive.py",  # who measures, since when: for the reader of a line
        "ovlab/records.py",  # when a record was made
        "ovlab/scratch/__init__.py",  # the age of a folder
        "ovlab/scratch/leftovers.py",  # the age of a partial download
        "ovlab_flow/grid_cache/store.py",  # the age of a kept grid
        "ovlab_flow/retry.py",  # whether a record is dated in the future
        "ovlab_pods/commands.py",  # how long a pod has waited, by the cluster's dates: each question is a process
    }
