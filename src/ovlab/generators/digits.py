"""The handwritten digits as images, one folder a class."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ovlab.generators._raster import check_integer, png_bytes, resize_cubic

#: Images of each class in the splits that are cut first; validation gets the rest (56 to 63 a class, 597 in all).
PER_CLASS = {"train": 90, "calibration": 30}
#: The splits, disjoint by image.
SPLITS = ("train", "calibration", "validation")
CLASSES = tuple(str(digit) for digit in range(10))
_SPLIT_SEED = "ovlab digits 1"
_INK_LEVELS = 16  # scikit-learn counts inked pixels of 4x4 blocks: 0..16


@cache
def load_digits() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Give the digits of scikit-learn.

    Returns
    -------
    images : ndarray of uint8, shape (1797, 8, 8)
        White (255) on black (0).
    labels : ndarray of int64, shape (1797,)
        0..9.
    """
    # A loader of scikit-learn, heavy to import: only who makes data pays for it.
    from sklearn import datasets

    bunch = datasets.load_digits()
    ink = bunch.images.astype(np.int64)
    images = ((ink * 255 + _INK_LEVELS // 2) // _INK_LEVELS).astype(np.uint8)
    images.setflags(write=False)
    labels = bunch.target.astype(np.int64)
    labels.setflags(write=False)
    return images, labels


def _rank(index: int) -> bytes:
    """Give a sort key that shuffles alike on every machine and in every version of every library."""
    return hashlib.sha256(f"{_SPLIT_SEED}:{index}".encode()).digest()


@cache
def split_indices() -> dict[str, tuple[int, ...]]:
    """Divide the digits, class by class, among the splits.

    Returns
    -------
    dict of str to tuple of int
        For each of :data:`SPLITS` the indices into :func:`load_digits`, ascending: 900, 300 and 597 of them, no index
        in two splits.
    """
    _, labels = load_digits()
    members: dict[str, list[int]] = {split: [] for split in SPLITS}
    for digit in range(len(CLASSES)):
        shuffled = sorted(np.flatnonzero(labels == digit).tolist(), key=_rank)
        start = 0
        for split, count in PER_CLASS.items():
            members[split] += shuffled[start : start + count]
            start += count
        members["validation"] += shuffled[start:]
    return {split: tuple(sorted(indices)) for split, indices in members.items()}


def write_digits(folder: Path, *, size: int) -> None:
    """Write the digits as grey PNG files ``<split>/<class>/<index>.png``.

    The splits are those of :func:`split_indices`, ``index`` is the digit's place in scikit-learn's array, and images
    are enlarged by cubic convolution. The same bytes are written on every machine.

    Parameters
    ----------
    folder : Path
        Where to write; created when absent.
    size : int
        Height and width in pixels, 8 to 512.

    Raises
    ------
    OvlabError
        `size` is not an integer in that range.
    """
    check_integer("digits", "size", size, low=8, high=512)
    images, labels = load_digits()
    for split, indices in split_indices().items():
        for name in CLASSES:
            (folder / split / name).mkdir(parents=True, exist_ok=True)
        for index in indices:
            path = folder / split / CLASSES[labels[index]] / f"{index:04d}.png"
            path.write_bytes(png_bytes(resize_cubic(images[index], size, size)))
