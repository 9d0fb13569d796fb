"""Both scripts by hand, as somebody types them: what they print, and one clear line for what they cannot do."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops

ROOT = Path(__file__).parents[2]
QUICK = """
import sys, runpy
sys.path.insert(0, {scripts!r})
from ovlab.measure.host import exclusive
from ovlab.layers import peaks, terminal
from ovlab.layers.profile import launching
from ovlab.specs import PeaksSpec, ProfilingSpec
from pathlib import Path
exclusive.lock_path = lambda: Path({lock!r})
terminal.known_peaks.__defaults__ = (PeaksSpec(launches=1, windows=1, window_s=0.02),)
terminal.ProfilingSpec = lambda: ProfilingSpec(warm_up_s=0.01, duration_s=0.05)
peaks.pooch.os_cache = lambda name: {cache!r}
sys.argv = ["{script}.py", *{arguments!r}]
runpy.run_path({path!r}, run_name="__main__")
"""


def by_hand(script: str, folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a script with short measurements and a lock and cache of its own."""
    names = {"scripts": str(ROOT / "scripts"), "path": str(ROOT / "scripts" / f"{script}.py"), "script": script}
    names |= {"lock": str(folder / "lock"), "cache": str(folder / "cache")}
    code = QUICK.format(**names, arguments=[str(one) for one in arguments])
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    pixels = ops.parameter([1, 8, 32, 32], np.float32, name="pixels")
    weights = np.random.default_rng(0).normal(0, 1, (32, 8, 3, 3)).astype(np.float32)
    layer = ops.convolution(pixels, ops.constant(weights), [1, 1], [1, 1], [1, 1], [1, 1], name="conv")
    ov.save_model(ov.Model([ops.relu(layer)], [pixels]), tmp_path / "model.xml")
    return tmp_path / "model.xml"


def test_a_profile_by_hand(model: Path, tmp_path: Path) -> None:
    done = by_hand("profile_layers", tmp_path, "--model", model, "--device", "CPU", "--precision", "f32")
    assert done.returncode == 0, done.stderr
    for heading in ("Control totals", "INT8 coverage", "Verdict: ", "What would help"):
        assert heading in done.stdout
    assert "multiply-accumulates: 2.3593 M, of which 100 % are found among the executed nodes (1 of 1 operations)" in (
        done.stdout
    )
    assert re.search(r"Convolution +f32 +\S+ +[\d.]+", done.stdout)
    assert "INT8 coverage\nnone: nothing is executed in INT8" in done.stdout
    table = done.stdout.split("Control totals")[0]
    assert not re.search(r"\de[+-]\d", table)  # numbers as people write them


def test_two_irs_by_hand(model: Path, tmp_path: Path) -> None:
    arguments = ("--model", model, "--precision", "f32", "--against", model, "--against-precision", "default")
    done = by_hand("profile_layers", tmp_path, *arguments)
    assert done.returncode == 0, done.stderr
    first = next(line for line in done.stdout.splitlines() if line.startswith("Against the other: "))
    assert re.search(r"[\d.]+ \[.*\] times as fast, -?[\d.e-]+ \[.*\] ms saved, which are$", first)
    assert re.search(r"^conv\S* +[\d.]+ +[\d.]+ +-?[\d.e-]+$", done.stdout, re.MULTILINE)
    missing = tmp_path / "nowhere.xml"
    done = by_hand("profile_layers", tmp_path, "--model", model, "--against", missing)
    assert done.returncode == 1 and f"error: --against: {missing} is no file" in done.stderr


def test_peaks_by_hand(tmp_path: Path) -> None:
    done = by_hand("measure_peaks", tmp_path, "--device", "CPU")
    assert done.returncode == 0, done.stderr
    assert re.search(r"arithmetic f32 +[\d.]+ +GOP/s +\S+", done.stdout)
    assert re.search(r"bandwidth DRAM +[\d.]+ +GB/s", done.stdout)


def test_what_cannot_be_profiled_is_one_clear_line(model: Path, tmp_path: Path) -> None:
    pixels = ops.parameter([1, 8, 32, 32], np.float32, name="pixels")
    none = tmp_path / "none.xml"
    ov.save_model(ov.Model([ops.relu(pixels)], [pixels]), none)
    other, alone = tmp_path / "model.onnx", tmp_path / "alone.xml"
    other.write_bytes(b"onnx")
    alone.write_bytes(model.read_bytes())
    cases = {
        ("--model", tmp_path / "nowhere.xml"): f"error: --model: {tmp_path / 'nowhere.xml'} is no file, expected an IR",
        ("--model", other): f"error: --model: {other} is no IR, expected a .xml",
        ("--model", alone): f"error: --model: {alone}: its weights are missing, expected alone.bin beside it",
        ("--model", none): f"error: {none}: the model has no multiply-accumulates to count",
        ("--model", model, "--lower-clock", "1.5"): "error: --lower-clock: 1.5 is no share of the clock",
        ("--model", model, "--device", "AUTO"): "error: --device: AUTO stands for other devices",
        ("--model", model, "--device", "CPUU"): "error: --device: OpenVINO knows no device 'CPUU'; did you mean 'CPU'?",
        ("--model", model, "--device", "NPU"): "error: NPU is not on this host (found: ",
    }
    for arguments, message in cases.items():
        done = by_hand("profile_layers", tmp_path, *arguments)
        errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
        assert (done.returncode, done.stdout, len(errors)) == (1, "", 1), done.stderr
        assert errors[0].startswith(message)


@pytest.mark.parametrize("script", ["profile_layers", "measure_peaks"])
def test_a_script_without_arguments_says_what_it_takes(script: str) -> None:
    command = [sys.executable, str(ROOT / "scripts" / f"{script}.py")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(f"{script}.py: error: expected --")
