"""Temporary folders go with their process, or with the next one that looks; those of living processes stay."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock
import pytest

from ovlab.scratch import OWNER, scratch_folder
from ovlab.scratch.leftovers import remove_leftovers

OWNER_CODE = """if True:
    import sys
    from pathlib import Path
    from ovlab.scratch import scratch_folder
    with scratch_folder(*map(Path, sys.argv[1:2]), *sys.argv[2:]) as folder:
        (folder / "data").write_text("x")
        print(folder, flush=True)
        sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def temp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files of this test's own."""
    folder = tmp_path / "temp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


@contextmanager
def owner(*arguments: str | Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Start a process that owns a folder until it is killed or the block ends."""
    command = [sys.executable, "-c", OWNER_CODE, *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, Path(process.stdout.readline().strip())
        finally:
            process.kill()


def killed(*arguments: str | Path) -> Path:
    with owner(*arguments) as (process, folder):
        process.kill()
        process.wait()
    assert (folder / "data").exists()
    return folder


def test_a_folder_goes_with_its_block(temp: Path) -> None:
    with scratch_folder() as folder:
        assert folder.parent == temp
        (folder / "deep").mkdir()
    with pytest.raises(ValueError, match="x"), scratch_folder():
        raise ValueError("x")
    assert list(temp.iterdir()) == []


def test_the_next_one_removes_what_a_killed_process_left(temp: Path) -> None:
    left = killed()
    with scratch_folder() as folder:
        assert list(temp.iterdir()) == [folder]
    assert not left.exists()


def test_what_a_living_process_owns_stays(tmp_path: Path) -> None:
    with owner() as (_, folder):
        remove_leftovers(tmp_path / "results", ())
        with scratch_folder():
            assert (folder / "data").exists()


def test_what_is_not_ours_stays(temp: Path, tmp_path: Path) -> None:
    (temp / "ovlab-checkout" / "src").mkdir(parents=True)
    (temp / "ovlab-file").touch()
    (temp / "ovlab-link").symlink_to(killed())
    (temp / "ovlab-just-made").mkdir()
    (temp / "ovlab-just-made" / OWNER).touch()
    remove_leftovers(tmp_path / "results", ())
    assert {path.name for path in temp.glob("ovlab-[cfj]*")} == {"ovlab-checkout", "ovlab-file", "ovlab-just-made"}
    os.utime(temp / "ovlab-just-made", (0, 0))
    remove_leftovers(tmp_path / "results", ())
    assert not (temp / "ovlab-just-made").exists()


def test_half_made_files_of_steps_are_removed(tmp_path: Path) -> None:
    results = tmp_path / "results"
    source = results / "sources" / "datasets" / "coco" / "12345678"
    variant = results / "variants" / "net" / "fp32" / "12345678"
    for folder in (source, variant):
        folder.mkdir(parents=True)
        (folder / "record.json").touch()
    killed(source, ".files.", ".partial")
    killed(variant, ".", ".partial")
    with owner(variant, ".", ".partial") as (_, living):
        remove_leftovers(results, ())
        assert [path.name for path in source.iterdir()] == ["record.json"]
        assert sorted(variant.iterdir()) == sorted([variant / "record.json", living])


def test_files_that_were_killed_before_they_got_their_names_are_removed(tmp_path: Path) -> None:
    places = [
        "quick",
        "quick/report",
        "quick/report/tables",
        "quick/sessions/here/net/cpu/offline",
        "quick/profiles/here/net/cpu",
        "peaks/here/cpu/12345678",
        "accuracy/net/fp32/12345678",
        "variants/net/fp32/12345678",
        "sources/models/net/12345678",
    ]
    left = [age(tmp_path / place / ".table.ab12_xyz.partial.md", 1) for place in places]
    living = age(tmp_path / places[0] / ".table.cd34_xyz.partial.md", 0)
    others = [age(tmp_path / "sources/models/net/12345678/files/.a.b.partial.c", 1), age(tmp_path / "quick/a.csv", 1)]
    remove_leftovers(tmp_path, ())
    assert not any(path.exists() for path in left)
    assert all(path.exists() for path in (living, *others))


def age(path: Path, days: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"part")
    then = time.time() - days * 86_400
    os.utime(path, (then, then))
    return path


def test_partial_downloads(tmp_path: Path) -> None:
    cache = tmp_path / "results" / "sources" / "cache"
    wanted, recent, old = (age(cache / name / "a.zip.part", days) for name, days in [("w", 9), ("r", 0.9), ("o", 1.1)])
    unchecked, whole = age(cache / "w" / "tmpab12_xyz", 0), age(cache / "o" / "b.zip", 9)
    busy = age(cache / "b" / "a.zip.part", 9)
    with filelock.FileLock(cache / "b" / ".lock"):
        remove_leftovers(tmp_path / "results", {"w"})
    assert [path.exists() for path in (wanted, recent, busy, whole)] == [True] * 4
    assert [path.exists() for path in (old, unchecked)] == [False] * 2


def test_nothing_to_remove(tmp_path: Path) -> None:
    remove_leftovers(tmp_path / "nowhere", ())
    assert not (tmp_path / "nowhere").exists()
