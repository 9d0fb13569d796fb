"""A small real run, bundled, verified, tampered with, and its metadata judged by a public validator."""

from __future__ import annotations

import json
import subprocess
import zipfile
from pathlib import Path

import pytest
from workflow_runs import ROOT, TINY, copy_workflow, run_script, snakemake

VALIDATOR = ROOT / ".venv-crate/bin/rocrate-validator"
RECORD = "results/quickstart/sessions/here/digits_cnn/cpu/single_stream/session.json"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = copy_workflow(tmp_path_factory.mktemp("clone"))
    done = snakemake(folder, overrides=TINY)
    assert done.returncode == 0, done.stdout
    author = "Doe, Jane <0000-0002-1825-0097>"
    arguments = ("--experiment", "quickstart", "--author", author, "--licence", "CC-BY-4.0")
    made = run_script(folder, "bundle", *arguments, "--with-data", "--output", "one.zip")
    assert made.returncode == 0, made.stderr
    assert "fingerprint" in made.stdout
    return folder


def test_a_real_run_holds_and_tells_its_overrides(folder: Path) -> None:
    done = run_script(folder, "verify", "one.zip")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("the bundle holds\n")
    assert "measurement.launches: " in done.stdout and ", 1 was run" in done.stdout
    assert "FAULT" not in done.stdout


def test_a_record_that_was_tampered_with_is_found(folder: Path) -> None:
    with zipfile.ZipFile(folder / "one.zip") as file:
        file.extractall(folder / "unpacked")
    path = folder / "unpacked" / RECORD
    data = json.loads(path.read_text(encoding="utf-8"))
    data["data"]["rows"]["int8"]["values"]["latency_p50"]["value"] /= 2
    path.write_text(json.dumps(data), encoding="utf-8")
    done = run_script(folder, "verify", "unpacked")
    assert done.returncode == 1
    assert f"FAULT: {RECORD}: was changed" in done.stdout


def test_the_metadata_pass_the_public_validator(folder: Path, tmp_path: Path) -> None:
    if not VALIDATOR.exists():
        pytest.skip("needs roc-validator in .venv-crate (make crate-validator)")
    with zipfile.ZipFile(folder / "one.zip") as file:
        file.extractall(tmp_path / "one")
    python, cache = VALIDATOR.with_name("python"), str(tmp_path / "contexts")
    subprocess.run([python, ROOT / "tests/crate_contexts.py", cache], check=True, timeout=60)
    command = [VALIDATOR, "-y", "validate", "--offline", "--cache-path", cache, "-p", "workflow-run-crate"]
    command += ["-l", "REQUIRED", "-f", "json", "-o", tmp_path / "report.json", tmp_path / "one"]
    subprocess.run(command, capture_output=True, timeout=120, check=False)
    verdict = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert verdict["issues"] == [] and verdict["passed"] is True
