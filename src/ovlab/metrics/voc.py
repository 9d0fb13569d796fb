"""Pascal VOC's average precision, as its development kit defines it [1]_ [2]_.

A detection belongs to the object of its class and image that it overlaps most (intersection over union with pixels
counted inclusively, so a box from 10 to 19 is 10 wide). It is a hit if that overlap is at least 0.5 and the object has
not been hit by a surer detection, a false alarm if the overlap is smaller or the object was hit before, and does not
count at all if the object is marked difficult. Difficult objects are not among those to be found.

References
----------
.. [1] M. Everingham, L. Van Gool, C. K. I. Williams, J. Winn and A. Zisserman, "The Pascal Visual Object Classes (VOC)
   Challenge", International Journal of Computer Vision 88 (2010) 303-338, section 4.2.
.. [2] M. Everingham and J. Winn, "The PASCAL Visual Object Classes Challenge 2012 (VOC2012) Development Kit", section
   3.4.1: the area under the curve instead of eleven points.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ovlab.errors import OvlabError, nearest
from ovlab.metrics.detection import Detections, GroundTruth, check_pairs
from ovlab.metrics.precision_recall import Interpolation, MeanAveragePrecision, area, eleven_points, make_curves

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
VocStyle = Literal["11point", "area"]

STYLES: dict[str, Interpolation] = {"11point": eleven_points, "area": area}
"""How average precision is read from the curve: by VOC2007's eleven points, or by the area of VOC2010 and later."""

MIN_OVERLAP = 0.5

_HIT, _FALSE_ALARM, _NOT_COUNTED = 1, 0, -1


def voc_map(
    detections: Sequence[Detections],
    truth: Sequence[GroundTruth],
    classes: int,
    *,
    style: VocStyle = "11point",
    min_overlap: float = MIN_OVERLAP,
) -> MeanAveragePrecision:
    """Match detections with objects and make Pascal VOC's mean average precision.

    Parameters
    ----------
    detections, truth : sequence
        One entry an image, the same images in the same order.
    classes : int
        Number of classes.
    style : {"11point", "area"}, default "11point"
        VOC2007's eleven points, or the area under the curve of VOC2010 and later.
    min_overlap : float, default 0.5
        Smallest intersection over union of a hit.

    Returns
    -------
    MeanAveragePrecision
        ``.mean()`` is the mAP over the classes with objects that are not difficult, ``.per_class()`` the classes'
        average precision; both take image weights.

    Raises
    ------
    OvlabError
        If images do not correspond, a class index is out of range, or `style` is not known.
    """
    check_pairs(detections, truth, classes)
    if style not in STYLES:
        raise OvlabError(f"VOC style '{style}' is unknown{nearest(style, STYLES)}")
    images = np.repeat(np.arange(len(detections)), [len(one) for one in detections])
    class_ids = np.concatenate([one.class_ids for one in detections])
    scores = np.concatenate([one.scores for one in detections])
    outcomes = np.concatenate([match_image(d, t, min_overlap) for d, t in zip(detections, truth, strict=True)])
    positives = np.zeros((classes, len(truth)))
    for image, objects in enumerate(truth):
        np.add.at(positives[:, image], objects.class_ids[~objects.difficult], 1)

    curves = []
    for class_id in range(classes):
        mine = np.flatnonzero(class_ids == class_id)
        outcome = outcomes[None, mine]
        hits, counted = outcome == _HIT, outcome != _NOT_COUNTED
        curves.append(make_curves(images[mine], scores[mine], hits, counted, positives[class_id]))
    return MeanAveragePrecision(curves, STYLES[style], len(truth))


def match_image(detections: Detections, truth: GroundTruth, min_overlap: float = MIN_OVERLAP) -> NDArray[np.int8]:
    """Say which detections of one image are hits.

    Parameters
    ----------
    detections : Detections
        What was found.
    truth : GroundTruth
        What is there.
    min_overlap : float, default 0.5
        Smallest intersection over union of a hit.

    Returns
    -------
    ndarray of int8, shape (detections,)
        1 for a hit, 0 for a false alarm, -1 for a detection of a difficult object, which does not count.
    """
    outcomes = np.full(len(detections), _FALSE_ALARM, dtype=np.int8)
    for class_id in np.unique(truth.class_ids):
        objects = np.flatnonzero(truth.class_ids == class_id)
        found = np.flatnonzero(detections.class_ids == class_id)
        if found.size == 0:
            continue
        overlaps = overlap(detections.boxes[found], truth.boxes[objects])
        best = overlaps.argmax(axis=1)
        near = overlaps[np.arange(found.size), best] >= min_overlap
        taken = np.zeros(objects.size, dtype=np.bool_)
        for row in np.argsort(-detections.scores[found], kind="stable"):
            if not near[row]:
                continue
            if truth.difficult[objects[best[row]]]:
                outcomes[found[row]] = _NOT_COUNTED
            elif not taken[best[row]]:
                taken[best[row]] = True
                outcomes[found[row]] = _HIT
    return outcomes


def overlap(first: FloatArray, second: FloatArray) -> FloatArray:
    """Intersection over union of boxes whose pixels are counted inclusively.

    Parameters
    ----------
    first : ndarray, shape (n, 4)
        Boxes ``xmin, ymin, xmax, ymax`` in pixels.
    second : ndarray, shape (m, 4)
        Other boxes.

    Returns
    -------
    ndarray, shape (n, m)
        Fractions in 0..1; 0 where the boxes have no pixel in common.
    """
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.maximum(high - low + 1, 0).prod(axis=2)
    areas_first = (first[:, 2:] - first[:, :2] + 1).prod(axis=1)
    areas_second = (second[:, 2:] - second[:, :2] + 1).prod(axis=1)
    union = areas_first[:, None] + areas_second[None, :] - shared
    result: FloatArray = np.divide(shared, union, out=np.zeros_like(shared), where=shared > 0)
    return result
