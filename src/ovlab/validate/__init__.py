"""The validate step: run a variant over the validation split, compute its accuracy, and compare it with a reference."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ovlab.data import Split, load_some, read_split
from ovlab.errors import UnavailableError
from ovlab.extension import own_operations
from ovlab.files import digest_of, known_sha256, write_atomically
from ovlab.inputs import open_source
from ovlab.records import Quantity, Record, require_usable
from ovlab.runtime import choose_precision, image_size, read_ir
from ovlab.specs import PrecisionSpec, ValidateSettings
from ovlab.tasks import Evaluator, make_evaluator
from ovlab.validate.layers import ComparedModel, check_layers
from ovlab.validate.parts import part_remarks
from ovlab.validate.running import compile_for_validation, run, spread_images, validation_properties
from ovlab.validate.thumbnails import write_disagreements

__all__ = ["DISAGREEMENTS", "REPLICATES", "compile_for_validation", "run", "validate", "validation_properties"]

log = logging.getLogger("ovlab.validate")
REPLICATES, DISAGREEMENTS = "replicates.parquet", "disagreements.json"
"""What lies beside the predictions: the metric on the bootstrap's resamples, and where variants disagree."""


def validate(
    settings: ValidateSettings,
    variant: Record,
    variant_folder: Path,
    source: Record,
    predictions: Path,
    reference: Path | None = None,
    reference_folder: Path | None = None,
) -> Record:
    """Measure the accuracy of a variant, and its difference to a reference on the same images.

    Parameters
    ----------
    settings : ValidateSettings
        Model, data set, precision and device: a plain string, or a device's file.
    variant, source : Record
        The variant's and the data set's records; the IR lies in `variant_folder`.
    predictions : Path
        Gets one row an image (Parquet). Beside it come ``replicates.parquet`` (where the metric is
        no mean over images: its values on resamples of them) and, with a reference, ``disagreements.json``.
    reference : Path, optional
        The reference's predictions.
    reference_folder : Path, optional
        Where the reference's IR lies; with it the outputs and layers are compared too.

    Returns
    -------
    Record
        Of kind ``accuracy``.

    Raises
    ------
    OvlabError
        If an input failed, an image is corrupt (and the data set does not say to skip it), the output does not
        fit the task, or contains NaN.
    UnavailableError
        If the device is not on this host, or does not execute the precision.
    """
    require_usable(variant, variant_folder, "variant")
    root = open_source(source, f"download of data set {settings.model.dataset}")
    split = read_split(root, settings.dataset, "validation", settings.model.dataset)
    split = spread_images(split, settings.validation.limit)
    model = read_ir(variant_folder / "model.xml")
    height, width = image_size(model)
    evaluator = make_evaluator(settings.model, settings.dataset, split, width=width, height=height)
    device = settings.validation.device
    hint, options = validation_properties(settings)
    with own_operations(variant_folder, "compiling"):
        compiled = compile_for_validation(model, settings, split, device, options)
    started = time.perf_counter()
    frame, skipped = run(compiled, settings, split, evaluator)
    rate = len(split.images) / (time.perf_counter() - started)
    for name in (REPLICATES, DISAGREEMENTS):  # of an earlier attempt, which may have had a reference
        predictions.with_name(name).unlink(missing_ok=True)
    write_atomically(predictions, lambda path: frame.to_parquet(path, index=False))
    values = evaluator.score(frame)
    remarks = [*split.remarks, *split.label_remarks, *evaluator.remarks(frame)]
    _write_replicates(predictions.with_name(REPLICATES), evaluator, frame)
    data: dict[str, Any] = {}
    if reference is not None:
        compared, data["comparison"] = _compare(settings, evaluator, frame, reference, split, predictions)
        values |= compared
    if reference_folder is not None and settings.validation.layer_check_images:
        side = ComparedModel(variant_folder / "model.xml", hint)
        with own_operations(variant_folder, "comparing layers"):
            data["layer_check"] = _check_layers(settings, side, reference_folder, split, (height, width))
        _advise(settings, data["layer_check"], values, side, reference_folder, root, predictions)
        remarks += part_remarks(data["layer_check"])
    for remark in remarks:
        log.warning("%s: %s", settings.name, remark)
    values |= {
        "samples": Quantity(frame["image"].nunique(), "count"),
        "skipped": Quantity(len(skipped), "count"),
        # Inference, scores, comparison and layer check; the rate is that of the pass over the split alone.
        "validation_time": Quantity(time.perf_counter() - started, "s"),
        "images_per_second": Quantity(rate, "1/s"),
    }
    log.info("%s: %s", settings.name, _summary(evaluator, values))
    return Record(
        kind="accuracy",
        settings=settings.plain(),
        inputs=variant.data["sha256"] | source.files | {"predictions.parquet": known_sha256(predictions)},
        files={name: known_sha256(predictions.with_name(name)) for name in _left_beside(predictions)},
        values=values,
        data=data
        | {
            "metric": evaluator.metric,
            "device": device,
            "execution_devices": list(compiled.get_property("EXECUTION_DEVICES")),
            "inference_precision": hint,
            "batch": int(compiled.inputs[0].shape[0]),
            "class_names": list(split.class_names),
            "images_digest": digest_of(list(dict.fromkeys(frame["image"]))),
            "skipped": skipped,
            "remarks": remarks,
        },
    )


def _left_beside(predictions: Path) -> list[str]:
    return [name for name in (predictions.name, REPLICATES, DISAGREEMENTS) if predictions.with_name(name).exists()]


def _write_replicates(path: Path, evaluator: Evaluator, frame: pd.DataFrame) -> None:
    replicates = evaluator.replicates(frame)
    if replicates is not None:
        table = pd.DataFrame({"accuracy": np.asarray(replicates)})
        write_atomically(path, lambda target: table.to_parquet(target, index=False))


def _compare(
    settings: ValidateSettings,
    evaluator: Evaluator,
    frame: pd.DataFrame,
    reference: Path,
    split: Split,
    predictions: Path,
) -> tuple[dict[str, Quantity], dict[str, Any]]:
    """Return the numbers of the comparison and what else a record keeps of it; the images go into a file."""
    other = pd.read_parquet(reference)
    values = evaluator.compare(frame, other)
    differences = evaluator.differences(frame, other, settings.validation.disagreements)
    write_disagreements(predictions.with_name(DISAGREEMENTS), differences, split)
    return values, differences.plain()


def _check_layers(
    settings: ValidateSettings, side: ComparedModel, reference_folder: Path, split: Split, size: tuple[int, int]
) -> dict[str, Any]:
    device = settings.validation.device
    try:
        hint = choose_precision(PrecisionSpec.model_validate({"inference_precision": "f32"}), device)
    except UnavailableError as error:
        return {"images": 0, "seconds": 0.0, "outputs": [], "layers": [], "error": str(error)}
    count = settings.validation.layer_check_images
    images = load_some(split, count, *size, settings.model.preprocess.resize, settings.dataset)
    check = check_layers(ComparedModel(reference_folder / "model.xml", hint), side, images, device)
    return check | {"reference_hint": hint}


def _advise(
    settings: ValidateSettings,
    check: dict[str, Any],
    values: dict[str, Quantity],
    side: ComparedModel,
    reference_folder: Path,
    root: Path,
    predictions: Path,
) -> None:
    """Try what may be left in floating point where an output has suffered; it goes into the check."""
    if settings.precision.quantization is None or not settings.validation.advice_s or check["error"]:
        return
    from ovlab.validate.advice import is_hurt, try_scopes  # NNCF is imported for it

    if is_hurt(check, values):
        reference = ComparedModel(reference_folder / "model.xml", check["reference_hint"])
        check["advice"] = try_scopes(settings, root, reference, side, check, predictions.parent)


def _summary(evaluator: Evaluator, values: dict[str, Quantity]) -> str:
    samples = values["samples"].value or 0
    if not evaluator.metric or values["accuracy"].value is None:
        return f"{samples:.0f} images, no metric"
    return f"{evaluator.metric} {100 * values['accuracy'].value:.2f} % of {samples:.0f} images"
