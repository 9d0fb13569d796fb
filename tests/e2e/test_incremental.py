"""A tiny real run, then what an edit in YAML, a failure and a kill lead to."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pandas as pd
import pytest
from workflow_runs import TINY, command, copy_workflow, jobs, planned, snakemake

from ovlab.records import read_record


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = copy_workflow(tmp_path_factory.mktemp("finished"))
    done = snakemake(folder, overrides=TINY)
    assert done.returncode == 0, done.stdout
    return folder


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    """Copy the finished run, with the times of its files."""
    shutil.copytree(finished, tmp_path / "copy", copy_function=shutil.copy2)
    return tmp_path / "copy"


def change(*pairs: tuple[str, str]) -> tuple[str, ...]:
    """Return the tiny run's overrides with some of them changed or added."""
    changed = dict(one.split("=", 1) for one in TINY) | dict(pairs)
    return tuple(f"{key}={value}" for key, value in changed.items())


def test_results_are_whole(finished: Path) -> None:
    results = pd.read_csv(finished / "results/quickstart/report/tables/results.csv")
    assert results["status"].tolist() == ["ok"] * 3
    assert results["executed_precision"].tolist() == ["f32", "f32", "i8"]
    assert (results["execution_devices"] == "CPU").all()
    assert (results["samples"] == 40).all()
    assert results["accuracy"].between(0.8, 1).all()
    assert (results["latency_ms_p50"] > 0).all() and (results["throughput_fps"] > 0).all()
    assert results["speedup"].notna().all() and results["speedup_low"].isna().tolist() == [False, True, True]
    assert (finished / "results/quickstart/verdict.txt").read_text() == "3 cells: 3 ok, 0 unavailable, 0 failed\n"
    assert (finished / "results/quickstart/report/index.html").stat().st_size > 0


def test_a_second_run_has_nothing_to_do(folder: Path) -> None:
    done = snakemake(folder, overrides=TINY)
    assert done.returncode == 0
    assert "Nothing to be done" in done.stdout


@pytest.mark.parametrize(
    ("deleted", "expected"),
    [
        ("quickstart/report", {}),
        ("quickstart/report/index.html", {}),
        ("quickstart/sessions", {"benchmark": 1}),
        ("accuracy/digits_cnn/int8", {"validate": 1}),
        ("variants/digits_cnn/int8", {"calibrate": 1, "validate": 1, "benchmark": 1}),
    ],
)
def test_what_is_deleted_is_made_anew(folder: Path, deleted: str, expected: dict[str, int]) -> None:
    path = folder / "results" / deleted
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    done = snakemake(folder, "-n", overrides=TINY)
    assert planned(done.stdout) == expected | {"report": 1, "verdict": 1}


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        # A scenario: its session, nothing else.
        ([("experiment.scenarios", "[single_stream,offline]")], {"benchmark": 1}),
        ([("experiment.devices", "[cpu,auto]")], {"benchmark": 1}),
        # Another way to measure: sessions anew, variants kept.
        ([("measurement.duration_s", "0.2")], {"benchmark": 1}),
        # Another seed: INT8 and what it is part of.
        ([("seed", "3")], {"calibrate": 1, "validate": 1, "benchmark": 1}),
        ([("precision.quantization.preset", "mixed")], {"calibrate": 1, "validate": 1, "benchmark": 1}),
        # A description is nothing that a result depends on.
        ([("model.description", "another")], {}),
    ],
)
def test_a_change_reruns_what_it_touches(
    folder: Path, overrides: list[tuple[str, str]], expected: dict[str, int]
) -> None:
    done = snakemake(folder, "-n", overrides=change(*overrides))
    assert done.returncode == 0, done.stdout
    assert planned(done.stdout) == expected | {"report": 1, "verdict": 1}


def test_adding_a_precision_or_a_model_in_yaml(folder: Path) -> None:
    precision = (folder / "conf/precision/int8.yaml").read_text()
    (folder / "conf/precision/int8_mixed.yaml").write_text(precision + "  preset: mixed\n")
    (folder / "conf/model/digits_2.yaml").write_text((folder / "conf/model/digits_cnn.yaml").read_text())
    done = snakemake(folder, "-n", overrides=change(("experiment.precisions", "[fp32,fp16,int8,int8_mixed]")))
    assert planned(done.stdout) == {"calibrate": 1, "validate": 1, "benchmark": 1, "report": 1, "verdict": 1}
    assert "calibrate digits_cnn for int8_mixed" in jobs(done.stdout)
    done = snakemake(folder, "-n", overrides=change(("experiment.models", "[digits_cnn,digits_2]")))
    assert planned(done.stdout) == {
        "download": 1,
        "convert": 2,
        "calibrate": 1,
        "validate": 3,
        "benchmark": 1,
        "report": 1,
        "verdict": 1,
    }
    assert all("digits_2" in message or "quickstart" in message for message in jobs(done.stdout))


def test_going_back_to_earlier_settings_finds_the_earlier_variants(folder: Path) -> None:
    assert snakemake(folder, overrides=change(("seed", "3"))).returncode == 0
    done = snakemake(folder, "-n", overrides=TINY)
    assert planned(done.stdout) == {"benchmark": 1, "report": 1, "verdict": 1}


def test_a_failed_cell_stops_no_other_is_reported_and_tried_again(folder: Path) -> None:
    too_many = change(("precision.quantization.subset", "5000"))
    failed = snakemake(folder, overrides=too_many)
    assert failed.returncode != 0
    reason = "quantization.subset: 5000 images, but the calibration split has 300"
    # The last words are ours: the reason once, where to look, and the very command that tries again.
    assert "results/quickstart/report/records.txt" in failed.stdout
    last = failed.stdout.rsplit("\n\n", maxsplit=1)[-1].splitlines()
    assert last[:3] == [
        "3 cells: 2 ok, 0 unavailable, 1 failed",
        f"failed: variant: {reason}",
        "  cells: digits_cnn/int8/cpu/single_stream",
    ]
    log = folder / last[3].removeprefix("  log: ")
    assert reason in log.read_text(encoding="utf-8")
    assert last[4].startswith("try the failed steps again: python -m snakemake --cores all --config experiment=")
    assert len(last) == 5
    results = pd.read_csv(folder / "results/quickstart/report/tables/results.csv").set_index("precision")
    assert results["status"].to_dict() == {"fp32": "ok", "fp16": "ok", "int8": "failed"}
    assert reason in results.loc["int8", "reason"]
    assert results.loc["fp32", "throughput_fps"] > 0
    again = snakemake(folder, "-n", overrides=too_many)
    assert planned(again.stdout) == {"calibrate": 1, "validate": 1, "benchmark": 1, "report": 1, "verdict": 1}
    # Mended, it runs through.
    assert snakemake(folder, overrides=TINY).returncode == 0


def test_a_killed_run_goes_on_and_takes_nothing_unfinished_for_finished(tmp_path: Path) -> None:
    folder = copy_workflow(tmp_path)
    for milestone in ("source.json", "variant.json", "accuracy.json"):
        process = subprocess.Popen(
            command(overrides=TINY),
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + 300
        while not list(folder.glob(f"results/*/*/*/*/{milestone}")) and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for kind in ("source", "variant", "accuracy"):
            for path in folder.glob(f"results/*/*/*/*/{kind}.json"):
                assert read_record(path, kind).ok
    done = snakemake(folder, overrides=TINY)
    assert done.returncode == 0, done.stdout
    results = pd.read_csv(folder / "results/quickstart/report/tables/results.csv")
    assert results["status"].tolist() == ["ok"] * 3
