"""The documented example through the whole chain: converted, quantised, validated, launched; in Python and compiled."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.numpy_helper
import onnxruntime
import openvino as ov
import pytest
from numpy.typing import NDArray
from toy import CLASSES, Lab, colour_image, convert_settings, model_spec, source_record

from ovlab.calibrate import calibrate
from ovlab.convert import convert
from ovlab.files import read_json, sha256_of
from ovlab.measure.parent.launcher import run_launch
from ovlab.measure.request import LaunchRequest
from ovlab.records import Record
from ovlab.runtime import core, read_ir
from ovlab.specs import CalibrateSettings, ExtensionFile
from ovlab.validate import validate

DOCS = Path(__file__).resolve().parents[3] / "docs" / "custom_operations.md"
OPENVINO = Path(ov.__file__).parent
SLOPE = 0.25


def documented(language: str) -> str:
    """Return the example of the documentation in a language."""
    (block,) = re.findall(rf"```{language}\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    return str(block)


def python_extension(folder: Path) -> Path:
    (folder / "tilt.py").write_text(documented("python"), encoding="utf-8")
    return folder / "tilt.py"


def compiled_extension(folder: Path) -> Path:
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None or not (OPENVINO / "include").is_dir() or not list((OPENVINO / "libs").glob("libopenvino.so*")):
        pytest.skip("needs a C++ compiler, and OpenVINO's headers and library as its package for Linux has them")
    source, library = folder / "tilt.cpp", folder / "libtilt.so"
    source.write_text(documented("cpp"), encoding="utf-8")
    runtime = sorted((OPENVINO / "libs").glob("libopenvino.so*"))[0]
    options = ["-std=c++17", "-shared", "-fPIC", f"-I{OPENVINO / 'include'}", str(source), str(runtime)]
    done = subprocess.run([compiler, *options, "-o", str(library)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return library


def with_operation(original: Path, path: Path, *, kind: str, domain: str, attribute: str) -> Path:
    """Write the colour classifier with another operation instead of its ReLU, on whose slope its scores rest."""
    model = onnx.load(original)
    for weights in model.graph.initializer:
        array = onnx.numpy_helper.to_array(weights).copy()
        if weights.name == "kernel":
            array[:3] *= -1  # the colours become negative here,
        elif weights.name == "last":
            array[:, :3] /= -SLOPE  # and what they were here
        weights.CopyFrom(onnx.numpy_helper.from_array(array, weights.name))
    (relu,) = [node for node in model.graph.node if node.op_type == "Relu"]
    relu.op_type, relu.domain = kind, domain
    relu.attribute.append(onnx.helper.make_attribute(attribute, SLOPE))
    if domain:
        model.opset_import.append(onnx.helper.make_opsetid(domain, 1))
    onnx.save(model, path)
    return path


@dataclass
class Chain:
    """A model with an operation of its own, converted and quantised."""

    lab: Lab
    extension: Path
    root: Path
    fp32: Record
    int8: Record

    def folder(self, precision: str) -> Path:
        return self.root / precision

    def outputs(self, precision: str, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        compiled = core().compile_model(
            read_ir(self.folder(precision) / "model.xml"), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
        )
        return np.asarray(compiled(images)[0])


@pytest.fixture(scope="module", params=[python_extension, compiled_extension], ids=["python", "compiled"])
def chain(request: pytest.FixtureRequest, lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Chain:
    root = tmp_path_factory.mktemp("extension")
    extension = request.param(root)
    path = with_operation(lab.onnx, root / "tilted.onnx", kind="Tilt", domain="org.example", attribute="slope")
    model = model_spec(path, extension=str(extension))
    noted = ExtensionFile(path=str(extension), sha256=sha256_of(extension))
    settings = convert_settings(model, lab.dataset, extension=noted)
    fp32 = convert(settings, source_record(root), lab.source, root / "fp32")
    calibration = CalibrateSettings.model_validate(
        {
            "model_name": "toy",
            "precision_name": "int8",
            "dataset_name": "colours",
            "dataset": lab.dataset.plain(),
            "resize": {},
            "quantization": {"subset": 8},
            "seed": 0,
        }
    )
    int8 = calibrate(calibration, fp32, root / "fp32", lab.source, root / "int8")
    return Chain(lab, extension, root, fp32, int8)


@pytest.fixture
def images() -> NDArray[np.uint8]:
    return np.stack([colour_image(name, 0, 16, 16) for name in CLASSES])


def expected(lab: Lab, folder: Path, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The same model in standard ONNX, in which the operation is called LeakyRelu, by ONNX Runtime."""
    path = with_operation(lab.onnx, folder / "leaky.onnx", kind="LeakyRelu", domain="", attribute="alpha")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    pixels = images[..., ::-1].transpose(0, 3, 1, 2).astype(np.float32) / 255
    return np.asarray(session.run(None, {"image": pixels})[0])


def test_it_computes_what_it_should(chain: Chain, tmp_path: Path, images: NDArray[np.uint8]) -> None:
    reference = expected(chain.lab, tmp_path, images)
    np.testing.assert_allclose(chain.outputs("fp32", images), reference, atol=1e-5)
    quantised = chain.outputs("int8", images)
    assert list(quantised.argmax(axis=1)) == list(reference.argmax(axis=1)) == [0, 1, 2, 3]
    np.testing.assert_allclose(quantised, reference, atol=0.1)


def test_both_variants_hold_the_operation_and_say_what_they_need(chain: Chain) -> None:
    for precision, record in (("fp32", chain.fp32), ("int8", chain.int8)):
        kinds = [op.get_type_name() for op in read_ir(chain.folder(precision) / "model.xml").get_ordered_ops()]
        assert kinds.count("Tilt") == 1
        assert ("FakeQuantize" in kinds) == (precision == "int8")
        assert read_json(chain.folder(precision) / "extension.json") == {
            "path": str(chain.extension),
            "sha256": sha256_of(chain.extension),
        }
        assert record.status == "ok"
    assert chain.fp32.inputs["extension"] == sha256_of(chain.extension)
    assert "parity_relative" not in chain.fp32.values  # ONNX Runtime lacks the operation too


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_it_is_validated(chain: Chain, tmp_path: Path, precision: str) -> None:
    settings = chain.lab.validate_settings(model=model_spec(chain.root / "tilted.onnx").plain())
    variant = chain.fp32 if precision == "fp32" else chain.int8
    record = validate(settings, variant, chain.folder(precision), chain.lab.source, tmp_path / "predictions.parquet")
    assert record.value("accuracy") == 1.0
    assert record.value("samples") == 12


@pytest.mark.parametrize(("precision", "mode"), [("fp32", "synchronous"), ("int8", "asynchronous")])
def test_it_is_launched(chain: Chain, tmp_path: Path, images: NDArray[np.uint8], precision: str, mode: str) -> None:
    np.save(tmp_path / "images.npy", images)
    request: dict[str, Any] = {
        "model": str(chain.folder(precision) / "model.xml"),
        "device": "CPU",
        "properties": {"INFERENCE_PRECISION_HINT": "f32", "NUM_STREAMS": 2},
        "members": ["CPU"],
        "mode": mode,
        "batch": 1,
        "infer_requests": None if mode == "synchronous" else 3,
        "images": str(tmp_path / "images.npy"),
        "warm_up_s": 0.0,
        "duration_s": 0.1,
        "samples": str(tmp_path / "samples.npy"),
        "inspect": True,
    }
    LaunchRequest(**request)
    (tmp_path / "request.json").write_text(json.dumps(request), encoding="utf-8")
    result = run_launch(tmp_path / "request.json", tmp_path / "result.json", 60)
    assert result["samples"] >= 2
    assert sum("Reference" in kinds for kinds in result["layers"].values()) == 1  # the operation, wherever it ran
    assert ("i8" in result["shares"]) == (precision == "int8")


def test_accuracy_control_takes_it_too(chain: Chain, tmp_path: Path) -> None:
    """NNCF then compiles, compares and reverts copies of the model, in cores of its own."""
    end = {"statistics_type": "quantile", "aggregator_type": "mean", "quantile_outlier_prob": 0.45}
    rough = {"subset": 4, "activations_range_estimator": {"min": end, "max": end}, "disable_bias_correction": True}
    settings = CalibrateSettings.model_validate(
        {
            "model_name": "toy",
            "precision_name": "int8_accuracy",
            "dataset_name": "colours",
            "dataset": chain.lab.dataset.plain(),
            "resize": {},
            "quantization": rough | {"accuracy_control": {"max_drop": 0.0}},
            "seed": 0,
            "model": chain.lab.model.plain(),
        }
    )
    record = calibrate(settings, chain.fp32, chain.folder("fp32"), chain.lab.source, tmp_path)
    assert record.data["accuracy_control"]["reference_accuracy"] == 1.0
    assert record.data["accuracy_control"]["steps"]
    kinds = [op.get_type_name() for op in read_ir(tmp_path / "model.xml").get_ordered_ops()]
    assert kinds.count("Tilt") == 1
