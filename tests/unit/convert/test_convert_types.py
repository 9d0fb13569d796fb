"""Inputs of every element type, and outputs of any size, are compared with ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import openvino as ov
import pytest
from onnx import TensorProto, helper, numpy_helper
from toy import Lab, colour_onnx, convert_settings, model_spec, source_record

from ovlab.convert import convert
from ovlab.convert.parity import ELEMENT_TYPES, both_answers, compare_with_onnxruntime, open_original
from ovlab.convert.preprocess import WHOLE_NUMBERS
from ovlab.errors import OvlabError
from ovlab.records import Record
from ovlab.runtime import core, read_ir

NAMES = {
    "uint8": TensorProto.UINT8,
    "int8": TensorProto.INT8,
    "uint16": TensorProto.UINT16,
    "int16": TensorProto.INT16,
    "uint32": TensorProto.UINT32,
    "int32": TensorProto.INT32,
    "uint64": TensorProto.UINT64,
    "int64": TensorProto.INT64,
    "float16": TensorProto.FLOAT16,
    "float": TensorProto.FLOAT,
    "double": TensorProto.DOUBLE,
}


def typed_onnx(path: Path, name: str, *, added: float = 0.0, gain: float = 1.0) -> Path:
    """The colour classifier with an input of another type, in 0..255 as TensorFlow exports it."""
    model = onnx.load(colour_onnx(path, layout="NHWC"))
    graph = model.graph
    graph.input[0].type.tensor_type.elem_type = NAMES.get(name, TensorProto.BOOL)
    graph.node[0].input[0] = "unit"
    constants = {"added": added, "full": 255.0}
    graph.initializer.extend(numpy_helper.from_array(np.float32(value), key) for key, value in constants.items())
    nodes = [
        helper.make_node("Cast", ["image"], ["number"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["number", "added"], ["whole"]),
        helper.make_node("Div", ["whole", "full"], ["unit"]),
    ]
    for number, node in enumerate(nodes):
        graph.node.insert(number, node)
    if gain != 1.0:
        graph.initializer.append(numpy_helper.from_array(np.float32(gain), "gain"))
        graph.node[-1].output[0] = "large"
        graph.node.append(helper.make_node("Mul", ["large", "gain"], [graph.output[0].name]))
    onnx.save(model, path)
    return path


def converted(lab: Lab, path: Path, **changes: Any) -> Record:
    spec = model_spec(path, **{"input": {"layout": "NHWC"}, "preprocess": {}} | changes)
    return convert(convert_settings(spec, lab.dataset), source_record(path.parent), lab.source, path.parent / "ir")


def complaint(lab: Lab, path: Path, **changes: Any) -> str:
    with pytest.raises(OvlabError) as caught:
        converted(lab, path, **changes)
    return str(caught.value)


def test_every_type_of_onnx_runtime_is_tried() -> None:
    assert {f"tensor({name})" for name in NAMES} == set(ELEMENT_TYPES)


@pytest.mark.parametrize("name", NAMES)
def test_an_input_of_any_type(lab: Lab, tmp_path: Path, name: str) -> None:
    # Signed bytes take a pixel less 128, as quantised TFLite models do.
    mean = 128 if name == "int8" else 0
    path = typed_onnx(tmp_path / "m.onnx", name, added=mean)
    record = converted(lab, path, preprocess={"mean": [mean]})
    assert record.value("parity_images") == 4
    assert (record.value("parity_relative") or 0.0) < 1e-5
    ir = read_ir(tmp_path / "ir" / "model.xml")
    assert ir.inputs[0].get_element_type() == ov.Type.u8
    assert ir.outputs[0].get_element_type() == ov.Type.f32
    pixels = np.full((1, 16, 16, 3), (20, 20, 230), np.uint8)  # red is the last class
    assert core().compile_model(ir, "CPU")(pixels)[0].argmax() == 3


def test_a_type_that_no_image_becomes(lab: Lab, tmp_path: Path) -> None:
    path = typed_onnx(tmp_path / "m.onnx", "bool")
    assert complaint(lab, path) == "input: the model's is of type boolean, which no image becomes"


@pytest.mark.parametrize(
    ("name", "preprocess", "expected"),
    [
        (
            "uint8",
            {"unit_range": True},
            "preprocess: the model's input takes whole numbers (u8), expected neither unit",
        ),
        ("int32", {"scale": [2.0]}, "preprocess: the model's input takes whole numbers (i32), expected neither unit"),
        ("uint8", {"mean": [128]}, "preprocess.mean: [128.0] from 0..255 does not fit the model's input, which takes"),
        ("int8", {}, "preprocess.mean: [0.0] from 0..255 does not fit the model's input, which takes whole numbers fr"),
        ("int16", {"mean": [0.5]}, "preprocess.mean: [0.5] from 0..255 does not fit the model's input, which takes wh"),
    ],
)
def test_arithmetic_that_an_integer_input_cannot_take(
    lab: Lab, tmp_path: Path, name: str, preprocess: dict[str, Any], expected: str
) -> None:
    path = typed_onnx(tmp_path / "m.onnx", name)
    assert complaint(lab, path, preprocess=preprocess).startswith(expected)


def test_the_bounds_are_those_of_numpy() -> None:
    for name, bounds in WHOLE_NUMBERS.items():
        limits = np.iinfo({"u": "uint", "i": "int"}[name[0]] + name[1:])
        assert bounds == (limits.min, limits.max)


class Shifted:
    """ONNX Runtime on a model, with an amount added to what it gives for each image."""

    def __init__(self, path: Path, amounts: list[float]) -> None:
        self._session = open_original(path)
        self._amounts = iter(amounts)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def run(self, names: Any, feeds: Any) -> list[Any]:
        amount = np.float32(next(self._amounts))
        return [one + amount for one in self._session.run(names, feeds)]


def parity(folder: Path, path: Path, amounts: list[float], colours: list[Any], **changes: Any) -> dict[str, float]:
    spec = model_spec(path, input={"layout": "NHWC"}, preprocess={}, **changes)
    images = [np.full((16, 16, 3), one, np.uint8) for one in colours]
    found = compare_with_onnxruntime(Shifted(path, amounts), read_ir(folder / "model.xml"), spec, images)
    return {name: float(one.value or 0.0) for name, one in found.items()}


def test_an_output_near_zero_on_every_image_is_held_to_the_absolute_tolerance(lab: Lab, tmp_path: Path) -> None:
    # A text detector where there is no text: its largest output is 1e-7, and 9e-8 beside it are no fault.
    path = typed_onnx(tmp_path / "m.onnx", "uint8", gain=1e-7)
    record = converted(lab, path)
    found = parity(tmp_path / "ir", path, [9e-8], [200])
    assert found["parity_absolute"] == pytest.approx(9e-8, rel=0.01)
    assert found["parity_range"] < 3e-7
    assert found["parity_relative"] == pytest.approx(9e-8 / 1e-3, rel=0.01)  # 1e-6 over 1e-3: see the specs' defaults
    strict = parity(tmp_path / "ir", path, [9e-8], [200], absolute_tolerance=0)
    assert strict["parity_relative"] > 0.3
    assert record.value("parity_range") == pytest.approx(1e-7, rel=0.5)


def test_the_range_is_that_over_all_images(lab: Lab, tmp_path: Path) -> None:
    path = typed_onnx(tmp_path / "m.onnx", "uint8")
    converted(lab, path)
    # The black image's outputs are 0.2 at most, the red one's 1: a difference on the former is seen against both.
    alone = parity(tmp_path / "ir", path, [0.01], [0])
    both = parity(tmp_path / "ir", path, [0.01, 0.0], [0, (0, 0, 255)])
    assert alone["parity_absolute"] == pytest.approx(both["parity_absolute"], rel=1e-3)
    assert alone["parity_relative"] == pytest.approx(0.01 / 0.21, rel=0.01)
    assert both["parity_relative"] < 0.6 * alone["parity_relative"]
    assert both["parity_range"] > alone["parity_range"]


def test_a_type_that_onnx_runtime_cannot_be_given(lab: Lab, tmp_path: Path) -> None:
    path = typed_onnx(tmp_path / "m.onnx", "bool")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    spec = model_spec(path, input={"layout": "NHWC"}, preprocess={})
    expected = r"^parity: input 'image' is tensor\(bool\), which no image can be given to ONNX Runtime as$"
    with pytest.raises(OvlabError, match=expected):
        next(both_answers(session, read_ir(lab.folder / "model.xml"), spec, [np.zeros((16, 16, 3), np.uint8)]))


def test_a_model_in_bfloat16_becomes_fp32_though_onnx_runtime_cannot_run_it(lab: Lab, tmp_path: Path) -> None:
    path = colour_onnx(tmp_path / "m.onnx")
    model = onnx.load(path)
    for one in model.graph.initializer:
        if one.data_type == TensorProto.FLOAT:
            bits = numpy_helper.to_array(one).view(np.uint32) >> 16
            one.CopyFrom(
                helper.make_tensor(one.name, TensorProto.BFLOAT16, one.dims, bits.astype(np.uint16).tobytes(), raw=True)
            )
    for port in (*model.graph.input, *model.graph.output):
        port.type.tensor_type.elem_type = TensorProto.BFLOAT16
    model.opset_import[0].version = 22  # the first whose convolution takes it
    onnx.save(model, path)
    spec = model_spec(path)
    record = convert(convert_settings(spec, lab.dataset), source_record(tmp_path), lab.source, tmp_path / "ir")
    assert record.value("parity_relative") is None
    ir = read_ir(tmp_path / "ir" / "model.xml")
    assert "bf16" not in {op.get_output_element_type(0).get_type_name() for op in ir.get_ordered_ops()[:-1]}
    pixels = np.full((1, 16, 16, 3), (20, 20, 230), np.uint8)
    assert core().compile_model(ir, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(pixels)[0].argmax() == 3
