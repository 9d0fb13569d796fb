"""Pascal VOC: one XML file an image, lists of images in ``ImageSets/Main`` [1]_.

VOC counts pixels from 1 and a box includes its last one. A box ``xmin, ymin, xmax, ymax`` of the file becomes
``xmin - 1, ymin - 1, xmax, ymax`` in continuous pixels, of the same width. `ovlab.metrics.voc` wants the last pixel
included too: `ovlab.tasks.detection.metric` takes 1 off the right and lower edges of objects and detections before it
scores them, so that its overlaps are those of the development kit.

References
----------
.. [1] M. Everingham and J. Winn, "The PASCAL Visual Object Classes Challenge 2007 (VOC2007) Development Kit".
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ovlab.data.folders import is_ignored
from ovlab.data.headers import read_header
from ovlab.data.images import IMAGE_SUFFIXES
from ovlab.data.reading import checked_names, class_index, inside, number, pixels, read_text, require_folder
from ovlab.errors import OvlabError
from ovlab.metrics.detection import GroundTruth
from ovlab.tasks.detection.annotations.base import AnnotatedImage, AnnotatedSplit, BoxCheck, finish
from ovlab.tasks.detection.annotations.xml_files import parse_xml
from ovlab.tasks.detection.spec import BadBoxPolicy

VOC_CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
"""The twenty classes, in alphabetical order, which is the usual order of a model's outputs."""

_PREFERRED = (".jpg", ".jpeg", ".png")
"""Suffixes of the image that is taken where several are called alike."""
_CORNERS = ("xmin", "ymin", "xmax", "ymax")


def read_voc(
    root: Path,
    folder: str,
    image_set: str,
    class_names: Sequence[str] | None = None,
    *,
    on_bad_box: BadBoxPolicy = "stop",
    upright: bool = False,
    name: str = "dataset",
) -> AnnotatedSplit:
    """Read an image set with its annotations.

    Parameters
    ----------
    root : Path
        Folder of the unpacked data set.
    folder : str
        Folder in it that holds ``JPEGImages``, ``Annotations`` and ``ImageSets``: ``VOCdevkit/VOC2007``.
    image_set : str
        Name of a list in ``ImageSets/Main``, without ``.txt``: ``test``.
    class_names : sequence of str, optional
        Names by class index. Default: `VOC_CLASSES`.
    on_bad_box : {"stop", "clip", "skip"}, default "stop"
        What to do with a box that leaves its image by more than a pixel or is empty.
    upright : bool, default False
        Whether the boxes refer to the image turned as its EXIF orientation says, or to the pixels as stored.
    name : str, default "dataset"
        Name of the split, for messages too.

    Returns
    -------
    AnnotatedSplit
        In the order of the list, with `GroundTruth.difficult`. A size that an annotation lacks is the image's own.

    Raises
    ------
    OvlabError
        Naming the file, if a file is missing, is not XML, holds a DTD or entities, has an unknown class or a bad
        box; if the list names an image twice or points outside of the folder.
    """
    base = require_folder(root, folder, name)
    names = checked_names(VOC_CLASSES if class_names is None else class_names, name)
    listing = inside(base / "ImageSets" / "Main", f"{image_set}.txt", name)
    check = BoxCheck(on_bad_box)
    reader = _Reader(root, base, names, check, upright=upright)
    images = []
    seen: set[str] = set()
    for line, text in enumerate(read_text(listing).splitlines(), start=1):
        image_id, where = text.strip(), f"{listing}, line {line}"
        if not image_id:
            continue
        if image_id in seen:
            raise OvlabError(f"{where}: image {image_id!r} is listed twice")
        seen.add(image_id)
        images.append(reader.image(image_id, where))
    remarks = check.remarks()
    if not any(image.truth for image in images):
        remarks = (f"0 of {len(images)} images have labels: no annotation of {image_set!r} has an object", *remarks)
    return finish(name, images, names, upright=upright, label_remarks=remarks)


class _Reader:
    """Finds images with their annotations by what the list calls them."""

    def __init__(self, root: Path, base: Path, names: tuple[str, ...], check: BoxCheck, *, upright: bool) -> None:
        self._root, self._base, self._names, self._check, self._upright = root, base, names, check, upright
        self._listed: dict[Path, dict[str, Path]] = {}

    def image(self, image_id: str, where: str) -> AnnotatedImage:
        stem = inside(self._base / "JPEGImages", image_id, where)
        path = self._images_in(stem.parent).get(stem.name)
        if path is None:
            if len(image_id.split()) > 1:  # a list of one class, "000012 -1"
                raise OvlabError(f"{where}: {image_id[:60]!r}, expected one image a line")
            raise OvlabError(f"{where}: no image {image_id!r} in 'JPEGImages'")
        annotation = inside(self._base / "Annotations", f"{image_id}.xml", where)
        tree = parse_xml(annotation, "annotation")
        width, height = self._size(tree.find("size"), path, annotation)
        class_ids, boxes, difficult = [], [], []
        for row, element in enumerate(tree.findall("object"), 1):
            one = f"{annotation}, object {row}"
            class_id, corners, is_difficult = _object(element, self._names, one)
            box = self._check(corners, width, height, one)
            if box is not None:
                class_ids.append(class_id)
                boxes.append(box)
                difficult.append(is_difficult)
        truth = GroundTruth(class_ids, boxes, difficult=difficult)  # type: ignore[arg-type]
        return AnnotatedImage(path.relative_to(self._root).as_posix(), path, truth, width, height)

    def _images_in(self, folder: Path) -> dict[str, Path]:
        """Return the images of a folder by their names without suffix, which may be in capitals."""
        if folder not in self._listed:
            found = folder.iterdir() if folder.is_dir() else ()
            images = [path for path in found if path.suffix.lower() in IMAGE_SUFFIXES and not is_ignored(path.name)]
            by_preference = sorted(images, key=lambda path: (_preference(path), path.name), reverse=True)
            self._listed[folder] = {path.stem: path for path in by_preference}
        return self._listed[folder]

    def _size(self, size: Any, path: Path, annotation: Path) -> tuple[int, int]:
        """Return an image's size; its header's where the annotation leaves it out or says 0, as LabelImg may."""
        sides = [(size.findtext(key) or "").strip() if size is not None else "" for key in ("width", "height")]
        if any(side in {"", "0"} for side in sides):
            return read_header(path).size(upright=self._upright)
        width, height = (
            pixels(side, f"{annotation}: {key}") for key, side in zip(("width", "height"), sides, strict=True)
        )
        return width, height


def _preference(path: Path) -> int:
    suffix = path.suffix.lower()
    return _PREFERRED.index(suffix) if suffix in _PREFERRED else len(_PREFERRED)


def _object(element: Any, names: tuple[str, ...], where: str) -> tuple[int, list[float], bool]:
    class_id = class_index(_text(element, "name", where), names, where)
    corners = element.find("bndbox")
    if corners is None:
        raise OvlabError(f"{where}: no <bndbox>")
    box = [number(_text(corners, key, where), f"{where}: {key}") for key in _CORNERS]
    difficult = (element.findtext("difficult") or "0").strip()
    if difficult not in {"0", "1"}:
        raise OvlabError(f"{where}: difficult is {difficult[:40]!r}, expected 0 or 1")
    return class_id, [box[0] - 1, box[1] - 1, box[2], box[3]], difficult == "1"


def _text(element: Any, key: str, where: str) -> str:
    text = (element.findtext(key) or "").strip()
    if not text:
        raise OvlabError(f"{where}: no <{key}> in <{element.tag}>")
    return text
