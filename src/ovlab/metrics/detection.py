"""What a detector says about one image, and what is really there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ovlab.errors import OvlabError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


def _none() -> Any:
    return None


@dataclass(frozen=True, eq=False)
class Detections:
    """The boxes that a detector found in one image.

    Anything that NumPy turns into arrays of these shapes is accepted; the fields are arrays afterwards.

    Parameters
    ----------
    class_ids : ndarray of int, shape (n,)
        Index of the class in the data set's list of classes, from 0.
    scores : ndarray, shape (n,)
        Confidence, any scale on which higher is surer.
    boxes : ndarray, shape (n, 4)
        ``xmin, ymin, xmax, ymax`` in pixels of the original image.

    Raises
    ------
    OvlabError
        If the shapes do not fit each other or a number is not finite.
    """

    class_ids: IntArray
    scores: FloatArray
    boxes: FloatArray

    def __post_init__(self) -> None:
        _set(self, "class_ids", np.asarray(self.class_ids, dtype=np.int64).reshape(-1))
        _set(self, "scores", np.asarray(self.scores, dtype=np.float64).reshape(-1))
        _set(self, "boxes", _boxes(self.boxes))
        _check_lengths("detections", self.class_ids, self.scores, self.boxes)
        if not np.isfinite(self.scores).all():
            raise OvlabError("detections: a score is not finite")

    def __len__(self) -> int:
        return self.class_ids.size


@dataclass(frozen=True, eq=False)
class GroundTruth:
    """The objects in one image.

    Parameters
    ----------
    class_ids : ndarray of int, shape (n,)
        Index of the class in the data set's list of classes, from 0.
    boxes : ndarray, shape (n, 4)
        ``xmin, ymin, xmax, ymax`` in pixels of the original image.
    difficult : ndarray of bool, shape (n,), optional
        Pascal VOC's flag: neither a hit nor a miss counts. Default: none.
    crowd : ndarray of bool, shape (n,), optional
        COCO's ``iscrowd``: a region of many objects that absorbs detections. Default: none.
    areas : ndarray, shape (n,), optional
        COCO's ``area`` in square pixels (of the segment, where there is one), which decides small, medium or large.
        Default: the boxes' areas.

    Raises
    ------
    OvlabError
        If the shapes do not fit each other or a number is not finite.
    """

    class_ids: IntArray
    boxes: FloatArray
    difficult: BoolArray = field(default_factory=_none)
    crowd: BoolArray = field(default_factory=_none)
    areas: FloatArray = field(default_factory=_none)

    def __post_init__(self) -> None:
        boxes = _boxes(self.boxes)
        nothing = np.zeros(len(boxes), dtype=np.bool_)
        sides = boxes[:, 2:] - boxes[:, :2]
        _set(self, "class_ids", np.asarray(self.class_ids, dtype=np.int64).reshape(-1))
        _set(self, "boxes", boxes)
        _set(self, "difficult", nothing if self.difficult is None else np.asarray(self.difficult, dtype=np.bool_))
        _set(self, "crowd", nothing if self.crowd is None else np.asarray(self.crowd, dtype=np.bool_))
        _set(self, "areas", sides.prod(axis=1) if self.areas is None else np.asarray(self.areas, dtype=np.float64))
        _check_lengths("ground truth", self.class_ids, self.boxes, self.difficult, self.crowd, self.areas)

    def __len__(self) -> int:
        return self.class_ids.size


def check_pairs(detections: Sequence[Detections], truth: Sequence[GroundTruth], classes: int) -> None:
    """Refuse detections and objects that do not belong together.

    Parameters
    ----------
    detections, truth : sequence
        One entry an image, the same images in the same order.
    classes : int
        Number of classes.

    Raises
    ------
    OvlabError
        If the numbers of images differ, there is none, or a class index is out of range.
    """
    if len(detections) != len(truth) or not truth:
        raise OvlabError(f"{len(detections)} images with detections and {len(truth)} with objects: expected the same")
    for what, images in (("a detection", detections), ("an object", truth)):
        ids = np.concatenate([image.class_ids for image in images])
        outside = ids[(ids < 0) | (ids >= classes)]
        if outside.size:
            raise OvlabError(f"class index {outside[0]} of {what} is out of range, expected 0 to {classes - 1}")


def _set(instance: Any, name: str, value: NDArray[Any]) -> None:
    object.__setattr__(instance, name, value)


def _boxes(boxes: Any) -> FloatArray:
    array = np.asarray(boxes, dtype=np.float64)
    if array.size == 0:
        return np.zeros((0, 4))
    if array.ndim != 2 or array.shape[1] != 4:
        raise OvlabError(f"boxes have shape {array.shape}, expected (n, 4): xmin, ymin, xmax, ymax")
    if not np.isfinite(array).all():
        raise OvlabError("boxes: a coordinate is not finite")
    return array


def _check_lengths(what: str, *arrays: NDArray[Any]) -> None:
    lengths = [len(array) for array in arrays]
    if len(set(lengths)) != 1:
        raise OvlabError(f"{what}: fields of different lengths {lengths}, expected one entry a box")
