"""The images on which two variants disagree, small enough to lie in a report."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ovlab.data import Image, Split, decode
from ovlab.files import write_json
from ovlab.tasks.differences import Differences, Disagreement

SCHEMA = "ovlab/disagreements/1"
SIDE, WIDE_SIDE = 112, 240
"""Longest side in pixels of a thumbnail, and of each of the two where something is drawn."""
QUALITY = 80
GAP = 4


def write_disagreements(path: Path, differences: Differences, split: Split) -> None:
    """Write the chosen images with what each variant says of them.

    Parameters
    ----------
    path : Path
        JSON file to write: ``total`` (all images on which they disagree) and ``items``, each with the image's id, the
        outcome, truth and predictions in words, and a JPEG in Base64. Where the task draws (``boxes``) the image is
        there twice, the reference on the left, the variant on the right.
    """
    paths = {image.id: image.path for image in split.images}
    items = [_item(one, paths[one.image], upright=split.upright) for one in differences.disagreements]
    write_json(path, {"schema": SCHEMA, "total": differences.images, "items": items})


def _item(one: Disagreement, path: Path, *, upright: bool) -> dict[str, Any]:
    image = decode(path, upright=upright)
    drawing = one.drawing
    shown = _beside(drawing.panels(*_scaled(image, WIDE_SIDE))) if drawing else _scaled(image, SIDE)[0]
    height, width = shown.shape[:2]
    words = {"image": one.image, "outcome": one.outcome}
    words |= {"truth": one.truth, "reference": one.reference, "variant": one.variant}
    return words | {"width": width, "height": height, "boxes": drawing is not None, "jpeg": _jpeg(shown)}


def _scaled(image: Image, side: int) -> tuple[Image, float]:
    """Shrink an image to a longest side; a smaller one stays as it is."""
    factor = min(1.0, side / max(image.shape[:2]))
    if factor == 1.0:
        return image, factor
    size = [max(1, round(length * factor)) for length in image.shape[1::-1]]
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8), factor


def _beside(images: Sequence[Image]) -> Image:
    gap = np.full((images[0].shape[0], GAP, 3), 255, np.uint8)
    return np.hstack([images[0], gap, images[1]])


def _jpeg(image: Image) -> str:
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return base64.b64encode(data.tobytes()).decode("ascii")
