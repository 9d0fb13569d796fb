"""The calibrate step: a variant in fewer bits, made from the FP32 IR with NNCF."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import openvino as ov

from ovlab.calibrate.compression import compress_weights, quantize
from ovlab.calibrate.images import CalibrationImages, choose_subset, draw_images
from ovlab.calibrate.ledger import ControlledVariant
from ovlab.convert import ir_hashes, save_ir
from ovlab.convert.naming import names_of
from ovlab.convert.quantisation import quantisation_of, weight_types
from ovlab.errors import OvlabError
from ovlab.extension import extension_of, own_operations
from ovlab.inputs import open_source
from ovlab.records import Quantity, Record, require_usable
from ovlab.runtime import read_ir
from ovlab.specs import CalibrateSettings, ExtensionFile

__all__ = ["CalibrationImages", "calibrate", "choose_subset", "quantize"]

log = logging.getLogger("ovlab.calibrate")
BETWEEN_IMAGES = 10.0
"""Times ``limits.code.load_s`` that a model with operations of its own may work between two images."""


def calibrate(settings: CalibrateSettings, base: Record, base_folder: Path, source: Record, folder: Path) -> Record:
    """Make a variant in fewer bits from an FP32 IR.

    Parameters
    ----------
    settings : CalibrateSettings
        How, and the data set.
    base : Record
        The FP32 variant's record; its IR lies in `base_folder`.
    source : Record
        The downloaded data set.
    folder : Path
        Gets ``model.xml`` and ``model.bin``.

    Returns
    -------
    Record
        Of kind ``variant``; ``data["calibration_images"]`` holds the ids of the images used, in order,
        ``data["weight_types"]`` the number of stored weights by type, ``data["accuracy_control"]`` the ledger of
        accuracy control. Its status is ``failed`` if a target was missed that the precision says must be met.

    Raises
    ------
    OvlabError
        If an input failed, the base is quantised already, the subset is larger than the split, two splits share an
        image, an ignored scope matches nothing, or NNCF cannot do this to the model.
    """
    require_usable(base, base_folder, "FP32 variant")
    drawn = _draw(settings, open_source(source, f"download of data set {settings.dataset_name}"))
    model = read_ir(base_folder / "model.xml")
    names = names_of(model)
    if (quantisation := quantisation_of(model)).found:
        section = "quantization" if settings.quantization is not None else "weight_compression"
        raise OvlabError(
            f"{section}: the variant that {settings.precision_name} is made from is quantised already "
            f"({quantisation}); NNCF quantises floating-point models"
        )
    started = time.perf_counter()
    # A calibration may go on for hours; what is bounded is the time from one image to the next.
    with own_operations(base_folder, "calibrating", times=BETWEEN_IMAGES):
        made = _make(settings, model, drawn)
    controlled = made if isinstance(made, ControlledVariant) else None
    variant = made.model if isinstance(made, ControlledVariant) else made
    seconds = time.perf_counter() - started
    used = [image.id for image in drawn.calibration] if drawn is not None else []
    log.info("made with %d images in %.1f s", len(used), seconds)
    noted = extension_of(base_folder)
    values = save_ir(variant, folder, compress=False, extension=ExtensionFile(**noted) if noted else None, base=names)
    values["calibration_time"] = Quantity(seconds, "s")
    if drawn is not None:
        values["calibration_images"] = Quantity(len(used), "count")
    record = Record(
        kind="variant",
        settings=settings.plain(),
        inputs=base.data["sha256"] | source.files,
        files=ir_hashes(folder),
        values=values,
        data={
            "model": "model.xml",
            "sha256": ir_hashes(folder),
            "calibration_images": used,
            "weight_types": weight_types(variant),
            "remarks": [*drawn.remarks] if drawn is not None else [],
        },
    )
    if controlled is not None and drawn is not None:
        _add_control(record, settings, controlled, drawn)
    return record


def _add_control(
    record: Record, settings: CalibrateSettings, controlled: ControlledVariant, drawn: CalibrationImages
) -> None:
    complaint = controlled.complaint()
    record.values |= controlled.values
    record.data["accuracy_control"] = controlled.ledger.plain() | {
        "met": controlled.met,
        "complaint": complaint,
        "accuracy": controlled.accuracy,
        "control_source": drawn.control_source,
        "control_images": [image.id for image in drawn.control.images] if drawn.control is not None else [],
    }
    if not complaint:
        return
    log.warning("%s %s: %s", settings.model_name, settings.precision_name, complaint)
    options = settings.quantization.accuracy_control if settings.quantization is not None else None
    if options is not None and options.on_missed == "fail":
        record.status, record.reason = "failed", complaint


def _draw(settings: CalibrateSettings, root: Path) -> CalibrationImages | None:
    if settings.quantization is not None:
        return draw_images(settings, root, settings.quantization.subset)
    if settings.weight_compression is not None and settings.weight_compression.needs_images:
        return draw_images(settings, root, settings.weight_compression.subset)
    return None


def _make(
    settings: CalibrateSettings, model: ov.Model, drawn: CalibrationImages | None
) -> ov.Model | ControlledVariant:
    if settings.weight_compression is not None:
        return compress_weights(model, drawn, settings.weight_compression, settings.resize)
    if settings.quantization is None or drawn is None:  # refused by the settings
        raise OvlabError("settings: neither quantization nor weight_compression")
    if settings.controls_accuracy:
        from ovlab.calibrate.control import control_accuracy  # it needs the validate step's means, others do not

        return control_accuracy(model, drawn, settings)
    return quantize(model, drawn, settings.quantization, settings.resize)
