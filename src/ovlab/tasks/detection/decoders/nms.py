"""Non-maximum suppression: of overlapping boxes of one class, the surest stays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ovlab.metrics.detection import Detections

IntArray = NDArray[np.int64]


def suppress(detections: Detections, iou: float | None, most: int) -> Detections:
    """Keep the surest boxes, without those that a surer box of their class overlaps.

    Greedy: by falling score (of equal scores the first comes first), a box stays if its intersection over union with
    every box of its class that stayed is at most `iou`. Coordinates are continuous: no pixel is added to a width.

    Parameters
    ----------
    detections : Detections
        Candidates.
    iou : float or None
        Largest overlap of two boxes that both stay, 0..1. None: no suppression.
    most : int
        How many stay at most, of all classes together.

    Returns
    -------
    Detections
        By falling score.
    """
    order = np.argsort(-detections.scores, kind="stable")
    kept = order[:most] if iou is None else _greedy(detections, order, iou, most)
    return Detections(detections.class_ids[kept], detections.scores[kept], detections.boxes[kept])


def _greedy(detections: Detections, left: IntArray, iou: float, most: int) -> IntArray:
    """Return the indices that stay; `left` are the candidates by falling score, of all classes together."""
    boxes, classes = detections.boxes, detections.class_ids
    areas = np.maximum(boxes[:, 2:] - boxes[:, :2], 0).prod(axis=1)
    kept: list[int] = []
    while left.size and len(kept) < most:
        best, left = left[0], left[1:]
        kept.append(int(best))
        same = np.flatnonzero(classes[left] == classes[best])
        rivals = left[same]
        low = np.maximum(boxes[rivals, :2], boxes[best, :2])
        high = np.minimum(boxes[rivals, 2:], boxes[best, 2:])
        shared = np.maximum(high - low, 0).prod(axis=1)
        union = areas[rivals] + areas[best] - shared
        # As a product: a division by the union of two empty boxes has no value.
        left = np.delete(left, same[shared > iou * union])
    return np.array(kept, dtype=np.int64)
