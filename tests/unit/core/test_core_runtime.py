"""OpenVINO, opened quietly, with errors in one line."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from toy import BIAS, Lab, colour_onnx

from ovlab.errors import OvlabError, UnavailableError
from ovlab.runtime import (
    bind_input,
    choose_precision,
    core,
    image_input,
    image_size,
    precision_hint,
    read_ir,
    set_batch,
    task_output,
    words_into_log,
)
from ovlab.specs import PrecisionSpec


@pytest.mark.parametrize("package", ["calibrate", "caffe", "convert", "measure.child.launch", "validate"])
def test_telemetry_is_off_whatever_is_installed(tmp_path: Path, package: str) -> None:
    code = f"import ovlab.{package}, nncf, sys; print(sys.modules['openvino_telemetry'])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"HOME": str(tmp_path), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "None"
    assert list(tmp_path.rglob("*")) == []


def test_read_ir_names_what_is_missing_or_damaged(lab: Lab, tmp_path: Path) -> None:
    folder = shutil.copytree(lab.folder, tmp_path / "ir")
    xml = folder / "model.xml"
    assert read_ir(xml).inputs
    xml.write_text(xml.read_text(encoding="utf-8")[:300], encoding="utf-8")
    with pytest.raises(OvlabError, match=r"model\.xml: not a readable IR \(.+\)$"):
        read_ir(xml)
    shutil.copy(lab.folder / "model.xml", xml)
    (folder / "model.bin").write_bytes(b"short")
    with pytest.raises(OvlabError, match=r"model\.xml: not a readable IR \(.+\)$"):
        read_ir(xml)
    (folder / "model.bin").unlink()
    with pytest.raises(OvlabError, match=r"model\.bin: missing; the variant's folder is incomplete"):
        read_ir(xml)


def test_ports_are_found_by_name(tmp_path: Path) -> None:
    model = core().read_model(colour_onnx(tmp_path / "m.onnx", batch=1, inputs=("image", "extra")))
    assert image_input(model, "image").get_any_name() == "image"
    assert task_output(model, None).get_any_name() == "scores"
    with pytest.raises(OvlabError, match=r"input\.name: missing, but the model has 2 inputs: image, extra"):
        image_input(model, None)
    with pytest.raises(OvlabError, match=r"input\.name: the model has no input 'imag'; did you mean 'image'\?"):
        image_input(model, "imag")
    with pytest.raises(OvlabError, match=r"output\.name: the model has no output 'score'; did you mean 'scores'\?"):
        task_output(model, "score")


def test_image_size(lab: Lab) -> None:
    model = read_ir(lab.folder / "model.xml")
    assert image_size(model) == (16, 16)
    model.reshape([-1, -1, 16, 3])
    with pytest.raises(OvlabError, match=r"input\.shape: height and width must be fixed"):
        image_size(model)


def test_set_batch(lab: Lab, tmp_path: Path) -> None:
    model = read_ir(lab.folder / "model.xml")
    set_batch(model, 4)
    assert list(model.inputs[0].shape) == [4, 16, 16, 3]
    assert list(model.outputs[0].shape) == [4, 4]
    set_batch(model, 4)
    pair = core().read_model(colour_onnx(tmp_path / "m.onnx", batch=2, bias=np.stack([BIAS, BIAS])))
    set_batch(pair, 2)
    with pytest.raises(OvlabError, match=r"^batch: the model cannot take 3 \(.+\)$"):
        set_batch(pair, 3)


class _Core:
    """Stands for a core with one device of given capabilities."""

    def __init__(self, *capabilities: str) -> None:
        self._capabilities = list(capabilities)

    def get_property(self, _device: str, _name: str) -> list[str]:
        return self._capabilities


@pytest.mark.parametrize(
    ("wanted", "capabilities", "chosen"),
    [
        (["f16", "bf16", "f32"], ["FP32", "BF16"], "bf16"),
        (["f32"], ["FP32", "BF16"], "f32"),
        (["f16"], ["FP16", "FP32"], "f16"),
        (["default"], ["FP32"], "default"),
    ],
)
def test_the_first_supported_precision_is_chosen(
    monkeypatch: pytest.MonkeyPatch, wanted: list[str], capabilities: list[str], chosen: str
) -> None:
    monkeypatch.setattr("ovlab.runtime.core", lambda: _Core(*capabilities))
    assert choose_precision(PrecisionSpec.model_validate({"inference_precision": wanted}), "CPU") == chosen


def test_the_default_asks_for_nothing() -> None:
    assert precision_hint("bf16") == {"INFERENCE_PRECISION_HINT": "bf16"}
    assert precision_hint("default") == {}


def test_a_precision_that_the_device_lacks_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ovlab.runtime.core", lambda: _Core("FP32", "EXPORT_IMPORT"))
    precision = PrecisionSpec.model_validate({"inference_precision": ["bf16", "f16"]})
    with pytest.raises(UnavailableError, match=r"^CPU does not execute bf16 or f16 \(it has EXPORT_IMPORT, FP32\)$"):
        choose_precision(precision, "CPU")


def test_one_core_a_process() -> None:
    assert isinstance(core(), ov.Core)
    assert core() is core()


def test_a_bound_input_lives_as_long_as_its_request(lab: Lab) -> None:
    model = read_ir(lab.folder / "model.xml")
    set_batch(model, 1)
    compiled = core().compile_model(model, "CPU")
    request = compiled.create_infer_request()
    pixels = np.zeros((1, *image_size(model), 3), np.uint8)
    dropped = weakref.ref(pixels)
    bind_input(request, pixels)
    del pixels
    assert dropped() is not None  # OpenVINO itself would keep no reference
    request.infer()
    bind_input(request, np.ones((1, *image_size(model), 3), np.uint8))
    assert dropped() is None
    assert int(request.get_input_tensor().data.min()) == 1


NATIVE = b"E0000 expected identifier, got: \xff\x1b[31m\n"


def test_native_words_go_into_the_log_alone(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "ovlab")
    log = logging.getLogger("ovlab.test")
    with pytest.raises(RuntimeError, match="no model"), words_into_log(log):
        os.write(2, NATIVE)
        raise RuntimeError("no model")
    assert capfd.readouterr().err == ""
    assert [record.message for record in caplog.records] == [
        "written to standard error: E0000 expected identifier, got: \\xff\x1b[31m"
    ]
    with words_into_log(log):
        pass
    os.write(2, b"heard again")
    assert capfd.readouterr().err == "heard again"
    assert len(caplog.records) == 1


def test_many_native_words_are_cut(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "ovlab")
    with words_into_log(logging.getLogger("ovlab.test")):
        for _ in range(30):
            os.write(2, b"x" * 100_000)
    assert len(caplog.records[0].message) < 21_000 and capfd.readouterr().err == ""


def test_standard_error_may_be_closed() -> None:
    code = "import os; os.close(2)\nfrom ovlab.runtime import words_into_log\nimport logging\n"
    code += "with words_into_log(logging.getLogger('ovlab')): print('done')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "done\n"
