"""The YOLO families as their tools export them to ONNX."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ovlab.errors import OvlabError
from ovlab.metrics.detection import Detections
from ovlab.tasks.detection.decoders.outputs import FloatArray, corners, one_image, pick, whole
from ovlab.tasks.detection.decoders.registry import Outputs, decoder

Head = Literal["v5", "v8", "end2end"]
Units = Literal["pixels", "normalised"]


@decoder("yolo")
def yolo(
    outputs: Outputs,
    *,
    width: int,
    height: int,
    classes: int,
    head: Head,
    output: str | None = None,
    units: Units = "pixels",
) -> Detections:
    """Read a YOLO head.

    ======== ====================== ============================================== =========================
    head     shape                  a prediction                                   models
    ======== ====================== ============================================== =========================
    v5       (1, N, 5 + classes)    cx, cy, w, h, objectness, probabilities        YOLOv5, v7, YOLOX decoded
    v8       (1, 4 + classes, N)    cx, cy, w, h, probabilities                    YOLOv8, v9, 11, 12
    end2end  (1, N, 6)              xmin, ymin, xmax, ymax, score, class           YOLOv10, and exports with NMS
    ======== ====================== ============================================== =========================

    The score is that of the best class, times the objectness where there is one. ``v5`` and ``v8`` leave overlaps to be
    suppressed; unused rows of ``end2end`` have score 0 and are dropped.

    Parameters
    ----------
    outputs : mapping
        The head's array.
    width, height : int
        Size of the input in pixels.
    classes : int
        Number of classes.
    head : {"v5", "v8", "end2end"}
        Which of the layouts above.
    output : str, optional
        Name of the output, where there are several.
    units : {"pixels", "normalised"}, default "pixels"
        Whether the coordinates are pixels of the input or fractions of it.

    Returns
    -------
    Detections
        In pixels of the input.

    Raises
    ------
    OvlabError
        If the shape does not fit the head, saying which head it would fit.
    """
    array = one_image(pick(outputs, output), 2, f"[1, {_form(head, classes)}]")
    if not _fits(head, array.shape, classes):
        others = [other for other in ("v5", "v8", "end2end") if _fits(other, array.shape, classes)]
        hint = f"; it fits head {others[0]}" if others else ""
        expected = f"[1, {_form(head, classes)}] for head {head} and {classes} classes"
        raise OvlabError(f"output has shape {[1, *array.shape]}, expected {expected}{hint}")
    unit = np.array([width, height] * 2, dtype=np.float64) if units == "normalised" else np.ones(4)
    if head == "end2end":
        used = array[array[:, 4] > 0]
        return Detections(whole(used[:, 5]), used[:, 4], used[:, :4] * unit)
    rows = array if head == "v5" else array.T
    scores, best = _scores(rows[:, 4:], head)
    return Detections(best, scores, corners(rows[:, :4], "cxcywh") * unit)


def _scores(table: FloatArray, head: str) -> tuple[FloatArray, NDArray[np.int64]]:
    probabilities = table[:, 1:] * table[:, :1] if head == "v5" else table
    return probabilities.max(axis=1), probabilities.argmax(axis=1).astype(np.int64)


def _fits(head: str, shape: tuple[int, ...], classes: int) -> bool:
    if head == "v8":
        return shape[0] == 4 + classes
    return shape[1] == (6 if head == "end2end" else 5 + classes)


def _form(head: str, classes: int) -> str:
    return {"v5": f"N, {5 + classes}", "v8": f"{4 + classes}, N", "end2end": "N, 6"}[head]
