"""COCO: one JSON file a split, with images, categories and annotations [1]_.

COCO's ``x, y, width, height`` are continuous pixels from the image's upper left edge.

References
----------
.. [1] https://cocodataset.org/#format-data
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ovlab.data.orientation import read_header
from ovlab.data.reading import checked_names, class_index, inside, number, pixels, read_text, require_folder
from ovlab.errors import OvlabError
from ovlab.metrics.detection import GroundTruth
from ovlab.tasks.detection.annotations.base import AnnotatedImage, AnnotatedSplit, Box, BoxCheck, finish
from ovlab.tasks.detection.spec import BadBoxPolicy

_Object = tuple[int, Box, bool, float]
_KEYS = ("images", "categories", "annotations")
_READ_KEYS = frozenset(
    {*_KEYS, "id", "file_name", "width", "height", "name", "image_id", "category_id", "bbox", "iscrowd", "area"}
)


def read_coco(
    root: Path,
    images: str,
    annotations: str,
    class_names: Sequence[str] | None = None,
    *,
    on_bad_box: BadBoxPolicy = "stop",
    upright: bool = False,
    name: str = "dataset",
) -> AnnotatedSplit:
    """Read a split with its annotations.

    Parameters
    ----------
    root : Path
        Folder of the unpacked data set.
    images : str
        Folder of the images in it: ``val2017``.
    annotations : str
        The JSON file in it: ``annotations/instances_val2017.json``.
    class_names : sequence of str, optional
        Names by class index. Default: the file's categories in the order of their ids, which have gaps; in
        the file's order where an id is no number.
    on_bad_box : {"stop", "clip", "skip"}, default "stop"
        What to do with a box that leaves its image by more than a pixel or is empty.
    upright : bool, default False
        Whether the boxes refer to the image turned as its EXIF orientation says, or to the pixels as stored.
    name : str, default "dataset"
        Name of the split, for messages too.

    Returns
    -------
    AnnotatedSplit
        All images of the file in its order, those without objects too, with `GroundTruth.crowd` and
        `GroundTruth.areas`.

    Raises
    ------
    OvlabError
        Naming the file and the entry, if it is not JSON or not of this form, an id is there twice or refers to nothing,
        a class is unknown, an image is missing or outside of the folder, or a box is bad.
    """
    folder = require_folder(root, images, name)
    path = inside(root, annotations, name)
    data = _load(path)
    categories = _categories(data["categories"], path)
    keys = sorted(categories, key=int) if all(key.isdecimal() for key in categories) else list(categories)
    names = checked_names([categories[key] for key in keys] if class_names is None else class_names, name)
    classes = {key: class_index(category, names, f"{path}: category {key}") for key, category in categories.items()}
    sizes = _images(data["images"], folder, path, upright=upright)
    check = BoxCheck(on_bad_box)
    objects = _objects(data["annotations"], sizes, classes, check, path)
    listed = [
        AnnotatedImage(file.relative_to(root).as_posix(), file, _truth(objects[key]), width, height)
        for key, (file, width, height) in sizes.items()
    ]
    remarks = check.remarks()
    if not any(objects.values()):
        remarks = (f"0 of {len(listed)} images have labels: {path.name!r} has no object on any of them", *remarks)
    return finish(name, listed, names, upright=upright, label_remarks=remarks)


def _load(path: Path) -> dict[str, list[Any]]:
    try:
        data = json.loads(read_text(path), object_hook=_without_the_rest)
    except (ValueError, RecursionError) as error:
        raise OvlabError(f"{path}: not JSON ({str(error)[:100]})") from None
    if not isinstance(data, dict):
        raise OvlabError(f"{path}: expected an object with {', '.join(_KEYS)}")
    for key in _KEYS:
        if not isinstance(data.get(key), list):
            raise OvlabError(f"{path}: no list of {key!r}, expected {', '.join(_KEYS)}")
    return data


def _without_the_rest(entry: dict[str, Any]) -> dict[str, Any]:
    """Let go of what nobody reads as soon as it is parsed: outlines are nine tenths of COCO's annotations."""
    return {key: value for key, value in entry.items() if key in _READ_KEYS}


def _field(entry: Any, key: str, where: str) -> Any:
    if not isinstance(entry, Mapping) or key not in entry:
        raise OvlabError(f"{where}: no {key!r}")
    return entry[key]


def _id(entry: Any, key: str, where: str) -> str:
    """Return an id as text: ids are names, and what writes 7 in one place may write "7" or 7.0 in another."""
    value = _field(entry, key, where)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | str) or value == "":
        raise OvlabError(f"{where}: {key} is {str(value)[:40]!r}, expected a whole number or a text")
    return str(value)


def _categories(entries: list[Any], path: Path) -> dict[str, str]:
    result: dict[str, str] = {}
    for row, entry in enumerate(entries):
        where = f"{path}: categories[{row}]"
        key, category = _id(entry, "id", where), _field(entry, "name", where)
        if key in result:
            raise OvlabError(f"{where}: id {key} is there twice")
        if not isinstance(category, str):
            raise OvlabError(f"{where}: name is {str(category)[:40]!r}, expected text")
        result[key] = category
    return result


def _images(entries: list[Any], folder: Path, path: Path, *, upright: bool) -> dict[str, tuple[Path, int, int]]:
    result: dict[str, tuple[Path, int, int]] = {}
    files: set[Path] = set()
    for row, entry in enumerate(entries):
        where = f"{path}: images[{row}]"
        key, file_name = _id(entry, "id", where), _field(entry, "file_name", where)
        if key in result:
            raise OvlabError(f"{where}: id {key} is there twice")
        file = inside(folder, str(file_name), where)
        if not file.is_file():
            raise OvlabError(f"{where}: no image {file_name!r} in {folder.name!r}")
        if file in files:
            raise OvlabError(f"{where}: file {file_name!r} is there twice")
        files.add(file)
        result[key] = (file, *_size(entry, file, where, upright=upright))
    return result


def _size(entry: Any, file: Path, where: str, *, upright: bool) -> tuple[int, int]:
    """Return an image's size; its header's where the entry leaves it out or says 0."""
    if not (entry.get("width") and entry.get("height")):
        return read_header(file).size(upright=upright)
    width, height = (pixels(entry[side], f"{where}: {side}") for side in ("width", "height"))
    return width, height


def _objects(
    entries: list[Any],
    sizes: Mapping[str, tuple[Path, int, int]],
    classes: Mapping[str, int],
    check: BoxCheck,
    path: Path,
) -> dict[str, list[_Object]]:
    objects: dict[str, list[_Object]] = {key: [] for key in sizes}
    seen: set[str] = set()
    for row, entry in enumerate(entries):
        where = f"{path}: annotations[{row}]"
        key, category = _id(entry, "image_id", where), _id(entry, "category_id", where)
        if "id" in entry:
            own = _id(entry, "id", where)
            if own in seen:
                raise OvlabError(f"{where}: id {own} is there twice")
            seen.add(own)
        if key not in sizes:
            raise OvlabError(f"{where}: image_id {key} is none of the images'")
        if category not in classes:
            raise OvlabError(f"{where}: category_id {category} is none of the categories'")
        one = _object(entry, classes[category], sizes[key][1:], check, where)
        if one is not None:
            objects[key].append(one)
    return objects


def _object(entry: Any, class_id: int, size: tuple[int, int], check: BoxCheck, where: str) -> _Object | None:
    bbox = _field(entry, "bbox", where)
    if not isinstance(bbox, list) or len(bbox) != 4:
        raise OvlabError(f"{where}: bbox is {str(bbox)[:40]!r}, expected [x, y, width, height]")
    x, y, width, height = (number(value, f"{where}: bbox") for value in bbox)
    box = check((x, y, x + width, y + height), *size, where)
    if box is None:
        return None
    crowd = entry.get("iscrowd", 0)
    if crowd not in (0, 1):
        raise OvlabError(f"{where}: iscrowd is {str(crowd)[:40]!r}, expected 0 or 1")
    area = number(entry.get("area", width * height), f"{where}: area")
    if area < 0:
        raise OvlabError(f"{where}: area is {area:g}, expected square pixels")
    return class_id, box, bool(crowd), area


def _truth(objects: list[_Object]) -> GroundTruth:
    class_ids, boxes, crowd, areas = zip(*objects, strict=True) if objects else ((), (), (), ())
    return GroundTruth(class_ids, boxes, crowd=crowd, areas=areas)  # type: ignore[arg-type]
