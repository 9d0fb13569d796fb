"""Sessions whose launches are made up: what they answer is declared by the test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from toy import Lab

from ovlab.errors import OvlabError
from ovlab.files import read_json
from ovlab.measure.parent.session import Variant, benchmark
from ovlab.measure.request import LaunchRequest
from ovlab.records import Record
from ovlab.specs import SessionSettings

LAYERS = {"f32": {"Convolution": 2}}


class FakeLaunches:
    """Stands for the processes: notes what was asked for and answers at once.

    `fps` gives the throughput by device property ``NAME``; `errors` the error by name, from a round on; `graphs` the
    digest of what is executed.
    """

    def __init__(self, **errors: tuple[int, str]) -> None:
        self.asked: list[LaunchRequest] = []
        self.errors = errors
        self.fps = {"fp32": 100.0, "fp16": 100.0, "int8": 300.0}
        self.shares: dict[str, dict[str, float]] = {"int8": {"i8": 1.0}}
        self.others: dict[str, dict[str, Any]] = {}
        self.ran_on: dict[str, list[str]] = {}
        self.graphs: dict[str, str] = {}
        self._noise = np.random.default_rng(0)

    def names(self) -> list[str]:
        return [str(one.properties["NAME"]) for one in self.asked]

    def __call__(self, request: Path, result: Path, timeout: float) -> dict[str, Any]:
        one = LaunchRequest(**read_json(request))
        self.asked.append(one)
        name = str(one.properties["NAME"])
        since, text = self.errors.get(name, (1000, ""))
        if self.names().count(name) >= since:
            raise OvlabError(text)
        fps = self.fps[name] * (1 + 0.001 * self._noise.standard_normal())
        np.save(one.samples, np.array([[0.0, 1 / fps, 2 / fps], [1e3 / fps] * 3]))
        return {
            "compile_ms": 10.0,
            "first_inference_ms": 5.0,
            "peak_rss_mb": 50.0,
            "steady_rss_mb": 40.0,
            "energy_j": {"package": 0.3},
            "batch": one.batch,
            "throughput_fps": fps,
            "samples": 3,
            "warm_up_samples": 1,
            "cpu_s": 0.006,
            "elapsed_s": 3 / fps,
            "infer_requests": 1,
            "settings": {"EXECUTION_DEVICES": self.ran_on.get(name, ["CPU"])},
            **self.others.get(name, {}),
            **(self._inspected(name) if one.inspect else {}),
        }

    def _inspected(self, name: str) -> dict[str, Any]:
        shares = self.shares.get(name, {"f32": 1.0})
        kernels = {f"jit_{kind}": share for kind, share in shares.items()}
        graph = self.graphs.get(name, f"graph of {name}")
        return {"shares": shares, "kernels": kernels, "layers": LAYERS, "graph": graph}


FLOAT = {"inference_precision": "f32"}
PRECISIONS = {
    "fp32": FLOAT | {"description": "fp32"},
    "fp16": FLOAT | {"description": "fp16"},
    "int8": FLOAT | {"description": "int8", "quantization": {}},
}
PLAN = {"launches": 4, "max_launches": 4, "warm_up_s": 0.0, "duration_s": 0.02, "images": 3, "cached_launches": 0}


def settings_of(lab: Lab, **changes: Any) -> SessionSettings:
    return lab.session_settings(**({"precisions": PRECISIONS, "measurement": PLAN} | changes))


def run(lab: Lab, settings: SessionSettings, folder: Path, **variants: Variant) -> Record:
    every = dict.fromkeys(settings.precisions, Variant(lab.record, lab.folder)) | variants
    return benchmark(settings, every, lab.source, folder)


def outcomes_of(record: Record) -> dict[str, Any]:
    rows: dict[str, Any] = record.data["rows"]
    return rows
