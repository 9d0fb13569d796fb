"""The data set's metric without its interval: accuracy control asks for it after every layer that it tries."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ovlab.data import AnySplit
from ovlab.data.annotations import AnnotatedSplit
from ovlab.metrics.coco import coco_evaluate
from ovlab.metrics.detection import Detections, GroundTruth
from ovlab.metrics.precision_recall import MeanAveragePrecision
from ovlab.metrics.voc import voc_map
from ovlab.specs import DatasetSpec


def point_metric(dataset: DatasetSpec, split: AnySplit, frame: pd.DataFrame) -> tuple[float, list[float]]:
    """Compute the metric of a table of predictions, and of each image alone.

    Parameters
    ----------
    dataset : DatasetSpec
        Its metric counts: top-1, VOC mAP or COCO AP.
    split : Split or AnnotatedSplit
        The images that the table is about, with what is known of them.
    frame : DataFrame
        The task's table.

    Returns
    -------
    value : float
        A fraction; 0 where no class has an object.
    each : list of float
        The same of each image alone, in the split's order. It serves to choose images that tell models apart.
    """
    if not isinstance(split, AnnotatedSplit):
        right = frame.set_index("image")["top1"].reindex([image.id for image in split.images])
        each = right.fillna(False).astype(float)
        return float(each.mean()), each.tolist()
    curves = _curves(dataset, split, frame)
    alone = np.atleast_1d(curves.mean(np.eye(len(split.images))))
    return float(np.nan_to_num(curves.mean())), np.nan_to_num(alone).tolist()


def _curves(dataset: DatasetSpec, split: AnnotatedSplit, frame: pd.DataFrame) -> MeanAveragePrecision:
    found = _detections(split, frame)
    truth = [image.truth for image in split.images if image.truth is not None]
    classes = len(split.class_names)
    if dataset.metric == "coco":
        return coco_evaluate(found, truth, classes).metric("AP")
    # VOC's boxes include their last pixel, ours end at its edge: see ovlab.data.annotations.voc.
    last = np.array([0.0, 0.0, 1.0, 1.0])
    inclusive = [Detections(one.class_ids, one.scores, one.boxes - last) for one in found]
    objects = [GroundTruth(one.class_ids, one.boxes - last, difficult=one.difficult) for one in truth]
    return voc_map(inclusive, objects, classes, style="11point" if dataset.metric == "voc_2007" else "area")


def _detections(split: AnnotatedSplit, frame: pd.DataFrame) -> list[Detections]:
    present = frame[frame["class_id"] >= 0]  # an image without detections has one row with -1
    rows = present.groupby("image", sort=False).indices
    class_ids, scores = present["class_id"].to_numpy(), present["score"].to_numpy()
    boxes = present[["xmin", "ymin", "xmax", "ymax"]].to_numpy()
    nothing = np.zeros(0, dtype=np.int64)
    chosen = [rows.get(image.id, nothing) for image in split.images]
    return [Detections(class_ids[mine], scores[mine], boxes[mine]) for mine in chosen]
