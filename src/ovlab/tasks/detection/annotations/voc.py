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
from xml.etree.ElementTree import ParseError  # the parser itself is defusedxml's

import defusedxml.ElementTree
from defusedxml import DefusedXmlException

from ovlab.data.reading import checked_names, class_index, inside, number, pixels, read_text, require_folder
from ovlab.errors import OvlabError
from ovlab.metrics.detection import GroundTruth
from ovlab.tasks.detection.annotations.base import AnnotatedImage, AnnotatedSplit, BoxCheck, finish
from ovlab.tasks.detection.spec import BadBoxPolicy

VOC_CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
"""The twenty classes, in alphabetical order, which is the usual order of a model's outputs."""

_SUFFIXES = (".jpg", ".jpeg", ".png", ".JPG", ".JPEG", ".PNG")
_CORNERS = ("xmin", "ymin", "xmax", "ymax")


def read_voc(
    root: Path,
    folder: str,
    image_set: str,
    class_names: Sequence[str] | None = None,
    *,
    on_bad_box: BadBoxPolicy = "stop",
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
    name : str, default "dataset"
        Name of the split, for messages too.

    Returns
    -------
    AnnotatedSplit
        In the order of the list, with `GroundTruth.difficult`.

    Raises
    ------
    OvlabError
        Naming the file, if a file is missing, is not XML, holds a DTD or entities, has no size, an unknown class or
        a bad box; if the list names an image twice or points outside of the folder.
    """
    base = require_folder(root, folder, name)
    names = checked_names(VOC_CLASSES if class_names is None else class_names, name)
    listing = inside(base / "ImageSets" / "Main", f"{image_set}.txt", name)
    check = BoxCheck(on_bad_box)
    images = []
    seen: set[str] = set()
    for line, text in enumerate(read_text(listing).splitlines(), start=1):
        image_id, where = text.strip(), f"{listing}, line {line}"
        if not image_id:
            continue
        if len(image_id.split()) > 1:
            raise OvlabError(f"{where}: {image_id[:60]!r}, expected one image a line")
        if image_id in seen:
            raise OvlabError(f"{where}: image {image_id!r} is listed twice")
        seen.add(image_id)
        images.append(_image(root, base, image_id, names, check, where))
    check.report(name)
    return finish(name, images, names)


def _image(
    root: Path, base: Path, image_id: str, names: tuple[str, ...], check: BoxCheck, where: str
) -> AnnotatedImage:
    stem = inside(base / "JPEGImages", image_id, where)
    path = next((found for suffix in _SUFFIXES if (found := stem.parent / f"{stem.name}{suffix}").is_file()), None)
    if path is None:
        raise OvlabError(f"{where}: no image {image_id!r} in 'JPEGImages'")
    annotation = inside(base / "Annotations", f"{image_id}.xml", where)
    tree = _parse(annotation)
    size = tree.find("size")
    if size is None:
        raise OvlabError(f"{annotation}: no size of the image, expected <size><width/><height/></size>")
    width, height = (pixels(_text(size, key, str(annotation)), f"{annotation}: {key}") for key in ("width", "height"))
    objects = [_object(one, names, f"{annotation}, object {n}") for n, one in enumerate(tree.findall("object"), 1)]
    kept = [
        (class_id, box, difficult)
        for n, (class_id, corners, difficult) in enumerate(objects, 1)
        if (box := check(corners, width, height, f"{annotation}, object {n}")) is not None
    ]
    truth = GroundTruth([one[0] for one in kept], [one[1] for one in kept], difficult=[one[2] for one in kept])  # type: ignore[arg-type]
    return AnnotatedImage(path.relative_to(root).as_posix(), path, truth, width, height)


def _parse(path: Path) -> Any:
    try:
        tree = defusedxml.ElementTree.fromstring(read_text(path).encode(), forbid_dtd=True)
    except DefusedXmlException as error:
        raise OvlabError(f"{path}: refused, it declares a DTD or entities ({type(error).__name__})") from None
    except (ParseError, ValueError, LookupError) as error:
        raise OvlabError(f"{path}: not XML ({error})") from None
    if tree.tag != "annotation":
        raise OvlabError(f"{path}: the root is <{tree.tag}>, expected <annotation>")
    return tree


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
