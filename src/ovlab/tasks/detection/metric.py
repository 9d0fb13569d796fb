"""A detector's metric: its value, its values on resamples of the images, those of the classes, that of each image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ovlab.metrics.coco import coco_evaluate
from ovlab.metrics.detection import Detections, GroundTruth
from ovlab.metrics.precision_recall import MeanAveragePrecision
from ovlab.metrics.voc import VocStyle, voc_map
from ovlab.stats.bootstrap import percentile_interval, resample_images
from ovlab.stats.interval import Interval
from ovlab.tasks.detection.spec import DetectionMetric

_VOC_STYLES: dict[str, VocStyle] = {"voc_2007": "11point", "voc_area": "area"}
_COCO_EXTRA = {"ap50": "AP50", "ap75": "AP75", "ap_small": "APsmall", "ap_medium": "APmedium", "ap_large": "APlarge"}


@dataclass(frozen=True, eq=False)
class MetricValues:
    """The metric of a detector on some images.

    Attributes
    ----------
    images : int
        Number of images.
    value : float
        mAP or AP, a fraction.
    replicates : ndarray, shape (resamples,)
        The same on resamples of the images; equal seeds and numbers of images give the same resamples.
    per_class : ndarray, shape (classes,)
        Average precision of each class, NaN where there is no object.
    companions : dict of str to float
        Further metrics by the names of the record's quantities.
    """

    images: int
    value: float
    replicates: NDArray[np.float64]
    per_class: NDArray[np.float64]
    companions: dict[str, float]

    def interval(self) -> Interval:
        """Return the value with its interval; a single image has none."""
        return Interval.unknown(self.value) if self.images == 1 else percentile_interval(self.value, self.replicates)


def evaluate_metric(
    metric: DetectionMetric,
    found: Sequence[Detections],
    truth: Sequence[GroundTruth],
    names: Sequence[str],
    *,
    seed: int,
    by_area: bool,
) -> MetricValues:
    """Match detections with objects, once, and resample the images.

    Parameters
    ----------
    found, truth : sequence
        One entry an image, the same images in the same order.
    names : sequence of str
        Names of the classes.
    seed : int
        Draws the resamples.
    by_area : bool
        COCO: whether to match small, medium and large objects apart too, for the companions.

    Returns
    -------
    MetricValues
        COCO's companions only with `by_area`.
    """
    if metric == "coco":
        result = coco_evaluate(found, truth, len(names), by_area=by_area)
        curves = result.metric("AP")
        companions = {key: float(result.metric(name).mean()) for key, name in _COCO_EXTRA.items()} if by_area else {}
        per_class = curves.per_class()
    else:
        curves = _voc(found, truth, len(names), _VOC_STYLES[metric])
        per_class = curves.per_class()
        companions = {f"ap/{name}": float(ap) for name, ap in zip(names, per_class, strict=True)}
    weights = resample_images(len(truth), np.random.default_rng(seed))
    return MetricValues(len(truth), float(curves.mean()), curves.mean(weights), per_class, companions)


def metric_of_each_image(
    metric: DetectionMetric, found: Sequence[Detections], truth: Sequence[GroundTruth], classes: int
) -> tuple[float, list[float]]:
    """Match detections with objects, once, and compute the metric of all images and of each image alone.

    Parameters
    ----------
    found, truth : sequence
        One entry an image, the same images in the same order.
    classes : int
        Number of classes.

    Returns
    -------
    value : float
        A fraction; 0 where no class has an object.
    of_each : list of float
        The same of each image alone, in their order.
    """
    if metric == "coco":
        curves = coco_evaluate(found, truth, classes).metric("AP")
    else:
        curves = _voc(found, truth, classes, _VOC_STYLES[metric])
    alone = np.atleast_1d(curves.mean(np.eye(len(truth))))
    return float(np.nan_to_num(curves.mean())), np.nan_to_num(alone).tolist()


def _voc(
    found: Sequence[Detections], truth: Sequence[GroundTruth], classes: int, style: VocStyle
) -> MeanAveragePrecision:
    # VOC's boxes include their last pixel, ours end at its edge: see ovlab.tasks.detection.annotations.voc.
    last = np.array([0.0, 0.0, 1.0, 1.0])
    inclusive = [Detections(one.class_ids, one.scores, one.boxes - last) for one in found]
    objects = [GroundTruth(one.class_ids, one.boxes - last, difficult=one.difficult) for one in truth]
    return voc_map(inclusive, objects, classes, style=style)
