"""Detectors that give boxes, scores and labels as arrays of their own: TensorFlow, torchvision, MMDetection, DETR."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ovlab.errors import OvlabError
from ovlab.metrics.detection import Detections
from ovlab.tasks.detection.decoders.outputs import (
    FloatArray,
    corners,
    one_image,
    pick,
    pick_raw,
    whole,
    without_background,
)
from ovlab.tasks.detection.decoders.registry import Outputs, decoder

BoxFormat = Literal["xyxy", "yxyx", "xywh", "cxcywh"]
Units = Literal["pixels", "normalised"]
Activation = Literal["none", "sigmoid", "softmax"]


@decoder("boxes_scores_labels")
def boxes_scores_labels(
    outputs: Outputs,
    *,
    width: int,
    height: int,
    classes: int,
    boxes: str = "boxes",
    scores: str | None = "scores",
    labels: str | None = "labels",
    count: str | None = None,
    box_format: BoxFormat = "xyxy",
    units: Units = "pixels",
    activation: Activation = "none",
    background: int | None = None,
) -> Detections:
    """Read boxes, scores and labels.

    Some conventions, as `parameters` in YAML:

    - torchvision: ``background: 0``, the rest by default;
    - TensorFlow's detection API: ``boxes: detection_boxes, scores: detection_scores, labels: detection_classes, count:
      num_detections, box_format: yxyx, units: normalised, background: 0``;
    - MMDetection: ``boxes: dets, scores: null`` (the fifth column of the boxes is the score);
    - RT-DETR with raw logits: ``boxes: pred_boxes, scores: logits, labels: null, activation: sigmoid, box_format:
      cxcywh, units: normalised``; DETR the same with ``activation: softmax`` and the last index as ``background``.

    Parameters
    ----------
    outputs : mapping
        The arrays by name.
    width, height : int
        Size of the input in pixels.
    classes : int
        Number of classes without the background.
    boxes : str, default "boxes"
        Name of the boxes, shape ([1,] N, 4), or ([1,] N, 5) with the score in the last column.
    scores : str, optional
        Name of the scores, shape ([1,] N), or ([1,] N, classes) if there are no labels. None: in the boxes' fifth
        column.
    labels : str, optional
        Name of the class indices, shape ([1,] N); negative ones are dropped. None: a box is of the class of its highest
        score.
    count : str, optional
        Name of the number of valid boxes: later ones are dropped.
    box_format : {"xyxy", "yxyx", "xywh", "cxcywh"}, default "xyxy"
        Two corners, the same with y first, upper left corner and size, centre and size.
    units : {"pixels", "normalised"}, default "pixels"
        Whether the coordinates are pixels of the input or fractions of it.
    activation : {"none", "sigmoid", "softmax"}, default "none"
        What turns the scores of the classes into probabilities; only without labels.
    background : int, optional
        Index of the background class, which `classes` does not count; higher indices move down by one.

    Returns
    -------
    Detections
        In pixels of the input.

    Raises
    ------
    OvlabError
        If an output is missing, the shapes do not fit, or parameters contradict each other.
    """
    table = one_image(pick_raw(outputs, boxes), 2, "[1, N, 4] (boxes)")
    columns = 4 if scores is not None else 5
    if table.shape[1] != columns:
        raise OvlabError(f"output {boxes!r} has shape {list(table.shape)}, expected [N, {columns}]")
    if scores is None and labels is None:
        raise OvlabError("parameters: scores and labels are both null, expected at least one output's name")
    if labels is not None and activation != "none":
        raise OvlabError(
            f"parameters.activation: {activation!r} applies to scores of all classes, so labels must be null"
        )
    if labels is None:
        ids, values = _best_class(pick(outputs, scores), activation, background, classes)
        background = None
    else:
        ids = one_image(pick_raw(outputs, labels), 1, "[1, N] (labels)")
        values = table[:, 4] if scores is None else one_image(pick_raw(outputs, scores), 1, "[1, N] (scores)")
    if not len(table) == len(ids) == len(values):
        raise OvlabError(f"{len(table)} boxes, {len(values)} scores and {len(ids)} labels, expected as many of each")
    # Outputs of fixed length are filled up with labels of -1, or with anything behind the count.
    valid = np.asarray(ids >= 0)
    if count is not None:
        valid[int(pick(outputs, count).reshape(-1)[0]) :] = False
    place = np.array([width, height] * 2, dtype=np.float64) if units == "normalised" else np.ones(4)
    # The coordinates' order first: width belongs to x wherever x stands.
    found = corners(table[valid, :4], box_format) * place
    return without_background(whole(ids[valid]), values[valid], found, background)


def _best_class(
    array: FloatArray, activation: str, background: int | None, classes: int
) -> tuple[NDArray[Any], FloatArray]:
    total = classes + (background is not None)
    table = one_image(array, 2, f"[1, N, {total}] (scores)")
    if table.shape[1] != total:
        raise OvlabError(f"scores have shape {list(table.shape)}, expected [N, {total}] for {classes} classes")
    if background is not None and not 0 <= background < total:
        raise OvlabError(f"parameters.background: {background}, expected 0 to {total - 1}")
    if activation == "sigmoid":
        table = 0.5 * (1 + np.tanh(0.5 * table))
    elif activation == "softmax":
        powers = np.exp(table - table.max(axis=1, keepdims=True))
        table = powers / powers.sum(axis=1, keepdims=True)
    if background is not None:
        table = np.delete(table, background, axis=1)
    return table.argmax(axis=1), table.max(axis=1)
