"""The calibrate step: post-training quantisation of an FP32 IR with NNCF."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import numpy as np
import openvino as ov

from ovlab.convert import ir_hashes, save_ir
from ovlab.data import AnySplit, SplitImage, load, read_split, readable, shared_images
from ovlab.errors import OvlabError
from ovlab.extension import extension_of
from ovlab.records import Quantity, Record, require_ok
from ovlab.runtime import image_size, read_ir, set_batch
from ovlab.specs import CalibrateSettings, QuantizationSpec, ResizeSpec

__all__ = ["calibrate", "choose_subset", "quantize"]

log = logging.getLogger("ovlab.calibrate")


def calibrate(settings: CalibrateSettings, base: Record, base_folder: Path, source: Record, folder: Path) -> Record:
    """Quantise an FP32 IR to INT8.

    Parameters
    ----------
    settings : CalibrateSettings
        The options of the quantisation and the data set.
    base : Record
        The FP32 variant's record; its IR lies in `base_folder`.
    source : Record
        The downloaded data set.
    folder : Path
        Gets ``model.xml`` and ``model.bin``.

    Returns
    -------
    Record
        Of kind ``variant``; ``data["calibration_images"]`` holds the ids of the images used, in order.

    Raises
    ------
    OvlabError
        If an input failed, the subset is larger than the split, calibration and validation share an image, an
        ignored scope matches nothing, or NNCF cannot quantise the model.
    """
    require_ok(base, "FP32 variant")
    require_ok(source, f"download of data set {settings.dataset_name}")
    root = Path(source.data["root"])
    split = read_split(root, settings.dataset, "calibration", settings.dataset_name)
    _refuse_leak(split, read_split(root, settings.dataset, "validation", settings.dataset_name), settings)
    images = readable(choose_subset(split, settings.quantization.subset, settings.seed), settings.dataset)
    model = read_ir(base_folder / "model.xml")
    started = time.perf_counter()
    quantised = quantize(model, images, settings.quantization, settings.resize, upright=split.upright)
    seconds = time.perf_counter() - started
    log.info("calibrated with %d images in %.1f s", len(images), seconds)
    values = save_ir(quantised, folder, compress=False, extension=extension_of(base_folder))
    return Record(
        kind="variant",
        settings=settings.plain(),
        inputs=base.data["sha256"],
        values=values
        | {"calibration_time": Quantity(seconds, "s"), "calibration_images": Quantity(len(images), "count")},
        data={
            "model": "model.xml",
            "sha256": ir_hashes(folder),
            "calibration_images": [image.id for image in images],
        },
    )


def choose_subset(split: AnySplit, subset: int | str, seed: int) -> list[SplitImage]:
    """Draw the calibration images.

    Parameters
    ----------
    split : Split or AnnotatedSplit
        The calibration split.
    subset : int or str
        A number of images, or a percentage of the split such as ``"25%"`` (at least one image).
    seed : int
        Same seed, same images in the same order.

    Raises
    ------
    OvlabError
        If the split has fewer images.
    """
    available = len(split.images)
    count = round(available * float(subset.removesuffix("%")) / 100) if isinstance(subset, str) else subset
    count = max(1, count)
    if count > available:
        raise OvlabError(f"quantization.subset: {count} images, but the calibration split has {available}")
    order = np.random.default_rng(seed).permutation(available)[:count]
    return [split.images[i] for i in order]


def _refuse_leak(calibration: AnySplit, validation: AnySplit, settings: CalibrateSettings) -> None:
    shared = shared_images(calibration.images, validation.images)
    if shared:
        first, second = shared[0]
        raise OvlabError(
            f"dataset {settings.dataset_name}: calibration and validation share {len(shared)} image(s), "
            f"such as {first!r} and {second!r}"
        )


def quantize(
    model: ov.Model,
    images: list[SplitImage],
    options: QuantizationSpec,
    resize: ResizeSpec,
    *,
    upright: bool = True,
) -> ov.Model:
    """Call ``nncf.quantize`` with the declared options on images that are decoded one at a time.

    Raises
    ------
    OvlabError
        With NNCF's own reason in one line.
    """
    import nncf

    nncf.set_log_level(logging.WARNING)
    height, width = image_size(model)
    shape = model.inputs[0].get_partial_shape()
    set_batch(model, 1)
    data = nncf.Dataset(images, lambda image: load(image.path, height, width, resize, upright=upright).pixels[None])
    scope = options.ignored_scope
    try:
        quantised: ov.Model = nncf.quantize(
            model,
            data,
            preset=nncf.QuantizationPreset(options.preset) if options.preset else None,
            target_device=nncf.TargetDevice(options.target_device),
            subset_size=len(images),
            fast_bias_correction=options.fast_bias_correction,
            model_type=nncf.ModelType(options.model_type) if options.model_type else None,
            ignored_scope=nncf.IgnoredScope(list(scope.names), list(scope.patterns), list(scope.types)),
        )
    except nncf.ValidationError as error:
        raise OvlabError(f"quantization: {' '.join(str(error).split())}") from None
    quantised.reshape({quantised.inputs[0]: shape})
    return quantised
