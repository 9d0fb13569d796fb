"""How far two detectors agree on images, without knowing what is there.

A box counts if its score is at least `MIN_SCORE`: average precision wants boxes down to a thousandth, which nobody
would be shown. A box of one detector and a box of the other are the same if they are of one class and overlap by at
least `MIN_OVERLAP` (intersection over union, continuous coordinates); the surest box chooses first, each box once.
Agreement is twice the number of common boxes over the number of boxes of both: Dice's coefficient [1]_.

References
----------
.. [1] L. R. Dice, "Measures of the Amount of Ecologic Association Between Species", Ecology 26 (1945) 297-302.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ovlab.metrics.detection import Detections

MIN_SCORE = 0.3
MIN_OVERLAP = 0.5
AGREEMENT = f"boxes of a score from {MIN_SCORE:g} on, of one class and overlapping by {MIN_OVERLAP:g}"


@dataclass(frozen=True, slots=True)
class BoxMatch:
    """What two detectors find in one image.

    Attributes
    ----------
    common : int
        Number of boxes that both find.
    boxes : int
        Number of boxes of both detectors.
    unmatched : float
        Sum of the scores of the boxes that only one finds.
    """

    common: int
    boxes: int
    unmatched: float


def confident(found: Detections) -> Detections:
    """Leave out the boxes whose score is below `MIN_SCORE`."""
    kept = found.scores >= MIN_SCORE
    return Detections(found.class_ids[kept], found.scores[kept], found.boxes[kept])


def match_boxes(first: Sequence[Detections], second: Sequence[Detections]) -> list[BoxMatch]:
    """Match the boxes of two detectors on the same images.

    Parameters
    ----------
    first, second : sequence of Detections
        One entry an image, the same images in the same order.

    Returns
    -------
    list of BoxMatch
        One an image.
    """
    return [_match(confident(one), confident(other)) for one, other in zip(first, second, strict=True)]


def agreement(matches: Sequence[BoxMatch]) -> float:
    """Return Dice's coefficient over all images; NaN where no box was found at all."""
    boxes = sum(match.boxes for match in matches)
    return 2 * sum(match.common for match in matches) / boxes if boxes else math.nan


def _match(first: Detections, second: Detections) -> BoxMatch:
    overlaps = intersection_over_union(first.boxes, second.boxes)
    overlaps[first.class_ids[:, None] != second.class_ids[None, :]] = 0
    free = np.ones(len(second), dtype=np.bool_)
    alone = np.ones(len(first), dtype=np.bool_)
    for row in np.argsort(-first.scores, kind="stable"):
        candidates = np.where(free, overlaps[row], 0)
        best = int(candidates.argmax()) if candidates.size else -1
        if best >= 0 and candidates[best] >= MIN_OVERLAP:
            free[best] = alone[row] = False
    unmatched = float(first.scores[alone].sum() + second.scores[free].sum())
    return BoxMatch(int((~alone).sum()), len(first) + len(second), unmatched)


def intersection_over_union(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the overlaps of boxes ``xmin, ymin, xmax, ymax``, shapes (n, 4) and (m, 4), as fractions (n, m)."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.maximum(high - low, 0).prod(axis=2)
    areas = [np.maximum(one[:, 2:] - one[:, :2], 0).prod(axis=1) for one in (first, second)]
    union = areas[0][:, None] + areas[1][None, :] - shared
    result: NDArray[np.float64] = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return result
