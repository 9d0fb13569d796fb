"""SSD: the output of Caffe's and OpenVINO's DetectionOutput layer [1]_.

References
----------
.. [1] W. Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016; the layer is that of its Caffe fork.
"""

from __future__ import annotations

import numpy as np

from ovlab.errors import OvlabError
from ovlab.metrics.detection import Detections
from ovlab.tasks.detection.decoders.outputs import finite, pick_raw, whole, without_background
from ovlab.tasks.detection.decoders.registry import Outputs, decoder


@decoder("ssd")
def ssd(
    outputs: Outputs, *, width: int, height: int, classes: int, output: str | None = None, background: int | None = 0
) -> Detections:
    """Read rows of ``image_id, label, confidence, xmin, ymin, xmax, ymax``.

    The coordinates are fractions of the input. An ``image_id`` of -1 ends the list: what lies behind it was never
    written. The layer has suppressed overlaps itself.

    Parameters
    ----------
    outputs : mapping
        One array, shape (1, 1, N, 7).
    width, height : int
        Size of the input in pixels.
    classes : int
        Number of classes without the background.
    output : str, optional
        Name of the output, where there are several.
    background : int, optional
        Label of the background, 0 in Caffe. None: there is none.

    Returns
    -------
    Detections
        In pixels of the input.

    Raises
    ------
    OvlabError
        If the shape does not fit or a label is out of range.
    """
    array = pick_raw(outputs, output)
    if array.ndim < 2 or array.shape[-1] != 7 or any(length != 1 for length in array.shape[:-2]):
        raise OvlabError(f"output has shape {list(array.shape)}, expected [1, 1, N, 7]")
    rows = array.reshape(-1, 7)
    ends = np.flatnonzero(rows[:, 0] < 0)
    rows = finite(rows[: ends[0]] if ends.size else rows, "detections")
    labels = whole(rows[:, 1])
    most = classes if background is not None else classes - 1
    outside = labels[(labels < 0) | (labels > most)]
    if outside.size:
        raise OvlabError(f"label {outside[0]}, expected 0 to {most}: do classes and background fit the model?")
    boxes = rows[:, 3:] * np.array([width, height, width, height], dtype=np.float64)
    return without_background(labels, rows[:, 2], boxes, background)
