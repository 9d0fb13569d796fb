"""Detections as a table: one row a detection."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ovlab.metrics.detection import Detections
from ovlab.tasks.detection.annotations import AnnotatedImage

BOX = ["xmin", "ymin", "xmax", "ymax"]
COLUMNS = ("image", "class_id", "class_name", "score", *BOX)
NOTHING = -1
"""``class_id`` of the one row that an image without detections has."""


def detections_table(images: Sequence[tuple[str, Detections]], class_names: Sequence[str]) -> pd.DataFrame:
    """Make a table of the detections in some images.

    Parameters
    ----------
    images : sequence of (str, Detections)
        Each image's id with what was found in it, best first.
    class_names : sequence of str
        Names by class index.

    Returns
    -------
    DataFrame
        With `COLUMNS`. An image without detections has one row with ``class_id`` -1 and nothing else.
    """
    lengths = [max(len(found), 1) for _, found in images]
    empty = Detections([NOTHING], [0.0], [[0.0] * 4])  # type: ignore[arg-type]
    filled = [found if len(found) else empty for _, found in images] or [Detections([], [], [])]  # type: ignore[arg-type]
    class_ids = np.concatenate([found.class_ids for found in filled])
    table = pd.DataFrame({"image": np.repeat(np.array([image for image, _ in images], dtype=object), lengths)})
    table["class_id"] = class_ids
    table["class_name"] = pd.Series([*class_names, None], dtype="str").to_numpy()[class_ids]
    table["score"] = np.concatenate([found.scores for found in filled])
    table[BOX] = np.concatenate([found.boxes for found in filled])
    table.loc[class_ids == NOTHING, ["score", *BOX]] = np.nan
    return table.astype({"image": "str", "class_name": "str"})


def detections_of(table: pd.DataFrame, images: Sequence[AnnotatedImage]) -> list[Detections]:
    """Return what a table says of each image, in the order of `images`; nothing for one that it lacks."""
    present = table[table["class_id"] != NOTHING]
    class_ids, scores, boxes = (present[key].to_numpy() for key in ("class_id", "score", BOX))
    rows = present.groupby("image", sort=False).indices
    nothing = np.zeros(0, dtype=np.int64)
    chosen = [rows.get(image.id, nothing) for image in images]
    return [Detections(class_ids[own], scores[own], boxes[own]) for own in chosen]
