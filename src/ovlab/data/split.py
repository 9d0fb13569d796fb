"""The images of a split: what is known of them in every task; portions of them; images that two splits share."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ovlab.files import sha256_of

ImageT = TypeVar("ImageT", bound="SplitImage")


@dataclass(frozen=True)
class SplitImage:
    """One image of a split. Each task adds what is known of it: a label, objects.

    Attributes
    ----------
    id : str
        Its path in the data set, with forward slashes: the same on every machine.
    path : Path
        Where the file is.
    """

    id: str
    path: Path


@dataclass(frozen=True)
class Split:
    """The images of one split, in a fixed order. Each task has its own kind of them.

    Attributes
    ----------
    name : str
        Name of the split.
    images : tuple of SplitImage
        At least one.
    class_names : tuple of str
        Names by class index; may be empty.
    upright : bool
        Whether images are turned as their EXIF orientation says when they are decoded.
    remarks : tuple of str
        What a user should know of how the images were listed, such as what was left out.
    label_remarks : tuple of str
        The same of labels, which matter where accuracy is measured.
    """

    name: str
    images: tuple[SplitImage, ...]
    class_names: tuple[str, ...] = ()
    upright: bool = True
    remarks: tuple[str, ...] = ()
    label_remarks: tuple[str, ...] = ()


def take_portion(images: Sequence[ImageT], portion: tuple[float, float]) -> tuple[ImageT, ...]:
    """Take some of the images, those from `low` to `high` (fractions) of a fixed pseudo-random order.

    Portions that do not overlap have no image in common; the images stay in the order in which they came.
    """
    low, high = portion
    if (low, high) == (0.0, 1.0):
        return tuple(images)
    # An order that depends on nothing but the names: the same portions on every machine, forever.
    order = sorted(range(len(images)), key=lambda i: hashlib.sha256(images[i].id.encode()).digest())
    chosen = set(order[round(low * len(images)) : round(high * len(images))])
    return tuple(image for i, image in enumerate(images) if i in chosen)


def shared_images(first: Sequence[SplitImage], second: Sequence[SplitImage]) -> list[tuple[str, str]]:
    """Find images that two splits share, by content: the same bytes under another name are the same image.

    Only files of equal size are read.

    Returns
    -------
    list of (str, str)
        The ids of each pair found.
    """
    by_size: dict[int, list[SplitImage]] = {}
    for image in second:
        by_size.setdefault(image.path.stat().st_size, []).append(image)
    hashes: dict[Path, str] = {}

    def content(image: SplitImage) -> str:
        if image.path not in hashes:
            hashes[image.path] = sha256_of(image.path)
        return hashes[image.path]

    return [
        (image.id, other.id)
        for image in first
        for other in by_size.get(image.path.stat().st_size, ())
        if content(image) == content(other)
    ]
