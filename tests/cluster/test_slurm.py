"""A run on a real Slurm of one node gives what a run on this machine gives."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
from one_node_slurm import OneNodeSlurm
from workflow_runs import TINY, command, copy_workflow, snakemake

from ovlab.records import read_record

MEASURING = ("experiment.scenarios=[single_stream,multi_stream]", "experiment.hosts=[lab]")
HOST = "slurm: {partition: lab, constraint: epyc, extra: --nice=7}\n"
ON_SLURM = ("--profile", "profiles/slurm", "--latency-wait", "5", "--verbose")


def on_slurm(folder: Path, *overrides: str) -> subprocess.Popen[str]:
    """Start a run in the background; what it says goes to a file, as a pipe that nobody reads would fill."""
    with (folder / "run.txt").open("w") as out:
        return subprocess.Popen(
            command(*ON_SLURM, overrides=(*TINY, *overrides)),
            cwd=folder,
            stdout=out,
            stderr=subprocess.STDOUT,
            text=True,
        )


def finished(run: subprocess.Popen[str], folder: Path) -> str:
    """Wait for the end of a run that succeeds."""
    code = run.wait(600)
    said = (folder / "run.txt").read_text()
    logs = "".join(path.read_text()[-3000:] for path in folder.glob(".snakemake/slurm_logs/**/*.log"))
    assert code == 0, said[-6000:] + logs
    return said


def results(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "results/quickstart/report/tables/results.csv")


@pytest.fixture(scope="module")
def there(slurm: OneNodeSlurm, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run whose slurmd was killed under a measurement, and came back."""
    folder = copy_workflow(tmp_path_factory.mktemp("slurm"))
    (folder / "conf/host/lab.yaml").write_text(HOST)
    run = on_slurm(folder, *MEASURING)
    try:
        slurm.wait_for(
            lambda: run.poll() is not None or any("RUNNING rule_benchmark" in one for one in slurm.queue()), 400
        )
        slurm.stop("slurmd", signal.SIGKILL)
        time.sleep(2)
        slurm.start_slurmd()
        return folder, finished(run, folder)
    finally:
        run.terminate()
        run.wait(60)


def test_accuracy_is_the_same_as_here(there: tuple[Path, str], tmp_path: Path) -> None:
    here = copy_workflow(tmp_path / "here") if not (tmp_path / "here").mkdir() else tmp_path
    done = snakemake(here, overrides=TINY)
    assert done.returncode == 0, done.stdout[-3000:]
    columns = ["model", "precision", "accuracy", "accuracy_low", "accuracy_high", "accuracy_delta", "samples", "status"]
    expected, found = (one[columns].drop_duplicates(ignore_index=True) for one in (results(here), results(there[0])))
    assert set(found["precision"]) == {"fp32", "fp16", "int8"}
    assert (found["status"] == "ok").all()
    pd.testing.assert_frame_equal(found, expected)


def test_every_cell_was_measured_although_slurmd_was_killed(there: tuple[Path, str]) -> None:
    found = results(there[0])
    assert len(found) == 3 * 2
    assert (found["throughput_fps"] > 0).all()


def test_a_model_is_prepared_in_one_job_and_each_session_is_one(there: tuple[Path, str]) -> None:
    logs = re.findall(r"submitted with SLURM jobid \d+ \(log: \S*/slurm_logs/((?:group|rule)_[a-z_]+)/", there[1])
    assert sorted(set(logs)) == ["group_prepare_calibrate_convert_validate", "rule_benchmark"]
    assert logs.count("group_prepare_calibrate_convert_validate") == 1


def test_sessions_go_to_the_node_that_their_host_names(there: tuple[Path, str]) -> None:
    calls = [line for line in there[1].splitlines() if line.startswith("sbatch call:")]
    measuring = [one.partition("--wrap")[0] for one in calls if "rule_benchmark" in one]
    assert len(measuring) == 2
    for one in measuring:
        assert {"-p lab", "-C epyc", "--exclusive --nice=7"} == {
            option for option in ("-p lab", "-C epyc", "--exclusive --nice=7") if option in one
        }
    (prepared,) = (one.partition("--wrap")[0] for one in calls if "rule_prepare" in one)
    assert "--exclusive" not in prepared
    assert "-p main" in prepared


def test_measurements_do_not_overlap_and_none_waits_for_another(there: tuple[Path, str]) -> None:
    records = sorted(there[0].glob("results/quickstart/sessions/**/session.json"))
    spans = [read_record(path, "session").data["alone"] for path in records]
    times = sorted((datetime.fromisoformat(one["began"]), datetime.fromisoformat(one["ended"])) for one in spans)
    assert len(times) == 2
    assert all(before[1] <= after[0] for before, after in pairwise(times))
    # The lock would keep them apart too; Slurm has not even started the one beside the other.
    logs = "".join(path.read_text() for path in there[0].glob("results/logs/quickstart/sessions/**/*.log"))
    assert "another measurement is running" not in logs


def test_jobs_take_the_grid_of_the_run_and_say_no_credentials(slurm: OneNodeSlurm, tmp_path: Path) -> None:
    folder = copy_workflow(tmp_path)
    source = "https://ursula:s3cret@127.0.0.1:1/mirror"
    log = "results/logs/variants"
    run = subprocess.Popen(
        command(*ON_SLURM, "--until", "convert", overrides=TINY, mirror=source),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said, _ = run.communicate(timeout=600)
    assert run.returncode == 0, said[-4000:]
    assert list((folder / log).rglob("*.log"))
    calls = [line for line in said.splitlines() if line.startswith("sbatch call:")]
    assert calls
    assert all("mirror=https://***@127.0.0.1:1/mirror" in one and "s3cret" not in one for one in calls)
    assert len(list((folder / ".snakemake/ovlab").glob("*.json"))) == 1


def test_a_step_that_fails_is_a_failed_cell(slurm: OneNodeSlurm, tmp_path: Path) -> None:
    folder = copy_workflow(tmp_path)
    model = folder / "conf/model/digits_cnn.yaml"
    text = model.read_text()
    assert "shape: [-1, 3, 64, 64]" in text
    model.write_text(text.replace("shape: [-1, 3, 64, 64]", "shape: [-1, 3, 63, 64]"))
    run = on_slurm(folder)
    assert run.wait(600) == 1
    found = results(folder)
    assert (found["status"] == "failed").all()
    assert found["reason"].notna().all()
    assert (folder / "results/quickstart/failures.txt").is_file()
