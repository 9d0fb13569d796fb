"""The images of a split: which they are, and their labels."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TypeAlias

from ovlab.data.annotations import AnnotatedImage, AnnotatedSplit, read_coco, read_plain, read_voc, read_yolo
from ovlab.data.images import IMAGE_SUFFIXES
from ovlab.errors import OvlabError, nearest
from ovlab.specs import DatasetSpec, SplitSpec

UNKNOWN = -1
"""Label of an image whose class nobody says."""


@dataclass(frozen=True)
class LabelledImage:
    """One image of a split.

    Attributes
    ----------
    id : str
        Its path in the data set, with forward slashes: the same on every machine.
    path : Path
        Where the file is.
    label : int
        Index of its class; ``UNKNOWN`` where nobody says.
    """

    id: str
    path: Path
    label: int


@dataclass(frozen=True)
class Split:
    """The images of one split, in a fixed order, and the names of the classes (may be empty)."""

    name: str
    images: tuple[LabelledImage, ...]
    class_names: tuple[str, ...]
    upright: bool = True

    @property
    def labelled(self) -> bool:
        """Whether the class of every image is known."""
        return all(image.label != UNKNOWN for image in self.images)


SplitImage: TypeAlias = LabelledImage | AnnotatedImage
AnySplit: TypeAlias = Split | AnnotatedSplit


def read_split(root: Path, dataset: DatasetSpec, name: str, where: str = "dataset") -> AnySplit:
    """List the images of a split.

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
    found = _read(root, dataset, split, name, where)
    images = take_portion(found.images, split.portion)
    if not images:
        raise OvlabError(f"{where}: splits.{name}: no image found in {split.images!r}")
    return replace(found, images=images)  # type: ignore[arg-type]


def _read(root: Path, dataset: DatasetSpec, split: SplitSpec, name: str, where: str) -> AnySplit:
    folder = root / split.images
    if not folder.is_dir():
        siblings = [entry.name for entry in root.iterdir() if entry.is_dir()] if root.is_dir() else []
        hint = nearest(Path(split.images).name, siblings)
        raise OvlabError(f"{where}: splits.{name}.images: no folder {split.images!r}{hint}")
    names = _class_names(root, dataset, where)
    layout, call = dataset.format_of(split), f"{where}: splits.{name}"
    bad_box = dataset.on_bad_box
    if layout == "voc":
        return read_voc(root, split.images, str(split.image_set), names or None, on_bad_box=bad_box, name=call)
    if layout == "coco":
        return read_coco(root, split.images, str(split.annotations), names or None, on_bad_box=bad_box, name=call)
    if layout == "yolo":
        return read_yolo(root, split.images, names, split.annotations, on_bad_box=bad_box, name=call)
    if layout == "images":
        plain = read_plain(root, split.images, name=call)
        if dataset.task == "detection":
            return plain
        return Split(name, tuple(LabelledImage(one.id, one.path, UNKNOWN) for one in plain.images), names)
    if layout == "class_folders":
        images, names = _class_folders(root, folder, names, where)
    else:
        images = _imagenet_list(root, folder, split, names, where)
    return Split(name, tuple(images), names)


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


def _class_folders(
    root: Path, folder: Path, names: tuple[str, ...], where: str
) -> tuple[list[LabelledImage], tuple[str, ...]]:
    found = tuple(sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")))
    names = names or found
    unknown = [name for name in found if name not in names]
    if unknown:
        raise OvlabError(f"{where}: folder {unknown[0]!r} is none of its class_names{nearest(unknown[0], names)}")
    images = [
        LabelledImage(path.relative_to(root).as_posix(), path, names.index(name))
        for name in found
        for path in sorted((folder / name).iterdir())
        if path.suffix.lower() in IMAGE_SUFFIXES
    ]
    return images, names


def _imagenet_list(
    root: Path, folder: Path, split: SplitSpec, names: tuple[str, ...], where: str
) -> list[LabelledImage]:
    path = root / str(split.list)
    if not path.is_file():
        raise OvlabError(f"{where}: splits: no file {split.list!r}")
    images = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if line.strip():
            images.append(_listed_image(root, folder, line, names, f"{path.name}, line {number}"))
    return images


def _listed_image(root: Path, folder: Path, line: str, names: tuple[str, ...], place: str) -> LabelledImage:
    name, _, text = line.strip().rpartition(" ")
    name = name.strip()
    if not name or not text.isdecimal():
        raise OvlabError(f"{place}: {line.strip()!r} is not 'path class-index'")
    if names and int(text) >= len(names):
        raise OvlabError(f"{place}: class index {text} is out of range, expected 0 to {len(names) - 1}")
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        raise OvlabError(f"{place}: {name!r} points outside of the data set")
    image = folder / name
    # Lists name their images from the split's folder (val.txt) or with it (train.txt): both are in use.
    if not image.is_file() and (root / name).is_file():
        image = root / name
    if not image.is_file():
        raise OvlabError(f"{place}: no image {name!r} in {folder.name!r}")
    return LabelledImage(image.relative_to(root).as_posix(), image, int(text))


def take_portion(images: Sequence[SplitImage], portion: tuple[float, float]) -> tuple[SplitImage, ...]:
    """Take a part of the images, ``[low, high]`` of all of them in a fixed pseudo-random order.

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
