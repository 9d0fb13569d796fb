"""Time of each node from a device's counters, with what is known of how they count put right.

The CPU plugin's ``execTimeMcs`` is a mean since compilation, the first call included. Each call is cut to whole
microseconds before it is added, and the mean is cut again when it is read: half a microsecond each on average. With
readings ``a_W`` after ``W`` calls and ``a_N`` after ``N``, the mean time of a call between them is

    ((a_N + 0.5) N - (a_W + 0.5) W) / (N - W) + 0.5

Other plugins report the last inference alone (``openvino.InferRequest.profiling_info``), so that is read after each.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

import openvino as ov

from ovlab.measure.device.inspection import info_text, kernel_precision

GPU_TYPE = re.compile(r"[a-z0-9_]+")
CUT = 0.5
"""Microseconds that cutting to a whole number takes away on average."""


class RunningMeans:
    """Counters that are means since compilation: the CPU's.

    Parameters
    ----------
    compiled : openvino.CompiledModel
        With ``PERF_COUNT``.
    """

    def __init__(self, compiled: ov.CompiledModel) -> None:
        self._compiled = compiled
        self._first: tuple[int, dict[str, int]] | None = None
        self.calls = 0

    def after(self, request: ov.InferRequest) -> None:  # noqa: ARG002  (what other counters need)
        """Note that an inference was made."""
        self.calls += 1

    def start(self) -> None:
        """Count from here; at least one inference was made."""
        self._first = (self.calls, self._read())

    def times_us(self) -> dict[str, float]:
        """Return the mean time of a call since `start` by node, in microseconds; 0 for what takes less than one."""
        if self._first is None or self._first[0] in {0, self.calls}:
            raise ValueError("inferences are needed before start, and after it")
        calls, before = self._first
        return {
            name: since(before.get(name, 0), calls, now, self.calls) if now else 0.0
            for name, now in self._read().items()
        }

    def _read(self) -> dict[str, int]:
        infos = ((op.get_friendly_name(), op.get_rt_info()) for op in self._compiled.get_runtime_model().get_ops())
        texts = ((name, info_text(info, "execTimeMcs")) for name, info in infos)
        return {name: int(text) if text.isdigit() else 0 for name, text in texts}


def since(before: int, calls_before: int, now: int, calls: int) -> float:
    """Return the mean time between two readings of a running mean, in microseconds; never below 0.

    Parameters
    ----------
    before, now : int
        The readings, in whole microseconds.
    calls_before, calls : int
        After so many calls they were taken.
    """
    total = (now + CUT) * calls - (before + CUT) * calls_before
    return max(0.0, total / (calls - calls_before) + CUT)


class LastInference:
    """Counters of the last inference: of devices other than the CPU."""

    def __init__(self) -> None:
        self.calls = 0
        self._sums: dict[str, float] = {}
        self.nodes: dict[str, dict[str, str]] = {}

    def after(self, request: ov.InferRequest) -> None:
        """Add what an inference took."""
        self.calls += 1
        for one in request.profiling_info:
            self._sums[one.node_name] = self._sums.get(one.node_name, 0.0) + one.real_time.total_seconds() * 1e6
            self.nodes[one.node_name] = {"type": one.node_type, "kernel": one.exec_type}

    def start(self) -> None:
        """Count from here."""
        self.calls, self._sums = 0, {}

    def times_us(self) -> dict[str, float]:
        """Return the mean time of an inference since `start` by node, in microseconds."""
        return {name: total / self.calls for name, total in self._sums.items()}


Counters = RunningMeans | LastInference


def counters_of(compiled: ov.CompiledModel, device: str) -> Counters:
    """Return the counters of a device."""
    return RunningMeans(compiled) if device.split(".", maxsplit=1)[0] == "CPU" else LastInference()


def merged(nodes: list[dict[str, Any]], counters: Counters, operations: Collection[str]) -> list[dict[str, Any]]:
    """Give each node its time, and add nodes that only the counters know (no runtime model, or another name there).

    Of these type, kernel and the precision in the kernel's name are known; they stand for the operation of the model
    that they are called as, and otherwise for none: the plugin inserted them.

    Parameters
    ----------
    nodes : list of dict
        Of the runtime model.
    counters : RunningMeans or LastInference
        After the last inference.
    operations : collection of str
        Names of all operations of the model.
    """
    times = counters.times_us()
    if not isinstance(counters, LastInference):
        return [{**node, "time_us": times.get(node["name"], 0.0)} for node in nodes]
    known = {node["name"] for node in nodes}
    sums = dict.fromkeys(known, 0.0)
    for name, time in times.items():
        own = _known_as(name, known)
        if own is not None:
            sums[own] += time
    found: list[dict[str, Any]] = [{**node, "time_us": sums[node["name"]]} for node in nodes]
    unknown = dict.fromkeys(("weight_bytes", "input_bytes", "output_bytes"))
    return found + [
        {"name": name, **about, "precision": kernel_precision(about["kernel"])}
        | {"layers": [own] if (own := _known_as(name, operations)) is not None else []}
        | {"from": "", "to": "", **unknown, "time_us": times.get(name, 0.0)}
        for name, about in counters.nodes.items()
        if _known_as(name, known) is None
    ]


def plain_names(name: str) -> list[str]:
    """Return what a counter may call an operation, from how it is written to how the model calls it.

    The GPU's plugin writes its own type before the name, ``convolution:conv1/WithoutBiases``, the NPU's that of the
    model behind it, ``conv1/WithoutBiases?t_Convolution``.
    """
    without_type = name.partition("?t_")[0]
    before, colon, after = without_type.partition(":")
    return [name, without_type, after if colon and after and GPU_TYPE.fullmatch(before) else without_type]


def _known_as(name: str, known: Collection[str]) -> str | None:
    return next((one for one in plain_names(name) if one in known), None)
