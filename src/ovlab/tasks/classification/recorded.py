"""Scores of a classifier from its recorded predictions alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ovlab.data.split import Split
from ovlab.errors import OvlabError
from ovlab.specs.dataset import DatasetSpec
from ovlab.specs.model import ModelSpec
from ovlab.tasks.classification.evaluator import ClassificationEvaluator
from ovlab.tasks.classification.labels import UNKNOWN, LabelledImage, LabelledSplit

COLUMNS = ["image", "label"]


def truth_table(split: Split) -> pd.DataFrame:
    """Return the label of each image, in the split's order."""
    rows = [(image.id, image.label if isinstance(image, LabelledImage) else UNKNOWN) for image in split.images]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"image": "str", "label": "int64"})


def recorded_evaluator(
    model: ModelSpec, dataset: DatasetSpec, predictions: pd.DataFrame, truth: pd.DataFrame, class_names: Sequence[str]
) -> ClassificationEvaluator:
    """Make an evaluator that scores recorded predictions; see `ovlab.tasks.protocol.FromRecords`."""
    del dataset
    labels = dict(zip(truth["image"], truth["label"], strict=True))
    if unknown := sorted(set(predictions["image"]) - labels.keys()):
        raise OvlabError(f"image {unknown[0]!r} is none of the validated images")
    if "label" in predictions:
        _check(predictions, labels)
    images = tuple(LabelledImage(name, Path(name), int(label)) for name, label in labels.items())
    return ClassificationEvaluator(model.output, LabelledSplit("validation", images, tuple(class_names)))


def _check(predictions: pd.DataFrame, labels: dict[str, int]) -> None:
    """Refuse a row whose label is not the image's, or that is not right or wrong as its classes say."""
    rows = zip(*(predictions[key] for key in ("image", "label", "predicted", "top1", "top5")), strict=True)
    for image, label, predicted, top1, top5 in rows:
        if label != labels[image]:
            raise OvlabError(f"image {image!r}: label {label}, the image's label is {labels[image]}")
        if (bool(top1), bool(top5)) != (predicted[0] == label, label in list(predicted)):
            raise OvlabError(
                f"image {image!r}: top1 {bool(top1)} and top5 {bool(top5)} do not follow from classes "
                f"{list(predicted)} and label {label}"
            )
