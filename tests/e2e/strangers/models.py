"""Faults of models: odd inputs and outputs, files that are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from toy import colour_onnx, quantised_onnx, write_class_folders

from strangers.common import (
    FAILED,
    OK,
    Made,
    class_folders,
    classifier,
    colours,
    edited,
    stranger,
    toy,
)


def _bytes_input(model: onnx.ModelProto) -> None:
    """Make an NHWC input of floats one of bytes, cast and divided inside, as TensorFlow exports it."""
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.UINT8
    first = model.graph.node[0]
    cast = helper.make_node("Cast", [first.input[0]], ["as_float"], to=TensorProto.FLOAT)
    divide = helper.make_node("Div", ["as_float", "most"], ["fraction"])
    first.input[0] = "fraction"
    model.graph.node.insert(0, divide)
    model.graph.node.insert(0, cast)
    model.graph.initializer.append(numpy_helper.from_array(np.float32(255), "most"))


@stranger(OK, accuracy=1.0)
def bytes_in_nhwc(folder: Path) -> Made:
    path = edited(toy(folder, layout="NHWC"), _bytes_input)
    return Made(classifier([path], input={"layout": "NHWC"}, preprocess={}), colours(folder))


def _text_input(model: onnx.ModelProto) -> None:
    _bytes_input(model)
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.BOOL


@stranger(FAILED, r"is of type boolean, which no image becomes")
def truths_in(folder: Path) -> Made:
    path = edited(toy(folder, layout="NHWC"), _text_input)
    return Made(classifier([path], input={"layout": "NHWC"}, preprocess={}), colours(folder))


def _nearly_nothing(model: onnx.ModelProto) -> None:
    model.graph.node[-1].CopyFrom(helper.make_node("Mul", ["gemm", "tiny"], ["scores"]))
    model.graph.initializer.append(numpy_helper.from_array(np.float32(1e-7), "tiny"))


@stranger(OK, accuracy=1.0)
def outputs_near_zero(folder: Path) -> Made:
    return Made(classifier([edited(toy(folder), _nearly_nothing)]), colours(folder))


@stranger(FAILED, r"list 'model.data' under files")
def weights_not_listed(folder: Path) -> Made:
    model = onnx.load(toy(folder))
    onnx.save(model, folder / "model.onnx", save_as_external_data=True, location="model.data", size_threshold=16)
    return Made(classifier([folder / "model.onnx"]), colours(folder))


@stranger(FAILED, r"Git LFS pointer")
def lfs_pointer(folder: Path) -> Made:
    (folder / "model.onnx").write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:" + 64 * "0" + "\nsize 1234567\n", encoding="ascii"
    )
    return Made(classifier([folder / "model.onnx"]), colours(folder))


@stranger(FAILED, r"cut short or damaged")
def broken_off(folder: Path) -> Made:
    path = toy(folder)
    path.write_bytes(path.read_bytes()[:2000])
    return Made(classifier([path]), colours(folder))


@stranger(FAILED, r"is an HTML page")
def a_web_page(folder: Path) -> Made:
    (folder / "model.onnx").write_text("<!DOCTYPE html><html><body>Sign in</body></html>", encoding="ascii")
    return Made(classifier([folder / "model.onnx"]), colours(folder))


def _wide(model: onnx.ModelProto, outputs: int) -> None:
    """Give the last layer so many outputs."""
    weights = np.random.default_rng(1).normal(0, 1, (outputs, 32)).astype(np.float32)
    for one in list(model.graph.initializer):
        if one.name in {"last", "bias"}:
            array = weights if one.name == "last" else np.zeros(outputs, np.float32)
            one.CopyFrom(numpy_helper.from_array(array, one.name))
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = outputs


@stranger(FAILED, r"output.classes: missing.*136 numbers")
def landmarks(folder: Path) -> Made:
    path = edited(toy(folder), lambda model: _wide(model, 136))
    write_class_folders(folder / "images", train=2, val=3)
    data = class_folders(folder, format="images", splits={"validation": {"images": "val"}})
    return Made(classifier([path], output={}), data)


def _map(model: onnx.ModelProto) -> None:
    del model.graph.node[3:]
    model.graph.node[2].CopyFrom(helper.make_node("Relu", ["wide"], ["scores"]))
    output = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", 32, 16, 16])
    model.graph.output[0].CopyFrom(output)


@stranger(FAILED, r"32, ?16, ?16")
def a_map(folder: Path) -> Made:
    return Made(classifier([edited(toy(folder), _map)], output={}), colours(folder))


@stranger(FAILED, r"has 2 inputs \(image, state\)")
def several_inputs(folder: Path) -> Made:
    path = toy(folder, inputs=("image", "state"), batch=1)
    return Made(classifier([path], input={"name": "image"}), colours(folder))


def _two_outputs(model: onnx.ModelProto) -> None:
    model.graph.output.append(helper.make_tensor_value_info("gemm", TensorProto.FLOAT, ["N", 4]))


@stranger(FAILED, r"output\.name.*scores.*gemm")
def two_outputs(folder: Path) -> Made:
    return Made(classifier([edited(toy(folder), _two_outputs)]), colours(folder))


@stranger(FAILED, r"4 numbers for one image, expected 10 scores by output.classes")
def other_number_of_classes(folder: Path) -> Made:
    return Made(classifier([toy(folder)], output={"classes": 10}), colours(folder))


@stranger(FAILED, r"quantised already")
def quantised_by_others(folder: Path) -> Made:
    path = quantised_onnx(colour_onnx(folder / "float.onnx"), folder / "model.onnx")
    return Made(classifier([path]), colours(folder))


@stranger(FAILED, r"saved before Paddle 2.0")
def paddle_of_long_ago(folder: Path) -> Made:
    """Paddle's 1.8: ``__model__``, a ProgramDesc without a version."""
    place = folder / "model"
    place.mkdir()
    (place / "__model__").write_bytes(b"\x0a\x1b\x08\x00\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x1a\x04\x0a\x02X0")
    (place / "__params__").write_bytes(bytes(64))
    return Made(classifier([place], "paddle"), colours(folder))


@stranger(FAILED, r"no Paddle model in it")
def not_a_paddle_folder(folder: Path) -> Made:
    place = folder / "model"
    place.mkdir()
    (place / "readme.md").write_text("weights are elsewhere", encoding="utf-8")
    return Made(classifier([place], "paddle"), colours(folder))
