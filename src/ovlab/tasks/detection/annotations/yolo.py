"""YOLO text labels: a ``labels`` folder beside ``images``, one line ``class cx cy width height`` an object.

The numbers are fractions of the image's width and height. The tools that write and read these files turn an image as
its EXIF orientation says, so the labels refer to the upright image.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import PIL.Image

from ovlab.data.headers import JPEG_START
from ovlab.data.images import CorruptImageError, EncodedImage, read_image
from ovlab.data.reading import checked_names, list_images, number, read_text, require_folder
from ovlab.errors import OvlabError, one_line
from ovlab.inputs import is_listed
from ovlab.metrics.detection import GroundTruth
from ovlab.tasks.detection.annotations.base import AnnotatedImage, AnnotatedSplit, Box, BoxCheck, finish
from ovlab.tasks.detection.spec import BadBoxPolicy

_ORIENTATION, _EXIF = 0x0112, b"Exif"
_LYING = frozenset({5, 6, 7, 8})  # EXIF orientations that swap width and height


def read_yolo(
    root: Path,
    images: str,
    class_names: Sequence[str],
    labels: str | None = None,
    *,
    on_bad_box: BadBoxPolicy = "stop",
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
    name : str, default "dataset"
        Name of the split, for messages too.

    Returns
    -------
    AnnotatedSplit
        In the order of the paths. An image without a label file has no objects. `AnnotatedSplit.upright` is set.

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
    for path in list_images(folder):
        label = label_folder / path.relative_to(folder).with_suffix(".txt")
        if label in owners:
            raise OvlabError(f"{path}: has the same label file as {owners[label].name!r}")
        owners[label] = path
        width, height = upright_size(path)
        truth = _truth(label, names, width, height, check)
        listed.append(AnnotatedImage(path.relative_to(root).as_posix(), path, truth, width, height))
    check.report(name)
    return finish(name, listed, names, upright=True)


def upright_size(path: Path) -> tuple[int, int]:
    """Read an image's width and height from its header.

    Parameters
    ----------
    path : Path
        The image file.

    Returns
    -------
    (int, int)
        Width and height in pixels, after its EXIF orientation.

    Raises
    ------
    CorruptImageError
        If the file is no image.
    TooLargeError
        If the file or the image is larger than the limits allow.
    """
    encoded = read_image(path)
    size = encoded.width, encoded.height
    return size[::-1] if _is_lying(encoded) else size


def _is_lying(encoded: EncodedImage) -> bool:
    if encoded.data.startswith(JPEG_START) and _EXIF not in encoded.data:
        return False
    try:
        with PIL.Image.open(io.BytesIO(encoded.data)) as image:
            return image.getexif().get(_ORIENTATION) in _LYING
    except (OSError, ValueError, SyntaxError) as error:
        raise CorruptImageError(f"{encoded.path}: cannot be read as an image ({one_line(error)})") from None


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
