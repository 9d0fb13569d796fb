"""INT8 as others make it, without ovlab: a QDQ ONNX by ONNX Runtime, an IR by NNCF; and the YAML that imports them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, quantize_static

Inputs = Sequence[NDArray[np.float32]]


def qdq_onnx(source: Path, path: Path, name: str, inputs: Inputs, **options: Any) -> Path:
    """Quantise an ONNX model statically, to QuantizeLinear and DequantizeLinear.

    Parameters
    ----------
    source, path : Path
        The model, and where the quantised one goes.
    name : str
        Of its input.
    inputs : sequence of ndarray
        What it is calibrated on.
    options
        Of ``onnxruntime.quantization.quantize_static``.
    """

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._left = list(inputs)

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            return {name: self._left.pop()} if self._left else None

    quantize_static(source, path, Reader(), **options)
    return path


def nncf_ir(source: Path, path: Path, inputs: Inputs) -> Path:
    """Quantise an ONNX model with NNCF and save it as an IR, its other numbers in 16 bits as is the default."""
    import nncf
    import openvino as ov

    model = ov.convert_model(source)
    shape = model.inputs[0].get_partial_shape()
    model.reshape(inputs[0].shape)
    quantised = nncf.quantize(model, nncf.Dataset(list(inputs)), subset_size=len(inputs))
    quantised.reshape(shape)
    ov.save_model(quantised, path)
    return path


def declare(conf: Path, model: str, precision: str, *files: Path, **keys: Any) -> None:
    """Write the YAML that declares files as a model's in a precision, and the precision where none ships."""
    source = {"files": [{"path": str(file)} for file in files], "licence": "Apache-2.0"} | keys
    for group in ("precision", "model_precision"):
        (conf / group).mkdir(parents=True, exist_ok=True)
    if precision != "int8_imported":
        own = {"inference_precision": "f32", "source": "per_model"}
        (conf / "precision" / f"{precision}.yaml").write_text(yaml.safe_dump(own), encoding="utf-8")
    text = "# @package _global_\n" + yaml.safe_dump({"precision": {"source": source}})
    (conf / "model_precision" / f"{model}-{precision}.yaml").write_text(text, encoding="utf-8")
