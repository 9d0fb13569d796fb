"""What a reader should know of a detector's accuracy: classes mixed up or not judged, images that were turned."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ovlab.data.headers import ImageHeader, read_header
from ovlab.data.images import CorruptImageError
from ovlab.metrics.detection import Detections, GroundTruth
from ovlab.tasks.detection.annotations import AnnotatedImage
from ovlab.tasks.detection.box_agreement import MIN_OVERLAP, intersection_over_union
from ovlab.tasks.label_check import constant_shift, is_at_chance, unseen_classes

FEWEST_OBJECTS = 30
"""Of fewer objects nothing is concluded where none is found."""


def found_remarks(found: Sequence[Detections], truth: Sequence[GroundTruth], class_names: Sequence[str]) -> list[str]:
    """Say which classes have no object here, and whether boxes fit the objects but for their classes.

    Parameters
    ----------
    found, truth : sequence
        One entry an image, the same images in the same order.
    class_names : sequence of str
        The data set's.
    """
    objects = np.concatenate([one.class_ids for one in truth]) if truth else np.zeros(0, np.int64)
    remarks = unseen_classes(objects, tuple(class_names), "object")
    labels, predictions = _located(found, truth)
    if (shift := constant_shift(labels, predictions) if len(labels) else None) is not None:
        remarks.append(
            f"boxes lie on the objects, but their classes are off by a constant: of {len(labels)} objects that the "
            f"surest box lies on, {100 * shift.share:.1f} % are {abs(shift.constant)} place(s) "
            f"{'behind' if shift.constant > 0 else 'before'} the right one; detection.classes lists the model's "
            "classes in the order of its output"
        )
    elif len(labels) and is_at_chance(labels, predictions):
        remarks.append(
            f"boxes lie on {len(labels)} objects, but their classes are at chance; detection.classes lists the "
            "model's classes in the order of its output"
        )
    elif not len(labels) and len(objects) >= FEWEST_OBJECTS:
        remarks.append(
            f"no box lies on any of the {len(objects)} objects; do the decoder and preprocess fit the model?"
        )
    return remarks


def _located(found: Sequence[Detections], truth: Sequence[GroundTruth]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the classes of the objects that a box lies on, and those of the surest such box."""
    labels, predictions = [], []
    for boxes, objects in zip(found, truth, strict=True):
        if not len(boxes) or not len(objects):
            continue
        overlaps = intersection_over_union(objects.boxes, boxes.boxes) >= MIN_OVERLAP
        surest = np.where(overlaps, boxes.scores[None], -1).argmax(axis=1)
        hit = overlaps.any(axis=1)
        labels.append(objects.class_ids[hit])
        predictions.append(boxes.class_ids[surest[hit]])
    empty = np.zeros(0, np.int64)
    return np.concatenate([*labels, empty]), np.concatenate([*predictions, empty])


def exif_remarks(images: Sequence[AnnotatedImage], *, upright: bool) -> list[str]:
    """Say how many images their EXIF orientation turns, and which image the boxes are taken to refer to."""
    turned = sum(header is not None and header.is_turned for header in map(_header, images))
    if not turned:
        return []
    taken = "turned so, boxes refer to the upright image" if upright else "as stored, boxes refer to their pixels"
    return [
        f"{turned} of {len(images)} images have an EXIF orientation that turns them, and are taken {taken} "
        f"(exif: {'upright' if upright else 'stored'})"
    ]


def exif_hint(image: AnnotatedImage) -> str:
    """Say what may be the matter with an image whose size is not that of its annotation."""
    header = _header(image)
    if header is None or (image.width, image.height) not in {header.size(upright=up) for up in (False, True)}:
        return ""
    return "; its EXIF orientation turns it: exif (upright or stored) in the data set's YAML says what boxes refer to"


def _header(image: AnnotatedImage) -> ImageHeader | None:
    try:
        return read_header(image.path)
    except (CorruptImageError, OSError):
        return None  # decoding says so, or has said so
