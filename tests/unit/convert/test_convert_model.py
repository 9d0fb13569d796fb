"""From a model's original files to an IR, compared with its original."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from toy import (
    BIAS,
    CLASSES,
    COLOURS,
    Lab,
    colour_image,
    colour_onnx,
    convert_settings,
    model_spec,
    source_record,
    write_image,
)

from ovlab.convert import convert
from ovlab.errors import OvlabError
from ovlab.files import sha256_of
from ovlab.records import Record
from ovlab.runtime import core, read_ir

FILES = {"model.bin", "model.xml"}


def converted(lab: Lab, path: Path, weights: str = "f32", **changes: Any) -> Record:
    """Convert the file at `path` into its folder ``ir``."""
    settings = convert_settings(model_spec(path, **changes), lab.dataset, weights)
    return convert(settings, source_record(path.parent), lab.source, path.parent / "ir")


def complaint(lab: Lab, path: Path, **changes: Any) -> str:
    with pytest.raises(OvlabError) as caught:
        converted(lab, path, **changes)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def classes_of(folder: Path) -> list[int]:
    """What the IR says to one image of each colour."""
    compiled = core().compile_model(read_ir(folder / "model.xml"), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    pixels = [np.full((16, 16, 3), COLOURS[name], np.uint8) for name in CLASSES]
    return [int(compiled(one[None])[0].argmax()) for one in pixels]


def test_the_ir_takes_a_picture_and_knows_the_colours(lab: Lab) -> None:
    model = read_ir(lab.folder / "model.xml")
    assert str(model.inputs[0].get_partial_shape()) == "[?,16,16,3]"
    assert model.inputs[0].get_element_type() == ov.Type.u8
    assert classes_of(lab.folder) == [0, 1, 2, 3]


def test_the_record(lab: Lab) -> None:
    assert lab.record.kind == "variant"
    assert lab.record.data["sha256"] == lab.record.files == {name: sha256_of(lab.folder / name) for name in FILES}
    size = sum((lab.folder / name).stat().st_size for name in FILES)
    assert lab.record.value("model_size") == pytest.approx(size / 1e6)
    assert 0 <= (lab.record.value("parity_relative") or 0) < 1e-5
    assert lab.record.value("parity_absolute") is not None
    assert lab.record.value("parity_images") == 4
    assert {path.name for path in lab.folder.iterdir()} == FILES | {".sha256.json"}


def test_same_model_same_weights(lab: Lab, tmp_path: Path) -> None:
    # The names in model.xml count the nodes that this process has made; every step runs in a process of its own.
    shutil.copy(lab.onnx, tmp_path / "toy.onnx")
    found = converted(lab, tmp_path / "toy.onnx").data["sha256"]
    assert found["model.bin"] == lab.record.data["sha256"]["model.bin"]


def test_fp16_weights_take_half_the_bytes(lab: Lab, tmp_path: Path) -> None:
    record = converted(lab, colour_onnx(tmp_path / "m.onnx"), weights="f16")
    ratio = (tmp_path / "ir" / "model.bin").stat().st_size / (lab.folder / "model.bin").stat().st_size
    assert ratio == pytest.approx(0.5, abs=0.02)
    assert classes_of(tmp_path / "ir") == [0, 1, 2, 3]
    assert (record.value("parity_relative") or 0) > (lab.record.value("parity_relative") or 0)


def test_fp16_rounding_is_no_parity_failure_but_a_wrong_fp32_is(lab: Lab, tmp_path: Path) -> None:
    path = colour_onnx(tmp_path / "m.onnx")
    assert converted(lab, path, weights="f16", tolerance=1e-9).ok
    text = complaint(lab, path, tolerance=1e-9, absolute_tolerance=0)
    assert text.startswith("model toy: the IR's outputs differ from ONNX Runtime's by ")
    assert text.endswith("more than its tolerance 1e-09")


def test_a_model_stored_in_fp16_is_widened(lab: Lab, tmp_path: Path) -> None:
    converted(lab, colour_onnx(tmp_path / "m.onnx", dtype=np.float16))
    model = read_ir(tmp_path / "ir" / "model.xml")
    kinds = {op.get_output_element_type(0).get_type_name() for op in model.get_ordered_ops() if op.get_output_size()}
    assert "f32" in kinds
    assert "f16" not in kinds
    assert classes_of(tmp_path / "ir") == [0, 1, 2, 3]


def test_a_model_in_nhwc(lab: Lab, tmp_path: Path) -> None:
    converted(lab, colour_onnx(tmp_path / "m.onnx", layout="NHWC"), input={"layout": "NHWC"})
    assert classes_of(tmp_path / "ir") == [0, 1, 2, 3]


def test_a_fixed_shape(lab: Lab, tmp_path: Path) -> None:
    path = colour_onnx(tmp_path / "m.onnx", size="S")
    converted(lab, path, input={"shape": [1, 3, 24, 20]})
    model = read_ir(tmp_path / "ir" / "model.xml")
    assert list(model.inputs[0].shape) == [1, 24, 20, 3]
    assert "input.shape: missing; the model leaves its size open" in complaint(lab, path)


def test_a_shape_that_the_model_cannot_take(lab: Lab, tmp_path: Path) -> None:
    text = complaint(lab, colour_onnx(tmp_path / "m.onnx"), input={"shape": [1, 4, 16, 16]})
    assert text.startswith("input.shape: the model cannot take [1, 4, 16, 16] (")
    assert not text.endswith("()")


def test_wrong_channels(lab: Lab, tmp_path: Path) -> None:
    path = colour_onnx(tmp_path / "m.onnx")
    expected = "preprocess.channels: GRAY, but the model's input has 3 channels"
    assert complaint(lab, path, preprocess={"channels": "GRAY"}) == expected


def test_an_unknown_input_name(lab: Lab, tmp_path: Path) -> None:
    text = complaint(lab, colour_onnx(tmp_path / "m.onnx"), input={"name": "imag"})
    assert text == "input.name: the model has no input 'imag'; did you mean 'image'?"


def test_nan_outputs(lab: Lab, tmp_path: Path) -> None:
    text = complaint(lab, colour_onnx(tmp_path / "m.onnx", bias=BIAS * np.nan))
    assert text == "parity: output 'scores' contains NaN or infinity"


def test_an_entry_that_is_missing(lab: Lab, tmp_path: Path) -> None:
    path = colour_onnx(tmp_path / "model.onnx")
    expected = "entry: no 'modle.onnx' among the model's files; did you mean 'model.onnx'?"
    assert complaint(lab, path, entry="modle.onnx") == expected


def test_pytorch_needs_pytorch(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    (tmp_path / "m.pt").write_bytes(b"x")
    text = complaint(lab, tmp_path / "m.pt", framework="pytorch")
    assert text.startswith("m.pt: framework pytorch needs PyTorch, which is not installed: 'pip install torch'")


def test_an_ir_as_a_source(lab: Lab, tmp_path: Path) -> None:
    ov.save_model(core().read_model(lab.onnx), tmp_path / "m.xml", compress_to_fp16=True)
    record = converted(lab, tmp_path / "m.xml", framework="ir")
    assert record.value("parity_relative") is None  # there is nothing to compare with
    assert classes_of(tmp_path / "ir") == [0, 1, 2, 3]
    size = (tmp_path / "ir" / "model.bin").stat().st_size
    assert size == pytest.approx((lab.folder / "model.bin").stat().st_size, rel=0.01)  # widened again


def _chunk(field: int, content: bytes | str) -> bytes:
    """One length-delimited field of a protocol buffer; everything here is shorter than 128 bytes."""
    data = content.encode() if isinstance(content, str) else content
    assert len(data) < 128
    return bytes([field << 3 | 2, len(data)]) + data


def _node(name: str, op: str, *inputs: str, **attributes: bytes) -> bytes:
    body = _chunk(1, name) + _chunk(2, op) + b"".join(_chunk(3, one) for one in inputs)
    return _chunk(1, body + b"".join(_chunk(5, _chunk(1, key) + _chunk(2, value)) for key, value in attributes.items()))


def test_a_frozen_tensorflow_graph(lab: Lab, tmp_path: Path) -> None:
    # Written by hand, field by field (tensorflow/core/framework/{graph,node_def,attr_value,tensor}.proto): the mean
    # red, green and blue of an NHWC image.
    floats, ints = bytes([6 << 3, 1]), bytes([6 << 3, 3])
    shape = _chunk(7, b"".join(_chunk(2, bytes([1 << 3, size])) for size in (1, 16, 16, 3)))
    axes = bytes([1 << 3, 3]) + _chunk(2, _chunk(2, bytes([1 << 3, 2]))) + _chunk(4, np.array([1, 2], "<i4").tobytes())
    graph = (
        _node("image", "Placeholder", dtype=floats, shape=shape)
        + _node("axes", "Const", dtype=ints, value=_chunk(8, axes))
        + _node("mean", "Mean", "image", "axes", T=floats, Tidx=ints, keep_dims=bytes([5 << 3, 0]))
    )
    (tmp_path / "m.pb").write_bytes(graph)
    record = converted(lab, tmp_path / "m.pb", framework="tensorflow", input={"layout": "NHWC"}, output={"classes": 3})
    assert record.value("parity_relative") is None
    compiled = core().compile_model(read_ir(tmp_path / "ir" / "model.xml"), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    image = np.full((1, 16, 16, 3), (51, 102, 204), np.uint8)
    np.testing.assert_allclose(compiled(image)[0], [[0.8, 0.4, 0.2]], rtol=1e-5)


def test_failed_downloads_are_passed_on(lab: Lab, tmp_path: Path) -> None:
    failed = Record(kind="source", settings={}, status="failed", reason="no such host")
    settings = convert_settings(lab.model, lab.dataset)
    with pytest.raises(OvlabError, match=r"^download of model toy: no such host$"):
        convert(settings, failed, lab.source, tmp_path)
    with pytest.raises(OvlabError, match=r"^download of data set colours: no such host$"):
        convert(settings, source_record(lab.onnx.parent), failed, tmp_path)


def test_parity_wants_the_same_outputs(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = colour_onnx(tmp_path / "m.onnx")
    other = colour_onnx(tmp_path / "other.onnx", bias=BIAS + 1)
    monkeypatch.setattr("ovlab.convert.entry_path", lambda _root, _model: other)
    assert "the IR's outputs differ from ONNX Runtime's by" in complaint(lab, path)


def test_a_corrupt_image_stops_the_comparison_unless_it_is_to_be_skipped(lab: Lab, tmp_path: Path) -> None:
    data = tmp_path / "data"
    for index, name in enumerate(CLASSES):
        write_image(data / "val" / name / "0.png", colour_image(name, index))
    (data / "val" / "blue" / "0.png").write_bytes(b"damaged")
    path = colour_onnx(tmp_path / "m.onnx")
    for on_corrupt in ("stop", "skip"):
        dataset = lab.dataset.model_copy(update={"on_corrupt": on_corrupt})
        arguments = (convert_settings(model_spec(path), dataset), source_record(tmp_path), source_record(data))
        if on_corrupt == "stop":
            with pytest.raises(OvlabError, match=r"0\.png: cannot be decoded"):
                convert(*arguments, tmp_path / "ir")
        else:
            assert convert(*arguments, tmp_path / "ir").value("parity_images") == 3
