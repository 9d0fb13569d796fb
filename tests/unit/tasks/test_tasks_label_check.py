"""Labels and predictions that do not belong together are told, and only then."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from ovlab.tasks.label_check import chance_agreement, constant_shift, is_at_chance, label_remarks, unseen_classes

Pair = tuple[NDArray[np.int64], NDArray[np.int64]]


def classifier(accuracy: float, images: int, classes: int, seed: int, shift: int = 0) -> Pair:
    """Labels, and predictions that are right so often and any class otherwise."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, classes, images)
    guesses = generator.integers(0, classes, images)
    right = generator.random(images) < accuracy
    return labels, np.where(right, labels, guesses) + shift


def test_chance_is_what_the_frequencies_give() -> None:
    assert chance_agreement([0, 0, 1, 1], [0, 1, 0, 1]) == 0.5
    assert chance_agreement([0, 0, 0, 1], [0, 0, 0, 0]) == 0.75
    assert chance_agreement([1, 2], [3, 4]) == 0
    assert np.isnan(chance_agreement([], []))


@pytest.mark.parametrize(("images", "classes"), [(40, 4), (40, 10), (100, 10), (1000, 1000), (200, 2)])
def test_sound_classifiers_are_never_remarked(images: int, classes: int) -> None:
    for accuracy in (0.3, 0.6, 0.95):
        if accuracy * images < 12 + 0.2 * images * (classes == 2):
            continue
        for seed in range(50):
            assert label_remarks(*classifier(accuracy, images, classes, seed), 0) == []


def test_a_poor_classifier_that_is_better_than_chance_is_not_at_it() -> None:
    """5 % of 1000 classes, on images that are hard."""
    assert not is_at_chance(*classifier(0.05, 1000, 1000, 0))
    assert is_at_chance(*classifier(0.0, 1000, 1000, 0))


@pytest.mark.parametrize("images", [3, 8, 12])
def test_a_few_images_are_no_evidence(images: int) -> None:
    for seed in range(50):
        assert label_remarks(*classifier(0, images, 10, seed), 0) == []


@pytest.mark.parametrize(("images", "classes"), [(100, 10), (1000, 1000), (400, 2)])
def test_guessing_is_at_chance(images: int, classes: int) -> None:
    told = [is_at_chance(*classifier(0, images, classes, seed)) for seed in range(50)]
    assert np.mean(told) > 0.9
    (remark,) = label_remarks(*classifier(0, images, classes, told.index(True)), 0)
    assert remark.startswith("top-1 is at chance: ")


def test_a_mixed_up_order_is_at_chance() -> None:
    """Class folders 1, 10, 2, ... in the order of their names."""
    labels, predictions = classifier(0.95, 400, 20, 0)
    order = np.argsort([str(i + 1) for i in range(20)])
    assert is_at_chance(np.argsort(order)[labels], predictions)


def test_always_the_same_class_is_at_chance_though_it_is_the_most_frequent() -> None:
    labels = np.array([0] * 1900 + [1] * 100)
    assert is_at_chance(labels, np.zeros(2000, int))
    assert not is_at_chance(np.zeros(2000, int), np.zeros(2000, int))  # nothing to tell apart


@pytest.mark.parametrize("shift", [-1, 1, 3])
@pytest.mark.parametrize(("accuracy", "images", "classes"), [(1.0, 40, 4), (0.95, 40, 10), (0.35, 1000, 1000)])
def test_a_constant_shift_is_found(accuracy: float, images: int, classes: int, shift: int) -> None:
    labels, predictions = classifier(accuracy, images, classes, 0, shift)
    found = constant_shift(labels, predictions)
    assert found is not None
    assert found.constant == shift
    assert found.share == pytest.approx(np.mean(labels + shift == predictions))
    (remark,) = label_remarks(labels, predictions, 1)
    assert f"with output.label_offset: {1 + shift} in the model's YAML (now 1)" in remark
    assert label_remarks(labels, predictions - shift, 1) == []


def test_what_looks_like_a_shift_and_is_none() -> None:
    labels = np.repeat(np.arange(10), 100)
    alike = np.where(labels == 3, 4, labels)  # two classes that look alike
    assert constant_shift(labels, alike) is None
    swapped = np.where(labels < 2, 1 - labels, labels)
    assert constant_shift(labels, swapped) is None
    assert constant_shift(np.full(500, 3), np.full(500, 4)) is None  # one class says nothing of the others
    assert constant_shift(labels, np.random.default_rng(0).permutation(labels)) is None
    assert constant_shift(labels, labels) is None
    half = np.where(labels < 5, labels + 1, labels)  # off in half of the classes
    assert constant_shift(labels, half) is None


def test_false_alarms_are_rare() -> None:
    """Over 1000 random data sets that have nothing to do with their labels."""
    pairs = [classifier(0, 100, 10, seed) for seed in range(1000)]
    assert sum(constant_shift(*pair) is not None for pair in pairs) == 0


def test_classes_without_anything_are_counted() -> None:
    assert unseen_classes([0, 1, 1], ("a", "b"), "image") == []
    assert unseen_classes([], ("a", "b"), "image") == []  # said elsewhere
    assert unseen_classes([1], ("a", "b"), "image") == ["1 of 2 classes are not judged, no image shows them: a"]
    names = tuple("abcdefgh")
    assert unseen_classes([0], names, "object") == [
        "7 of 8 classes are not judged, no object shows them: b, c, d, e, f, ..."
    ]
