"""Predictions of a detector, their metric and their comparison."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ovlab.data.geometry import Placement
from ovlab.errors import OvlabError
from ovlab.metrics.detection import Detections, GroundTruth
from ovlab.records import Quantity
from ovlab.stats.comparison import BOOTSTRAP, compare_resampled
from ovlab.stats.interval import Interval
from ovlab.tasks.detection.annotations import AnnotatedImage, AnnotatedSplit
from ovlab.tasks.detection.box_agreement import AGREEMENT, agreement, confident, match_boxes
from ovlab.tasks.detection.class_map import class_remarks, map_classes
from ovlab.tasks.detection.decoders import bind, load_decoders, suppress
from ovlab.tasks.detection.drawing import BoxDrawing
from ovlab.tasks.detection.metric import MetricValues, evaluate_metric, metric_of_each_image
from ovlab.tasks.detection.remarks import exif_hint, exif_remarks, found_remarks
from ovlab.tasks.detection.spec import DetectionMetric, DetectionSpec
from ovlab.tasks.detection.table import detections_of, detections_table
from ovlab.tasks.differences import Differences, Disagreement, counted, largest_changes
from ovlab.tasks.recorded_comparison import comparison_quantities
from ovlab.usercode.activity import UserCode

METRIC_NAMES: dict[DetectionMetric | None, str] = {
    "voc_2007": "mAP (VOC 2007)",
    "voc_area": "mAP (VOC area)",
    "coco": "COCO AP",
    None: "",
}
"""What the report calls a metric; empty where there is none."""


class DetectionEvaluator:
    """Predictions and accuracy of a detector.

    Parameters
    ----------
    spec : DetectionSpec
        What the model's outputs mean. Its ``decoder_file`` is executed.
    split : AnnotatedSplit
        The images with their objects.
    metric : {"voc_2007", "voc_area", "coco"} or None
        How the data set is scored; None: not at all.
    width, height : int
        Size of the model's input in pixels.
    seed : int, default 0
        Of the bootstrap. Variants with the same seed and images are compared on the same resamples.

    Raises
    ------
    OvlabError
        If the decoder or its parameters are not valid, the class map names a class that the data set lacks, no class is
        common, or there is a metric but no annotation.
    """

    def __init__(
        self,
        spec: DetectionSpec,
        split: AnnotatedSplit,
        metric: DetectionMetric | None,
        *,
        width: int,
        height: int,
        seed: int = 0,
    ) -> None:
        self._spec, self._split, self._metric, self._seed = spec, split, metric, seed
        self._size = (width, height)
        self._known: list[tuple[pd.DataFrame, tuple[str, ...], MetricValues]] = []
        if metric is not None and (not split.class_names or any(image.truth is None for image in split.images)):
            raise OvlabError(
                f"{split.name}: metric {metric} needs annotations, but the images have none (metric: null)"
            )
        self._own_code: str | None = None
        if spec.decoder_file is not None:
            names = load_decoders(Path(spec.decoder_file))
            self._own_code = f"decoder {spec.decoder} ({spec.decoder_file})" if spec.decoder in names else None
        self._decode = bind(spec.decoder, spec.parameters, width=width, height=height, classes=len(spec.classes))
        # Without annotations nothing needs translation: the model's classes stay.
        self._names = split.class_names or spec.classes
        self._classes = map_classes(spec, split.class_names) if split.class_names else np.arange(len(spec.classes))

    @property
    def metric(self) -> str:
        """Name of the metric, empty if there is none."""
        return METRIC_NAMES[self._metric]

    def predict(
        self, image: AnnotatedImage, outputs: Mapping[str, NDArray[Any]], placement: Placement
    ) -> dict[str, Any]:
        """Turn the outputs for one image into its detections.

        Low scores and classes that the data set lacks are dropped, then overlaps of one class, then all but the surest.
        Empty boxes are dropped; with ``clip``, those that lie outside of the image too.

        Parameters
        ----------
        image : AnnotatedImage
            The image.
        outputs : mapping of str to ndarray
            The model's outputs for a batch of one, by tensor name.
        placement : Placement
            Where the image lay in the input.

        Returns
        -------
        dict
            ``image`` (its id) and ``detections`` (`Detections` in pixels of the original image, classes of the data
            set). `frame` makes a table of them.

        Raises
        ------
        OvlabError
            If the outputs do not fit the decoder, or the decoded image is not of the size that was annotated.
        """
        self._check(image, placement)
        try:
            raw = self._decode(outputs) if self._own_code is None else self._decode_with_own_code(outputs, image.id)
        except OvlabError as error:
            raise OvlabError(f"{error} (image {image.id})") from error
        class_ids = self._classes[raw.class_ids]
        original = placement.to_original(raw.boxes, clip=self._spec.clip)
        kept = (class_ids >= 0) & (raw.scores >= self._spec.score_threshold)
        kept &= (original[:, :2] < original[:, 2:]).all(axis=1)
        # Overlaps are judged before clipping, as the authors of models do.
        candidates = Detections(class_ids[kept], raw.scores[kept], raw.boxes[kept])
        found = suppress(candidates, self._spec.nms_iou, self._spec.max_detections)
        boxes = placement.to_original(found.boxes, clip=self._spec.clip)
        return {"image": image.id, "detections": Detections(found.class_ids, found.scores, boxes)}

    def _decode_with_own_code(self, outputs: Mapping[str, NDArray[Any]], image: str) -> Detections:
        with UserCode(f"{self._own_code}: image {image}", "image_s"):
            return self._decode(outputs)

    def _check(self, image: AnnotatedImage, placement: Placement) -> None:
        if (placement.input_width, placement.input_height) != self._size:
            raise OvlabError(
                f"{image.id}: placed in {placement.input_width}x{placement.input_height} pixels, the input has "
                f"{self._size[0]}x{self._size[1]}"
            )
        decoded = (placement.image_width, placement.image_height)
        if image.width is not None and image.height is not None and decoded != (image.width, image.height):
            raise OvlabError(
                f"{image.id}: the image has {decoded[0]}x{decoded[1]} pixels, its annotation says "
                f"{image.width}x{image.height}{exif_hint(image)}"
            )

    def frame(self, rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
        """Make a table of the predictions, one row a detection.

        Parameters
        ----------
        rows : iterable of dict
            What `predict` gave.

        Returns
        -------
        DataFrame
            ``image, class_id, class_name, score, xmin, ymin, xmax, ymax``, the boxes in continuous pixels of the
            original image, best first. An image without detections has one row with ``class_id`` -1 and nothing else.
        """
        return detections_table([(row["image"], row["detections"]) for row in rows], self._names)

    def predict_batch(
        self,
        images: Sequence[AnnotatedImage],
        outputs: Mapping[str, NDArray[Any]],
        placements: Sequence[Placement],
        batch: int,
    ) -> list[dict[str, Any]]:
        """Turn the outputs for at most `batch` images into their detections: see `predict`."""
        if batch == 1:
            return [self.predict(images[0], outputs, placements[0])]
        return [
            self.predict(image, {name: array[i : i + 1] for name, array in outputs.items()}, placement)
            for i, (image, placement) in enumerate(zip(images, placements, strict=True))
        ]

    def score(self, frame: pd.DataFrame) -> dict[str, Quantity]:
        """Compute the metric of all predictions, with its bootstrap interval over images.

        Parameters
        ----------
        frame : DataFrame
            Of `frame`.

        Returns
        -------
        dict of Quantity
            ``accuracy`` (mAP or AP); for COCO also ``ap50, ap75, ap_small, ap_medium, ap_large``, for VOC
            ``ap/<class>`` of every class. Fractions; None where there is no object. Empty without a metric.

        Raises
        ------
        OvlabError
            If the table names an image that the split lacks.
        """
        if self._metric is None:
            return {}
        images = self._images([frame])
        own = self._evaluated(frame, images, by_area=True)
        values = {"accuracy": own.interval()}
        values |= {key: Interval.unknown(value) for key, value in own.companions.items()}
        return {key: Quantity.of(value, "fraction") for key, value in values.items()}

    def remarks(self, frame: pd.DataFrame) -> list[str]:
        """Say which classes are not judged, whether boxes are of other classes than the objects, how EXIF was read."""
        if self._metric is None:
            return []
        images = self._images([frame])
        return [
            *class_remarks(self._spec, self._names, self._classes),
            *found_remarks(detections_of(frame, images), _truth(images), self._names),
            *exif_remarks(images, upright=self._split.upright),
        ]

    def replicates(self, frame: pd.DataFrame) -> NDArray[np.float64] | None:
        """Return the metric on the bootstrap's resamples, None without a metric.

        Variants with the same images are resampled alike, so that their replicates are paired.
        """
        return None if self._metric is None else self._evaluated(frame, self._images([frame])).replicates

    def metric_without_interval(
        self, frame: pd.DataFrame, images: Sequence[AnnotatedImage]
    ) -> tuple[float, list[float]]:
        """Compute the metric of a table on some of the split's images, and that of each image alone.

        Parameters
        ----------
        frame : DataFrame
            Of `frame`.
        images : sequence of AnnotatedImage
            The images that it is about.

        Returns
        -------
        value : float
            A fraction; 0 where no class has an object.
        of_each : list of float
            The same of each image, in their order.

        Raises
        ------
        OvlabError
            If there is no metric.
        """
        found = detections_of(frame, images)
        return metric_of_each_image(self._known_metric(), found, _truth(images), len(self._names))

    def compare(self, frame: pd.DataFrame, reference: pd.DataFrame) -> dict[str, Quantity]:
        """Compute the difference to a reference on the images that both have, by the paired bootstrap.

        Parameters
        ----------
        frame, reference : DataFrame
            Of `frame`.

        Returns
        -------
        dict of Quantity
            ``agreement``: twice the number of boxes that both find over the number of boxes of both (see
            `ovlab.tasks.detection.box_agreement`). With a metric also ``accuracy_delta``, negative for a loss,
            ``accuracy_p``, ``detectable_drop`` and ``images_needed/DROP`` (see `ovlab.stats.comparison`).

        Raises
        ------
        OvlabError
            If a table names an image that the split lacks, or no image is in both.
        """
        images = self._images([frame, reference])
        pairs = match_boxes(*(detections_of(one, images) for one in (frame, reference)))
        values = {"agreement": Quantity.of(Interval.unknown(agreement(pairs)), "fraction")}
        if self._metric is None:
            return values
        own, other = (self._evaluated(one, images) for one in (frame, reference))
        compared = compare_resampled(other.value, own.value, other.replicates, own.replicates, len(images))
        return values | comparison_quantities(compared)

    def differences(self, frame: pd.DataFrame, reference: pd.DataFrame, most: int) -> Differences:
        """Find where a variant and its reference disagree.

        Parameters
        ----------
        frame, reference : DataFrame
            Of `frame`.
        most : int
            How many of the images to choose: those on which the boxes that only one of the two finds have the
            largest sum of scores.

        Returns
        -------
        Differences
            The classes by the change of their average precision.
        """
        images = self._images([frame, reference])
        own, other = (detections_of(one, images) for one in (frame, reference))
        pairs = match_boxes(own, other)
        apart = [i for i, pair in enumerate(pairs) if pair.unmatched > 0]
        chosen = sorted(apart, key=lambda i: -pairs[i].unmatched)[:most]
        shown = [_disagreement(images[i], other[i], own[i]) for i in chosen]
        if self._metric is None:
            return Differences(AGREEMENT, shown, len(apart))
        precisions = [self._evaluated(one, images).per_class for one in (reference, frame)]
        objects = np.bincount(np.concatenate([truth.class_ids for truth in _truth(images)]), minlength=len(self._names))
        table = pd.DataFrame({"class_name": self._names, "objects": objects})
        table["reference"], table["candidate"] = precisions
        table["delta"] = table["candidate"] - table["reference"]
        known = table.dropna().sort_values("delta", kind="stable")
        changes = largest_changes(known, ("class_name", "objects", "reference", "candidate", "delta"))
        return Differences(AGREEMENT, shown, len(apart), BOOTSTRAP, changes, len(known))

    def _evaluated(
        self, frame: pd.DataFrame, images: Sequence[AnnotatedImage], *, by_area: bool = False
    ) -> MetricValues:
        """Match and resample, unless it was done before: a comparison needs what the score needed."""
        ids = tuple(image.id for image in images)
        for known, known_ids, evaluated in self._known:
            if known is frame and known_ids == ids and (evaluated.companions or not by_area):
                return evaluated
        found, truth = detections_of(frame, images), _truth(images)
        metric = self._known_metric()
        evaluated = evaluate_metric(metric, found, truth, self._names, seed=self._seed, by_area=by_area)
        self._known = [(frame, ids, evaluated), *self._known[:1]]
        return evaluated

    def _known_metric(self) -> DetectionMetric:
        if self._metric is None:
            raise OvlabError(f"{self._split.name}: no metric to evaluate")
        return self._metric

    def _images(self, frames: Sequence[pd.DataFrame]) -> list[AnnotatedImage]:
        """Return the images that all tables have, in the split's order."""
        known = {image.id for image in self._split.images}
        common = set(known)
        for frame in frames:
            present = set(frame["image"])
            if present - known:
                raise OvlabError(f"predictions: image {min(present - known)!r} is not in split {self._split.name}")
            common &= present
        if not common:
            raise OvlabError(f"predictions: no common image of split {self._split.name}")
        return [image for image in self._split.images if image.id in common]


def _disagreement(image: AnnotatedImage, reference: Detections, variant: Detections) -> Disagreement:
    shown = [confident(one) for one in (reference, variant)]
    truth = "" if image.truth is None else counted(len(image.truth), "object")
    first, second = (counted(len(one), "box") for one in shown)
    return Disagreement(image.id, "", truth, first, second, BoxDrawing(image.truth, *shown))


def _truth(images: Sequence[AnnotatedImage]) -> list[GroundTruth]:
    return [image.truth for image in images if image.truth is not None]
