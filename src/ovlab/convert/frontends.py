"""From the files of any framework to an openvino.Model in memory."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov

from ovlab.convert.entry import entry_path
from ovlab.convert.faults import conversion_error
from ovlab.convert.identify import refuse_other_files
from ovlab.convert.pytorch import read_pytorch
from ovlab.convert.quantisation import dequantise_outputs
from ovlab.errors import OvlabError
from ovlab.extension import load_extension
from ovlab.inputs import require_regular_files
from ovlab.runtime import core, words_into_log
from ovlab.specs import CaffeSpec, ExtensionFile, ModelSpec
from ovlab.usercode.activity import UserCode

log = logging.getLogger("ovlab.convert")


def read_original(root: Path, model: ModelSpec, extension: ExtensionFile | None = None) -> ov.Model:
    """Read a model's original files.

    Parameters
    ----------
    root : Path
        Folder of the downloaded files.
    model : ModelSpec
        Which framework, and which file to open.
    extension : ExtensionFile, optional
        Operations of the model's own.

    Returns
    -------
    openvino.Model
        As the framework's frontend gives it, with every FP16, BF16 or FP64 constant and input brought to FP32, and
        with a name for every output.

    Raises
    ------
    OvlabError
        If a file is missing, the extension does not load, or the model does not convert.
    """
    require_regular_files(root)  # frameworks would wait for a pipe, and read a device for ever
    path = entry_path(root, model)
    refuse_other_files(path, model.framework, [root / file.file_name for file in model.files])
    extensions = load_extension(core(), extension.path, extension.sha256) if extension else []
    own = (
        UserCode(f"extension: {extension.path}: converting", "load_s", alone=False)
        if extension
        else contextlib.nullcontext()
    )
    try:
        with own, words_into_log(log):
            original = (
                _caffe(path, model) if model.framework == "caffe" else _READERS[model.framework](path, extensions)
            )
    except OvlabError as error:
        # A user knows the file by its name, and not where the download has put it.
        raise OvlabError(str(error).replace(f"{root}{os.sep}", ""), detail=error.detail) from None
    except Exception as error:
        raise conversion_error(path, model.framework, error) from None
    to_f32(original)
    name_outputs(original)
    return original


def _convert(path: Path, extensions: list[Any]) -> ov.Model:
    return ov.convert_model(path, extension=extensions or None)


def _tflite(path: Path, extensions: list[Any]) -> ov.Model:
    model = _convert(path, extensions)
    dequantise_outputs(model)
    return model


def _read(path: Path, _extensions: list[Any]) -> ov.Model:
    return core().read_model(path)


def _caffe(path: Path, model: ModelSpec) -> ov.Model:
    from ovlab.caffe import ReadOptions, read_model

    weights = sorted(path.parent.glob("*.caffemodel"))
    if len(weights) != 1:
        raise OvlabError(f"files: expected one .caffemodel beside {path.name}, found {len(weights)}")
    choices = model.caffe or CaffeSpec()
    options = ReadOptions(choices.prior_sizes == "fractional", choices.prior_densities)
    # The reader works out the layers' sizes: what the prototxt says may be a placeholder.
    shape, name = model.input.shape, model.input.name
    if name is None or shape is None or -1 in shape:
        return read_model(path, weights[0], image_shape=shape, options=options)
    return read_model(path, weights[0], input_shapes={name: shape}, options=options)


_READERS: dict[str, Callable[[Path, list[Any]], ov.Model]] = {
    "onnx": _convert,
    "tensorflow": _convert,
    "tflite": _tflite,
    "paddle": _convert,
    "pytorch": read_pytorch,
    "ir": _read,
}


def to_f32(model: ov.Model) -> None:
    """Bring a model stored in FP16, BF16 or FP64 to FP32, in place.

    The `fp32` precision means FP32 weights and arithmetic; a model that its authors stored in FP16 is widened
    (exactly) instead of being benchmarked under a label that is not true.
    """
    other = {ov.Type.f16, ov.Type.bf16, ov.Type.f64}
    for op in model.get_ordered_ops():
        kind = op.get_type_name()
        if kind == "Constant" and op.get_element_type() in other:
            constant: Any = ov.opset13.constant(np.asarray(op.data, np.float32))
            constant.set_friendly_name(op.get_friendly_name())
            op.output(0).replace(constant.output(0))
        elif kind == "Parameter" and op.get_element_type() in other:
            op.set_element_type(ov.Type.f32)
        elif kind == "Convert" and op.get_destination_type() in {"f16", "bf16", "f64"}:
            op.set_destination_type("f32")
    model.validate_nodes_and_infer_types()


def name_outputs(model: ov.Model) -> None:
    """Give each output that has no name one by its position, in place: ``output_0`` for the first.

    TorchScript names no outputs; what follows (validation, decoders, ``output.name``) looks them up by name.
    """
    taken = {name for op in model.get_ordered_ops() for port in op.outputs() for name in port.get_names()}
    for position, port in enumerate(model.outputs):
        if port.get_names():
            continue
        name = f"output_{position}"
        while name in taken:
            name += "_"
        taken.add(name)
        port.get_tensor().set_names({name})
