"""Memory that is left, and processes that the kernel killed for it."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from ovlab import memory
from ovlab.memory import available_memory, oom_kills, why_killed

MB = 1_000_000


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host whose /proc and control groups are ours, without any limit."""
    monkeypatch.setattr(memory, "PROC", tmp_path / "proc")
    monkeypatch.setattr(memory, "CGROUPS", tmp_path / "cgroup")
    (tmp_path / "proc" / "self").mkdir(parents=True)
    return tmp_path


def group(folder: Path, limit: int | str, usage: int, droppable: int, *, version: int) -> None:
    folder.mkdir(parents=True)
    names = ("memory.max", "memory.current", "inactive_file")
    if version == 1:
        names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
    (folder / names[0]).write_text(f"{limit}\n")
    (folder / names[1]).write_text(f"{usage}\n")
    (folder / "memory.stat").write_text(f"anon 5\n{names[2]} {droppable}\n")


def test_without_limits_it_is_what_the_host_has(host: Path) -> None:
    assert available_memory() == pytest.approx(psutil.virtual_memory().available, rel=0.5)
    (host / "proc" / "self" / "cgroup").write_text("0::/user.slice\n")
    group(host / "cgroup" / "user.slice", "max", 5 * MB, 0, version=2)
    assert available_memory() > 100 * MB


@pytest.mark.parametrize(("version", "line", "root"), [(2, "0::/a/b", ""), (1, "4:cpu,memory:/a/b", "memory")])
def test_the_tightest_control_group_counts(host: Path, version: int, line: str, root: str) -> None:
    (host / "proc" / "self" / "cgroup").write_text(f"9:name=systemd:/\n{line}\n")
    group(host / "cgroup" / root / "a" / "b", 90 * MB, 10 * MB, 0, version=version)
    assert available_memory() == 80 * MB
    for name in ("memory.max", "memory.limit_in_bytes"):
        (host / "cgroup" / root / "a" / name).write_text(f"{50 * MB}\n")
    for name in ("memory.current", "memory.usage_in_bytes"):
        (host / "cgroup" / root / "a" / name).write_text(f"{30 * MB}\n")
    (host / "cgroup" / root / "a" / "memory.stat").write_text(f"inactive_file {4 * MB}\ntotal_inactive_file {4 * MB}\n")
    assert available_memory() == 24 * MB


def test_a_container_sees_its_group_as_the_root(host: Path) -> None:
    (host / "proc" / "self" / "cgroup").write_text("0::/kubepods/pod1\n")
    group(host / "cgroup", 40 * MB, 50 * MB, 0, version=2)
    assert available_memory() == 0  # over its limit: nothing, not less


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("oom_kill 3", "oom_kill 4", "killed by the kernel for lack of memory"),
        ("oom_kill 3", "oom_kill 3", "killed by SIGKILL, not by the kernel for lack of memory"),
        ("nothing 3", "nothing 3", "killed by SIGKILL (was the machine out of memory?)"),
    ],
)
def test_why_a_process_was_killed(host: Path, before: str, after: str, expected: str) -> None:
    (host / "proc" / "vmstat").write_text(f"pgfault 7\n{before}\n")
    kills = oom_kills()
    (host / "proc" / "vmstat").write_text(f"pgfault 9\n{after}\n")
    assert why_killed(kills) == expected


def test_a_host_that_does_not_tell(host: Path) -> None:
    assert oom_kills() is None
    assert why_killed(None) == "killed by SIGKILL (was the machine out of memory?)"
