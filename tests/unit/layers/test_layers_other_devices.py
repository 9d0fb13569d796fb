"""Profiles of GPU and NPU, from counters and runtime models made up in forms that public reports and tests show.

No device gave them, and no recording of one: the GPU's plugin writes its own type before a name and the element type at
the end of a kernel's name, and has a runtime model without times of its own. The NPU's plugin has no runtime model that
maps: it gives the engine (``DPU``, ``Shave``, ``DMA``) as kernel, and no element type.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from profile_factory import operation

from ovlab.layers.advice import RULES
from ovlab.layers.child.counters import LastInference, merged
from ovlab.layers.peaks.machine import Peaks
from ovlab.layers.profile.analysis import analyse, compare_all
from ovlab.layers.profile.model import Profile
from ovlab.layers.profile.table import launch_table, node_table, write_tables
from ovlab.layers.roofline.coverage import Choices
from ovlab.layers.terminal import describe

OPERATIONS = [
    operation("conv1/WithoutBiases", macs=30_000_000) | {"follower": "conv1"},
    operation("conv1", "Add", 0) | {"follower": "relu1"},
    operation("relu1", "Relu", 0) | {"follower": "pool1"},
    operation("pool1", "MaxPool", 0) | {"follower": "fc/WithoutBiases"},
    operation("fc/WithoutBiases", "MatMul", macs=10_000_000) | {"follower": ""},
]
GPU_NODES: list[dict[str, Any]] = [
    {"name": "input", "type": "Input", "kernel": "undef", "precision": "f32", "layers": []},
    {"name": "reorder_input", "type": "Reorder", "kernel": "reorder_data__f32", "precision": "f32", "layers": []},
    {
        "name": "conv1/WithoutBiases",
        "type": "Convolution",
        "kernel": "convolution_gpu_bfyx_f16__f16",
        "precision": "f16",
        "layers": ["conv1/WithoutBiases"],
    },
    {
        "name": "pool1",
        "type": "Pooling",
        "kernel": "pooling_gpu_b_fs_yx_fsv16__f16",
        "precision": "f16",
        "layers": ["pool1"],
    },
    {
        "name": "fc/WithoutBiases",
        "type": "FullyConnected",
        "kernel": "jit:gemm:any__f16",
        "precision": "f16",
        "layers": ["fc/WithoutBiases"],
    },
]
GPU_COUNTERS = [  # name, type, kernel, microseconds
    ("input_layout:input", "Input", "undef", 0),
    ("reorder:reorder_input", "Reorder", "reorder_data__f32", 40),
    ("convolution:conv1/WithoutBiases", "Convolution", "convolution_gpu_bfyx_f16__f16", 304),
    ("activation:relu1", "Activation", "undef", 0),
    ("pooling:pool1", "Pooling", "pooling_gpu_b_fs_yx_fsv16__f16", 21),
    ("fullyconnected:fc/WithoutBiases", "FullyConnected", "jit:gemm:any__f16", 132),
]
NPU_COUNTERS = [
    ("conv1/WithoutBiases?t_Convolution", "Convolution", "DPU", 67),
    ("pool1?t_MaxPool", "MaxPool", "DPU", 11),
    ("fc/WithoutBiases?t_MatMul", "MatMul", "DPU", 21),
    ("output/convert?t_Convert", "Convert", "Shave", 5),
]
UNKNOWN = {"from": "", "to": "", "weight_bytes": None, "input_bytes": None, "output_bytes": None}


def profiled(nodes: list[dict[str, Any]], rows: list[tuple[str, str, str, int]]) -> Profile:
    results = []
    for launch in range(3):
        counters = LastInference()
        for _ in range(4):
            infos = [
                SimpleNamespace(
                    node_name=name, node_type=kind, exec_type=kernel, real_time=timedelta(microseconds=us + launch)
                )
                for name, kind, kernel, us in rows
                if us
            ] + [
                SimpleNamespace(node_name=name, node_type=kind, exec_type=kernel, real_time=timedelta())
                for name, kind, kernel, us in rows
                if not us
            ]
            counters.after(SimpleNamespace(profiling_info=infos))  # type: ignore[arg-type]
        found = merged([{**UNKNOWN, **one} for one in nodes], counters)
        latency = sum(one["time_us"] for one in found) / 950
        timed = {"latency_ms": latency, "counted_latency_ms": latency, "settings": {}}
        results.append({"operations": OPERATIONS, "nodes": found, "calls": 4} | timed)
    return Profile.of(results)


@pytest.fixture
def gpu() -> Profile:
    return profiled(GPU_NODES, GPU_COUNTERS)


@pytest.fixture
def npu() -> Profile:
    return profiled([], NPU_COUNTERS)


PEAKS = Peaks(arithmetic={"f32": 1e12, "f16": 2e12, "i8": 4e12}, kernels={}, node_overhead_us=4.0)


def test_a_gpu_is_profiled_by_the_names_of_its_runtime_model(gpu: Profile) -> None:
    times = {node.name: node.time_us for node in gpu.nodes}
    assert times["conv1/WithoutBiases"] == 305 and times["fc/WithoutBiases"] == 133 and times["reorder_input"] == 41
    found = analyse(gpu, Choices(), PEAKS)
    assert found.executed_precision == "f16"
    assert found.totals["macs_over_model"].value == 1 and found.complaints == []
    assert found.conversions["Reorder"]["nodes"] == 1 and found.coverage.shares["macs"].value == 0


def test_of_an_npu_what_is_not_reported_is_empty(npu: Profile, tmp_path: Path) -> None:
    found = analyse(npu, Choices(quantised=True), PEAKS)
    assert found.totals["macs_over_model"].value == 1 and found.complaints == []
    assert found.executed_precision == "" and found.verdict.level == ""
    # Without a type no peak applies: the time is not explained, rather than explained by a guess.
    assert found.verdict.shares["compute"].value == 0 and found.verdict.from_dram.value is None
    assert {one.value for one in found.coverage.shares.values()} == {None} and found.coverage.floating == []
    assert "does not report in which precision" in describe(found, node_table("int8", npu, PEAKS))
    table = node_table("int8", npu, PEAKS)
    assert table[["weight_bytes", "intensity", "gbps", "roof_gops"]].isna().all(axis=None)
    assert (table["gops"].notna() == (table["macs"] > 0)).all()
    write_tables(table, launch_table("int8", npu), tmp_path)
    read = pd.read_csv(tmp_path / "nodes.csv", keep_default_na=False)
    assert set(read["kernel"]) == {"DPU", "Shave"} and set(read["executed_precision"]) == {""}


@pytest.mark.parametrize("device", ["gpu", "npu"])
def test_no_rule_of_advice_needs_what_a_plugin_may_not_report(device: str, request: pytest.FixtureRequest) -> None:
    profile = request.getfixturevalue(device)
    for peaks in (PEAKS, Peaks()):
        found = analyse(profile, Choices(quantised=True), peaks)
        assert {one.rule for one in found.advice} <= {rule.__name__ for rule in RULES}
        assert sum(one.value or 0.0 for one in found.verdict.shares.values()) == pytest.approx(1)


def test_two_devices_variants_are_compared_layer_by_layer(gpu: Profile, npu: Profile) -> None:
    (found,) = compare_all({"one": gpu, "other": npu}, PEAKS, ["one"]).values()
    layers = {pair.layers: pair for pair in found.pairs}
    assert layers["conv1/WithoutBiases",].saved_us == 305 - 68
    assert sum(one.value or 0.0 for one in found.by_layers.values()) == pytest.approx(found.saved_ms.value)
