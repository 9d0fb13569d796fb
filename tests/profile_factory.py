"""Profiles and peaks that are made up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ovlab.layers.peaks.machine import Peaks
from ovlab.layers.profile.model import Profile

PEAKS = Peaks(
    arithmetic={"f32": 200e9, "bf16": 400e9, "i8": 800e9},
    kernels={"f32": "conv_f32", "bf16": "conv_bf16", "i8": "conv_i8"},
    bandwidth={"L2": 200e9, "L3": 100e9, "DRAM": 40e9},
    caches={"L2": 2 << 20, "L3": 32 << 20},
    node_overhead_us=2.0,
    threads=2,
)


def operation(name: str, kind: str = "Convolution", macs: int = 10_000_000, quantised: bool = False) -> dict[str, Any]:
    return {"name": name, "type": kind, "macs": macs, "quantised": quantised}


def node(
    name: str,
    times_us: float | Sequence[float] = 200.0,
    *,
    layers: Sequence[str] | None = None,
    kind: str = "Convolution",
    precision: str = "f32",
    kernel: str = "",
    forms: tuple[str, str] = ("f32 abcd", "f32 abcd"),
    sizes: tuple[float | None, float | None, float | None] = (1e5, 1e5, 1e5),
) -> dict[str, Any]:
    """A node as a launch reports it, but with the times of all launches."""
    about = {"name": name, "type": kind, "kernel": kernel or f"jit_{precision}", "precision": precision}
    about |= {"layers": [name] if layers is None else list(layers), "from": forms[0], "to": forms[1]}
    about |= dict(zip(("weight_bytes", "input_bytes", "output_bytes"), sizes, strict=True))
    return about | {"times": [times_us] * 3 if isinstance(times_us, int | float) else list(times_us)}


def results(nodes: list[dict[str, Any]], operations: list[dict[str, Any]], latency: Any = None) -> list[dict[str, Any]]:
    """What the launches of a variant give; by default the nodes are 95 % of the latency."""
    launches = []
    for number in range(len(nodes[0]["times"])):
        own = [{key: value for key, value in one.items() if key != "times"} for one in nodes]
        for one, data in zip(own, nodes, strict=True):
            one["time_us"] = data["times"][number]
        for one, taken in zip(own[1:], own, strict=False):  # a chain
            one["inputs"] = [taken["name"]]
        total = sum(one["time_us"] for one in own) / 1e3
        made = total / 0.95 if latency is None else latency[number]
        launches.append(
            {
                "operations": operations,
                "nodes": own,
                "calls": 100,
                "latency_ms": made,
                "counted_latency_ms": 1.01 * made,
            }
            | {"settings": {"NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": 2}}
        )
    return launches


def profile(nodes: list[dict[str, Any]], operations: list[dict[str, Any]], latency: Any = None) -> Profile:
    return Profile.of(results(nodes, operations, latency))
