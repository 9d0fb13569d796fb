"""Taking arrays out of a model's outputs, with checks of what they are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ovlab.errors import OvlabError, nearest
from ovlab.metrics.detection import Detections
from ovlab.tasks.detection.decoders.registry import Outputs
from ovlab.tasks.protocol import shown_outputs

FloatArray = NDArray[np.float64]


def pick(outputs: Outputs, name: str | None) -> FloatArray:
    """Return one output, of finite numbers: see `pick_raw`."""
    return finite(pick_raw(outputs, name), name or "of the model")


def pick_raw(outputs: Outputs, name: str | None) -> FloatArray:
    """Return one output as it is, with whatever its unused rows hold.

    Parameters
    ----------
    outputs : mapping
        Arrays by tensor name.
    name : str or None
        Which; None if there is only one.

    Returns
    -------
    ndarray of float64
        With its batch axis.

    Raises
    ------
    OvlabError
        If there is none of that name, or several and no name.
    """
    if name is None:
        if len({id(array) for array in outputs.values()}) != 1:
            raise OvlabError(f"parameters.output: missing, but the model has several outputs: {shown_outputs(outputs)}")
        name = next(iter(outputs))
    if name not in outputs:
        raise OvlabError(f"the model has no output {name!r}{nearest(name, outputs)} (it has {shown_outputs(outputs)})")
    return np.asarray(outputs[name], dtype=np.float64)


def finite(array: FloatArray, name: str) -> FloatArray:
    """Return an array without NaN and infinity.

    Raises
    ------
    OvlabError
        If there is one.
    """
    if not np.isfinite(array).all():
        raise OvlabError(f"output {name!r} holds NaN or infinity")
    return array


def one_image(array: FloatArray, axes: int, expected: str) -> FloatArray:
    """Drop the leading axes of length 1.

    Parameters
    ----------
    array : ndarray
        An output for a batch of one image.
    axes : int
        How many axes to keep.
    expected : str
        The shape that it should have, for the message.

    Returns
    -------
    ndarray
        With `axes` axes.

    Raises
    ------
    OvlabError
        If there are fewer axes, or a leading one is longer than 1.
    """
    leading = array.shape[: max(array.ndim - axes, 0)]
    if array.ndim < axes or any(length != 1 for length in leading):
        raise OvlabError(f"output has shape {list(array.shape)}, expected {expected}")
    return array.reshape(array.shape[array.ndim - axes :])


def corners(boxes: FloatArray, box_format: str) -> FloatArray:
    """Bring boxes into the order ``xmin, ymin, xmax, ymax``.

    Parameters
    ----------
    boxes : ndarray, shape (n, 4)
        Boxes as the model gives them.
    box_format : {"xyxy", "yxyx", "xywh", "cxcywh"}
        Two corners, the same with y first, upper left corner and size, or centre and size.

    Returns
    -------
    ndarray, shape (n, 4)
    """
    if box_format == "yxyx":
        return boxes[:, [1, 0, 3, 2]]
    if box_format == "xywh":
        return np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]])
    if box_format == "cxcywh":
        return np.hstack([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2])
    return boxes


def whole(labels: Any) -> NDArray[np.int64]:
    """Return class indices that a model gives as floating-point numbers.

    Raises
    ------
    OvlabError
        If one is not a whole number.
    """
    rounded = np.rint(labels)
    with np.errstate(invalid="ignore"):  # the distance of infinity from itself, which is not small either
        is_whole = np.abs(labels - rounded) < 1e-3
    if not is_whole.all():
        raise OvlabError("a class index is not a whole number: is this output the labels?")
    return np.asarray(rounded, dtype=np.int64)


def without_background(
    labels: NDArray[np.int64], scores: FloatArray, boxes: FloatArray, background: int | None
) -> Detections:
    """Make detections, with classes counted as if there were no background.

    Parameters
    ----------
    labels : ndarray of int, shape (n,)
        Class indices of the model.
    scores : ndarray, shape (n,)
        Confidence.
    boxes : ndarray, shape (n, 4)
        ``xmin, ymin, xmax, ymax`` in pixels of the input.
    background : int or None
        Index of the background class, whose detections are dropped; higher indices move down by one.

    Returns
    -------
    Detections
    """
    if background is not None:
        kept = labels != background
        labels, scores, boxes = labels[kept], scores[kept], boxes[kept]
        labels = labels - (labels > background)
    return Detections(labels, scores, boxes)
