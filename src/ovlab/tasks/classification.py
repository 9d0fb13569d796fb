"""Image classification: one class an image; top-1 and top-5 accuracy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ovlab.data import LabelledImage, Split
from ovlab.errors import OvlabError
from ovlab.records import Quantity
from ovlab.specs import OutputSpec
from ovlab.stats.proportion import accuracy, agreement, paired_difference

TOP = 5


class Classification:
    """Predictions and accuracy of a classifier.

    Parameters
    ----------
    output : OutputSpec
        What the model's output means.
    split : Split
        The images with their labels.
    """

    metric = "top-1"

    def __init__(self, output: OutputSpec, split: Split) -> None:
        self._output = output
        self._split = split
        self._classes = output.classes or len(split.class_names) or None

    def predict(self, image: LabelledImage, scores: NDArray[np.float32]) -> dict[str, Any]:
        """Turn the output for one image into a row.

        Parameters
        ----------
        image : LabelledImage
            The image.
        scores : ndarray of float32
            One score a class, of any shape with as many elements.

        Returns
        -------
        dict
            ``image``, ``label``, ``predicted`` (top five class indices, best first), ``score`` (of the best),
            ``top1``, ``top5``.

        Raises
        ------
        OvlabError
            If the number of scores does not fit the classes, the label is none of them, or a score is NaN.
        """
        scores = scores.reshape(-1)
        self._check(image, scores)
        order = np.argpartition(-scores, min(TOP, scores.size) - 1)[:TOP]
        best = order[np.argsort(-scores[order], kind="stable")] - self._output.label_offset
        return {
            "image": image.id,
            "label": image.label,
            "predicted": best.tolist(),
            "score": float(scores.max()),
            "top1": bool(best[0] == image.label),
            "top5": bool(image.label in best),
        }

    def _check(self, image: LabelledImage, scores: NDArray[np.float32]) -> None:
        offset = self._output.label_offset
        if scores.size < 2 or (self._classes is not None and scores.size != self._classes + offset):
            expected = f"{self._classes + offset} scores" if self._classes else "a score for each class"
            raise OvlabError(f"output: {scores.size} numbers for one image, expected {expected} (task classification)")
        if not np.isfinite(scores).all():
            raise OvlabError(f"output: NaN or infinity for image {image.id}")
        if image.label + offset >= scores.size:
            raise OvlabError(
                f"{image.id}: class index {image.label} is out of range, expected 0 to {scores.size - offset - 1}"
            )

    def score(self, frame: pd.DataFrame) -> dict[str, Quantity]:
        """Compute the accuracies of all predictions, with Wilson intervals."""
        return {
            "accuracy": Quantity.of(accuracy(frame["top1"]), "fraction"),
            "top5": Quantity.of(accuracy(frame["top5"]), "fraction"),
        }

    def compare(self, frame: pd.DataFrame, reference: pd.DataFrame) -> dict[str, Quantity]:
        """Compute the difference to a reference on the same images, with paired intervals.

        Parameters
        ----------
        frame, reference : DataFrame
            Rows of :meth:`predict`.

        Returns
        -------
        dict of Quantity
            ``accuracy_delta`` and ``top5_delta`` (negative for a loss), and ``agreement``: the fraction of images
            on which both predict the same class.
        """
        both = frame.merge(reference, on="image", suffixes=("", "_reference"), validate="one_to_one")
        own, other = both["predicted"].str[0], both["predicted_reference"].str[0]
        return {
            "accuracy_delta": Quantity.of(paired_difference(both["top1_reference"], both["top1"]), "fraction"),
            "top5_delta": Quantity.of(paired_difference(both["top5_reference"], both["top5"]), "fraction"),
            "agreement": Quantity.of(agreement(own, other), "fraction"),
        }
