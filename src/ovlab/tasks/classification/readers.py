"""Data sets for classification: a list of images with class indices, a folder a class, images without labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

from ovlab.data.folders import find_files, is_ignored, left_out
from ovlab.data.images import IMAGE_SUFFIXES
from ovlab.data.reading import read_text, require_short
from ovlab.errors import OvlabError, nearest
from ovlab.tasks.classification.labels import UNKNOWN, LabelledImage, LabelledSplit
from ovlab.tasks.protocol import SplitFiles

LONGEST_INDEX = 18
"""Digits of a class index; Python refuses to read numbers of thousands."""
COUNTS_FROM_ONE = (
    "; the list counts from 1: put a name for class 0 in front of class_names, and say output.label_offset: -1 in the "
    "model's YAML"
)


def read_class_folders(files: SplitFiles) -> LabelledSplit:
    """List the images of folders that are called as their class is, their subfolders included.

    Raises
    ------
    OvlabError
        If a folder is called like none of the data set's classes.
    """
    folder = files.root / files.split.images
    entries = sorted(entry for entry in folder.iterdir() if not is_ignored(entry.name))
    found = tuple(entry.name for entry in entries if entry.is_dir())
    names = files.class_names or found
    unknown = [name for name in found if name not in names]
    if unknown:
        raise OvlabError(f"{files.where}: folder {unknown[0]!r} is none of its class_names{nearest(unknown[0], names)}")
    images: list[LabelledImage] = []
    others: Counter[str] = Counter()
    for name in found:
        inner = find_files(folder / name)
        others.update(inner.others)
        images += [_labelled(files, path, names.index(name)) for path in inner.images]
    astray = sum(entry.suffix.lower() in IMAGE_SUFFIXES for entry in entries if entry.is_file())
    remarks = [*left_out(others, files.split.images)]
    if astray:
        remarks.append(f"{astray} image(s) in {files.split.images!r} left out: in no class's folder")
    of_labels = []
    if not files.class_names and _out_of_order(found):
        of_labels.append(
            f"class folders are numbers, counted in the order of text ({', '.join(found[:4])}, ...): if the model "
            "counts otherwise, class_names in the data set's YAML lists them in its order"
        )
    return LabelledSplit(files.name, tuple(images), names, remarks=tuple(remarks), label_remarks=tuple(of_labels))


def read_imagenet_list(files: SplitFiles) -> LabelledSplit:
    """List the images of a text file with a line ``path class-index`` each.

    Raises
    ------
    OvlabError
        Naming file and line, if the list is missing or malformed, names an image that does not exist or for the second
        time, or a class index is out of range.
    """
    path = files.root / str(files.split.list)
    if not path.exists():
        raise OvlabError(f"{files.where}: splits: no file {files.split.list!r}")
    lines = list(enumerate(read_text(path).splitlines(), start=1))
    listed: dict[str, int] = {}
    images = []
    for number, line in lines:
        if not line.strip():
            continue
        where = f"{path.name}, line {number}"
        image = _listed_image(files, line, where, lines)
        if image.id in listed:
            raise OvlabError(f"{where}: image {image.id!r} is listed twice (first in line {listed[image.id]})")
        listed[image.id] = number
        images.append(image)
    return LabelledSplit(files.name, tuple(images), files.class_names)


def read_images(files: SplitFiles) -> LabelledSplit:
    """List the images of a folder and its subfolders; nobody says what they show."""
    found = find_files(files.root / files.split.images)
    images = tuple(_labelled(files, path, UNKNOWN) for path in found.images)
    remarks = left_out(found.others, files.split.images)
    return LabelledSplit(files.name, images, files.class_names, remarks=remarks)


READERS: dict[str, Callable[[SplitFiles], LabelledSplit]] = {
    "imagenet_list": read_imagenet_list,
    "class_folders": read_class_folders,
    "images": read_images,
}


def _labelled(files: SplitFiles, path: Path, label: int) -> LabelledImage:
    return LabelledImage(path.relative_to(files.root).as_posix(), path, label)


def _out_of_order(names: Sequence[str]) -> bool:
    """Tell whether names are numbers whose order as text is another one."""
    return all(name.isdecimal() for name in names) and list(names) != sorted(names, key=int)


def _listed_image(files: SplitFiles, line: str, where: str, lines: Sequence[tuple[int, str]]) -> LabelledImage:
    # The name may have blanks in it, and tabs are in use too.
    name, text = [*line.strip().rsplit(maxsplit=1), ""][:2]
    if not text.isdecimal() or len(text) > LONGEST_INDEX:
        raise OvlabError(f"{where}: {line.strip()!r} is not 'path class-index'")
    classes = len(files.class_names)
    if classes and int(text) >= classes:
        hint = COUNTS_FROM_ONE if int(text) == classes and _counts_from_one(lines) else ""
        raise OvlabError(f"{where}: class index {text} is out of range, expected 0 to {classes - 1}{hint}")
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        raise OvlabError(f"{where}: {name!r} points outside of the data set")
    require_short(PurePosixPath(name), where)
    image = _find(files, name)
    if image is None:
        raise OvlabError(f"{where}: no image {name!r} in {Path(files.split.images).name!r}")
    return _labelled(files, image, int(text))


def _counts_from_one(lines: Sequence[tuple[int, str]]) -> bool:
    return all(line.split()[-1] != "0" for _, line in lines if line.strip())


def _find(files: SplitFiles, name: str) -> Path | None:
    # Lists name their images from the split's folder (val.txt) or with it (train.txt): both are in use.
    candidates = (files.root / files.split.images / name, files.root / name)
    return next((path for path in candidates if path.is_file()), None)
