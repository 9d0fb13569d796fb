"""What a hostile input is: how it is made, which command meets it, and the one line that is expected."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toy import colour_onnx, convert_settings, folders_spec, model_spec, source_record, write_class_folders
from web_server import WebServer
from workflow_runs import ROOT

from ovlab.convert import convert
from ovlab.records import write_record
from ovlab.specs import ConvertSettings, ValidateSettings

Command = list[str]
# Code of the user's own is given seconds here instead of a minute, where the step has such limits.
TAKES_LIMITS = "limits" in (ROOT / "scripts/validate.py").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Bench:
    """What all inputs start from, made once: a converted model, images, their records."""

    folder: Path
    server: WebServer

    @classmethod
    def build(cls, folder: Path, server: WebServer) -> Bench:
        """Convert the toy model and write its images."""
        folder.mkdir(parents=True)
        path = colour_onnx(folder / "toy.onnx")
        data = write_class_folders(folder / "data", train=2, val=2)
        settings = convert_settings(model_spec(path), folders_spec())
        ir = folder / "ir"
        write_record(ir / "variant.json", convert(settings, source_record(folder), source_record(data), ir))
        return cls(folder, server)


@dataclass
class Room:
    """The folder that one input is made in, and where its command runs.

    Attributes
    ----------
    here : Path
        The command's current folder: it may write here.
    canary : Path
        A folder beside it, in which nothing may change.
    bench : Bench
        Read-only.
    """

    here: Path
    canary: Path
    bench: Bench

    @property
    def server(self) -> WebServer:
        """The local web server."""
        return self.bench.server

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file, its folder included."""
        path = self.here / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def record(self, name: str, root: Path) -> Path:
        """Write the record of a download whose files lie in a folder."""
        path = self.here / f"{name}.json"
        write_record(path, source_record(root))
        return path

    def plan(self, *overrides: str, experiment: str = "quickstart") -> Command:
        """Print the cells of an experiment, with the room's ``conf`` in front."""
        extra = ["--extra-conf", "conf"] if (self.here / "conf").is_dir() else []
        return [sys.executable, "-m", "ovlab_flow", f"--experiment={experiment}", *extra, "--", *overrides]

    def step(self, name: str, settings: Any, **options: Path | str) -> Command:
        """Run a step's script by hand."""
        text = settings if isinstance(settings, str) else json.dumps(settings)
        path = self.write("settings.json", text)
        command = [sys.executable, str(ROOT / "scripts" / f"{name}.py"), f"--settings={path}"]
        command += [f"--{option.replace('_', '-')}={value}" for option, value in options.items()]
        return [*command, f"--record={self.here / 'out' / 'record.json'}"]

    def download(self, file: dict[str, Any], **limits: Any) -> Command:
        """Download one file with short limits."""
        bounds = {"window_s": 1, "slowest_kb_per_s": 10, "unannounced_limit_gb": 0.004, "size_limit_gb": 0.006}
        places = {"files": self.here / "out/files", "cache": self.here / "cache", "resources": ROOT / "resources"}
        return self.step("download", {"files": [file]}, limits=json.dumps(bounds | limits), **places)

    def convert(self, model: Path, **changes: Any) -> Command:
        """Convert a model."""
        spec = model_spec(model).plain() | changes
        settings = convert_settings(model_spec(model), folders_spec()).plain() | {"model": spec}
        ConvertSettings.model_validate(settings)
        bench = self.bench.folder
        return self.step(
            "convert", settings, model=self.record("model", self.here), data=self.record("data", bench / "data")
        )

    def validate(self, data: Path, dataset: dict[str, Any], variant: Path | None = None, **model: Any) -> Command:
        """Validate the toy model on a data set."""
        spec = model_spec(self.bench.folder / "toy.onnx").plain() | model
        settings = {
            "model_name": "toy",
            "precision_name": "fp32",
            "model": spec,
            "dataset": {"licence": "CC0-1.0", **dataset},
            "precision": {"inference_precision": "f32"},
            "validation": {},
        }
        ValidateSettings.model_validate(settings)
        record = variant or self.bench.folder / "ir/variant.json"
        limits = {"limits": json.dumps({"code": {"load_s": 5, "image_s": 3}})} if TAKES_LIMITS else {}
        return self.step("validate", settings, variant=record, data=self.record("data", data), **limits)

    def detect(self, data: Path, dataset: dict[str, Any], decoder: str | None = None, **detection: Any) -> Command:
        """Validate the toy model as a detector whose decoder is a user's."""
        path = self.write("own_decoder.py", OWN_DECODER if decoder is None else decoder)
        fixed = {"task": "detection", "metric": "coco", "class_names": ["person", "dog"], **dataset}
        section = {"decoder": "own", "decoder_file": str(path), "classes": fixed["class_names"], **detection}
        return self.validate(data, fixed, task="detection", detection=section)


OWN_DECODER = """
import numpy as np
from ovlab.metrics.detection import Detections
from ovlab.tasks.decoders import decoder

@decoder("own")
def own(outputs, *, width, height, classes):
    return Detections(np.zeros(0, int), np.zeros(0), np.zeros((0, 4)))
"""


@dataclass(frozen=True)
class Case:
    """A hostile input.

    Attributes
    ----------
    family, name : str
        What it is.
    make : callable
        Makes it in a room and returns the command that meets it.
    expected : str
        Regular expression that the last line of the command's standard error must match.
    passes : bool
        Whether the command succeeds: for input that is odd but harmless.
    """

    family: str
    name: str
    make: Callable[[Room], Command]
    expected: str
    passes: bool = False


@dataclass
class Family:
    """Collects the cases of one kind of input."""

    name: str
    cases: list[Case] = field(default_factory=list)

    def add(self, name: str, make: Callable[[Room], Command], expected: str, *, passes: bool = False) -> None:
        """Add a case; one of the same name gets a number."""
        same = sum(case.name.partition(" #")[0] == name for case in self.cases)
        name = f"{name} #{same + 1}" if same else name
        self.cases.append(Case(self.name, name, make, expected, passes))


def parametrized(test: Any) -> list[tuple[Any, ...]]:
    """Return the values that a unit test is run on: its inputs are met here as a user meets them."""
    marks = [mark for mark in test.pytestmark if mark.name == "parametrize"]
    values = marks[-1].args[1]
    return [value if isinstance(value, tuple) else (value,) for value in values]
