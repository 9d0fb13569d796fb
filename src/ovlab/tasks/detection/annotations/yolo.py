"""YOLO text labels: a ``labels`` folder beside ``images``, one line ``class cx cy width height`` an object.

The numbers are fractions of the image's width and height. The tools that write and read these files turn an image as
its EXIF orientation says, so the labels refer to the upright image.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path, PurePosixPath

from ovlab.data.folders import find_files, left_out
from ovlab.data.orientation import read_header
from ovlab.data.reading import checked_names, number, read_text, require_folder
from ovlab.errors import OvlabError
from ovlab.inputs import is_listed
from ovlab.metrics.detection import GroundTruth
from ovlab.tasks.detection.annotations.base import AnnotatedImage, AnnotatedSplit, Box, BoxCheck, finish
from ovlab.tasks.detection.spec import BadBoxPolicy


def read_yolo(
    root: Path,
    images: str,
    class_names: Sequence[str],
    labels: str | None = None,
    *,
    on_bad_box: BadBoxPolicy = "stop",
    upright: bool = True,
    name: str = "dataset",
) -> AnnotatedSplit:
    """Read the images of a folder and its subfolders with their labels.

    Parameters
    ----------
    root : Path
        Folder of the unpacked data set.
    images : str
        Folder of the images in it: ``images/val``.
    class_names : sequence of str
        Names by class index.
    labels : str, optional
        Folder of the label files. Default: `images` with its last folder ``images`` replaced by ``labels``.
    on_bad_box : {"stop", "clip", "skip"}, default "stop"
        What to do with a box that leaves its image by more than a pixel or is empty.
    upright : bool, default True
        Whether the labels refer to the image turned as its EXIF orientation says, or to the pixels as stored.
    name : str, default "dataset"
        Name of the split, for messages too.

    Returns
    -------
    AnnotatedSplit
        In the order of the paths. An image without a label file has no objects; how many there are is
        remarked.

    Raises
    ------
    OvlabError
        Naming file and line, if a folder is missing, a line is not five numbers, a class index is out of range, a box
        is bad, or two images share a label file.
    CorruptImageError
        If an image's size cannot be read.
    """
    folder = require_folder(root, images, name)
    label_folder = require_folder(root, _beside(images, name) if labels is None else labels, name)
    names = checked_names(class_names, name)
    check = BoxCheck(on_bad_box)
    listed = []
    owners: dict[Path, Path] = {}
    found = find_files(folder)
    for path in found.images:
        label = label_folder / path.relative_to(folder).with_suffix(".txt")
        if label in owners:
            raise OvlabError(f"{path}: has the same label file as {owners[label].name!r}")
        owners[label] = path
        width, height = read_header(path).size(upright=upright)
        truth = _truth(label, names, width, height, check)
        listed.append(AnnotatedImage(path.relative_to(root).as_posix(), path, truth, width, height))
    of_labels = *check.remarks(), *_without_labels(owners, label_folder.relative_to(root).as_posix())
    remarks = left_out(found.others, images)
    return finish(name, listed, names, upright=upright, remarks=remarks, label_remarks=of_labels)


def _without_labels(labels: Collection[Path], folder: str) -> tuple[str, ...]:
    """Say how many images have a label file, if not all have."""
    present = sum(label.is_file() for label in labels)
    if present == len(labels):
        return ()
    rest = "the others count as images without objects" if present else f"no file in {folder!r} has the name of one"
    return (f"{present} of {len(labels)} images have labels: {rest}",)


def _beside(images: str, where: str) -> str:
    parts = list(PurePosixPath(images).parts)
    if "images" not in parts:
        raise OvlabError(f"{where}: {images!r} has no folder 'images' to put 'labels' for; name the labels' folder")
    parts[len(parts) - 1 - parts[::-1].index("images")] = "labels"
    return str(PurePosixPath(*parts))


def _truth(path: Path, names: tuple[str, ...], width: int, height: int, check: BoxCheck) -> GroundTruth:
    class_ids: list[int] = []
    boxes: list[Box] = []
    lines = read_text(path).splitlines() if path.exists() or is_listed(path) else []
    for line, text in enumerate(lines, start=1):
        where, fields = f"{path}, line {line}", text.split()
        if not fields:
            continue
        if len(fields) != 5:
            raise OvlabError(f"{where}: {len(fields)} numbers, expected 5: class cx cy width height")
        class_id, cx, cy, w, h = (number(field, where) for field in fields)
        if class_id not in range(len(names)):
            raise OvlabError(f"{where}: class {fields[0]!r} is out of range, expected 0 to {len(names) - 1}")
        corners = ((cx - w / 2) * width, (cy - h / 2) * height, (cx + w / 2) * width, (cy + h / 2) * height)
        box = check(corners, width, height, where)
        if box is not None:
            class_ids.append(int(class_id))
            boxes.append(box)
    return GroundTruth(class_ids, boxes)  # type: ignore[arg-type]
