"""Where two variants disagree: chosen images, classes, agreement of detectors."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ovlab.metrics.detection import Detections
from ovlab.specs import OutputSpec
from ovlab.tasks.classification.evaluator import ClassificationEvaluator
from ovlab.tasks.classification.labels import UNKNOWN, LabelledImage, LabelledSplit
from ovlab.tasks.detection.box_agreement import agreement, intersection_over_union, match_boxes

NAMES = ("cat", "dog", "owl")


def classifier(*labels: int) -> tuple[ClassificationEvaluator, tuple[LabelledImage, ...]]:
    images = tuple(LabelledImage(f"{i}.png", Path(f"{i}.png"), label) for i, label in enumerate(labels))
    return ClassificationEvaluator(OutputSpec(), LabelledSplit("validation", images, NAMES)), images


def frame_of(task: ClassificationEvaluator, images: tuple[LabelledImage, ...], predicted: list[int]) -> pd.DataFrame:
    scores = np.zeros((len(images), 3), np.float32)
    for row, one in enumerate(predicted):
        scores[row, one] = 1 + row / 10
    return task.frame(task.predict_batch(images, {"out": scores}, [None] * len(images), len(images)))


def test_a_batch_gives_what_its_images_give_and_padding_is_left_out() -> None:
    task, images = classifier(0, 1, 2)
    scores = np.random.default_rng(0).random((8, 3)).astype(np.float32)
    rows = task.predict_batch(images, {"out": scores}, [None] * 3, 8)
    assert rows == [task.predict(image, {"out": scores[i : i + 1]}) for i, image in enumerate(images)]
    last = task.predict_batch(images[:1], {"out": scores.reshape(8, 3, 1, 1)}, [None], 8)
    assert last == rows[:1]


def test_of_equal_scores_the_lower_class_comes_first() -> None:
    task, images = classifier(1)
    row = task.predict(images[0], {"out": np.array([[0.5, 0.5, 0.1]], np.float32)})
    assert row["predicted"] == [0, 1, 2]


def test_losses_and_gains_are_shown_in_equal_parts() -> None:
    task, images = classifier(0, 0, 0, 0, 1, 1, 2)
    reference = frame_of(task, images, [0, 0, 0, 0, 2, 0, 0])
    variant = frame_of(task, images, [1, 1, 1, 0, 1, 2, 0])
    differences = task.differences(variant, reference, 3)
    assert differences.images == 5
    shown = [(one.image, one.outcome, one.truth, one.reference, one.variant) for one in differences.disagreements]
    # Losses by falling score of the reference, then the only gain.
    assert shown == [
        ("2.png", "loss", "cat", "cat", "dog"),
        ("1.png", "loss", "cat", "cat", "dog"),
        ("4.png", "gain", "dog", "owl", "dog"),
    ]
    assert [one.image for one in task.differences(variant, reference, 9).disagreements][-1] == "5.png"
    assert task.differences(variant, reference, 0).disagreements == []


def test_classes_by_what_they_lose_and_gain() -> None:
    task, images = classifier(0, 0, 0, 0, 1, 1, 2)
    reference = frame_of(task, images, [0, 0, 0, 0, 2, 0, 0])
    variant = frame_of(task, images, [1, 1, 1, 0, 1, 2, 0])
    plain = task.differences(variant, reference, 0).plain()
    assert plain["test"] == "McNemar, exact" and plain["classes_compared"] == 3
    cat, dog = plain["classes"]  # the owl is wrong in both
    assert (cat["class_name"], cat["delta"], cat["losses"], cat["images"]) == ("cat", -0.75, 3, 4)
    assert (dog["class_name"], dog["delta"], dog["gains"]) == ("dog", 0.5, 1)
    assert cat["p_holm"] == pytest.approx(0.75)  # 2 / 2^3, times three classes


def test_without_labels_there_is_agreement_only() -> None:
    task, images = classifier(UNKNOWN, UNKNOWN)
    assert task.metric == ""
    reference, variant = frame_of(task, images, [0, 1]), frame_of(task, images, [0, 2])
    assert list(reference.columns) == ["image", "predicted", "score"]
    assert task.score(variant) == {}
    values = task.compare(variant, reference)
    assert list(values) == ["agreement"] and values["agreement"].value == 0.5
    differences = task.differences(variant, reference, 5)
    assert [(one.image, one.outcome, one.truth) for one in differences.disagreements] == [("1.png", "", "")]
    assert (differences.test, differences.classes) == ("", [])


def found(*rows: tuple[int, float, list[float]]) -> Detections:
    return Detections([c for c, _, _ in rows], [s for _, s, _ in rows], [b for _, _, b in rows])  # type: ignore[arg-type]


A, B = [0.0, 0.0, 10.0, 10.0], [20.0, 20.0, 40.0, 40.0]


def test_boxes_are_matched_once_by_class_and_overlap() -> None:
    first = found((0, 0.9, A), (1, 0.8, B), (0, 0.2, B))  # the last is not sure enough
    second = found((0, 0.7, [0.0, 0.0, 10.0, 8.0]), (0, 0.6, A), (0, 0.5, B))
    (pair,) = match_boxes([first], [second])
    # The surest box takes the one that overlaps most (A itself); B is of another class.
    assert (pair.common, pair.boxes) == (1, 5)
    assert pair.unmatched == pytest.approx(0.8 + 0.7 + 0.5)
    assert agreement([pair]) == pytest.approx(2 / 5)


def test_nothing_found_has_no_agreement_but_disagrees_with_something() -> None:
    nothing = found()
    assert math.isnan(agreement(match_boxes([nothing], [nothing])))
    assert agreement(match_boxes([nothing], [found((0, 0.9, A))])) == 0
    assert agreement(match_boxes([found((0, 0.9, A))], [found((0, 0.4, A))])) == 1


def test_overlaps_by_hand() -> None:
    overlaps = intersection_over_union(np.array([A]), np.array([A, [0.0, 5.0, 10.0, 15.0], B]))
    assert overlaps[0].tolist() == pytest.approx([1.0, 1 / 3, 0.0])
