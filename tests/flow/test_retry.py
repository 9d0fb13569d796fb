"""What failed in a run that never came to its verdict is tried again by the next run."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ovlab.files import sha256_of
from ovlab.records import Record, write_record
from ovlab_flow import Grid, load_grid
from ovlab_flow.retry import LOCKS, put_failed_aside, records_of, runs_jobs

KINDS = ["source", "variant", "accuracy", "peaks", "profile", "session"]
RUN = ["--cores", "all", "--config", "experiment=quickstart"]


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Grid:
    results = tmp_path_factory.mktemp("results")
    return load_grid("quickstart", overrides=[f"results={results}"])


@pytest.fixture
def grid(places: Grid) -> Grid:
    """A grid whose results hold a record of each step, all ok."""
    for path in records_of(places):
        path.with_suffix(".bin").parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".bin").write_bytes(b"weights")
        files = {f"{path.stem}.bin": sha256_of(path.with_suffix(".bin"))}
        write_record(path, Record(path.stem, {}, files=files, environment={}))  # type: ignore[arg-type]
    return places


def first(grid: Grid, stem: str) -> Path:
    return next(path for path in records_of(grid) if path.stem == stem)


def test_what_is_in_order_stays(grid: Grid) -> None:
    assert {path.stem for path in records_of(grid)} == set(KINDS)
    assert put_failed_aside(grid, RUN) == []


@pytest.mark.parametrize("stem", KINDS)
def test_what_failed_is_put_aside(grid: Grid, stem: str) -> None:
    path = first(grid, stem)
    write_record(path, Record(stem, {}, status="failed", reason="server down", environment={}))  # type: ignore[arg-type]
    assert put_failed_aside(grid, [*RUN, "-n"]) == []
    assert put_failed_aside(grid, RUN) == [path]
    assert not path.exists() and path.with_name(f"{stem}.failed.json").exists()


def test_what_failed_in_a_run_that_goes_on_stays(grid: Grid) -> None:
    path = first(grid, "session")
    write_record(path, Record("session", {}, status="failed", reason="server down", environment={}))
    program = f"from ovlab_flow.retry import is_only_run; from pathlib import Path; is_only_run(Path({grid.results!r}))"
    other = [sys.executable, "-c", f"{program}; print('runs', flush=True); input()"]
    with subprocess.Popen(other, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None and run.stdout.readline() == "runs\n"
        assert put_failed_aside(grid, RUN) == []
        run.kill()
    assert put_failed_aside(grid, RUN) == [path]
    assert len(list((Path(grid.results) / LOCKS).iterdir())) == 1


def test_records_from_the_future_are_dated_now_in_the_order_of_the_chain(grid: Grid) -> None:
    paths = list(records_of(grid))
    ahead = time.time() + 86400
    before = paths[0].stat().st_mtime_ns
    for path in paths[1:]:
        os.utime(path, (ahead, ahead))
    assert put_failed_aside(grid, [*RUN, "-n"]) == [] and paths[1].stat().st_mtime == ahead
    assert put_failed_aside(grid, RUN) == []
    times = [path.stat().st_mtime_ns for path in paths]
    assert times[0] == before and times == sorted(times) and times[-1] <= time.time_ns()


def test_what_is_unavailable_stays(grid: Grid) -> None:
    write_record(first(grid, "session"), Record("session", {}, status="unavailable", reason="no GPU", environment={}))
    assert put_failed_aside(grid, RUN) == []


def test_what_cannot_be_relied_on_is_put_aside(grid: Grid) -> None:
    truncated, edited, changed, missing = list(records_of(grid))[-4:]
    truncated.write_text(truncated.read_text()[:100])
    edited.write_text(edited.read_text().replace('"kind"', '"Kind"'))
    changed.with_suffix(".bin").write_bytes(b"others!")
    missing.with_suffix(".bin").unlink()
    assert put_failed_aside(grid, RUN) == [truncated, edited, changed, missing]


@pytest.mark.parametrize(
    "option", ["-n", "--summary", "--dag", "--report", "--unlock", "--lint", "--list-rules", "--touch"]
)
def test_a_mere_look_changes_nothing(option: str) -> None:
    assert runs_jobs(RUN)
    assert not runs_jobs([*RUN, option])
    assert not runs_jobs(["no", "--snakemake"])
