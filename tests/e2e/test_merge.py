"""Two real runs, one copied and one measured anew with other settings, become one report of two hosts."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from workflow_runs import TINY, copy_workflow, planned, snakemake

from ovlab.csv_files import read_csv
from ovlab.records import read_record, write_record

LONGER = tuple(one for one in TINY if "duration_s" not in one)
SETTINGS = {"a": TINY, "b": (*LONGER, "measurement.duration_s=0.2")}


@pytest.fixture(scope="module")
def labs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout, with the results of two runs beside it: ``a`` and ``b``."""
    folder = copy_workflow(tmp_path_factory.mktemp("labs"))
    for name, overrides in SETTINGS.items():
        done = snakemake(folder, overrides=overrides)
        assert done.returncode == 0, done.stdout
        shutil.copytree(folder / "results", folder / name, copy_function=shutil.copy2)
    shutil.rmtree(folder / "results")
    return folder


def by_hand(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ovlab_command", "merge", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={"PYTHONPATH": str(folder / "src"), "PATH": "/usr/bin:/bin"},
    )


def test_the_workflow_merges_and_has_then_nothing_to_do(labs: Path) -> None:
    done = snakemake(labs, merge="[{lab_a: a},b]")
    assert done.returncode == 0, done.stdout
    report = labs / "results/quickstart_merged/report"
    results, differences = (read_csv(report / f"tables/{name}.csv") for name in ("results", "differences"))
    assert len(results) == 6 and (results["status"] == "ok").all()
    assert "lab_a" in set(results["host"]) and results["host"].nunique() == 2
    assert results.groupby("host")["throughput_fps"].count().tolist() == [3, 3]
    # What is checked out may have been committed to in between.
    assert set(differences["what"]) - {"git commit of ovlab"} == {"measurement.duration_s"}
    assert "Merged results" in (report / "index.html").read_text(encoding="utf-8")
    assert planned(snakemake(labs, "-n", merge="[{lab_a: a},b]").stdout) == {}
    with (labs / "a/quickstart/report/settings.json").open("a", encoding="utf-8") as settings:
        settings.write("\n")
    assert planned(snakemake(labs, "-n", merge="[{lab_a: a},b]").stdout) == {"merge": 1}


def test_another_model_is_refused_with_both_hashes(labs: Path) -> None:
    shutil.copytree(labs / "b", labs / "c")
    path = next((labs / "c").glob("sources/models/digits_cnn/*/source.json"))
    record = read_record(path)
    (name, sha256), *_ = record.inputs.items()
    record.inputs[name] = "ab" * 32
    write_record(path, record)
    done = by_hand(labs, "a", "c", "--into", "out")
    assert done.returncode == 1
    assert done.stderr == (
        f"error: not comparable: model digits_cnn: SHA-256 of {name} is {sha256} in a and {'ab' * 32} in c\n"
    )
    assert not (labs / "out").exists()


def test_results_are_merged_by_hand_as_in_the_workflow(labs: Path) -> None:
    done = by_hand(labs, "lab_a=a", "b", "--into", "out", "--name", "both")
    assert done.returncode == 0, done.stderr
    assert "differs: measurement.duration_s: 0.1 (lab_a); 0.2 (" in done.stderr
    assert (labs / "out/both/report/index.html").is_file()


def test_a_mistake_in_the_option_is_one_line(labs: Path) -> None:
    done = snakemake(labs, "-n", merge="[a,bb]")
    assert done.returncode != 0
    assert "--config merge: bb: no such folder or bundle; did you mean" in done.stdout
    assert "expected a list of folders and bundles" in snakemake(labs, "-n", merge="a").stdout
