"""What users give instead of a model, or write wrongly, with files of the real tools: what they read on the screen."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from framework_tools import PYTHON, made, why_not
from workflow_runs import ROOT

OPEN = [-1, 3, 64, 64]
SCALED = {"mean": [127.5], "scale": [127.5]}

# By name: the tool, the framework that the YAML names, the file, what else the YAML says, and how the answer begins.
MISTAKES: dict[str, tuple[str, str, str, dict[str, Any], str]] = {
    "state_dict": (
        "pytorch",
        "pytorch",
        "state_dict.pth",
        {},
        "state_dict.pth: is a PyTorch checkpoint, weights witho",
    ),
    "old_state_dict": (
        "pytorch",
        "pytorch",
        "old_state_dict.pth",
        {},
        "old_state_dict.pth: is a PyTorch checkpoint, w",
    ),
    "no_shape": ("pytorch", "pytorch", "traced.pt", {}, "input.shape: missing; the model leaves its size open ([?,3,"),
    "program_as_onnx": ("pytorch", "onnx", "static.pt2", {}, "static.pt2: is an exported program, not ONNX; say frame"),
    "which_output": (
        "pytorch",
        "pytorch",
        "two_outputs.pt",
        {"input": {"shape": OPEN}},
        "output.name: missing, but the model has several outputs: output_0 [1, 64, 16, 16], output_1 [1, 10]",
    ),
    "classes": (
        "pytorch",
        "pytorch",
        "static.pt2",
        {"output": {"classes": 12}},
        "output: 10 numbers for one image, expected 12 scores by output.classes (task classification)",
    ),
    "runs_code": (
        "pytorch",
        "pytorch",
        "with_code.pt2",
        {},
        "with_code.pt2: does not convert from pytorch: Unpickling",
    ),
    "saved_model_as_onnx": (
        "tensorflow",
        "onnx",
        "saved_model",
        {},
        "saved_model: no ONNX model in it, expected .onnx",
    ),
    "graph_as_tflite": (
        "tensorflow",
        "tflite",
        "frozen.pb",
        {},
        "frozen.pb: is a TensorFlow graph, not TFLite; say fr",
    ),
    "lite_as_graph": (
        "tensorflow",
        "tensorflow",
        "network.tflite",
        {},
        "network.tflite: is a TFLite model, not Tensor",
    ),
    "bytes_scaled": (
        "tensorflow",
        "tensorflow",
        "saved_model_uint8",
        {"input": {"layout": "NHWC"}, "preprocess": SCALED},
        "preprocess: the model's input takes whole numbers (u8), expected neither unit_range nor scale",
    ),
    "paddle_3": (
        "paddle_3",
        "paddle",
        "model",
        {},
        "model: holds a model in Paddle 3's own format, which OpenVINO does",
    ),
    "paddle_alone": (
        "paddle",
        "paddle",
        "alone/inference.pdmodel",
        {},
        "inference.pdmodel: its weights are missing: list 'inference.pdiparams' under files too",
    ),
}


@pytest.fixture(scope="module")
def answers(models: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the convert step says of each file, in a process with the frameworks; what cannot be tried is left out."""
    folder = tmp_path_factory.mktemp("mistakes")
    asked = {
        name: {"folder": str(made(made_by, models)), "file": file, "changes": {"framework": framework} | changes}
        for name, (made_by, framework, file, changes, _) in MISTAKES.items()
        if not why_not(made_by)
    }
    done = subprocess.run(
        [PYTHON, "-W", "ignore", ROOT / "tests" / "frameworks" / "convert_files.py", folder],
        input=json.dumps(asked),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in ("src", "tests"))},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    # Python writes what it was given in its own folder: code in a file would have made one.
    assert not (folder / "code_was_run").exists()
    found: dict[str, Any] = json.loads((folder / "answers.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_when_the_ir_is_made(models: Path, answers: dict[str, Any], name: str) -> None:
    made_by, *_, expected = MISTAKES[name]
    folder = made(made_by, models)  # skips, with the reason
    assert answers[name]["reason"].startswith(expected)
    assert "src/" not in answers[name]["reason"] and str(folder) not in answers[name]["reason"]
