"""Classification: which images are right, and which classes gain or lose between two variants."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ovlab.errors import OvlabError

BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]


def top_classes(scores: ArrayLike, k: int = 5) -> IntArray:
    """Classes of the highest scores, best first.

    Of equal scores, which quantised outputs often have, the class of the lower index comes first, as with ``argmax``.

    Parameters
    ----------
    scores : array_like, shape (images, classes)
        Probabilities or logits.
    k : int, default 5
        How many; at most the number of classes.

    Returns
    -------
    ndarray of int, shape (images, min(k, classes))
        Class indices.

    Raises
    ------
    OvlabError
        If `scores` is not a table, holds a NaN, or `k` is below 1.
    """
    table = _scores(scores, k)
    return np.argsort(-table, axis=1, kind="stable")[:, :k].astype(np.int64)


def top_k_correct(scores: ArrayLike, labels: ArrayLike, k: int = 1) -> BoolArray:
    """Say for which images the right class is among the `k` highest scores.

    Ties are broken as in `top_classes`, so a model that gives every class the same score is not right by chance.

    Parameters
    ----------
    scores : array_like, shape (images, classes)
        Probabilities or logits.
    labels : array_like of int, shape (images,)
        Index of the right class.
    k : int, default 1
        Number of guesses.

    Returns
    -------
    ndarray of bool, shape (images,)
        True where right.

    Raises
    ------
    OvlabError
        If `scores` is not a table or holds a NaN, a label is out of range, or `k` is below 1.
    """
    table = _scores(scores, k)
    truth = _labels(labels, table.shape[0])
    outside = truth[(truth < 0) | (truth >= table.shape[1])]
    if outside.size:
        raise OvlabError(f"class index {outside[0]} is out of range, expected 0 to {table.shape[1] - 1}")
    own = np.take_along_axis(table, truth[:, None], axis=1)
    before = np.arange(table.shape[1]) < truth[:, None]
    rank = ((table > own) | ((table == own) & before)).sum(axis=1)
    return np.asarray(rank < k)


def class_changes(
    labels: ArrayLike, reference: ArrayLike, candidate: ArrayLike, class_names: Sequence[str] | None = None
) -> pd.DataFrame:
    """Gains and losses of each class between two variants on the same images.

    Parameters
    ----------
    labels : array_like of int, shape (images,)
        Index of the right class.
    reference, candidate : array_like of bool, shape (images,)
        True where the variant is right.
    class_names : sequence of str, optional
        Names by class index. Default: the index as text.

    Returns
    -------
    pandas.DataFrame
        One row a class that has images: ``class_id, class_name, images, reference, candidate`` (accuracy as a
        fraction), ``delta`` (candidate minus reference), ``gains`` and ``losses`` (numbers of images that only the
        candidate, or only the reference, got right). The largest loss comes first, the largest gain last.

    Raises
    ------
    OvlabError
        If the lengths differ or a label has no name.
    """
    truth = np.asarray(labels)
    right = [np.asarray(flags, dtype=np.bool_) for flags in (reference, candidate)]
    truth = _labels(truth, right[0].size)
    if right[0].shape != right[1].shape:
        raise OvlabError(f"{right[0].size} images of the reference and {right[1].size} of the candidate: not the same")
    if class_names is not None and truth.size and not 0 <= truth.min() <= truth.max() < len(class_names):
        raise OvlabError(f"class index {truth.max()} has no name among {len(class_names)}")
    class_ids, index = np.unique(truth, return_inverse=True)
    images = np.bincount(index, minlength=class_ids.size)
    hits = [np.bincount(index, weights=flags, minlength=class_ids.size).astype(np.int64) for flags in right]
    gains = np.bincount(index, weights=right[1] & ~right[0], minlength=class_ids.size).astype(np.int64)
    losses = np.bincount(index, weights=right[0] & ~right[1], minlength=class_ids.size).astype(np.int64)
    table = pd.DataFrame(
        {
            "class_id": class_ids,
            "class_name": [str(one) if class_names is None else class_names[one] for one in class_ids],
            "images": images,
            "reference": hits[0] / images,
            "candidate": hits[1] / images,
            "delta": (hits[1] - hits[0]) / images,
            "gains": gains,
            "losses": losses,
        }
    )
    return table.sort_values(["delta", "class_id"], ignore_index=True)


def _scores(scores: ArrayLike, k: int) -> NDArray[np.float64]:
    table = np.asarray(scores, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] == 0:
        raise OvlabError(f"scores have shape {table.shape}, expected (images, classes)")
    if k < 1:
        raise OvlabError(f"k is {k}, expected at least 1")
    broken = np.flatnonzero(np.isnan(table).any(axis=1))
    if broken.size:
        raise OvlabError(f"scores of {broken.size} images hold NaN, first at image {broken[0]}")
    return table


def _labels(labels: ArrayLike, images: int) -> IntArray:
    array = np.asarray(labels)
    if array.shape != (images,):
        raise OvlabError(f"labels have shape {array.shape}, expected one class index for each of {images} images")
    if not np.issubdtype(array.dtype, np.integer):
        raise OvlabError(f"labels are of type {array.dtype}, expected whole numbers")
    return array.astype(np.int64)
