"""The convert step: from a model's original files to an IR that takes an 8-bit image."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import openvino as ov

from ovlab.convert.frontends import entry_path, read_original
from ovlab.convert.preprocess import embed, set_input_shape
from ovlab.data import load_some, read_split
from ovlab.errors import OvlabError
from ovlab.extension import holds_operations, write_extension
from ovlab.files import known_sha256
from ovlab.inputs import open_source, require_unchanged
from ovlab.records import Quantity, Record
from ovlab.runtime import core, image_size, read_ir
from ovlab.scratch import PARTIAL, scratch_folder
from ovlab.specs import ConvertSettings, ExtensionFile

__all__ = ["convert", "ir_hashes", "save_ir"]

log = logging.getLogger("ovlab.convert")
PARITY_IMAGES = 4
IR_FILES = ("model.bin", "model.xml")


def convert(settings: ConvertSettings, model_source: Record, data_source: Record, folder: Path) -> Record:
    """Convert a model to IR, embed its preprocessing, and compare it with its original.

    Parameters
    ----------
    settings : ConvertSettings
        The model and how to store it.
    model_source, data_source : Record
        The downloaded files of the model and of its data set (whose images the comparison uses).
    folder : Path
        Gets ``model.xml`` and ``model.bin``.

    Returns
    -------
    Record
        Of kind ``variant``.

    Raises
    ------
    OvlabError
        If a source failed, the model does not convert, or its outputs differ from ONNX Runtime's by more than the
        model's declared tolerance.
    """
    root = open_source(model_source, f"download of model {settings.model_name}")
    require_unchanged(model_source)
    spec = settings.model
    model = read_original(root, spec, settings.extension)
    set_input_shape(model, spec.input)
    model = embed(model, spec.input, spec.preprocess)
    values = save_ir(model, folder, compress=settings.weights == "f16", extension=_needed_by_the_ir(settings.extension))
    if spec.framework == "onnx":
        values |= _parity(settings, root, data_source, folder)
    return Record(
        kind="variant",
        settings=settings.plain(),
        inputs=model_source.inputs | ({"extension": settings.extension.sha256} if settings.extension else {}),
        values=values,
        files=ir_hashes(folder),
        data={"model": "model.xml", "sha256": ir_hashes(folder)},
    )


def _needed_by_the_ir(extension: ExtensionFile | None) -> ExtensionFile | None:
    """Return the extension, but none that only builds Caffe layers: those are ordinary operations by now."""
    if extension is None or not holds_operations(core(), extension.path, extension.sha256):
        return None
    return extension


def save_ir(
    model: ov.Model, folder: Path, *, compress: bool, extension: ExtensionFile | None = None
) -> dict[str, Quantity]:
    """Save a model as ``model.xml`` and ``model.bin``, note which extension it needs, and return its size."""
    folder.mkdir(parents=True, exist_ok=True)
    write_extension(folder, extension)
    with scratch_folder(folder, prefix=".", suffix=PARTIAL) as scratch:
        ov.save_model(model, scratch / "model.xml", compress_to_fp16=compress)
        for name in IR_FILES:
            (scratch / name).replace(folder / name)
    size = sum((folder / name).stat().st_size for name in IR_FILES)
    return {"model_size": Quantity(size / 1e6, "MB")}


def ir_hashes(folder: Path) -> dict[str, str]:
    """Return the hashes of an IR's two files, noted for the steps that read them."""
    return {name: known_sha256(folder / name) for name in IR_FILES}


def _parity(settings: ConvertSettings, root: Path, data_source: Record, folder: Path) -> dict[str, Any]:
    # ONNX Runtime takes 20 MB, which whoever only saves an IR does without.
    from ovlab.convert.parity import compare_with_onnxruntime, open_original

    data = open_source(data_source, f"download of data set {settings.model.dataset}")
    ir = read_ir(folder / "model.xml")
    height, width = image_size(ir)
    split = read_split(data, settings.dataset, "validation", settings.model.dataset)
    resize = settings.model.preprocess.resize
    images = load_some(split, PARITY_IMAGES, height, width, resize, settings.dataset)
    try:
        original = open_original(entry_path(root, settings.model))
    except OvlabError as error:
        if settings.extension is None:
            raise
        log.info("not compared with ONNX Runtime, which lacks the model's own operations (%s)", error)
        return {}
    values = compare_with_onnxruntime(original, ir, settings.model, images)
    relative = float(values["parity_relative"].value or 0.0)
    log.info("largest difference to ONNX Runtime: %.2g of the output's range", relative)
    # Weights rounded to FP16 differ by design; what is checked is the conversion.
    if settings.weights == "f32" and relative > settings.model.tolerance:
        raise OvlabError(
            f"model {settings.model_name}: the IR's outputs differ from ONNX Runtime's by {relative:.2g} of their "
            f"range, more than its tolerance {settings.model.tolerance:g}"
        )
    return values
