"""A decoder of one's own: the face and mask detector of AIZOOTech [1]_, which leaves anchors to its users.

References
----------
.. [1] github.com/AIZOOTech/FaceMaskDetection, ``utils/anchor_generator.py`` and ``utils/anchor_decode.py``.
"""

import functools

import numpy as np

from ovlab.errors import OvlabError
from ovlab.metrics.detection import Detections
from ovlab.tasks.decoders import decoder

GRIDS = (33, 17, 9, 5, 3)
SIZES = ((0.04, 0.056), (0.08, 0.11), (0.16, 0.22), (0.32, 0.45), (0.64, 0.72))
RATIOS = (0.62, 0.42)
VARIANCES = np.array([0.1, 0.1, 0.2, 0.2])


@functools.cache
def anchors() -> np.ndarray:
    """Return centre and size of each anchor as fractions of the image, shape (5972, 4)."""
    rows = []
    for grid, (first, second) in zip(GRIDS, SIZES, strict=True):
        shapes = [(first, first), (second, second), *((first * ratio**0.5, first / ratio**0.5) for ratio in RATIOS)]
        middles = (np.arange(grid) + 0.5) / grid
        rows += [(x, y, *shape) for y in middles for x in middles for shape in shapes]
    return np.array(rows)


@decoder("face_mask")
def face_mask(outputs, *, width, height, classes, offsets: str, scores: str):
    """Read offsets from the anchors (1, 5972, 4) and probabilities of the classes (1, 5972, 2)."""
    found, probabilities = (np.asarray(outputs[name], np.float64)[0] for name in (offsets, scores))
    if found.shape != (len(anchors()), 4) or probabilities.shape != (len(anchors()), classes):
        raise OvlabError(f"offsets are {found.shape} and scores {probabilities.shape}, expected 5972 rows of each")
    own, scaled = anchors(), found * VARIANCES
    centres, sizes = own[:, :2] + scaled[:, :2] * own[:, 2:], own[:, 2:] * np.exp(scaled[:, 2:])
    boxes = np.hstack([centres - sizes / 2, centres + sizes / 2]) * np.array([width, height] * 2)
    return Detections(probabilities.argmax(axis=1), probabilities.max(axis=1), boxes)
