"""A profiling launch on real models: arithmetic is mapped exactly, times close, bad input is one clear line."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops
from toy import Lab

from ovlab.errors import OvlabError, UnavailableError
from ovlab.layers.child import profile as child
from ovlab.layers.child.counters import RunningMeans
from ovlab.layers.child.probe import Probe, mean_rate
from ovlab.layers.child.scaling import scaling
from ovlab.layers.profile import launching
from ovlab.layers.profile.model import Operation, Profile, complete_names
from ovlab.layers.profile.scaling import Scaling
from ovlab.layers.request import ProfileRequest, ScalingRequest

REAL = Path(__file__).parents[4] / "shared" / "real" / "models"


def request(model: Path, **changes: Any) -> ProfileRequest:
    fields: dict[str, Any] = {"properties": {"INFERENCE_PRECISION_HINT": "f32"}, "images": None}
    return ProfileRequest(str(model), "CPU", **(fields | {"warm_up_s": 0.01, "duration_s": 0.05} | changes))


def save(path: Path, layer: Any, inputs: list[Any]) -> Path:
    ov.save_model(ov.Model([layer], inputs), path, compress_to_fp16=False)
    return path


def small_model(path: Path, shape: list[int] | None = None) -> Path:
    """A convolution (8 x 8 x 16 results, 3 x 3 x 4 weights each), a pooling and a matrix product."""
    pixels = ops.parameter(shape or [1, 4, 8, 8], np.float32, name="pixels")
    weights = np.random.default_rng(0).normal(0, 1, (16, 4, 3, 3)).astype(np.float32)
    wide = ops.convolution(pixels, ops.constant(weights), [1, 1], [1, 1], [1, 1], [1, 1], name="conv")
    mean = ops.reduce_mean(ops.relu(wide), np.array([2, 3]), keep_dims=False)
    last = np.random.default_rng(1).normal(0, 1, (16, 5)).astype(np.float32)
    product = ops.matmul(mean, ops.constant(last), transpose_a=False, transpose_b=False, name="product")
    return save(path, product, [pixels])


def test_arithmetic_is_mapped_exactly(tmp_path: Path) -> None:
    found = Profile.of([child.profile(request(small_model(tmp_path / "small.xml")))])
    assert found.macs == 8 * 8 * 16 * 4 * 9 + 16 * 5
    assert sum(node.macs for node in found.nodes) == found.macs
    conv = next(node for node in found.nodes if "conv" in node.layers)
    assert conv.precision == "f32" and conv.kernel.endswith("f32") and not conv.is_inserted
    # The bias is added by the next operation, if at all: what the kernel takes is the weights.
    assert conv.weight_bytes == 4 * math.prod((16, 4, 3, 3))
    assert conv.output_bytes == 4 * math.prod((1, 16, 8, 8))
    assert found.total_us > 0 and found.latency_ms[0] > 0
    assert found.settings["NUM_STREAMS"] == 1


def test_a_dynamic_batch_is_one_and_other_dynamic_dimensions_are_refused(tmp_path: Path) -> None:
    found = child.profile(request(small_model(tmp_path / "batch.xml", [-1, 4, 8, 8])))
    assert sum(one["macs"] for one in found["operations"]) == 8 * 8 * 16 * 4 * 9 + 16 * 5
    wide = small_model(tmp_path / "wide.xml", [1, 4, 8, -1])
    with pytest.raises(OvlabError, match=r"shape \[1,4,8,\?\] is dynamic, expected fixed numbers but for the batch"):
        child.profile(request(wide))
    with pytest.raises(OvlabError, match=rf"^{wide}: input .*dynamic"):
        launching.require_profilable(wide)


def test_a_quantised_model_says_which_operations_take_quantised_inputs(tmp_path: Path) -> None:
    pixels = ops.parameter([1, 4, 8, 8], np.float32)
    low, high = ops.constant(np.float32(0)), ops.constant(np.float32(2.55))
    weights = ops.constant(np.ones((16, 4, 1, 1), np.int8))
    scaled = ops.multiply(ops.convert(weights, np.float32), ops.constant(np.float32(0.1)))
    quantised = ops.fake_quantize(pixels, low, high, low, high, 256)
    first = ops.convolution(quantised, scaled, [1, 1], [0, 0], [0, 0], [1, 1], name="narrow")
    plain = ops.constant(np.ones((2, 16, 1, 1), np.float32))
    second = ops.convolution(ops.relu(first), plain, [1, 1], [0, 0], [0, 0], [1, 1], name="wide")
    found = child.profile(request(save(tmp_path / "mixed.xml", second, [pixels])))
    known = {one["name"]: one["quantised"] for one in found["operations"]}
    assert known["narrow"] is True and known["wide"] is False
    layers = Profile.of([found])
    narrow = next(node for node in layers.nodes if "narrow" in node.layers)
    assert narrow.precision == "i8" and narrow.weight_bytes is not None and narrow.weight_bytes >= 16 * 4


def test_images_are_cycled(lab: Lab, tmp_path: Path) -> None:
    path = tmp_path / "images.npy"
    np.save(path, np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), np.uint8))
    found = Profile.of([child.profile(request(lab.folder / "model.xml", images=str(path)))])
    assert sum(node.macs for node in found.nodes) == found.macs


def test_counters_that_stay_zero_and_devices_without_any(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = small_model(tmp_path / "small.xml")
    with monkeypatch.context() as patched:
        patched.setattr(RunningMeans, "_read", lambda self: {})
        with pytest.raises(OvlabError, match="device 'CPU': its counters stayed 0"):
            child.profile(request(model))

    class Core:
        def get_property(self, device: str, name: str) -> list[str]:
            return ["NUM_STREAMS"]

        def compile_model(self, *arguments: Any) -> Any:
            return ov.Core().compile_model(*arguments)

    monkeypatch.setattr(child, "core", Core)
    with pytest.raises(OvlabError, match="device 'CPU': has no counters"):
        child.profile(request(model))


def test_a_model_without_arithmetic_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    pixels = ops.parameter([1, 4, 8, 8], np.float32)
    none = save(tmp_path / "none.xml", ops.relu(pixels), [pixels])
    with pytest.raises(OvlabError, match=rf"^{none}: the model has no multiply-accumulates to count"):
        launching.require_profilable(none)


def test_a_model_that_does_not_fit_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = small_model(tmp_path / "small.xml")
    launching.require_profilable(model)
    monkeypatch.setattr(launching, "available_memory", lambda: 1000)
    with pytest.raises(UnavailableError, match=rf"^{model}: takes an estimated .* GB of memory to profile \(twice"):
        launching.require_profilable(model)


@pytest.mark.real
@pytest.mark.skipif(not REAL.is_dir(), reason="the real models are not here")
@pytest.mark.parametrize(
    ("name", "macs", "operations"),
    [("squeezenet1.1-imagenet-fp16", 349.2, 26), ("fastestdet-coco-352", 121.5, 70)],
)
def test_arithmetic_of_real_models(name: str, macs: float, operations: int, tmp_path: Path) -> None:
    path = tmp_path / "model.xml"
    ov.save_model(ov.convert_model(REAL / f"{name}.onnx"), path, compress_to_fp16=False)
    found = Profile.of([child.profile(request(path))])
    assert found.macs / 1e6 == pytest.approx(macs, abs=0.05)
    assert sum(node.macs for node in found.nodes) == found.macs
    multiplying = {one.name for one in found.operations if one.macs}
    mapped = [layer for node in found.nodes for layer in node.layers if layer in multiplying]
    assert len(mapped) == len(set(mapped)) == len(multiplying) == operations
    assert {node.precision for node in found.nodes if node.macs} == {"f32"}


def test_a_joined_node_is_found_by_what_follows() -> None:
    operations = (
        Operation("product", "MatMul", 100, False, "bias"),
        Operation("bias", "Add", 0, False, "relu"),
        Operation("relu", "Relu", 0, False, "next"),
        Operation("next", "MatMul", 50, False, "end"),
        Operation("end", "Add", 0, False),
    )
    assert complete_names([("relu",), ("next",)], operations) == [("product", "relu"), ("next",)]
    # What already multiplies is not given a second operation, which may have been folded.
    assert complete_names([("relu", "next")], operations) == [("relu", "next")]
    assert complete_names([("x",)], operations) == [("x",)]


def test_scaling_varies_threads_and_batch(tmp_path: Path) -> None:
    asked = ScalingRequest(asdict(request(small_model(tmp_path / "batch.xml", [-1, 4, 8, 8]))), 4)
    found = scaling(asked)
    assert found["latency_ms"] > 0 and found["batch_ms"] > 0
    ratios = Scaling.of(found, 4)
    assert ratios.batch_time == pytest.approx(found["batch_ms"] / 4 / found["latency_ms"])
    one = scaling(replace(asked, profile=asked.profile | {"properties": {"INFERENCE_NUM_THREADS": 1}}))
    assert one["one_thread_ms"] is None and Scaling.of(one, 4).one_thread is None


def test_a_model_that_cannot_take_a_batch_is_not_scaled_by_it(tmp_path: Path) -> None:
    pixels = ops.parameter([1, 4, 8, 8], np.float32)
    weights = ops.constant(np.ones((128, 5), np.float32))
    flat = ops.reshape(pixels, np.array([2, 128]), special_zero=False)
    layer = ops.matmul(flat, weights, transpose_a=False, transpose_b=False)
    asked = request(save(tmp_path / "fixed.xml", layer, [pixels]))
    assert scaling(ScalingRequest(asdict(asked), 4))["batch_ms"] is None
    assert Scaling.of({"latency_ms": 2.0, "one_thread_ms": 3.0, "batch_ms": 6.0}, 4) == Scaling(1.5, 4, 0.75)


def test_the_host_is_probed_between_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = child.profile(request(small_model(tmp_path / "small.xml")))
    assert set(found["probes"]) == {"convolution", "small_layers"}
    for rates in found["probes"].values():
        assert len(rates) == 1 + 2 * child.TURNS // child.PROBED and min(rates) > 0
    assert found["processor_share"] > 0
    assert mean_rate({"convolution": [1.0, 3.0]}, "convolution") == 1.5  # one convolution at each rate takes 1 + 1/3
    # The probe is another model: none of its work is counted as the variant's.
    assert all("large_layer" not in node["layers"] for node in found["nodes"])
    # A device that cannot compile it is profiled without.
    refused = Probe.__init__.__globals__
    monkeypatch.setitem(refused, "small_layers", lambda *_: (_ for _ in ()).throw(RuntimeError("no such type")))
    assert child.profile(request(small_model(tmp_path / "other.xml")))["probes"] == {}
    assert mean_rate({}, "convolution") is None
