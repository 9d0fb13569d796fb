"""COCO's average precision, matched by pycocotools, with images that can be re-weighted.

`pycocotools.cocoeval.COCOeval` decides which detection is a hit at which overlap and for which range of object areas;
the accumulation is done anew here (`ovlab.metrics.precision_recall`), so that a bootstrap over images need not match
again. Without weights the values are those of ``COCOeval.summarize`` [1]_.

References
----------
.. [1] https://cocodataset.org/#detection-eval
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ovlab.errors import OvlabError, nearest
from ovlab.metrics.detection import Detections, GroundTruth, check_pairs
from ovlab.metrics.precision_recall import ClassCurves, MeanAveragePrecision, make_curves

FloatArray = NDArray[np.float64]

METRICS = ("AP", "AP50", "AP75", "APsmall", "APmedium", "APlarge")
"""What can be asked for: mean over overlaps 0.50 to 0.95, at 0.50, at 0.75, and for objects of below 32^2, of 32^2 to
96^2 and of above 96^2 square pixels."""

_AREAS = {"APsmall": "small", "APmedium": "medium", "APlarge": "large"}
_OVERLAPS = {"AP50": 0.5, "AP75": 0.75}
_RECALLS = np.linspace(0.0, 1.0, 101)


def recall_101(hits: FloatArray, positives: FloatArray) -> FloatArray:
    """Read precision at recall 0, 0.01, ... 1, compared in floating point as COCO's own program does.

    Parameters
    ----------
    hits, positives : ndarray
        See `ovlab.metrics.precision_recall.Interpolation`.

    Returns
    -------
    ndarray, shape (points, samples)
        Number of reached places over 101.
    """
    recall = hits / positives
    # The last place at or below the recall is this one or a neighbour: cheaper than a search for each point.
    place = np.minimum((recall * 100).astype(np.int64), 100)
    place += _RECALLS[np.minimum(place + 1, 100)] <= recall
    place = np.minimum(place, 100)
    place -= _RECALLS[place] > recall
    return (place + 1) / 101


@dataclass(frozen=True, eq=False)
class CocoResult:
    """Matched detections of a data set, from which each of `METRICS` can be made.

    Parameters
    ----------
    evaluation : pycocotools.cocoeval.COCOeval
        After ``evaluate()``.
    classes : int
        Number of classes.
    images : int
        Number of images.
    """

    evaluation: Any
    classes: int
    images: int

    def metric(self, name: str = "AP") -> MeanAveragePrecision:
        """Make one of COCO's metrics as a function of image weights.

        Parameters
        ----------
        name : str, default "AP"
            One of `METRICS`.

        Returns
        -------
        MeanAveragePrecision
            ``.mean()`` is the metric, NaN where COCO's program prints -1; ``.per_class()`` is that of every class.

        Raises
        ------
        OvlabError
            If `name` is not one of `METRICS`.
        """
        if name not in METRICS:
            raise OvlabError(f"COCO metric '{name}' is unknown{nearest(name, METRICS)}")
        parameters = self.evaluation.params
        area = parameters.areaRngLbl.index(_AREAS.get(name, "all"))
        overlaps = parameters.iouThrs
        if name in _OVERLAPS:
            chosen = np.flatnonzero(np.isclose(overlaps, _OVERLAPS[name]))
        else:
            chosen = np.arange(len(overlaps))
        curves = [self._curves(class_id, area, chosen) for class_id in range(self.classes)]
        return MeanAveragePrecision(curves, recall_101, self.images)

    def summary(self) -> dict[str, float]:
        """Compute all metrics on the images as they are.

        Returns
        -------
        dict of str to float
            Fraction by name in `METRICS`; NaN where there is no object to find.
        """
        return {name: float(self.metric(name).mean()) for name in METRICS}

    def _curves(self, class_id: int, area: int, chosen: NDArray[np.intp]) -> ClassCurves:
        start = (class_id * len(self.evaluation.params.areaRng) + area) * self.images
        found = [
            (image, entry)
            for image, entry in enumerate(self.evaluation.evalImgs[start : start + self.images])
            if entry is not None
        ]
        positives = np.zeros(self.images)
        for image, entry in found:
            positives[image] = np.count_nonzero(np.asarray(entry["gtIgnore"]) == 0)
        images = np.repeat([image for image, _ in found], [len(entry["dtScores"]) for _, entry in found])
        nothing: list[Any] = [np.zeros((len(chosen), 0))]
        hits = np.concatenate(nothing + [entry["dtMatches"][chosen] > 0 for _, entry in found], axis=1)
        ignored = np.concatenate(nothing + [entry["dtIgnore"][chosen] for _, entry in found], axis=1)
        scores = np.concatenate([np.zeros(0), *(entry["dtScores"] for _, entry in found)])
        counted = ~ignored.astype(np.bool_)
        return make_curves(images.astype(np.int64), scores, hits.astype(np.bool_) & counted, counted, positives)


def coco_evaluate(
    detections: Sequence[Detections], truth: Sequence[GroundTruth], classes: int, *, by_area: bool = True
) -> CocoResult:
    """Match detections with objects as COCO does: at ten overlaps, four ranges of area, at most 100 an image and class.

    Parameters
    ----------
    detections, truth : sequence
        One entry an image, the same images in the same order; `GroundTruth.crowd` and `GroundTruth.areas` are used,
        `GroundTruth.difficult` is not.
    classes : int
        Number of classes.
    by_area : bool, default True
        Whether small, medium and large objects are matched apart too: four times the work.

    Returns
    -------
    CocoResult
        From which to make the metrics; ``APsmall``, ``APmedium`` and ``APlarge`` only with `by_area`.

    Raises
    ------
    OvlabError
        If images do not correspond or a class index is out of range.
    """
    from pycocotools.cocoeval import COCOeval

    check_pairs(detections, truth, classes)
    # pycocotools reports progress by printing.
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = COCOeval(_truth_index(truth, classes), _detection_index(detections, classes), "bbox")
        if not by_area:
            all_areas = evaluation.params.areaRngLbl.index("all")
            evaluation.params.areaRng = [evaluation.params.areaRng[all_areas]]
            evaluation.params.areaRngLbl = ["all"]
        evaluation.evaluate()
    return CocoResult(evaluation, classes, len(truth))


def _truth_index(truth: Sequence[GroundTruth], classes: int) -> Any:
    return _index(
        len(truth),
        classes,
        (
            {
                "image_id": image,
                "category_id": int(class_id),
                "bbox": _width_height(box),
                "area": float(area),
                "iscrowd": int(crowd),
            }
            for image, one in enumerate(truth)
            for class_id, box, area, crowd in zip(one.class_ids, one.boxes, one.areas, one.crowd, strict=True)
        ),
    )


def _detection_index(detections: Sequence[Detections], classes: int) -> Any:
    return _index(
        len(detections),
        classes,
        (
            {
                "image_id": image,
                "category_id": int(class_id),
                "bbox": (bbox := _width_height(box)),
                "area": bbox[2] * bbox[3],
                "iscrowd": 0,
                "score": float(score),
            }
            for image, one in enumerate(detections)
            for class_id, score, box in zip(one.class_ids, one.scores, one.boxes, strict=True)
        ),
    )


def _index(images: int, classes: int, annotations: Any) -> Any:
    from pycocotools.coco import COCO

    index = COCO()
    # Ids from 1: pycocotools takes a match with id 0 for none.
    index.dataset = {
        "images": [{"id": image} for image in range(images)],
        "categories": [{"id": class_id} for class_id in range(classes)],
        "annotations": [{"id": number, **one} for number, one in enumerate(annotations, start=1)],
    }
    index.createIndex()
    return index


def _width_height(box: FloatArray) -> list[float]:
    xmin, ymin, xmax, ymax = (float(x) for x in box)
    return [xmin, ymin, xmax - xmin, ymax - ymin]
