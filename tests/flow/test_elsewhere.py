"""From a folder of one's own, through a closed pipe, and asked for what needs no cores."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from workflow_runs import ROOT, planned

ONE_SESSION = "experiment.models=[digits_cnn],experiment.devices=[cpu],experiment.scenarios=[offline]"


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Snakemake as somebody would who has the checkout elsewhere and says nothing of cores."""
    command = [sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile"), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def test_what_ships_is_found_beside_the_snakefile(tmp_path: Path) -> None:
    conf = tmp_path / "my conf" / "precision"
    conf.mkdir(parents=True)
    (conf / "mine.yaml").write_text("weights: f32\ninference_precision: f32\n", encoding="utf-8")
    overrides = f"overrides=[{ONE_SESSION},experiment.precisions=[fp32,mine]]"
    done = run(tmp_path, "-n", "-p", "--config", overrides, "extra_conf=my conf")
    assert done.returncode == 0, done.stdout
    expected = {"download": 2, "convert": 2, "validate": 2, "benchmark": 1, "report": 1, "verdict": 1}
    expected |= {"measure_peaks": 1, "profile_layers": 1}
    assert planned(done.stdout) == expected
    assert str(ROOT / "scripts" / "convert.py") in done.stdout
    assert "--record results/" in done.stdout  # results are the user's, in the current folder


@pytest.mark.parametrize("arguments", [("--summary",), ("--dag",), ("--rulegraph",), ("--list-rules",)])
def test_what_needs_no_cores_asks_for_none(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = run(tmp_path, *arguments, "--config", f"overrides=[{ONE_SESSION},experiment.precisions=[fp32]]")
    assert done.returncode == 0, done.stderr
    assert "benchmark" in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("folder", [ROOT, None])
def test_a_list_that_nobody_reads_to_its_end(folder: Path | None, tmp_path: Path) -> None:
    line = f"{sys.executable} -m ovlab_flow | true; echo ${{PIPESTATUS[0]}}"
    bash = shutil.which("bash")
    assert bash is not None
    done = subprocess.run(
        [bash, "-c", line], cwd=folder or tmp_path, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr == ""
    assert done.stdout.strip() in {"0", "141"}  # 141: ended by SIGPIPE
