"""Top-k and changes by class."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import top_k_accuracy_score

from ovlab.errors import OvlabError
from ovlab.metrics.classification import class_changes, top_classes, top_k_correct

SCORES = [[0.1, 0.7, 0.2], [0.5, 0.2, 0.3], [0.3, 0.3, 0.4]]


@pytest.mark.parametrize("k", [1, 2, 5])
def test_equals_scikit_learn_without_ties(k: int) -> None:
    rng = np.random.default_rng(k)
    scores, labels = rng.normal(size=(200, 10)), rng.integers(0, 10, 200)
    expected = top_k_accuracy_score(labels, scores, k=k, labels=np.arange(10))
    assert top_k_correct(scores, labels, k).mean() == pytest.approx(expected)


def test_best_guess_is_the_argmax_with_ties_too() -> None:
    rng = np.random.default_rng(1)
    scores = rng.integers(0, 4, (500, 6)) / 4
    labels = rng.integers(0, 6, 500)
    assert (top_k_correct(scores, labels) == (scores.argmax(axis=1) == labels)).all()
    assert (top_classes(scores, 1)[:, 0] == scores.argmax(axis=1)).all()


def test_equal_scores_go_to_the_lower_class() -> None:
    assert top_classes([[0.0, 1.0, 1.0, 1.0]], 3).tolist() == [[1, 2, 3]]
    assert [bool(top_k_correct([[1.0, 1.0, 1.0, 1.0]], [3], k)[0]) for k in (1, 3, 4)] == [False, False, True]


@pytest.mark.parametrize("k", [1, 2, 3])
def test_right_means_among_the_top_classes(k: int) -> None:
    scores = np.random.default_rng(2).integers(0, 3, (100, 5)).astype(np.float32)
    labels = np.random.default_rng(3).integers(0, 5, 100)
    assert (top_k_correct(scores, labels, k) == (top_classes(scores, k) == labels[:, None]).any(axis=1)).all()


def test_fewer_classes_than_asked_for_are_all_of_them() -> None:
    assert top_classes(SCORES, 5).tolist() == [[1, 2, 0], [0, 2, 1], [2, 0, 1]]
    assert top_k_correct(SCORES, [0, 1, 2], 5).all()


def test_changes_are_counted_by_class_with_the_largest_loss_first() -> None:
    labels = [0, 0, 0, 0, 1, 1, 2]
    reference = [True, True, True, False, False, True, True]
    candidate = [True, False, False, True, True, True, True]
    table = class_changes(labels, reference, candidate, ["ant", "bee", "cat", "dog"])
    assert table.to_dict("list") == {
        "class_id": [0, 2, 1],
        "class_name": ["ant", "cat", "bee"],
        "images": [4, 1, 2],
        "reference": [0.75, 1.0, 0.5],
        "candidate": [0.5, 1.0, 1.0],
        "delta": [-0.25, 0.0, 0.5],
        "gains": [1, 0, 1],
        "losses": [2, 0, 0],
    }


def test_classes_without_names_are_called_by_their_index() -> None:
    assert class_changes([5, 2], [True, True], [True, False])["class_name"].tolist() == ["2", "5"]


def test_no_image_gives_no_row() -> None:
    assert class_changes(np.zeros(0, dtype=int), [], []).empty


@pytest.mark.parametrize(
    ("scores", "labels", "k", "message"),
    [
        ([[0.5, math.nan], [0.1, 0.9]], [0, 1], 1, "scores of 1 images hold NaN, first at image 0"),
        ([0.5, 0.1], [0], 1, r"expected \(images, classes\)"),
        ([[0.5, 0.1]], [0], 0, "k is 0"),
        ([[0.5, 0.1]], [2], 1, "class index 2 is out of range, expected 0 to 1"),
        ([[0.5, 0.1]], [-1], 1, "class index -1 is out of range"),
        ([[0.5, 0.1]], [0, 1], 1, "expected one class index for each of 1 images"),
        ([[0.5, 0.1]], [0.5], 1, "expected whole numbers"),
    ],
)
def test_refuses_what_cannot_be_judged(scores: object, labels: object, k: int, message: str) -> None:
    with pytest.raises(OvlabError, match=message):
        top_k_correct(scores, labels, k)


@pytest.mark.parametrize(
    ("labels", "reference", "candidate", "message"),
    [
        ([0, 1], [True], [True], "expected one class index for each of 1 images"),
        ([0], [True], [True, False], "1 images of the reference and 2 of the candidate"),
        ([0, 9], [True, True], [True, False], "class index 9 has no name among 2"),
    ],
)
def test_changes_refuse_what_does_not_correspond(
    labels: list[int], reference: list[bool], candidate: list[bool], message: str
) -> None:
    with pytest.raises(OvlabError, match=message):
        class_changes(labels, reference, candidate, ["ant", "bee"])
