"""A run on a disk that is too small says so, leaves nothing half-made, and goes on once there is room."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from disks import can_mount, on_disk
from workflow_runs import TINY, command, copy_workflow

# The second time the disk has grown. What is in it goes with the namespace, so it is looked at inside.
SCRIPT = """
for size in 5m 60m; do
    mount -o remount,size=$size results
    {run} > run-$size.txt 2>&1
    echo $? > code-$size.txt
    find results -name '*.partial*' -o -name 'ovlab-*' > left-$size.txt
done
cp results/quickstart/verdict.txt .
"""


def test_a_run_on_a_disk_that_grows(tmp_path: Path) -> None:
    if not can_mount():
        pytest.skip("this system lets nobody mount a file system (unshare -m)")
    home = copy_workflow(tmp_path)
    results = home / "results"
    results.mkdir()
    script = SCRIPT.format(run=shlex.join(command(overrides=TINY)))
    on_disk(["sh", "-c", script], results, "size=5m", cwd=home, environment={"PYTHONPATH": str(home / "src")})

    def read(name: str) -> str:
        return (home / name).read_text(encoding="utf-8")

    assert [read(f"code-{size}.txt") for size in ("5m", "60m")] == ["1\n", "0\n"], read("run-60m.txt")
    said = read("run-5m.txt")
    assert re.search(rf"results/\S+: its disk \({re.escape(str(results))}\) is full: .+ needs .+ free$", said, re.M)
    assert "iostream" not in said
    assert "Traceback" not in said
    assert read("left-5m.txt") == read("left-60m.txt") == ""
    assert read("verdict.txt") == "3 cells: 3 ok, 0 unavailable, 0 failed\n"
