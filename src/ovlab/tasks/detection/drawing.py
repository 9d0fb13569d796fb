"""Boxes drawn on an image: the objects, and what each of two variants found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ovlab.data.images import Image
from ovlab.metrics.detection import Detections, GroundTruth

# BGR. Dark edges below make them visible on any image.
TRUTH, REFERENCE, VARIANT, EDGE = (255, 255, 255), (233, 180, 86), (0, 94, 213), (0, 0, 0)

Layer = tuple[NDArray[np.float64], tuple[int, int, int]]


@dataclass(frozen=True)
class BoxDrawing:
    """What is drawn on an image: its objects (None without annotations) and what two variants found."""

    truth: GroundTruth | None
    reference: Detections
    variant: Detections

    def panels(self, image: Image, scale: float) -> list[Image]:
        """Draw the reference's boxes and the variant's, each on a copy of the image, over the objects in white.

        Parameters
        ----------
        image : ndarray of uint8, shape (height, width, 3)
            The image in BGR, shrunk.
        scale : float
            Its size over that of the original, whose pixels the boxes are in.
        """
        truth = np.zeros((0, 4)) if self.truth is None else self.truth.boxes
        found = ((self.reference.boxes, REFERENCE), (self.variant.boxes, VARIANT))
        return [_with_boxes(image, [(truth, TRUTH), boxes], scale) for boxes in found]


def _with_boxes(image: Image, layers: Sequence[Layer], scale: float) -> Image:
    canvas = image.copy()
    for edge, thickness in ((EDGE, 3), (None, 1)):
        for boxes, colour in layers:
            for box in boxes:
                # Corners far outside of the image would overflow OpenCV's coordinates.
                corners = np.clip(np.round(box * scale), -1, max(canvas.shape)).astype(int).tolist()
                cv2.rectangle(canvas, corners[:2], corners[2:], edge or colour, thickness)
    return canvas
