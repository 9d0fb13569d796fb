"""A run needs no network: nobody is contacted or looked up, and it does as well on a host without any interface."""

from __future__ import annotations

import functools
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from watching import can_trace, watched
from workflow_runs import TINY, command, copy_workflow

# Long enough for what a library sends once it has been loaded for a while (ten seconds, of those that are known).
LONG_LIVED = """
import sys, time
import ovlab.convert
import onnxruntime, openvino
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
openvino.convert_model(sys.argv[1])
time.sleep(13)
"""


@functools.cache
def without_interface() -> list[str]:
    """Return what a command begins with to run where there is no network interface; nothing where that is refused."""
    for options in (["-n"], ["-r", "-n"]):
        try:
            if subprocess.run(["unshare", *options, "true"], capture_output=True, check=False).returncode == 0:
                return ["unshare", *options]
        except OSError:
            break
    return []


def deep_onnx(path: Path, layers: int) -> Path:
    """Write a model of many convolutions: conversion and session take long enough for a report to be sent."""
    weights = [numpy_helper.from_array(np.eye(3, dtype=np.float32).reshape(3, 3, 1, 1), f"w{i}") for i in range(layers)]
    nodes = [helper.make_node("Conv", [f"x{i}", f"w{i}"], [f"x{i + 1}"]) for i in range(layers)]
    ends = [helper.make_tensor_value_info(f"x{i}", TensorProto.FLOAT, [1, 3, 8, 8]) for i in (0, layers)]
    graph = helper.make_graph(nodes, "deep", ends[:1], ends[1:], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


def test_a_run_on_a_host_without_a_network_interface_contacts_nobody(tmp_path: Path) -> None:
    if not without_interface():
        pytest.skip("this system lets nobody make a network namespace (unshare -n)")
    home = tmp_path / "run"
    home.mkdir()
    copy_workflow(home)
    run = [*without_interface(), *command(overrides=TINY)]
    done = watched(run, tmp_path / "watch", cwd=home, environment={"PYTHONPATH": str(home / "src")})
    assert done.code == 0, done.output
    assert done.contacts == []
    assert (home / "results/quickstart/verdict.txt").read_text(encoding="utf-8") == (
        "3 cells: 3 ok, 0 unavailable, 0 failed\n"
    )
    assert list((tmp_path / "watch" / "tmp").iterdir()) == []


def test_a_process_that_lives_long_tells_nobody_of_it(tmp_path: Path) -> None:
    if not can_trace():
        pytest.skip("what a native library sends is seen with strace alone, which is not installed or not allowed")
    done = watched([sys.executable, "-c", LONG_LIVED, str(deep_onnx(tmp_path / "deep.onnx", 500))], tmp_path / "watch")
    assert done.code == 0, done.output
    assert done.contacts == []
    assert list((tmp_path / "watch" / "tmp").iterdir()) == []
    assert list((tmp_path / "watch" / "home").iterdir()) == []
