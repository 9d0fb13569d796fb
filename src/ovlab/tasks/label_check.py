"""Whether labels and predictions belong together: what a user should know of a classifier at chance, or off by one.

Both remarks come from predictions alone and are made only where the images are clear evidence.

At chance: accuracy is compared with the agreement that labels and predictions of these frequencies would have if they
had nothing to do with each other, as in Cohen's kappa [1]_. Its 95 % interval (Wilson) must hold this chance agreement,
or lie below it, and exclude a kappa of `SLIGHT`, which Landis and Koch call slight [2]_. Below `FEWEST_IMAGES` nothing
is said.

Off by a constant: the number of images on which prediction - label is some other constant is compared with that of the
right ones, by the exact sign test with Bonferroni's correction for all constants that occur. The constant must hold in
at least `FEWEST_CLASSES` classes and in nearly all classes that speak for either, so that two classes which look alike
are none.

References
----------
.. [1] J. Cohen, Educ. Psychol. Meas. 20 (1960) 37-46.
.. [2] J. R. Landis and G. G. Koch, Biometrics 33 (1977) 159-174.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ovlab.stats.proportion import accuracy

SLIGHT = 0.2
FEWEST_IMAGES = 30
SIGNIFICANT = 1e-6
FEWEST_CLASSES = 3
NEARLY_ALL = 0.9


@dataclass(frozen=True)
class Shift:
    """A constant between labels and predictions.

    Attributes
    ----------
    constant : int
        What the predictions are above the labels.
    share : float
        Fraction of the images that would be right without it.
    """

    constant: int
    share: float


def chance_agreement(labels: ArrayLike, predictions: ArrayLike) -> float:
    """Return the agreement that unrelated labels and predictions of these frequencies are expected to have."""
    first, second = (Counter(np.asarray(one).tolist()) for one in (labels, predictions))
    images = first.total() * second.total()
    return sum(count * second[name] for name, count in first.items()) / images if images else float("nan")


def is_at_chance(labels: ArrayLike, predictions: ArrayLike) -> bool:
    """Tell whether predictions clearly have nothing to do with the labels: see the module.

    Parameters
    ----------
    labels, predictions : array_like of int, shape (images,)
        Class indices.
    """
    first, second = np.asarray(labels), np.asarray(predictions)
    if len(first) < FEWEST_IMAGES or len(np.unique(first)) < 2:
        return False  # of one class alone, whatever is predicted, there is nothing to tell apart
    chance = chance_agreement(first, second)
    found = accuracy(first == second)
    return found.low <= chance and found.high < chance + SLIGHT * (1 - chance)


def constant_shift(labels: ArrayLike, predictions: ArrayLike) -> Shift | None:
    """Find the constant that clearly stands between labels and predictions; None if there is none: see the module.

    Parameters
    ----------
    labels, predictions : array_like of int, shape (images,)
        Class indices.
    """
    first, second = np.asarray(labels, np.int64), np.asarray(predictions, np.int64)
    counts = Counter((second - first).tolist())
    right = counts.pop(0, 0)
    if not counts:
        return None
    constant, apart = max(counts.items(), key=lambda item: (item[1], -abs(item[0]), item[0]))
    if apart <= right:  # as likely as not, or likelier, where there is no constant
        return None
    from scipy.special import bdtrc  # a sixth of a second that few validations need

    p_value = float(bdtrc(apart - 1, apart + right, 0.5)) * (len(counts) + 1)
    if p_value > SIGNIFICANT or not _holds_in_classes(first, second, constant):
        return None
    return Shift(constant, apart / len(first))


def _holds_in_classes(labels: NDArray[np.int64], predictions: NDArray[np.int64], constant: int) -> bool:
    size = int(labels.max()) + 1
    differences = predictions - labels
    for_it, against = (np.bincount(labels[differences == one], minlength=size) for one in (constant, 0))
    holds, fails = int((for_it > against).sum()), int((against > for_it).sum())
    return holds >= FEWEST_CLASSES and holds >= NEARLY_ALL * (holds + fails)


def label_remarks(labels: ArrayLike, predictions: ArrayLike, label_offset: int) -> list[str]:
    """Say what is odd about labels and predictions of a classifier; nothing if nothing is.

    Parameters
    ----------
    labels, predictions : array_like of int, shape (images,)
        Class indices of the data set.
    label_offset : int
        What has been taken off the model's indices.
    """
    right = float(np.mean(np.asarray(labels) == np.asarray(predictions)))
    if (shift := constant_shift(labels, predictions)) is not None:
        return [
            f"labels and predictions are off by a constant: top-1 is {100 * right:.1f} %, but would be "
            f"{100 * shift.share:.1f} % with output.label_offset: {label_offset + shift.constant} in the model's YAML "
            f"(now {label_offset})"
        ]
    if is_at_chance(labels, predictions):
        return [
            f"top-1 is at chance: {100 * right:.1f} %, where unrelated labels would give "
            f"{100 * chance_agreement(labels, predictions):.1f} %; are the classes in the model's order, and is "
            "preprocess that of its training?"
        ]
    return []


def unseen_classes(present: ArrayLike, class_names: tuple[str, ...], what: str) -> list[str]:
    """Say which classes have nothing here, so that they are not judged; nothing if all have something.

    Parameters
    ----------
    present : array_like of int
        Indices of the classes that have something.
    class_names : tuple of str
        Names of all.
    what : str
        What they lack: ``image``, ``object``.
    """
    missing = [name for index, name in enumerate(class_names) if index not in set(np.asarray(present).tolist())]
    if not missing or len(missing) == len(class_names):
        return []
    return [f"{len(missing)} of {len(class_names)} classes are not judged, no {what} shows them: {some(missing)}"]


def some(names: list[str], most: int = 5) -> str:
    """Return names in a row, the first few where there are many."""
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")
