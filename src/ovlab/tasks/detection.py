"""Object detection: boxes an image; Pascal VOC's mAP or COCO's AP."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ovlab.compared import values_of
from ovlab.data.annotations import AnnotatedImage, AnnotatedSplit
from ovlab.data.geometry import Placement
from ovlab.errors import OvlabError, nearest
from ovlab.metrics.detection import Detections, GroundTruth
from ovlab.records import Quantity
from ovlab.specs.detection import DetectionMetric, DetectionSpec
from ovlab.stats.comparison import BOOTSTRAP, compare_resampled
from ovlab.stats.interval import Interval
from ovlab.tasks.boxes import AGREEMENT, agreement, match_pairs, surely
from ovlab.tasks.decoders import bind, load_decoders, suppress
from ovlab.tasks.differences import Boxes, Differences, Disagreement, counted, largest_changes
from ovlab.tasks.evaluated import Evaluated, evaluate

log = logging.getLogger("ovlab.tasks")

METRIC_NAMES: dict[DetectionMetric | None, str] = {
    "voc_2007": "mAP (VOC 2007)",
    "voc_area": "mAP (VOC area)",
    "coco": "COCO AP",
    None: "",
}
"""What the report calls a metric; empty where there is none."""

COLUMNS = ("image", "class_id", "class_name", "score", "xmin", "ymin", "xmax", "ymax")
NOTHING = -1
"""``class_id`` of the one row that an image without detections has."""


class Detection:
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
        self._known: list[tuple[pd.DataFrame, tuple[str, ...], Evaluated]] = []
        if metric is not None and (not split.class_names or any(image.truth is None for image in split.images)):
            raise OvlabError(
                f"{split.name}: metric {metric} needs annotations, but the images have none (metric: null)"
            )
        if spec.decoder_file is not None:
            load_decoders(Path(spec.decoder_file))
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
            raw = self._decode(outputs)
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
                f"{image.width}x{image.height}"
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
        parts = [(row["image"], row["detections"]) for row in rows]
        lengths = [max(len(found), 1) for _, found in parts]
        empty = Detections([NOTHING], [0.0], [[0.0] * 4])  # type: ignore[arg-type]
        filled = [found if len(found) else empty for _, found in parts] or [Detections([], [], [])]  # type: ignore[arg-type]
        class_ids = np.concatenate([found.class_ids for found in filled])
        boxes = np.concatenate([found.boxes for found in filled])
        table = pd.DataFrame({"image": np.repeat(np.array([image for image, _ in parts], dtype=object), lengths)})
        table["class_id"] = class_ids
        table["class_name"] = pd.Series([*self._names, None], dtype="str").to_numpy()[class_ids]
        table["score"] = np.concatenate([found.scores for found in filled])
        table[["xmin", "ymin", "xmax", "ymax"]] = boxes
        table.loc[class_ids == NOTHING, ["score", "xmin", "ymin", "xmax", "ymax"]] = np.nan
        return table.astype({"image": "str", "class_name": "str"})

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

    def replicates(self, frame: pd.DataFrame) -> NDArray[np.float64] | None:
        """Return the metric on the bootstrap's resamples, None without a metric.

        Variants with the same images are resampled alike, so that their replicates are paired.
        """
        return None if self._metric is None else self._evaluated(frame, self._images([frame])).replicates

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
            `ovlab.tasks.boxes`). With a metric also ``accuracy_delta``, negative for a loss, ``accuracy_p``,
            ``detectable_drop`` and ``images_needed/DROP`` (see `ovlab.stats.comparison`).

        Raises
        ------
        OvlabError
            If a table names an image that the split lacks, or no image is in both.
        """
        images = self._images([frame, reference])
        pairs = match_pairs(*(_by_image(one, images) for one in (frame, reference)))
        values = {"agreement": Quantity.of(Interval.unknown(agreement(pairs)), "fraction")}
        if self._metric is None:
            return values
        own, other = (self._evaluated(one, images) for one in (frame, reference))
        compared = compare_resampled(other.value, own.value, other.replicates, own.replicates, len(images))
        return values | values_of(compared)

    def differences(self, frame: pd.DataFrame, reference: pd.DataFrame, most: int) -> Differences:
        """Tell where a variant and its reference part.

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
        own, other = (_by_image(one, images) for one in (frame, reference))
        pairs = match_pairs(own, other)
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

    def _evaluated(self, frame: pd.DataFrame, images: Sequence[AnnotatedImage], *, by_area: bool = False) -> Evaluated:
        """Match and resample, unless it was done before: a comparison needs what the score needed."""
        ids = tuple(image.id for image in images)
        for known, known_ids, evaluated in self._known:
            if known is frame and known_ids == ids and (evaluated.companions or not by_area):
                return evaluated
        if self._metric is None:
            raise OvlabError(f"{self._split.name}: no metric to evaluate")
        found, truth = _by_image(frame, images), _truth(images)
        evaluated = evaluate(self._metric, found, truth, self._names, seed=self._seed, by_area=by_area)
        self._known = [(frame, ids, evaluated), *self._known[:1]]
        return evaluated

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


def map_classes(spec: DetectionSpec, class_names: Sequence[str]) -> NDArray[np.int64]:
    """Find the data set's class of every class of the model.

    Parameters
    ----------
    spec : DetectionSpec
        The model's classes and their map.
    class_names : sequence of str
        The data set's classes.

    Returns
    -------
    ndarray of int, shape (model classes,)
        Index of the data set's class; -1 where it has none. What no class maps to is logged: it counts as never
        detected.

    Raises
    ------
    OvlabError
        If the map names a class that the data set lacks, or no class is common.
    """
    for name, target in spec.class_map.items():
        if target not in class_names:
            raise OvlabError(
                f"class_map.{name}: {target!r} is none of the data set's classes{nearest(target, class_names)}"
            )
    index = {name: position for position, name in enumerate(class_names)}
    result = np.array([index.get(spec.class_map.get(name, name), -1) for name in spec.classes], dtype=np.int64)
    if (result < 0).all():
        raise OvlabError(
            f"classes: the model ({spec.classes[0]}, ...) and the data set ({class_names[0]}, ...) have none in "
            "common; class_map names what differs"
        )
    never = [name for position, name in enumerate(class_names) if position not in result]
    if never:
        log.warning("the model has no class for %s: counted as never detected", ", ".join(never))
    return result


def _disagreement(image: AnnotatedImage, reference: Detections, variant: Detections) -> Disagreement:
    shown = [surely(one) for one in (reference, variant)]
    truth = "" if image.truth is None else counted(len(image.truth), "object")
    return Disagreement(
        image.id, "", truth, counted(len(shown[0]), "box"), counted(len(shown[1]), "box"), Boxes(image.truth, *shown)
    )


def _truth(images: Sequence[AnnotatedImage]) -> list[GroundTruth]:
    return [image.truth for image in images if image.truth is not None]


def _by_image(frame: pd.DataFrame, images: Sequence[AnnotatedImage]) -> list[Detections]:
    present = frame[frame["class_id"] != NOTHING]
    class_ids, scores = present["class_id"].to_numpy(), present["score"].to_numpy()
    boxes = present[["xmin", "ymin", "xmax", "ymax"]].to_numpy()
    rows = present.groupby("image", sort=False).indices
    nothing = np.zeros(0, dtype=np.int64)
    result = []
    for image in images:
        mine = rows.get(image.id, nothing)
        result.append(Detections(class_ids[mine], scores[mine], boxes[mine]))
    return result
