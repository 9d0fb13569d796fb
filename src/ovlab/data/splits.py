"""The images of a split: which they are, read by the data set's task; portions of them; images that two share."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from ovlab.errors import OvlabError, nearest
from ovlab.specs import DatasetSpec
from ovlab.tasks.protocol import SplitFiles
from ovlab.tasks.registry import TASKS

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
    """

    name: str
    images: tuple[SplitImage, ...]
    class_names: tuple[str, ...] = ()
    upright: bool = True


def read_split(root: Path, dataset: DatasetSpec, name: str, where: str = "dataset") -> Split:
    """List the images of a split, with the reader that the data set's task has for its format.

    Parameters
    ----------
    root : Path
        Folder of the unpacked data set.
    dataset : DatasetSpec
        The data set.
    name : str
        Name of the split.
    where : str
        What to call the data set in an error.

    Raises
    ------
    OvlabError
        If the split is not declared, a folder or list is missing, a list is malformed or names an image that does
        not exist, a class index is out of range, or nothing is left.
    """
    split = dataset.splits.get(name)
    if split is None:
        raise OvlabError(f"{where}: splits.{name}: missing, but needed (declared: {', '.join(dataset.splits)})")
    if not (root / split.images).is_dir():
        siblings = [entry.name for entry in root.iterdir() if entry.is_dir()] if root.is_dir() else []
        hint = nearest(Path(split.images).name, siblings)
        raise OvlabError(f"{where}: splits.{name}.images: no folder {split.images!r}{hint}")
    names = _class_names(root, dataset, where)
    found = TASKS[dataset.task].read(SplitFiles(root, name, split, dataset, names, where))
    images = take_portion(found.images, split.portion)
    if not images:
        raise OvlabError(f"{where}: splits.{name}: no image found in {split.images!r}")
    return replace(found, images=images)


def _class_names(root: Path, dataset: DatasetSpec, where: str) -> tuple[str, ...]:
    if not isinstance(dataset.class_names, str):
        return dataset.class_names or ()
    path = root / dataset.class_names
    if not path.is_file():
        raise OvlabError(f"{where}: class_names: no file {dataset.class_names!r}")
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return tuple(_without_synset(line) for line in lines)


def _without_synset(line: str) -> str:
    # ImageNet's synset_words.txt: "n01440764 tench, Tinca tinca".
    first, _, rest = line.partition(" ")
    return rest if rest and first[:1] == "n" and first[1:].isdigit() else line


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
    hashes: dict[Path, bytes] = {}

    def content(image: SplitImage) -> bytes:
        if image.path not in hashes:
            hashes[image.path] = hashlib.sha256(image.path.read_bytes()).digest()
        return hashes[image.path]

    return [
        (image.id, other.id)
        for image in first
        for other in by_size.get(image.path.stat().st_size, ())
        if content(image) == content(other)
    ]
