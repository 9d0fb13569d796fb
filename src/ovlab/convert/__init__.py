"""The convert step: from a model's original files to an IR that takes an 8-bit image."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

import openvino as ov

from ovlab.convert.entry import entry_path
from ovlab.convert.frontends import read_original
from ovlab.convert.naming import name_by_position
from ovlab.convert.preprocess import embed, set_input_shape
from ovlab.convert.quantisation import quantisation_of, weight_types
from ovlab.convert.trial import try_one_image
from ovlab.data import Split, load_some, read_split
from ovlab.errors import OvlabError, one_line
from ovlab.extension import holds_operations, write_extension
from ovlab.files import known_sha256, move, storage_in_words
from ovlab.inputs import open_source, require_unchanged
from ovlab.records import Quantity, Record
from ovlab.runtime import core, image_size, read_ir
from ovlab.scratch import PARTIAL, scratch_folder
from ovlab.specs import ConvertSettings, ExtensionFile

__all__ = ["convert", "ir_hashes", "save_ir"]

log = logging.getLogger("ovlab.convert")
PARITY_IMAGES = 4
DESCRIPTION_BYTES = 1500  # of a node in the .xml, about
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
        The downloaded files of the model and of its data set, whose images the comparison uses; one is tried in any
        case, so that outputs that do not fit the model's YAML are found here.
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
        rounds, than rounding explains: `ovlab.convert.rounding`), or its outputs do not fit its task.
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
    images = open_source(data_source, f"download of data set {spec.dataset}")
    split = read_split(images, settings.dataset, "validation", spec.dataset)
    if spec.framework == "onnx":
        values |= _parity(settings, root, split, folder, quantised=quantisation.found)
    try_one_image(read_ir(folder / "model.xml"), settings, split)
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
    model: ov.Model,
    folder: Path,
    *,
    compress: bool,
    extension: ExtensionFile | None = None,
    base: Collection[str] = (),
) -> dict[str, Quantity]:
    """Save a model as ``model.xml`` and ``model.bin``, note which extension it needs, and return its size.

    Parameters
    ----------
    model : openvino.Model
        Its nodes without a name of their own are named by their positions, so that equal models give equal bytes.
    folder : Path
        Gets both files.
    compress : bool
        Whether weights are stored as FP16.
    extension : ExtensionFile, optional
        What is needed to read it.
    base : collection of str
        The names in the model that this one was made from, which mean the same layers in this one.

    Raises
    ------
    StorageError
        If the folder's disk is full, read-only or another user's.
    """
    name_by_position(model, base)
    with storage_in_words(folder):
        folder.mkdir(parents=True, exist_ok=True)
    write_extension(folder, extension)
    with scratch_folder(folder, prefix=".", suffix=PARTIAL) as scratch:
        try:
            ov.save_model(model, scratch / "model.xml", compress_to_fp16=compress)
        except RuntimeError as error:
            raise _why_unsaved(model, folder, scratch, error) from None
        for name in IR_FILES:
            move(scratch / name, folder / name)
    size = sum((folder / name).stat().st_size for name in IR_FILES)
    return {"model_size": Quantity(size / 1e6, "MB")}


def _why_unsaved(model: ov.Model, folder: Path, scratch: Path, error: RuntimeError) -> OvlabError:
    """Find out why OpenVINO could not save a model, of which it says "iostream error" whatever it was."""
    weights = sum(op.get_byte_size() for op in model.get_ops() if op.get_type_name() == "Constant")
    needed = weights + DESCRIPTION_BYTES * len(model.get_ops())
    try:
        with storage_in_words(folder, "the IR", needed), (scratch / "probe").open("wb") as probe:
            os.posix_fallocate(probe.fileno(), 0, max(needed, 1))
    except OvlabError as found:
        return found
    except (OSError, AttributeError):  # not every system can reserve
        pass
    return OvlabError(f"{folder}: the IR cannot be saved ({one_line(error)})")


def ir_hashes(folder: Path) -> dict[str, str]:
    """Return the hashes of an IR's two files, noted for the steps that read them."""
    return {name: known_sha256(folder / name) for name in IR_FILES}


def _parity(settings: ConvertSettings, root: Path, split: Split, folder: Path, *, quantised: bool) -> dict[str, Any]:
    # ONNX Runtime takes 20 MB, which whoever only saves an IR does without.
    from ovlab.convert.parity import compare_quantised, compare_with_onnxruntime, open_original, parity_complaint

    ir = folder / "model.xml"
    height, width = image_size(read_ir(ir))
    resize = settings.model.preprocess.resize
    images = load_some(split, QUANTISED_IMAGES if quantised else PARITY_IMAGES, height, width, resize, settings.dataset)
    path = entry_path(root, settings.model)
    try:
        original = open_original(path)
    except OvlabError as error:
        # It has no kernels for some types, such as bfloat16, and none for the model's own operations.
        if settings.extension is None and "NOT_IMPLEMENTED" not in str(error):
            raise
        log.warning("not compared with ONNX Runtime, which lacks operations of this model (%s)", error)
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
