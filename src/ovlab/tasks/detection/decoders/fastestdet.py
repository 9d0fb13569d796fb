"""FastestDet: a single grid of cells without anchors [1]_.

References
----------
.. [1] https://github.com/dog-qiuqiu/FastestDet
"""

from __future__ import annotations

import numpy as np

from ovlab.errors import OvlabError
from ovlab.metrics.detection import Detections
from ovlab.tasks.detection.decoders.outputs import FloatArray, corners, one_image, pick
from ovlab.tasks.detection.decoders.registry import Outputs, decoder

OBJECTNESS_POWER, CLASS_POWER = 0.6, 0.4


@decoder("fastestdet")
def fastestdet(outputs: Outputs, *, width: int, height: int, classes: int, output: str | None = None) -> Detections:
    """Read one box a cell.

    With o, tx, ty, tw, th and the class probabilities p of cell (row i, column j) of an R x C grid: score ``o^0.6 *
    max(p)^0.4``, centre ``(j + tanh tx) / C, (i + tanh ty) / R``, size ``sigmoid(tw), sigmoid(th)``, as fractions of
    the input. Overlaps are still to be suppressed (the authors: intersection over union above 0.45).

    Parameters
    ----------
    outputs : mapping
        One array, shape (1, 5 + classes, R, C).
    width, height : int
        Size of the input in pixels.
    classes : int
        Number of classes.
    output : str, optional
        Name of the output, where there are several.

    Returns
    -------
    Detections
        In pixels of the input, R * C of them.

    Raises
    ------
    OvlabError
        If the shape does not fit.
    """
    expected = f"[1, {5 + classes}, rows, columns] for {classes} classes"
    grid = one_image(pick(outputs, output), 3, expected)
    if grid.shape[0] != 5 + classes:
        raise OvlabError(f"output has shape {[1, *grid.shape]}, expected {expected}")
    rows, columns = grid.shape[1:]
    cells = grid.reshape(5 + classes, -1).T
    row, column = np.divmod(np.arange(rows * columns), columns)
    # A quantised probability may come out a little below 0, which has no such power.
    objectness, probabilities = np.maximum(cells[:, 0], 0), np.maximum(cells[:, 5:], 0)
    best = probabilities.argmax(axis=1)
    scores = objectness**OBJECTNESS_POWER * probabilities.max(axis=1) ** CLASS_POWER
    centres = np.column_stack([(column + np.tanh(cells[:, 1])) / columns, (row + np.tanh(cells[:, 2])) / rows])
    boxes = corners(np.hstack([centres, _sigmoid(cells[:, 3:5])]), "cxcywh")
    return Detections(best, scores, boxes * np.array([width, height, width, height], dtype=np.float64))


def _sigmoid(x: FloatArray) -> FloatArray:
    # By tanh, which does not overflow.
    return 0.5 * (1 + np.tanh(0.5 * x))
