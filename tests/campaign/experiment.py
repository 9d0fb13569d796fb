"""The reduced experiment that is killed: every stage takes place, each in about a second."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

import yaml
from web_server import WebServer
from workflow_runs import ROOT, TINY, command, copy_workflow

from ovlab.generators import generate

NAME = "killed"
VARIANTS = ("fp32", "fp16", "int8")
STAGES = tuple("plan download convert calibrate validate benchmark measure_peaks profile_layers report verdict".split())
MEASURING = (one for one in TINY if not one.startswith(("experiment.", "validation.limit")))
OVERRIDES = (
    *MEASURING,
    "validation.limit=100",
    "validation.layer_check_images=2",
    "validation.advice_s=0",
    "profiling.warm_up_s=0.01",
    "profiling.duration_s=0.05",
    "profiling.batch=0",
    "profiling.peaks.launches=1",
    "profiling.peaks.windows=1",
    "profiling.peaks.window_s=0.02",
    "profiling.peaks.other_load=1",
)
PIECE, PAUSE_S = 1 << 17, 0.015
"""The local server sends slowly enough for a kill to meet a download half-way."""


def digits_archive(folder: Path) -> bytes:
    """Pack the embedded data set's images, as a data set that is downloaded."""
    generate("digits", folder, size=64)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(folder.rglob("*.png")):
            archive.writestr(zipfile.ZipInfo(str(path.relative_to(folder))), path.read_bytes())
    return buffer.getvalue()


def serve(server: WebServer, scratch: Path) -> None:
    """Put the model and the data set on the local server."""
    server.pace = (PIECE, PAUSE_S)
    server.files["/digits_cnn.onnx"] = (ROOT / "resources/digits_cnn.onnx").read_bytes()
    server.files["/digits.zip"] = digits_archive(scratch / "digits")


def write_experiment(folder: Path, server: WebServer) -> Path:
    """Copy the workflow and add an experiment that downloads, and return its folder."""
    folder.mkdir()
    copy_workflow(folder)
    conf = folder / "conf"
    model = yaml.safe_load((conf / "model/digits_cnn.yaml").read_text(encoding="utf-8"))
    model["files"] = [_file(server, "/digits_cnn.onnx")]
    model["dataset"] = "downloaded_digits"
    dataset = yaml.safe_load((conf / "dataset/digits.yaml").read_text(encoding="utf-8"))
    del dataset["generator"]
    dataset["files"] = [_file(server, "/digits.zip") | {"unpack": True}]
    chosen = {
        "title": "An experiment that is killed",
        "models": ["downloaded_cnn"],
        "precisions": list(VARIANTS),
        "devices": ["cpu"],
        "scenarios": ["single_stream"],
    }
    _write(conf / "model/downloaded_cnn.yaml", model)
    _write(conf / "dataset/downloaded_digits.yaml", dataset)
    _write(conf / f"experiment/{NAME}.yaml", {"experiment": chosen}, "# @package _global_\n")
    return folder


def run_command() -> list[str]:
    """Return what a user would type."""
    return command(experiment=NAME, overrides=OVERRIDES)


def _file(server: WebServer, path: str) -> dict[str, object]:
    content = server.files[path]
    return {"url": server.url(path), "sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}


def _write(path: Path, data: dict[str, object], header: str = "") -> None:
    path.write_text(header + yaml.safe_dump(data), encoding="utf-8")
