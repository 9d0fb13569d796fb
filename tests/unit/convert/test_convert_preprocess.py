"""The embedded preprocessing computes what its declaration says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import openvino as ov
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from ovlab.convert.preprocess import embed, reference_input, set_input_shape
from ovlab.errors import OvlabError
from ovlab.runtime import core
from ovlab.specs import InputSpec, PreprocessSpec

HEIGHT, WIDTH = 6, 8
IMAGE = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)


def identity(folder: Path, shape: list[int | str] | None, kind: int = TensorProto.FLOAT) -> ov.Model:
    """A model that gives its input back: what comes out is what the preprocessing makes."""
    node = helper.make_node("Identity", ["x"], ["y"])
    ports = [helper.make_tensor_value_info(name, kind, shape) for name in ("x", "y")]
    graph = helper.make_graph([node], "identity", ports[:1], ports[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "m.onnx")
    return core().read_model(folder / "m.onnx")


def embedded(model: ov.Model, spec: InputSpec, preprocess: PreprocessSpec) -> NDArray[np.float32]:
    ready = embed(model, spec, preprocess)
    assert ready.inputs[0].get_element_type() == ov.Type.u8
    assert list(ready.inputs[0].shape) == [1, HEIGHT, WIDTH, 3]
    compiled = core().compile_model(ready, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.asarray(compiled(IMAGE[None])[0])


def by_hand(channels: str, unit_range: bool, mean: list[float], scale: list[float]) -> NDArray[np.float64]:
    """The declared arithmetic in float64, NHWC, with OpenCV's own conversion of colours."""
    codes = {"RGB": cv2.COLOR_BGR2RGB, "GRAY": cv2.COLOR_BGR2GRAY}
    pixels = IMAGE if channels == "BGR" else cv2.cvtColor(IMAGE, codes[channels])
    numbers = pixels.reshape(1, HEIGHT, WIDTH, -1).astype(np.float64)
    return (numbers / (255 if unit_range else 1) - np.array(mean)) / np.array(scale)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize(
    ("channels", "unit_range", "mean", "scale"),
    [
        ("RGB", False, [0.0], [1.0]),
        ("RGB", True, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ("BGR", False, [104.0, 117.0, 123.0], [1.0]),
        ("BGR", False, [127.5], [127.5]),
        ("RGB", False, [0.0], [58.4, 57.1, 57.4]),
        ("GRAY", True, [0.5], [0.25]),
        ("GRAY", False, [0.0], [1.0]),
    ],
)
def test_embedded_equals_declared(
    tmp_path: Path, layout: str, channels: str, unit_range: bool, mean: list[float], scale: list[float]
) -> None:
    count = 1 if channels == "GRAY" else 3
    shape: list[int | str] = [1, count, HEIGHT, WIDTH] if layout == "NCHW" else [1, HEIGHT, WIDTH, count]
    spec = InputSpec.model_validate({"layout": layout})
    preprocess = PreprocessSpec.model_validate(
        {"channels": channels, "unit_range": unit_range, "mean": mean, "scale": scale}
    )
    expected = by_hand(channels, unit_range, mean, scale)
    if layout == "NCHW":
        expected = expected.transpose(0, 3, 1, 2)
    tolerance: dict[str, Any] = {"rtol": 1e-5, "atol": 1e-5}
    np.testing.assert_allclose(embedded(identity(tmp_path, shape), spec, preprocess), expected, **tolerance)
    found = reference_input(IMAGE, spec, preprocess)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, **tolerance)


def test_outputs_are_f32_whatever_the_model_has(tmp_path: Path) -> None:
    model = identity(tmp_path, [1, 3, HEIGHT, WIDTH], TensorProto.FLOAT16)
    assert embed(model, InputSpec(), PreprocessSpec()).outputs[0].get_element_type() == ov.Type.f32


@pytest.mark.parametrize(
    ("shape", "layout", "channels"),
    [([1, 3, 6, 8], "NCHW", "GRAY"), ([1, 1, 6, 8], "NCHW", "RGB"), ([1, 3, 6, 8], "NHWC", "RGB")],
)
def test_wrong_channels(tmp_path: Path, shape: list[int | str], layout: str, channels: str) -> None:
    spec = InputSpec.model_validate({"layout": layout})
    preprocess = PreprocessSpec.model_validate({"channels": channels})
    with pytest.raises(OvlabError, match=rf"^preprocess\.channels: {channels}, but the model's input has \d channels$"):
        embed(identity(tmp_path, shape), spec, preprocess)


@pytest.mark.parametrize(
    ("has", "asked", "gets"),
    [
        (["N", 3, 6, 8], None, "[?,3,6,8]"),
        (["N", 3, "H", "W"], (1, 3, 6, 8), "[1,3,6,8]"),
        (["N", 3, "H", "W"], (-1, 3, 6, 8), "[?,3,6,8]"),
        ([1, 3, 4, 4], (2, 3, 6, 8), "[2,3,6,8]"),
    ],
)
def test_input_shape(tmp_path: Path, has: list[int | str], asked: tuple[int, int, int, int] | None, gets: str) -> None:
    model = identity(tmp_path, has)
    set_input_shape(model, InputSpec(shape=asked))
    assert str(model.inputs[0].get_partial_shape()) == gets


@pytest.mark.parametrize("has", [["N", 3, "H", 8], ["N", "C", 6, 8]])
def test_a_size_that_is_left_open(tmp_path: Path, has: list[int | str]) -> None:
    with pytest.raises(OvlabError, match=r"^input\.shape: missing; the model leaves its size open \(\[.*\?"):
        set_input_shape(identity(tmp_path, has), InputSpec())


@pytest.mark.parametrize("has", [[1, 3], [1, 3, 4, 5, 6], None])
def test_no_image_input(tmp_path: Path, has: list[int | str] | None) -> None:
    with pytest.raises(OvlabError, match=r"^input: expected an image input of 4 dimensions, the model's is"):
        set_input_shape(identity(tmp_path, has), InputSpec())
