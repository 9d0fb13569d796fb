"""Predictions of a classifier, their accuracy and their comparison."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ovlab.data.geometry import Placement
from ovlab.errors import OvlabError, nearest
from ovlab.metrics.classification import class_changes
from ovlab.records import Quantity
from ovlab.specs import OutputSpec
from ovlab.stats.comparison import compare_flags
from ovlab.stats.proportion import accuracy, agreement, exact_mcnemar, holm, paired_difference
from ovlab.tasks.classification.labels import UNKNOWN, LabelledImage, LabelledSplit
from ovlab.tasks.differences import Differences, Disagreement, largest_changes
from ovlab.tasks.label_check import label_remarks, unseen_classes
from ovlab.tasks.protocol import PairComparison, shown_outputs
from ovlab.tasks.recorded_comparison import comparison_quantities

TOP = 5


class ClassificationEvaluator:
    """Predictions and accuracy of a classifier.

    Parameters
    ----------
    output : OutputSpec
        What the model's output means.
    split : LabelledSplit
        The images with their labels.
    """

    def __init__(self, output: OutputSpec, split: LabelledSplit) -> None:
        self._output = output
        self._split = split
        self._classes = output.classes or len(split.class_names) or None

    @property
    def metric(self) -> str:
        """Name of the metric, empty if the images have no labels."""
        return "top-1" if self._split.labelled else ""

    def predict(
        self, image: LabelledImage, outputs: Mapping[str, NDArray[np.float32]], placement: Placement | None = None
    ) -> dict[str, Any]:
        """Turn the output for one image into a row: see `predict_batch`."""
        return self.predict_batch([image], outputs, [placement], 1)[0]

    def predict_batch(
        self,
        images: Sequence[LabelledImage],
        outputs: Mapping[str, NDArray[np.float32]],
        placements: Sequence[Placement | None],
        batch: int,
    ) -> list[dict[str, Any]]:
        """Turn the output for some images into rows.

        Parameters
        ----------
        images : sequence of LabelledImage
            At most `batch` images; what the outputs hold beyond them is padding.
        outputs : mapping of str to ndarray of float32
            The model's outputs by tensor name; the task's one has a score a class and image: shape (batch, classes),
            further axes of length 1 aside.
        placements : sequence of Placement or None
            Where the images lay in the input; a class does not depend on it.
        batch : int
            For how many images the outputs are.

        Returns
        -------
        list of dict
            ``image``, ``predicted`` (top five class indices, best first), ``score`` (of the best); with labels
            ``label``, ``top1`` and ``top5`` too. Of equal scores the lower index comes first.

        Raises
        ------
        OvlabError
            If the output has another shape, the number of scores does not fit the classes, nothing says that there are
            classes, a label is none of them, or a score is NaN.
        """
        del placements
        scores = self._one_score_a_class(self._scores(outputs), batch)[: len(images)]
        self._check(images, scores)
        top = min(TOP, scores.shape[1])
        chosen = np.sort(np.argpartition(-scores, top - 1, axis=1)[:, :top], axis=1)
        values = np.take_along_axis(scores, chosen, axis=1)
        order = np.argsort(-values, axis=1, kind="stable")
        best = np.take_along_axis(chosen, order, axis=1) - self._output.label_offset
        labels = np.array([image.label for image in images])
        hits = best == labels[:, None]
        columns = (best.tolist(), values.max(axis=1).tolist(), hits[:, 0].tolist(), hits.any(axis=1).tolist())
        return [_row(image, *values) for image, *values in zip(images, *columns, strict=True)]

    def _scores(self, outputs: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        name = self._output.name
        if name is None:
            distinct = {id(array): array for array in outputs.values()}
            if len(distinct) != 1:
                raise OvlabError(f"output.name: missing, but the model has several outputs: {shown_outputs(outputs)}")
            return next(iter(distinct.values()))
        if name not in outputs:
            raise OvlabError(f"output.name: the model has no output {name!r}{nearest(name, outputs)}")
        return outputs[name]

    def _one_score_a_class(self, array: NDArray[np.float32], batch: int) -> NDArray[np.float32]:
        """Drop axes of length 1 behind the batch: (N, classes), (N, classes, 1, 1) and (N, 1, classes) are scores."""
        sizes = [size for size in array.shape[1:] if size > 1]
        if array.ndim < 2 or array.shape[0] != batch or len(sizes) > 1:
            raise OvlabError(
                f"output: has shape {list(array.shape)}, expected [{batch}, classes], one score a class and image "
                "(task classification)"
            )
        return array.reshape(batch, -1)

    def _check(self, images: Sequence[LabelledImage], scores: NDArray[np.float32]) -> None:
        offset, size = self._output.label_offset, scores.shape[1]
        if self._classes is None and not self._split.labelled:
            raise OvlabError(
                f"output.classes: missing; without labels or class_names nothing says that the output's {size} numbers "
                f"are scores of classes: say {max(size - offset, 1)} if they are (task classification)"
            )
        # Where labels count from 1, the name of class 0 may be there or not.
        fitting = {self._classes + offset, self._classes + max(offset, 0)} if self._classes is not None else {size}
        if size < 2 or size not in fitting:
            raise OvlabError(f"output: {size} numbers for one image, expected {self._expected()} (task classification)")
        if not np.isfinite(scores).all():
            broken = images[int(np.flatnonzero(~np.isfinite(scores).all(axis=1))[0])]
            raise OvlabError(f"output: NaN or infinity for image {broken.id}")
        for image in images:
            if image.label != UNKNOWN and not 0 <= image.label + offset < size:
                expected = f"{max(0, -offset)} to {size - offset - 1}"
                because = f" (output.label_offset is {offset})" if offset else ""
                raise OvlabError(
                    f"{image.id}: class index {image.label} is out of range, expected {expected}{because}"
                    f"{self._counted_from_one(size)}"
                )

    def _counted_from_one(self, size: int) -> str:
        """Say what to do where the data set's classes are 1 to the number of scores."""
        known = [image.label for image in self._split.images if image.label != UNKNOWN]
        if self._output.label_offset or not known or min(known) != 1 or max(known) != size:
            return ""
        return f"; the labels are 1 to {size}: output.label_offset: -1 in the model's YAML takes them so"

    def _expected(self) -> str:
        """Say how many scores are expected, and what says so."""
        if not self._classes:
            return "a score for each class"
        offset = self._output.label_offset
        source = "output.classes" if self._output.classes else f"the data set's {self._classes} class names"
        beside = f" and label_offset {offset}" if offset else ""
        return f"{self._classes + offset} scores by {source}{beside}"

    def frame(self, rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
        """Make a table of the rows of :meth:`predict`, one an image."""
        return pd.DataFrame([dict(row) for row in rows])

    def score(self, frame: pd.DataFrame) -> dict[str, Quantity]:
        """Compute the accuracies of all predictions, with Wilson intervals; nothing without labels."""
        if not self.metric:
            return {}
        return {
            "accuracy": Quantity.of(accuracy(frame["top1"]), "fraction"),
            "top5": Quantity.of(accuracy(frame["top5"]), "fraction"),
        }

    def metric_without_interval(
        self, frame: pd.DataFrame, images: Sequence[LabelledImage]
    ) -> tuple[float, list[float]]:
        """Compute the top-1 accuracy of a table on some images, and for each image whether it is right.

        Parameters
        ----------
        frame : DataFrame
            Rows of :meth:`predict`.
        images : sequence of LabelledImage
            The images that it is about. One that the table lacks (it could not be decoded) counts as wrong.

        Returns
        -------
        value : float
            A fraction.
        of_each : list of float
            1 for each image that is right, 0 otherwise, in their order.
        """
        right = frame.set_index("image")["top1"].reindex([image.id for image in images])
        of_each = right.fillna(False).astype(float)
        return float(of_each.mean()), of_each.tolist()

    def remarks(self, frame: pd.DataFrame) -> list[str]:
        """Say that accuracy is at chance, or that a constant stands between labels and predictions: `label_check`."""
        if not self.metric:
            return []
        labels = frame["label"].to_numpy()
        unseen = unseen_classes(labels, self._split.class_names, "image")
        return [*label_remarks(labels, frame["predicted"].str[0].to_numpy(), self._output.label_offset), *unseen]

    def replicates(self, frame: pd.DataFrame) -> None:
        """Return nothing: each image has a result of its own, so that no resampling is needed."""
        del frame

    def compare(self, frame: pd.DataFrame, reference: pd.DataFrame) -> dict[str, Quantity]:
        """Compute the difference to a reference on the same images, with paired intervals.

        Parameters
        ----------
        frame, reference : DataFrame
            Rows of :meth:`predict`.

        Returns
        -------
        dict of Quantity
            ``agreement``: the fraction of images on which both predict the same class. With labels also
            ``accuracy_delta`` and ``top5_delta`` (negative for a loss), ``accuracy_p``, ``gains``, ``losses``,
            ``detectable_drop`` and ``images_needed/DROP`` (see `ovlab.stats.comparison`).
        """
        both = _paired(frame, reference)
        if not self.metric:
            return {"agreement": _agreement(both)}
        top5 = paired_difference(both["top5_reference"], both["top5"])
        return _compared(both).values | {"top5_delta": Quantity.of(top5, "fraction")}

    def differences(self, frame: pd.DataFrame, reference: pd.DataFrame, most: int) -> Differences:
        """Find where a variant and its reference disagree.

        Parameters
        ----------
        frame, reference : DataFrame
            Rows of :meth:`predict`.
        most : int
            How many of the images to choose: as many losses as gains where there are enough, each by falling
            score of the variant that is right.

        Returns
        -------
        Differences
            The classes by what each gains and loses, with p-values adjusted for the number of classes.
        """
        both = _paired(frame, reference)
        differing = both[both["own"] != both["other"]]
        if not self.metric:
            chosen = differing.sort_values("score", ascending=False, kind="stable").head(most)
            return Differences("predicted class", self._disagreements(chosen), len(differing))
        table = class_changes(both["label"], both["top1_reference"], both["top1"], self._split.class_names or None)
        table["p_holm"] = holm(exact_mcnemar(table["gains"], table["losses"]))
        columns = ("class_name", "images", "reference", "candidate", "delta", "gains", "losses", "p_holm")
        return Differences(
            "predicted class",
            self._disagreements(_losses_and_gains(differing, most)),
            len(differing),
            compare_flags(both["top1_reference"], both["top1"]).test,
            largest_changes(table, columns),
            len(table),
        )

    def _disagreements(self, rows: pd.DataFrame) -> list[Disagreement]:
        found = []
        for row in rows.to_dict("records"):
            truth = self._name(row["label"]) if "label" in row else ""
            outcome = "" if not truth else "loss" if row["top1_reference"] else "gain" if row["top1"] else "both wrong"
            found.append(Disagreement(row["image"], outcome, truth, self._name(row["other"]), self._name(row["own"])))
        return found

    def _name(self, index: int) -> str:
        names = self._split.class_names
        return names[index] if 0 <= index < len(names) else str(index)


def _row(image: LabelledImage, predicted: list[int], score: float, top1: bool, top5: bool) -> dict[str, Any]:
    if image.label == UNKNOWN:
        return {"image": image.id, "predicted": predicted, "score": score}
    return {
        "image": image.id,
        "label": image.label,
        "predicted": predicted,
        "score": score,
        "top1": top1,
        "top5": top5,
    }


def _paired(frame: pd.DataFrame, reference: pd.DataFrame) -> pd.DataFrame:
    """Bring the predictions of the common images side by side, in the order of `frame`."""
    both = frame.merge(reference, on="image", suffixes=("", "_reference"), validate="one_to_one")
    return both.assign(own=both["predicted"].str[0], other=both["predicted_reference"].str[0])


def compare_by_image(frame: pd.DataFrame, reference: pd.DataFrame) -> PairComparison:
    """Compare two classifiers on the images that both have.

    Parameters
    ----------
    frame, reference : DataFrame
        Rows of `ClassificationEvaluator.predict`; ``image``, ``predicted`` and ``top1`` suffice.

    Returns
    -------
    PairComparison
        See `ovlab.stats.comparison.compare_flags`; with ``agreement``.
    """
    return _compared(_paired(frame, reference))


def _compared(both: pd.DataFrame) -> PairComparison:
    compared = compare_flags(both["top1_reference"], both["top1"])
    return PairComparison({"agreement": _agreement(both)} | comparison_quantities(compared), compared.test)


def _agreement(both: pd.DataFrame) -> Quantity:
    return Quantity.of(agreement(both["own"], both["other"]), "fraction")


def _losses_and_gains(differing: pd.DataFrame, most: int) -> pd.DataFrame:
    """Choose as many losses as gains, then images that both get wrong, as far as there are any."""

    def surest(rows: pd.DataFrame, score: str) -> pd.DataFrame:
        return rows.sort_values(score, ascending=False, kind="stable")

    losses = surest(differing[differing["top1_reference"]], "score_reference")
    gains = surest(differing[differing["top1"]], "score")
    rest = surest(differing[~differing["top1"] & ~differing["top1_reference"]], "score_reference")
    half = (most + 1) // 2
    taken = min(len(losses), max(half, most - len(gains)))
    return pd.concat([losses.head(taken), gains.head(most - taken), rest]).head(most)
