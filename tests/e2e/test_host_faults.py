"""Faults of the host during whole runs: several runs at once, clocks that jump, files from the future."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime
from itertools import cycle, pairwise
from pathlib import Path

import pandas as pd
import pytest
from disks import can_mount, on_disk
from workflow_runs import TINY, command, copy_workflow, snakemake

from ovlab.records import read_record, require_intact

SCENARIOS = "experiment.scenarios=[single_stream,offline]"
VERDICT = "6 cells: 6 ok, 0 unavailable, 0 failed\n"
KINDS = {"source", "variant", "accuracy", "session"}
TWICE = (*(one for one in TINY if not one.startswith("experiment.scenarios")), SCENARIOS)
TWO_DAYS_S = 2 * 24 * 3600


def started(folder: Path, name: str, overrides: tuple[str, ...] = TWICE) -> subprocess.Popen[bytes]:
    with (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(command(overrides=overrides), cwd=folder, stdout=log, stderr=subprocess.STDOUT)


def measurements(folder: Path) -> Iterator[tuple[datetime, datetime]]:
    """Yield when each session of a run had the host to itself, as its record has it."""
    for path in sorted((folder / "results/quickstart/sessions").rglob("session.json")):
        alone = read_record(path, "session").data["alone"]
        yield datetime.fromisoformat(alone["began"]), datetime.fromisoformat(alone["ended"])


def test_two_runs_on_one_host_never_measure_at_once(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
        copy_workflow(folder)
    runs = [started(folder, "run") for folder in folders]
    assert [run.wait(600) for run in runs] == [0, 0], (folders[0] / "run.log").read_text(encoding="utf-8")
    times = sorted(time for folder in folders for time in measurements(folder))
    assert len(times) == 4
    assert all(ended <= began for (_, ended), (began, _) in pairwise(times)), times
    assert all((folder / "results/quickstart/verdict.txt").read_text() == VERDICT for folder in folders)


def test_two_runs_in_one_folder_leave_nothing_false(tmp_path: Path) -> None:
    """They do not wait for each other: what one replaces while the other reads it fails there, in one line."""
    folder = copy_workflow(tmp_path)
    first = started(folder, "first")
    time.sleep(1.5)
    second = started(folder, "second")
    codes = {first.wait(600), second.wait(600)}
    said = "".join((folder / f"{name}.log").read_text(encoding="utf-8") for name in ("first", "second"))
    assert "Traceback" not in said and codes <= {0, 1} and 0 in codes, said
    times = sorted(measurements(folder))
    assert all(ended <= began for (_, ended), (began, _) in pairwise(times))
    done = snakemake(folder, overrides=TWICE)
    assert done.returncode == 0, done.stdout
    assert (folder / "results/quickstart/verdict.txt").read_text() == VERDICT
    records = {path: read_record(path) for path in (folder / "results").rglob("*.json") if path.stem in KINDS}
    assert {record.status for record in records.values()} == {"ok"}
    for path, record in records.items():
        require_intact(record, path.parent)
    results = pd.read_csv(folder / "results/quickstart/report/tables/results.csv")
    assert set(results["run_id"]) == {record.run_id for record in records.values() if record.kind == "session"}


def test_files_from_the_future(tmp_path: Path) -> None:
    """As after a clock that was ahead: results are dated now, a file of the user's own is named in one line."""
    folder = copy_workflow(tmp_path)
    assert snakemake(folder, overrides=TINY).returncode == 0
    ahead = time.time() + 2 * 86400
    for path in (folder / "results").rglob("*.json"):
        os.utime(path, (ahead, ahead))
    for path in (folder / "results").glob("accuracy/*/int8/*/accuracy.json"):
        path.unlink()
    done = snakemake(folder, overrides=TINY)
    assert done.returncode == 0, done.stdout
    model = folder / "resources/digits_cnn.onnx"
    os.utime(model, (ahead, ahead))
    done = snakemake(folder, overrides=TINY)
    assert done.returncode == 1 and "than input resources/digits_cnn.onnx" in done.stdout, done.stdout
    assert "clock skew" in done.stdout and "Traceback" not in done.stdout
    os.utime(model)
    assert snakemake(folder, overrides=TINY).returncode == 0


def preloaded_clock(folder: Path) -> Path:
    """Compile the wall clock that a file sets."""
    if (compiler := shutil.which("cc")) is None:
        pytest.skip("needs a C compiler (cc)")
    library = folder / "other_clock.so"
    source = Path(__file__).with_name("other_clock.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-Wall", "-Werror", source, "-o", library, "-ldl"], check=True)
    return library


def test_a_clock_that_jumps_during_a_run(tmp_path: Path) -> None:
    """Two days back, then two days on: what Snakemake refuses for its date is made anew by the next run."""
    folder = copy_workflow(tmp_path)
    clock = tmp_path / "clock"
    clock.write_text("0")
    environment = os.environ | {"LD_PRELOAD": str(preloaded_clock(tmp_path)), "OTHER_CLOCK": str(clock)}
    with (folder / "run.log").open("wb") as log:
        run = subprocess.Popen(
            command(overrides=TINY), cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
    jumps = cycle([-TWO_DAYS_S, TWO_DAYS_S])
    while run.poll() is None:
        clock.write_text(str(next(jumps)))
        time.sleep(1.5)
    said = (folder / "run.log").read_text(encoding="utf-8")
    assert run.returncode == 0 or "clock skew" in said, said
    assert "Traceback" not in said
    days = {read_record(path).created[:10] for path in (folder / "results").rglob("*.json") if path.stem in KINDS}
    assert len(days) > 1, f"the clock has not jumped: {days}"
    done = snakemake(folder, overrides=TINY)
    assert done.returncode == 0, done.stdout
    records = [read_record(path) for path in (folder / "results").rglob("*.json") if path.stem in KINDS]
    assert all(0 < record.value("measuring_time") < 600 for record in records if record.kind == "session")
    assert (folder / "results/quickstart/verdict.txt").read_text().startswith("3 cells: 3 ok")


def test_a_run_on_a_disk_of_20_mb(tmp_path: Path) -> None:
    """Enough for a tiny experiment or not: a line that says which disk is full, or whole results."""
    if not can_mount():
        pytest.skip("this system lets nobody mount a file system (unshare -m)")
    home = copy_workflow(tmp_path)
    (home / "results").mkdir()
    script = f"{shlex.join(command(overrides=TINY))} > run.txt 2>&1; echo $? > code.txt; cp -r results kept"
    on_disk(["sh", "-c", script], home / "results", "size=20m", cwd=home, environment={"PYTHONPATH": str(home / "src")})
    said = (home / "run.txt").read_text(encoding="utf-8")
    assert "Traceback" not in said
    if (home / "code.txt").read_text() == "0\n":
        assert "3 cells: 3 ok" in (home / "kept/quickstart/verdict.txt").read_text()
    else:
        assert re.search(r"its disk \(\S+\) is full: .+ needs .+ free$", said, re.M), said
    for path in (home / "kept").rglob("*.json"):
        if path.stem in KINDS:
            require_intact(read_record(path), path.parent)


def test_a_changed_source_fails_its_cells_and_is_made_anew(tmp_path: Path) -> None:
    folder = copy_workflow(tmp_path)
    assert snakemake(folder, overrides=TINY).returncode == 0
    results = folder / "results"
    image = min((results / "sources/datasets").rglob("validation/*/*.png"))
    image.write_bytes(max(image.parent.glob("*.png")).read_bytes())
    for path in results.glob("accuracy/*/int8/*/accuracy.json"):
        path.unlink()
    failed = snakemake(folder, overrides=TINY)
    assert failed.returncode == 1
    assert re.search(rf"{re.escape(image.name)}: was changed after it was listed", failed.stdout), failed.stdout
    again = snakemake(folder, overrides=TINY)
    assert again.returncode == 0, again.stdout
    assert "download digits" in again.stdout
    assert (results / "quickstart/verdict.txt").read_text() == "3 cells: 3 ok, 0 unavailable, 0 failed\n"
