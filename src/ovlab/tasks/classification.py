"""Image classification: one class an image; top-1 and top-5 accuracy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ovlab.data import LabelledImage, Split
from ovlab.data.geometry import Placement
from ovlab.errors import OvlabError, nearest
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

    def predict(
        self, image: LabelledImage, outputs: Mapping[str, NDArray[np.float32]], placement: Placement | None = None
    ) -> dict[str, Any]:
        """Turn the output for one image into a row.

        Parameters
        ----------
        image : LabelledImage
            The image.
        outputs : mapping of str to ndarray of float32
            The model's outputs by tensor name; the task's one has a score a class, in any shape.
        placement : Placement, optional
            Where the image lay in the input; a class does not depend on it.

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
        del placement
        scores = self._scores(outputs)
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

    def _scores(self, outputs: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        name = self._output.name
        if name is None:
            distinct = {id(array): array for array in outputs.values()}
            if len(distinct) != 1:
                raise OvlabError(f"output.name: missing, but the model has several outputs: {', '.join(outputs)}")
            return next(iter(distinct.values())).reshape(-1)
        if name not in outputs:
            raise OvlabError(f"output.name: the model has no output {name!r}{nearest(name, outputs)}")
        return outputs[name].reshape(-1)

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

    def frame(self, rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
        """Make a table of the rows of :meth:`predict`, one an image."""
        return pd.DataFrame([dict(row) for row in rows])

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
