"""Data sets for classification: a list of images with class indices, a folder a class, images without labels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath

from ovlab.data.images import IMAGE_SUFFIXES
from ovlab.data.reading import list_images, read_text
from ovlab.errors import OvlabError, nearest
from ovlab.tasks.classification.labels import UNKNOWN, LabelledImage, LabelledSplit
from ovlab.tasks.protocol import SplitFiles


def read_class_folders(files: SplitFiles) -> LabelledSplit:
    """List the images of folders that are called as their class is.

    Raises
    ------
    OvlabError
        If a folder is called like none of the data set's classes.
    """
    folder = files.root / files.split.images
    found = tuple(sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")))
    names = files.class_names or found
    unknown = [name for name in found if name not in names]
    if unknown:
        raise OvlabError(f"{files.where}: folder {unknown[0]!r} is none of its class_names{nearest(unknown[0], names)}")
    images = tuple(
        LabelledImage(path.relative_to(files.root).as_posix(), path, names.index(name))
        for name in found
        for path in sorted((folder / name).iterdir())
        if path.suffix.lower() in IMAGE_SUFFIXES
    )
    return LabelledSplit(files.name, images, names)


def read_imagenet_list(files: SplitFiles) -> LabelledSplit:
    """List the images of a text file with a line ``path class-index`` each.

    Raises
    ------
    OvlabError
        Naming file and line, if the list is missing or malformed, names an image that does not exist, or a class index
        is out of range.
    """
    path = files.root / str(files.split.list)
    if not path.exists():
        raise OvlabError(f"{files.where}: splits: no file {files.split.list!r}")
    images = tuple(
        _listed_image(files, line, f"{path.name}, line {number}")
        for number, line in enumerate(read_text(path).splitlines(), start=1)
        if line.strip()
    )
    return LabelledSplit(files.name, images, files.class_names)


def read_images(files: SplitFiles) -> LabelledSplit:
    """List the images of a folder and its subfolders; nobody says what they show."""
    paths = list_images(files.root / files.split.images)
    images = tuple(LabelledImage(path.relative_to(files.root).as_posix(), path, UNKNOWN) for path in paths)
    return LabelledSplit(files.name, images, files.class_names)


READERS: dict[str, Callable[[SplitFiles], LabelledSplit]] = {
    "imagenet_list": read_imagenet_list,
    "class_folders": read_class_folders,
    "images": read_images,
}


def _listed_image(files: SplitFiles, line: str, where: str) -> LabelledImage:
    name, _, text = line.strip().rpartition(" ")
    name = name.strip()
    if not name or not text.isdecimal():
        raise OvlabError(f"{where}: {line.strip()!r} is not 'path class-index'")
    classes = len(files.class_names)
    if classes and int(text) >= classes:
        raise OvlabError(f"{where}: class index {text} is out of range, expected 0 to {classes - 1}")
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        raise OvlabError(f"{where}: {name!r} points outside of the data set")
    image = _find(files, name)
    if image is None:
        raise OvlabError(f"{where}: no image {name!r} in {Path(files.split.images).name!r}")
    return LabelledImage(image.relative_to(files.root).as_posix(), image, int(text))


def _find(files: SplitFiles, name: str) -> Path | None:
    # Lists name their images from the split's folder (val.txt) or with it (train.txt): both are in use.
    candidates = (files.root / files.split.images / name, files.root / name)
    return next((path for path in candidates if path.is_file()), None)
