"""Scores of a detector from its recorded detections and the annotations alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ovlab.data.split import Split
from ovlab.errors import OvlabError
from ovlab.metrics.detection import GroundTruth
from ovlab.specs.dataset import DatasetSpec
from ovlab.specs.model import ModelSpec
from ovlab.tasks.detection.annotations import AnnotatedImage, AnnotatedSplit
from ovlab.tasks.detection.evaluator import DetectionEvaluator
from ovlab.tasks.detection.spec import DetectionDatasetSpec, DetectionModelSpec
from ovlab.tasks.detection.table import BOX, NOTHING

COLUMNS = ["image", "width", "height", "class_id", *BOX, "difficult", "crowd", "area"]
DECODER = "ssd"
"""Stands for the model's own, which is not needed any more, and may be code of the user's own."""


def truth_table(split: Split) -> pd.DataFrame:
    """Return the objects of each image, one row an object, in the split's order.

    An image without objects has one row with ``class_id`` -1; one without annotations has no ``width`` either.
    """
    rows: list[tuple[object, ...]] = []
    for image in split.images:
        truth = image.truth if isinstance(image, AnnotatedImage) else None
        size = (image.width, image.height) if isinstance(image, AnnotatedImage) else (None, None)
        if truth is None or len(truth) == 0:
            rows.append((image.id, *size, NOTHING, *[0.0] * 4, False, False, 0.0))
            continue
        columns = (truth.class_ids, *truth.boxes.T, truth.difficult, truth.crowd, truth.areas)
        rows += [(image.id, *size, *one) for one in zip(*columns, strict=True)]
    kinds = {"image": "str", "width": "Int64", "height": "Int64", "class_id": "int64", "difficult": "bool"}
    numbers = dict.fromkeys([*BOX, "area"], "float64")
    return pd.DataFrame(rows, columns=COLUMNS).astype({**kinds, "crowd": "bool", **numbers})


def recorded_evaluator(
    model: ModelSpec, dataset: DatasetSpec, predictions: pd.DataFrame, truth: pd.DataFrame, class_names: Sequence[str]
) -> DetectionEvaluator:
    """Make an evaluator that scores recorded detections; see `ovlab.tasks.protocol.FromRecords`.

    Nothing of the model's decoder is executed.
    """
    if not isinstance(model, DetectionModelSpec) or not isinstance(dataset, DetectionDatasetSpec):
        raise TypeError(f"{type(model).__name__} and {type(dataset).__name__}, expected those of detection")
    present = predictions[predictions["class_id"] != NOTHING]
    names = np.array(class_names, dtype=object)
    known = present["class_id"].between(0, len(names) - 1)
    if not known.all() or (names[present["class_id"]] != present["class_name"].to_numpy(dtype=object)).any():
        raise OvlabError("a detection's class_name is not that of its class_id")
    images = tuple(_image(str(name), rows) for name, rows in truth.groupby("image", sort=False))
    spec = model.detection.model_copy(update={"decoder": DECODER, "parameters": {}, "decoder_file": None})
    split = AnnotatedSplit("validation", images, tuple(class_names))
    return DetectionEvaluator(spec, split, dataset.metric, width=1, height=1)


def _image(name: str, rows: pd.DataFrame) -> AnnotatedImage:
    first = rows.iloc[0]
    if pd.isna(first["width"]):
        return AnnotatedImage(name, Path(name))
    own = rows[rows["class_id"] != NOTHING]
    columns = (own[key].to_numpy() for key in ("class_id", BOX, "difficult", "crowd", "area"))
    return AnnotatedImage(name, Path(name), GroundTruth(*columns), int(first["width"]), int(first["height"]))
