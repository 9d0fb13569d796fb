"""Which images calibrate, which control the accuracy; and that none of them is validated on."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from ovlab.data import Split, SplitImage, read_split, readable, shared_images, take_portion
from ovlab.errors import OvlabError
from ovlab.specs import AccuracyControlSpec, CalibrateSettings
from ovlab.specs.quantization import AT_MOST

log = logging.getLogger("ovlab.calibrate")
CONTROL_SEED = 0


@dataclass(frozen=True)
class CalibrationImages:
    """The images of a calibration.

    Attributes
    ----------
    calibration : list of images
        In the order in which they are used.
    upright : bool
        Whether they are turned as their EXIF data say.
    control : Split, optional
        What accuracy control judges on.
    control_source : str
        Where the control images come from, in words.
    remarks : tuple of str
        What a user should know of how the calibration split was read.
    """

    calibration: list[SplitImage]
    upright: bool
    control: Split | None = None
    control_source: str = ""
    remarks: tuple[str, ...] = ()


def draw_images(settings: CalibrateSettings, root: Path, subset: int | str) -> CalibrationImages:
    """Draw the calibration images and, for accuracy control, the control images.

    The three sets - calibration, control, validation - have no image in common; this is checked by content.

    Raises
    ------
    OvlabError
        If a split is missing, a subset is larger than its split, two splits share an image, or control images have no
        labels.
    """
    names = ["calibration", "validation"]
    options = settings.quantization.accuracy_control if settings.quantization is not None else None
    if options is not None and _control_split(settings) == "control":
        names.append("control")
    splits = {name: read_split(root, settings.dataset, name, settings.dataset_name) for name in names}
    _refuse_leaks(settings, splits)
    calibration, control, source = splits["calibration"], splits.get("control"), "split control"
    if options is not None and control is None:
        calibration, control = _set_aside(calibration, options.control_share)
        source = f"set aside from split calibration ({len(control.images)} images, {len(calibration.images)} left)"
    section = "quantization" if settings.quantization is not None else "weight_compression"
    chosen = readable(choose_subset(calibration, subset, settings.seed, f"{section}.subset"), settings.dataset)
    limited = None if options is None or control is None else _limited(settings, control, options)
    return CalibrationImages(
        chosen, calibration.upright, limited, "" if limited is None else source, calibration.remarks
    )


def _control_split(settings: CalibrateSettings) -> str:
    try:
        return settings.dataset.control_split()
    except OvlabError as error:
        raise OvlabError(f"dataset {settings.dataset_name}: {error}") from None


def _refuse_leaks(settings: CalibrateSettings, splits: Mapping[str, Split]) -> None:
    for first, second in combinations(splits, 2):
        if shared := shared_images(splits[first].images, splits[second].images):
            raise OvlabError(
                f"dataset {settings.dataset_name}: {first} and {second} share {len(shared)} image(s), "
                f"such as {shared[0][0]!r} and {shared[0][1]!r}"
            )


def _set_aside(split: Split, share: float) -> tuple[Split, Split]:
    """Divide the calibration split: the same images are set aside for every seed and on every machine."""
    kept = take_portion(split.images, (0.0, 1.0 - share))
    aside = take_portion(split.images, (1.0 - share, 1.0))
    twins = {first for first, _ in shared_images(aside, kept)}
    if twins:
        log.warning("%d control images are calibration images under another name: left out", len(twins))
    aside = tuple(image for image in aside if image.id not in twins)
    return _with_images(split, kept), _with_images(split, aside)


def _with_images(split: Split, images: Sequence[SplitImage], **changes: Any) -> Split:
    return replace(split, images=tuple(images), **changes)


def _limited(settings: CalibrateSettings, control: Split, options: AccuracyControlSpec) -> Split:
    # One seed for all: repeated calibrations are judged on the same images.
    key = "quantization.accuracy_control.images"
    chosen = choose_subset(control, options.images, CONTROL_SEED, key, "control")
    kept = readable(chosen, settings.dataset)
    if len(kept) < 2:
        raise OvlabError(f"{key}: {len(kept)} control image(s), expected at least 2")
    return _with_images(control, kept, name="control")


def choose_subset(
    split: Split,
    subset: int | str,
    seed: int,
    key: str = "subset",
    split_name: str = "calibration",
) -> list[SplitImage]:
    """Draw images of a split.

    Parameters
    ----------
    split : Split
        What to draw from.
    subset : int or str
        A number of images, a limit such as ``at most 300`` (a smaller split is used whole), or a percentage of the
        split such as ``"25%"`` (at least one image).
    seed : int
        Same seed, same images in the same order.
    key, split_name : str
        What to call the two in an error.

    Raises
    ------
    OvlabError
        If the split has fewer images.
    """
    available = len(split.images)
    count = max(1, _count(subset, available))
    if count > available:
        raise OvlabError(f"{key}: {count} images, but the {split_name} split has {available}")
    if isinstance(subset, str) and subset.startswith(AT_MOST) and count == available:
        log.info("%s: %s, and the %s split has %d: all are used", key, subset, split_name, available)
    order = np.random.default_rng(seed).permutation(available)[:count]
    return [split.images[i] for i in order]


def _count(subset: int | str, available: int) -> int:
    if isinstance(subset, int):
        return subset
    if subset.startswith(AT_MOST):
        return min(int(subset.removeprefix(AT_MOST)), available)
    return round(available * float(subset.removesuffix("%")) / 100)
