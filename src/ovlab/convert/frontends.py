"""From the files of any framework to an openvino.Model in memory."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov

from ovlab.errors import OvlabError, nearest, one_line
from ovlab.extension import load_extension
from ovlab.inputs import require_regular_files
from ovlab.runtime import core
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
        As the framework's frontend gives it, with every FP16 or FP64 constant and input brought to FP32.

    Raises
    ------
    OvlabError
        If a file is missing, the extension does not load, or the model does not convert.
    """
    require_regular_files(root)  # frameworks would wait for a pipe, and read a device for ever
    path = entry_path(root, model)
    extensions = load_extension(core(), extension.path, extension.sha256) if extension else []
    own = (
        UserCode(f"extension: {extension.path}: converting", "load_s", alone=False)
        if extension
        else contextlib.nullcontext()
    )
    try:
        with own:
            original = (
                _caffe(path, model) if model.framework == "caffe" else _READERS[model.framework](path, extensions)
            )
    except OvlabError:
        raise
    except Exception as error:
        raise OvlabError(f"{path.name}: does not convert from {model.framework}: {one_line(error)}") from None
    to_f32(original)
    return original


def entry_path(root: Path, model: ModelSpec) -> Path:
    """Return the path that the framework opens.

    Raises
    ------
    OvlabError
        If it does not exist.
    """
    path = root / (model.entry or model.files[0].file_name)
    if not path.exists():
        inside = [item.relative_to(root).as_posix() for item in sorted(root.rglob("*"))[:1000]]
        raise OvlabError(f"entry: no {path.name!r} among the model's files{nearest(path.name, inside)}")
    return path


def _convert(path: Path, extensions: list[Any]) -> ov.Model:
    return ov.convert_model(path, extension=extensions or None)


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


def _pytorch(path: Path, extensions: list[Any]) -> ov.Model:
    try:
        import torch
    except ImportError:
        raise OvlabError(
            f"{path.name}: framework pytorch needs PyTorch, which is not installed: 'pip install torch', "
            "or export the model to ONNX"
        ) from None
    # Both are readers of their own formats; neither is the unpickler behind torch.load.
    if path.suffix == ".pt2":
        return ov.convert_model(torch.export.load(path), extension=extensions or None)
    return ov.convert_model(torch.jit.load(path, map_location="cpu").eval(), extension=extensions or None)


_READERS: dict[str, Callable[[Path, list[Any]], ov.Model]] = {
    "onnx": _convert,
    "tensorflow": _convert,
    "tflite": _convert,
    "paddle": _convert,
    "pytorch": _pytorch,
    "ir": _read,
}


def to_f32(model: ov.Model) -> None:
    """Bring a model stored in FP16 or FP64 to FP32, in place.

    The `fp32` precision means FP32 weights and arithmetic; a model that its authors stored in FP16 is widened
    (exactly) instead of being benchmarked under a label that is not true.
    """
    other = {ov.Type.f16, ov.Type.f64}
    for op in model.get_ordered_ops():
        kind = op.get_type_name()
        if kind == "Constant" and op.get_element_type() in other:
            constant: Any = ov.opset13.constant(np.asarray(op.data, np.float32))
            constant.set_friendly_name(op.get_friendly_name())
            op.output(0).replace(constant.output(0))
        elif kind == "Parameter" and op.get_element_type() in other:
            op.set_element_type(ov.Type.f32)
        elif kind == "Convert" and op.get_destination_type() in {"f16", "f64"}:
            op.set_destination_type("f32")
    model.validate_nodes_and_infer_types()
