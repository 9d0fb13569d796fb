"""The programs in benchmarks/ still run: what they print is for people to judge, no timing is asserted here."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from toy import Lab

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = sorted(path.stem for path in (ROOT / "benchmarks").glob("*.py") if "\ndef main(" in path.read_text("utf-8"))
RATIO = r"ratio \d\.\d+ \[\d\.\d+, \d+\.\d+\]"


def run(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, f"benchmarks/{name}.py", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)


# Runs programs one after the other in one process, which imports OpenVINO and Snakemake once; prints, as JSON, the exit
# code and the output of each.
HELP = """
import contextlib, io, json, runpy, sys
sys.path.insert(0, "benchmarks")
found = {}
for name in sys.argv[1:]:
    sys.argv = [f"{name}.py", "--help"]
    output, code = io.StringIO(), None
    with contextlib.redirect_stdout(output):
        try:
            runpy.run_path(f"benchmarks/{name}.py", run_name="__main__")
        except SystemExit as end:
            code = end.code
    found[name] = code, output.getvalue()
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def helps() -> dict[str, tuple[int | None, str]]:
    command = [sys.executable, "-c", HELP, *PROGRAMS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=True)
    found: dict[str, tuple[int | None, str]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", PROGRAMS)
def test_help(name: str, helps: dict[str, tuple[int | None, str]]) -> None:
    code, output = helps[name]
    assert code == 0
    assert output.startswith(f"usage: {name}.py")


def test_fidelity_compares_the_same_settings(lab: Lab) -> None:
    ir = lab.folder / "model.xml"
    done = run("fidelity", "--ir", ir, "--scenario", "single_stream", "multi_stream", "--rounds", "2", "--seconds", "1")
    assert done.returncode == 0, done.stderr
    assert len(re.findall(rf"^  (throughput|latency p50) .+{RATIO}$", done.stdout, re.MULTILINE)) == 4, done.stdout
    assert "settings that differ" not in done.stdout


def test_fidelity_without_a_model_says_so() -> None:
    done = run("fidelity", "--model", "nothing", "--variants", "nowhere")
    assert done.returncode == 1
    assert done.stderr == "nowhere/nothing/fp32: no IR there; run an experiment with this model first\n"


@pytest.mark.skipif(shutil.which("c++") is None, reason="needs a C++ compiler")
def test_python_against_the_same_loop_in_cpp(lab: Lab) -> None:
    done = run(
        "python_overhead",
        "--seconds",
        "0.1",
        "--rounds",
        "2",
        "--launch-seconds",
        "0.1",
        "--ir",
        lab.folder / "model.xml",
    )
    assert done.returncode == 0, done.stderr
    told = re.findall(rf"against C\+\+ \((infer|wait)\): .+ us, {RATIO}: Python adds", done.stdout)
    assert sorted(told) == ["infer"] * 4 + ["wait"] * 4, done.stdout
