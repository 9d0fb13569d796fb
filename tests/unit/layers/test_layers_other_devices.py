"""Profiles of GPU and NPU: recorded ones (``recorded/README.md``), and made-up ones in their plugins' present forms.

The GPU's graph and counters are as ``Graph::get_runtime_model`` and ``Graph::get_profiling_info`` write them [1]_: no
constants, names without the primitive's type, but with it for what the optimiser has inserted, ``CPU`` or ``undef`` in
place of a kernel. The NPU's are the layers of a recorded profile [2]_, by the rule that makes counters of them [3]_:
the engine as kernel (``Shave`` as soon as software took part, else ``DPU``, else ``DMA``), no element type, times from
a layer's first task to its last, so that layers overlap.

References
----------
.. [1] github.com/openvinotoolkit/openvino, ``src/plugins/intel_gpu/src/plugin/graph.cpp``, commit 01128a2.
.. [2] github.com/openvinotoolkit/npu_plugin, ``tests/lit/NPU/utils/profiling_parser_text_37XX.mlir``, commit 49f7212.
.. [3] github.com/openvinotoolkit/openvino, ``src/plugins/intel_npu/src/al/include/intel_npu/profiling.hpp``.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import openvino as ov
import pandas as pd
import pytest
from openvino import opset13 as ops
from profile_factory import operation

from ovlab.layers.advice import RULES
from ovlab.layers.child.counters import LastInference, merged
from ovlab.layers.child.graph import executed_nodes
from ovlab.layers.peaks.machine import Peaks
from ovlab.layers.profile.analysis import analyse, compare_all
from ovlab.layers.profile.clock import AtLowerClock
from ovlab.layers.profile.model import Profile
from ovlab.layers.profile.scaling import Scaling
from ovlab.layers.profile.table import launch_table, node_table, write_tables
from ovlab.layers.roofline.coverage import Choices
from ovlab.layers.terminal import describe
from ovlab.measure.device.inspection import kernel_precision

OPERATIONS = [
    operation("conv1/WithoutBiases", macs=30_000_000) | {"follower": "conv1"},
    operation("conv1", "Add", 0) | {"follower": "relu1"},
    operation("relu1", "Relu", 0) | {"follower": "pool1"},
    operation("pool1", "MaxPool", 0) | {"follower": "fc/WithoutBiases"},
    operation("fc/WithoutBiases", "MatMul", macs=10_000_000) | {"follower": ""},
]
# Name, type, kernel, layers that it stands for, shape of its output; each takes from the one before.
GPU_GRAPH = [
    ("reorder_input", "Reorder", "reorder_data__f32", "", [1, 3, 32, 32]),
    (
        "conv1/WithoutBiases",
        "Convolution",
        "convolution_gpu_bfyx_os_iyx_osv16__f16",
        "conv1/WithoutBiases,conv1,relu1",
        [1, 16, 32, 32],
    ),
    ("pool1", "Pooling", "pooling_gpu_blocked__f16", "pool1", [1, 16, 16, 16]),
    ("fc/WithoutBiases", "FullyConnected", "jit:gemm:any__f16", "fc/WithoutBiases", [1, 10]),
]
GPU_COUNTERS = [  # name, type, kernel, microseconds
    ("input", "Input", "undef", 0),
    ("reorder:reorder_input", "Reorder", "reorder_data__f32", 40),
    ("conv1/WithoutBiases", "Convolution", "convolution_gpu_bfyx_os_iyx_osv16__f16", 304),
    ("relu1", "Activation", "undef", 0),
    ("pool1", "Pooling", "pooling_gpu_blocked__f16", 21),
    ("fc/WithoutBiases", "FullyConnected", "jit:gemm:any__f16", 132),
]
NPU_OPERATIONS = [
    operation("conv1/WithoutBiases", macs=2_000_000) | {"follower": "relu1"},
    operation("relu1", "Relu", 0) | {"follower": "conv2/WithoutBiases"},
    operation("conv2/WithoutBiases", macs=40_000_000) | {"follower": "relu2"},
    operation("relu2", "Relu", 0) | {"follower": "output"},
    operation("output", "Softmax", 0) | {"follower": ""},
]
NPU_COUNTERS = [
    ("conv1/WithoutBiases", "Convolution", "Shave", 63),  # DPU 66.91, SW 16.80, DMA 18.07 in all
    ("conv2/WithoutBiases", "Convolution", "DPU", 333),
    ("relu1", "Relu", "DPU", 10),
    ("relu2", "Relu", "DPU", 10),
    ("output", "Output", "Shave", 8),
]
NPU_LATENCY_MS = 0.381
RECORDED = Path(__file__).parent / "recorded"
UNKNOWN = {"from": "", "to": "", "weight_bytes": None, "input_bytes": None, "output_bytes": None}


def gpu_nodes() -> list[dict[str, Any]]:
    """Read a runtime model as the GPU's plugin writes it: nodes without constants, what they are in their rt_info."""

    def told(node: Any, kind: str, kernel: str, layers: str, order: int) -> Any:
        facts = {"layerType": kind, "primitiveType": kernel, "originalLayersNames": layers, "execOrder": str(order)}
        facts |= {"outputPrecisions": "f16", "outputLayouts": "bfyx", "execTimeMcs": "not_executed"}
        facts |= {"runtimePrecision": "f32" if kind == "Reorder" else "f16"}
        for key, value in facts.items():
            node.get_rt_info()[key] = value
        return node

    pixels = told(ops.parameter([1, 3, 32, 32], np.float16, name="input"), "Input", "undef", "input", 0)
    last = pixels
    for order, (name, kind, kernel, layers, shape) in enumerate(GPU_GRAPH, 1):
        # What computes the output does not matter: the plugin's nodes have a shape and facts alone.
        last = told(_any_node(last, shape), kind, kernel, layers, order)
        last.set_friendly_name(name)
    result = told(ops.result(last), "Result", GPU_GRAPH[-1][2], GPU_GRAPH[-1][3], len(GPU_GRAPH))
    model = ov.Model([result], [pixels], "runtime_gpu_graph")
    return executed_nodes(SimpleNamespace(get_runtime_model=lambda: model))  # type: ignore[arg-type]


def _any_node(taken: Any, shape: list[int]) -> Any:
    class Node(ov.Op):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(self, [taken.output(0)])

        def validate_and_infer_types(self) -> None:
            self.set_output_type(0, ov.Type.f16, ov.PartialShape(shape))

    return Node()


def profiled(
    nodes: list[dict[str, Any]],
    rows: list[tuple[str, str, str, int]],
    operations: list[dict[str, Any]],
    latency_ms: float | None = None,
) -> Profile:
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
        names = {one["name"] for one in operations}
        found = merged([{**UNKNOWN, **one} for one in nodes], counters, names)
        latency = latency_ms or sum(one["time_us"] for one in found) / 950
        timed = {"latency_ms": latency, "counted_latency_ms": latency, "settings": {}}
        results.append({"operations": operations, "nodes": found, "calls": 4} | timed)
    return Profile.of(results)


@pytest.fixture
def gpu() -> Profile:
    return profiled(gpu_nodes(), GPU_COUNTERS, OPERATIONS)


@pytest.fixture
def npu() -> Profile:
    return profiled([], NPU_COUNTERS, NPU_OPERATIONS, NPU_LATENCY_MS)


PEAKS = Peaks(arithmetic={"f32": 1e12, "f16": 2e12, "i8": 4e12}, kernels={}, node_overhead_us=4.0)


def test_a_gpu_is_profiled_by_the_names_of_its_runtime_model(gpu: Profile) -> None:
    times = {node.name: node.time_us for node in gpu.nodes}
    assert times["conv1/WithoutBiases"] == 305 and times["fc/WithoutBiases"] == 133 and times["reorder_input"] == 41
    found = analyse(gpu, Choices(), PEAKS)
    assert found.executed_precision == "f16"
    assert found.totals["macs_over_model"].value == 1 and found.complaints == []
    # The graph has no constants: what weights take is not told, and no roof follows from the rest.
    assert {node.weight_bytes for node in gpu.nodes} == {None}
    conv = next(node for node in gpu.nodes if node.macs and node.type == "Convolution")
    assert conv.layers == ("conv1/WithoutBiases", "conv1", "relu1") and conv.output_bytes == 2 * 16 * 32 * 32
    assert found.conversions["f16 bfyx to f16 bfyx"]["nodes"] == 1 and found.coverage.shares["macs"].value == 0


def test_of_an_npu_what_is_not_reported_is_empty(npu: Profile, tmp_path: Path) -> None:
    found = analyse(npu, Choices(quantised=True), PEAKS)
    assert found.totals["macs_over_model"].value == 1
    (complaint,) = found.complaints  # engines work at the same time
    assert complaint.startswith("the nodes' times add up to 112.6 %")
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


def test_two_devices_variants_are_compared_layer_by_layer(gpu: Profile) -> None:
    names = (
        "conv1/WithoutBiases?t_Convolution",
        "pool1?t_MaxPool",
        "fc/WithoutBiases?t_MatMul",
    )  # as the tasks are called
    rows = [(name, "", "DPU", us) for name, us in zip(names, (67, 11, 21), strict=True)]
    other = profiled([], rows, OPERATIONS)
    (found,) = compare_all({"one": gpu, "other": other}, PEAKS, ["one"]).values()
    saved = {name: pair.saved_us for pair in found.pairs for name in pair.layers}
    assert saved["conv1/WithoutBiases"] == 305 - 68
    assert sum(one.value or 0.0 for one in found.by_layers.values()) == pytest.approx(found.saved_ms.value)


def test_shares_of_a_disturbed_profile_are_not_stated_as_firm(gpu: Profile) -> None:
    found, nodes = analyse(gpu, Choices(), PEAKS), node_table("fp16", gpu, PEAKS)
    firm = describe(found, nodes)
    assert f"\nVerdict: {found.verdict.largest} (shares of" in firm and "disturbed" not in firm
    told = describe(
        found, nodes, Scaling(0.77, 4, None), AtLowerClock(1.4, 1.3), "the host computed at 0.46 of its peak rate"
    )
    assert "\nVerdict: not firm, since the host computed at 0.46 of its peak rate.\n" in told
    assert "nodes, those that take longest; the host was disturbed, see the verdict)" in told
    assert "\nWhat would help, by the numbers of a disturbed host\n" in told
    assert "with one thread it takes 0.77 times as long (threads wait for each other" in told
    assert "with one thread it takes 1.80 times as long\n" in describe(found, nodes, Scaling(1.8, 4, None))
    assert "1.40 times as slow, it takes 1.30 times as long: 75 % of its time follow the clock" in told


def squeezenet() -> list[dict[str, Any]]:
    """The operations of SqueezeNet 1.1 at 227 x 227 that multiply, and those that the listing names besides."""
    found = [operation("conv1", macs=113**2 * 64 * 3 * 9), operation("Add_", "Add", 0), operation("prob", "Softmax", 0)]
    side, channels = {2: 56, 3: 56, 4: 28, 5: 28}, 64
    for number in range(2, 10):
        squeeze, expand = 16 * (number // 2), 64 * (number // 2)
        area = side.get(number, 14) ** 2
        fire = (
            ("squeeze1x1", squeeze * channels),
            ("expand1x1", expand * squeeze),
            ("expand3x3", expand * squeeze * 9),
        )
        found += [operation(f"fire{number}/{name}", macs=area * weights) for name, weights in fire]
        found.append(operation(f"fire{number}/concat", "Concat", 0))
        channels = 2 * expand
    found.append(operation("conv10", macs=14**2 * 1000 * 512))
    pools = ("pool1", "pool3", "pool5", "pool10/reduce")
    others = [*(operation(name, "MaxPool", 0) for name in pools), operation("data", "Parameter", 0)]
    others += [operation(name, "Relu", 0) for name in ("relu_conv1", "relu_conv10")]
    return [{**one, "follower": ""} for one in found + others]


def test_a_recorded_gpu_profile(tmp_path: Path) -> None:
    listed = pd.read_csv(RECORDED / "gpu_squeezenet.csv", sep=";")
    rows = [(one.name, one.type, one.kernel, one.real_us) for one in listed.itertuples(index=False)]
    found = profiled([], rows, squeezenet())
    assert found.total_us == 3688 + sum(us > 0 for *_, us in rows)  # the median of three launches, each 1 us longer
    said = analyse(found, Choices(), PEAKS)
    assert (said.totals["macs_over_model"].value, said.totals["mapped_mac_operations"].value) == (1, 26)
    assert said.complaints == []
    # bfyx_f16 is a layout: in which type it was executed is not reported, so no roof applies and no INT8 share.
    assert said.executed_precision == "" and said.verdict.shares["compute"].value == 0
    assert {one.value for one in said.coverage.shares.values()} == {None}
    # What the plugin inserted stands for no layer of the model.
    assert {node.name for node in found.nodes if node.is_inserted} == {"input:data_cldn", "prob_cldnn_outp"}
    assert said.conversions == {"Reorder": {"nodes": 2, "time": said.conversions["Reorder"]["time"]}}
    assert said.conversions["Reorder"]["time"]["value"] == 73 + 39 + 2
    text = describe(said, node_table("fp32", found, PEAKS))
    assert "Executed in a precision that is not reported." in text and "f16" not in text.replace("bfyx_f16", "")
    assert "26 of 26 operations" in text


def test_kernels_of_a_recorded_gpu_graph_say_their_type() -> None:
    listed = pd.read_csv(RECORDED / "gpu_depth_fp16.csv", sep=";")
    assert [kernel_precision(kernel) for kernel in listed["kernel"]] == ["f16"] * len(listed)


def test_a_recorded_npu_profile() -> None:
    listed = pd.read_csv(RECORDED / "npu_4000.csv", sep=";")

    def engine(one: Any) -> str:
        return "Shave" if one.sw_us else "DPU" if one.dpu_us else "DMA"

    rows = [(one.name, one.type, engine(one), int(one.span_us)) for one in listed.itertuples(index=False)]
    kinds = {"Convolution_6": ("Convolution", 1_000_000), "Conv_0": ("Convert", 0)}
    operations = [{**operation(name, kind, macs), "follower": ""} for name, (kind, macs) in kinds.items()]
    found = profiled([], rows, operations, latency_ms=0.04438)
    said = analyse(found, Choices(quantised=True), PEAKS)
    assert said.totals["macs_over_model"].value == 1
    nodes = {node.name: node for node in found.nodes}
    assert {name: node.kernel for name, node in nodes.items()} == {
        "Convolution_6": "DPU",
        "Conv_0": "Shave",
        "495/sink_port_0": "DMA",
    }
    assert nodes["495/sink_port_0"].time_us == 0  # below a microsecond
    assert said.executed_precision == "" and {one.value for one in said.coverage.shares.values()} == {None}
    assert said.coverage.floating == []
