"""Files that are not the model: each is named for what it is, with what to do, before the runtime's own words."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import openvino as ov
import pytest
from toy import Lab, colour_onnx, convert_settings, model_spec, source_record

from ovlab.convert import convert
from ovlab.convert.entry import ENDINGS
from ovlab.convert.faults import conversion_error
from ovlab.convert.frontends import name_outputs, read_original
from ovlab.convert.identify import FRAMEWORKS
from ovlab.errors import OvlabError
from ovlab.runtime import core

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
PAGE = b"\n<!DOCTYPE html>\n<html><head><title>404</title></head></html>"
GZIP = b"\x1f\x8b\x08\x00\x00\x00"
PICKLE = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03."
# A ProgramDesc of one empty block, and a GraphDef of one node.
PROGRAM = b"\x0a\x0d\x08\x00\x10" + b"\xff" * 9 + b"\x01"
GRAPH = b"\x0a\x0a\x0a\x05image\x12\x01A"


def refused(path: Path, framework: str, root: Path | None = None, **changes: Any) -> OvlabError:
    """Read a file as a user's YAML would, and return the error, which is one line that names the file once."""
    with pytest.raises(OvlabError) as caught:
        read_original(root or path.parent, model_spec(path, framework=framework, **changes))
    text = str(caught.value)
    assert "\n" not in text
    assert str(path.parent) not in text
    assert "src/" not in text
    return caught.value


def zipped(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return path


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize(
    ("content", "meaning"),
    [
        (POINTER, "is a Git LFS pointer, which only names the model; get the file itself with 'git lfs pull', or from"),
        (PAGE, "is an HTML page; the address shows a page about the file"),
        (b"", "is empty; get it again"),
        (GZIP, "is a gzip archive; give it as .zip or .tar"),
        (b"\x89HDF\r\n\x1a\n" + bytes(8), "is a Keras file; save the model with model.export('folder')"),
        (PICKLE, "is a PyTorch checkpoint, weights without the network; build the network in Python"),
        (b"\x40\0\0\0\0\0\0\0" + b'{"weight":{}}', "is a safetensors file, weights without the network; build"),
        (b'{"base_code":{"magic":"pir","version":4}}', "is a model in Paddle 3's own format"),
        (b'<?xml version="1.0"?><annotation/>', "is XML; give the file that holds the network"),
    ],
)
def test_what_no_framework_opens(tmp_path: Path, framework: str, content: bytes, meaning: str) -> None:
    path = tmp_path / f"m{ENDINGS[framework][0]}"
    path.write_bytes(content)
    assert str(refused(path, framework)).startswith(f"{path.name}: {meaning}")


@pytest.mark.parametrize("framework", [name for name in FRAMEWORKS if name not in {"caffe", "pytorch"}])
@pytest.mark.parametrize(
    ("content", "shown"),
    [(b"this is no model at all", "'this is no model at all'"), (bytes(range(200, 255)), "the bytes c8 c9 ca")],
)
def test_what_nobody_knows_is_shown_by_its_beginning(
    tmp_path: Path, framework: str, content: bytes, shown: str
) -> None:
    path = tmp_path / f"m{ENDINGS[framework][0]}"
    path.write_bytes(content)
    error = refused(path, framework)
    expected = f"{path.name}: is no {FRAMEWORKS[framework]} model that can be read; it begins with {shown}"
    assert str(error).startswith(expected)
    assert error.detail  # the runtime's own words


def test_a_model_of_another_framework_is_named(lab: Lab, tmp_path: Path) -> None:
    ov.save_model(core().read_model(lab.onnx), tmp_path / "ir.xml")
    files = {
        "onnx": lab.onnx.read_bytes(),
        "ir": (tmp_path / "ir.xml").read_bytes(),
        "tflite": b"\x1c\0\0\0TFL3" + bytes(20),
        "tensorflow": GRAPH,
        "paddle": PROGRAM,
        "caffe": b'name: "net"\nlayer { name: "data" }\n',
        "pytorch": zipped(tmp_path / "z", "m/constants.pkl", "m/code/__torch__.py").read_bytes(),
    }
    assert set(files) == set(FRAMEWORKS)
    for number, (own, content) in enumerate(files.items()):
        asked = [name for name in FRAMEWORKS if name != own][number % (len(FRAMEWORKS) - 1)]
        path = tmp_path / f"model{number}"
        path.write_bytes(content)
        text = str(refused(path, asked))
        assert text.endswith(f", not {FRAMEWORKS[asked]}; say framework: {own}")


def test_zip_files_by_what_they_hold(tmp_path: Path) -> None:
    weights = zipped(tmp_path / "weights.pth", "weights/data.pkl", "weights/version")
    assert "is a PyTorch checkpoint, weights without the network" in str(refused(weights, "pytorch"))
    keras = zipped(tmp_path / "m.keras", "config.json", "model.weights.h5")
    assert "is a Keras file; save the model with model.export" in str(refused(keras, "tensorflow", entry="m.keras"))
    program = zipped(tmp_path / "m.onnx", "m/archive_format", "m/models/model.json")
    assert "is an exported program, not ONNX; say framework: pytorch" in str(refused(program, "onnx"))
    whole = weights.read_bytes()
    (tmp_path / "cut.pt").write_bytes(whole[: len(whole) // 2])
    assert "that is cut short or damaged; get it again" in str(refused(tmp_path / "cut.pt", "pytorch"))


@pytest.mark.parametrize("framework", ["onnx", "tensorflow", "tflite", "paddle", "ir"])
def test_a_file_that_breaks_off(lab: Lab, tmp_path: Path, framework: str) -> None:
    ov.save_model(core().read_model(lab.onnx), tmp_path / "ir.xml")
    content = {
        "onnx": lab.onnx.read_bytes()[:300],
        "tensorflow": GRAPH[:-1],
        "tflite": b"\x1c\0\0\0TFL3" + bytes(20),
        "paddle": PROGRAM[:-1],
        "ir": (tmp_path / "ir.xml").read_bytes()[:300],
    }[framework]
    path = tmp_path / f"m{ENDINGS[framework][0]}"
    path.write_bytes(content)
    for name in ("m.bin", "m.pdiparams"):
        (tmp_path / name).write_bytes(b"weights")
    error = refused(path, framework)
    assert f"that is cut short or damaged ({len(content)} bytes); get it again" in str(error)
    assert error.detail


def test_weights_that_are_not_listed(lab: Lab, tmp_path: Path) -> None:
    model = onnx.load(lab.onnx)
    onnx.save(model, tmp_path / "m.onnx", save_as_external_data=True, location="m.data", size_threshold=0)
    (tmp_path / "m.data").unlink()
    expected = "m.onnx: keeps its weights in other files, which are missing: list 'm.data' under files too"
    assert str(refused(tmp_path / "m.onnx", "onnx")) == expected
    ov.save_model(core().read_model(lab.onnx), tmp_path / "ir.xml")
    (tmp_path / "ir.bin").unlink()
    assert str(refused(tmp_path / "ir.xml", "ir")) == "ir.xml: its weights are missing: list 'ir.bin' under files too"


def test_paddle_weights_that_are_missing_or_cut(tmp_path: Path) -> None:
    # A program that needs weights is more than a few bytes (tests/frameworks has one): what the frontend says of it.
    path = tmp_path / "p.pdmodel"
    path.write_bytes(PROGRAM)
    missing = conversion_error(
        path, "paddle", RuntimeError("Check 'weight_stream != nullptr' failed at src/a.cpp:320:")
    )
    assert str(missing) == "p.pdmodel: its weights are missing: list 'p.pdiparams' under files too"
    (tmp_path / "p.pdiparams").write_bytes(b"few")
    cut = conversion_error(path, "paddle", RuntimeError("File containing constant wasn't successfully read."))
    assert str(cut) == "p.pdmodel: its weights, p.pdiparams, are cut short or damaged (3 bytes); get them again"


def test_what_only_the_runtime_knows_is_said_without_its_sources(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    colour_onnx(path)
    words = (
        f"Check 'a > b' failed at src/core/x.cpp:12:\nFrontEnd API failed with OpFailure:\n{path}: no such operation\n"
    )
    error = conversion_error(path, "onnx", RuntimeError(words))
    assert str(error) == "m.onnx: does not convert from onnx: m.onnx: no such operation"
    assert error.detail == f"RuntimeError: {words}"


def test_weights_that_are_a_pointer(lab: Lab, tmp_path: Path) -> None:
    ov.save_model(core().read_model(lab.onnx), tmp_path / "ir.xml")
    (tmp_path / "ir.bin").write_bytes(POINTER)
    files = [{"path": str(tmp_path / name)} for name in ("ir.xml", "ir.bin")]
    assert str(refused(tmp_path / "ir.xml", "ir", files=files)).startswith("ir.bin: is a Git LFS pointer")


def test_paddle_before_2(tmp_path: Path) -> None:
    # Field 4 of a ProgramDesc is its version: 1 008 000.
    old = PROGRAM + b"\x22\x04\x08\x80\xc3\x3d"
    for name in ("old.pdmodel", "old.pdiparams", "__model__"):
        (tmp_path / name).write_bytes(old)
    for path in (tmp_path / "old.pdmodel", tmp_path / "__model__"):
        text = str(refused(path, "paddle"))
        assert text.startswith(f"{path.name}: saved before Paddle 2.0; OpenVINO reads Paddle 2's files: load the model")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "__model__").write_bytes(old)
    text = str(refused(tmp_path / "folder", "paddle", tmp_path / "folder"))
    assert text.startswith("folder: holds a model saved before Paddle 2.0 (__model__); ")
    (tmp_path / "wrong.model").write_bytes(PROGRAM)
    assert "a Paddle model's name must end in .pdmodel" in str(refused(tmp_path / "wrong.model", "paddle"))


def test_paddle_3_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "inference.json").write_bytes(b'{"base_code":{"magic":"pir"}}')
    text = str(refused(tmp_path, "paddle", tmp_path))
    assert "holds a model in Paddle 3's own format, which OpenVINO does not read (inference.json); set FLAGS" in text


def test_a_folder_with_one_model(lab: Lab, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    (folder / "deeper").mkdir(parents=True)
    shutil.copy(lab.onnx, folder / "deeper" / "net.onnx")
    assert read_original(folder, model_spec(folder)).inputs  # the folder itself is the source
    assert read_original(tmp_path, model_spec(folder)).inputs  # or lies in it
    archive = tmp_path / "mine.zip"  # and so does what was unpacked from an archive
    assert read_original(folder, model_spec(archive)).inputs
    assert read_original(tmp_path, model_spec(archive, entry="mine")).inputs


def test_a_folder_without_a_model_or_with_several(lab: Lab, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "notes.txt").write_text("nothing")
    expected = "mine: no TensorFlow model in it, expected .pb or a SavedModel; it holds notes.txt"
    assert str(refused(folder, "tensorflow", folder)) == expected
    for name in ("a.onnx", "b.onnx"):
        shutil.copy(lab.onnx, folder / name)
    assert str(refused(folder, "onnx", folder)) == "entry: missing, but mine holds 2 models: a.onnx, b.onnx"
    assert read_original(folder, model_spec(folder, entry="b.onnx")).inputs


def test_outputs_without_names_get_some(tmp_path: Path) -> None:
    image = ov.opset13.parameter([1, 3, 16, 16], np.float32)
    image.output(0).get_tensor().set_names({"output_1"})
    means = [ov.opset13.reduce_mean(image, np.array(axes, np.int64)) for axes in ([2, 3], [1, 2, 3], [0])]
    means[2].output(0).get_tensor().set_names({"own"})
    model = ov.Model(means, [image], "unnamed")
    for port in model.outputs[:2]:
        port.get_tensor().set_names(set())  # as TorchScript leaves them
    assert [port.get_names() for port in model.outputs] == [set(), set(), {"own"}]
    name_outputs(model)
    assert [port.get_names() for port in model.outputs] == [{"output_0"}, {"output_1_"}, {"own"}]
    ov.save_model(model, tmp_path / "named.xml")
    again = core().read_model(tmp_path / "named.xml")
    assert [port.get_names() for port in again.outputs] == [{"output_0"}, {"output_1_"}, {"own"}]


def test_the_record_keeps_what_the_runtime_said(lab: Lab, tmp_path: Path) -> None:
    path = colour_onnx(tmp_path / "m.onnx")
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(OvlabError) as caught:
        convert(convert_settings(model_spec(path), lab.dataset), source_record(tmp_path), lab.source, tmp_path / "ir")
    assert caught.value.detail.startswith(("Error: ", "GeneralFailure: "))  # ovc's, or its frontend's
    assert not (tmp_path / "ir").exists()
