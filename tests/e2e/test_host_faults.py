"""Faults of the host during whole runs: several runs at once, clocks that jump, files from the future."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pandas as pd
from workflow_runs import TINY, command, copy_workflow, snakemake

from ovlab.files import read_json

SCENARIOS = "experiment.scenarios=[single_stream,offline]"
LINE = re.compile(r"^(\S+ \S+) DEBUG (measuring alone on this host|measured)$", re.MULTILINE)
VERDICT = "6 cells: 6 ok, 0 unavailable, 0 failed\n"
TWICE = (*(one for one in TINY if not one.startswith("experiment.scenarios")), SCENARIOS)
LIBRARIES = ("/usr/lib/*/faketime/libfaketime.so.1", "/usr/lib64/faketime/libfaketime.so.1")


def started(folder: Path, name: str, overrides: tuple[str, ...] = TWICE) -> subprocess.Popen[bytes]:
    with (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(command(overrides=overrides), cwd=folder, stdout=log, stderr=subprocess.STDOUT)


def measurements(folder: Path) -> Iterator[tuple[datetime, datetime]]:
    """Yield when each session of a run had the host to itself, as its log has it."""
    for log in sorted((folder / "results/logs/quickstart/sessions").rglob("*.log")):
        times = LINE.findall(log.read_text(encoding="utf-8"))
        assert [words for _, words in times] == ["measuring alone on this host", "measured"] * (len(times) // 2)
        instants = [datetime.strptime(text, "%Y-%m-%d %H:%M:%S,%f") for text, _ in times]
        yield from zip(instants[::2], instants[1::2], strict=True)


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


def test_two_runs_in_one_folder_end_with_whole_results(tmp_path: Path) -> None:
    folder = copy_workflow(tmp_path)
    first = started(folder, "first")
    time.sleep(1.5)  # in the midst of the first one's work
    second = started(folder, "second")
    codes = [first.wait(600), second.wait(600)]
    said = "".join((folder / f"{name}.log").read_text(encoding="utf-8") for name in ("first", "second"))
    assert "Traceback" not in said
    assert codes == [0, 0], said
    times = sorted(measurements(folder))
    assert all(ended <= began for (_, ended), (began, _) in pairwise(times))
    assert (folder / "results/quickstart/verdict.txt").read_text() == VERDICT
    done = snakemake(folder, overrides=TWICE)
    assert "Nothing to be done" in done.stdout, done.stdout
    results = pd.read_csv(folder / "results/quickstart/report/tables/results.csv")
    for row in results.to_dict("records"):  # the report is on the records that are there
        record = read_json(
            folder / f"results/quickstart/sessions/{row['model']}/{row['device']}/{row['scenario']}/session.json"
        )
        assert record["run_id"] == row["run_id"]
    assert not list((folder / "results").rglob("*.partial*"))
