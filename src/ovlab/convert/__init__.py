"""The convert step: from a model's original files to an IR that takes an 8-bit image."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import openvino as ov

from ovlab.convert.frontends import entry_path, read_original
from ovlab.convert.preprocess import embed, set_input_shape
from ovlab.convert.quantisation import quantisation_of, weight_types
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
QUANTISED_IMAGES = 16
"""More, since noise is compared with noise."""
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
        Of kind ``variant``. Of a variant that others made, ``data["imported"]`` holds framework, files (name, sha256,
        origin), what of the graph is quantised, and the number of stored weights by type.

    Raises
    ------
    OvlabError
        If a source failed, the model does not convert or is quantised although it is no variant that others made, or
        its outputs differ from ONNX Runtime's by more than the model's declared tolerance (and, where the graph
        rounds, than rounding explains: `ovlab.convert.rounding`).
    """
    root = open_source(model_source, f"download of model {settings.model_name}")
    require_unchanged(model_source)
    spec = settings.model
    model = read_original(root, spec, settings.extension)
    quantisation = quantisation_of(model)
    if quantisation.found and not settings.imported:
        raise OvlabError(
            f"model {settings.model_name}: its file is quantised already ({quantisation}), so that "
            f"{settings.precision_name} cannot be made of it; declare it as the `source` of a precision of its own "
            "(docs/precisions.md, 'Variants that others made')"
        )
    set_input_shape(model, spec.input)
    model = embed(model, spec.input, spec.preprocess)
    values = save_ir(model, folder, compress=settings.weights == "f16", extension=_needed_by_the_ir(settings.extension))
    if spec.framework == "onnx":
        values |= _parity(settings, root, data_source, folder, quantised=quantisation.found)
    data: dict[str, Any] = {"model": "model.xml", "sha256": ir_hashes(folder)}
    if settings.imported:
        data["imported"] = {
            "framework": spec.framework,
            "files": model_source.data.get("files", []),
            "quantisation": quantisation.plain(),
            "weight_types": weight_types(read_ir(folder / "model.xml")),
        }
    return Record(
        kind="variant",
        settings=settings.plain(),
        inputs=model_source.inputs | ({"extension": settings.extension.sha256} if settings.extension else {}),
        values=values,
        files=ir_hashes(folder),
        data=data,
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


def _parity(
    settings: ConvertSettings, root: Path, data_source: Record, folder: Path, *, quantised: bool
) -> dict[str, Any]:
    # ONNX Runtime takes 20 MB, which whoever only saves an IR does without.
    from ovlab.convert.parity import compare_quantised, compare_with_onnxruntime, open_original, parity_complaint

    data = open_source(data_source, f"download of data set {settings.model.dataset}")
    ir = folder / "model.xml"
    height, width = image_size(read_ir(ir))
    split = read_split(data, settings.dataset, "validation", settings.model.dataset)
    resize = settings.model.preprocess.resize
    images = load_some(split, QUANTISED_IMAGES if quantised else PARITY_IMAGES, height, width, resize, settings.dataset)
    path = entry_path(root, settings.model)
    try:
        original = open_original(path)
    except OvlabError as error:
        if settings.extension is None:
            raise
        log.info("not compared with ONNX Runtime, which lacks the model's own operations (%s)", error)
        return {}
    if quantised:
        values = compare_quantised(path, lambda: read_ir(ir), settings.model, images)
    else:
        values = compare_with_onnxruntime(original, read_ir(ir), settings.model, images)
    # Weights rounded to FP16 differ by design; what is checked is the conversion.
    complaint = parity_complaint(values, settings.model.tolerance, quantised=quantised)
    if complaint and settings.weights == "f32":
        raise OvlabError(f"model {settings.model_name}: {complaint}")
    return values
