"""The frameworks' own tools: an environment beside the product's, made by ``make frameworks``."""

from __future__ import annotations

import functools
import os
import subprocess
from pathlib import Path

import pytest
from workflow_runs import ROOT

PYTHON = Path(os.environ.get("OVLAB_FRAMEWORKS_PYTHON", ROOT / ".venv-frameworks" / "bin" / "python"))
"""It has all that the product's environment has, and the frameworks that could be installed."""
MODULES = {"pytorch": "torch", "tensorflow": "tensorflow", "paddle": "paddle", "paddle_3": "paddle"}


@functools.cache
def why_not(framework: str) -> str:
    """Say why a framework cannot be used; empty if it can."""
    if not PYTHON.is_file():
        return "no environment with frameworks ('make frameworks' makes it; it needs the package index)"
    module = MODULES[framework]
    done = subprocess.run(
        [PYTHON, "-W", "ignore", "-c", f"import {module}"], capture_output=True, text=True, timeout=120, check=False
    )
    last = done.stderr.strip().splitlines()[-1:] or [""]
    return "" if done.returncode == 0 else f"{module} is not in the environment with frameworks: {last[0]}"


def need(framework: str) -> None:
    """Skip the test where a framework is not there, with the reason."""
    if reason := why_not(framework):
        pytest.skip(reason)


@functools.cache
def made(framework: str, folder: Path) -> Path:
    """Write a framework's model files with its own tools, once, and return their folder."""
    need(framework)
    target = folder / framework
    script, weights = ROOT / "tests" / "frameworks" / "make_models.py", ROOT / "resources" / "digits_cnn.onnx"
    done = subprocess.run(
        [PYTHON, "-W", "ignore", script, framework, weights, target],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:]
    return target
