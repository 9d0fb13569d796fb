"""The readers of annotated data sets by the name of their format."""

from __future__ import annotations

from collections.abc import Callable

from ovlab.tasks.detection.annotations import AnnotatedSplit, read_coco, read_plain, read_voc, read_yolo
from ovlab.tasks.detection.spec import BadBoxPolicy, DetectionDatasetSpec, ExifPolicy
from ovlab.tasks.protocol import SplitFiles


def _voc(files: SplitFiles) -> AnnotatedSplit:
    names = files.class_names or None
    return read_voc(
        files.root,
        files.split.images,
        str(files.split.image_set),
        names,
        on_bad_box=_bad_box_policy(files),
        upright=_is_upright(files, default="stored"),
        name=_name(files),
    )


def _coco(files: SplitFiles) -> AnnotatedSplit:
    names = files.class_names or None
    return read_coco(
        files.root,
        files.split.images,
        str(files.split.annotations),
        names,
        on_bad_box=_bad_box_policy(files),
        upright=_is_upright(files, default="stored"),
        name=_name(files),
    )


def _yolo(files: SplitFiles) -> AnnotatedSplit:
    return read_yolo(
        files.root,
        files.split.images,
        files.class_names,
        files.split.annotations,
        on_bad_box=_bad_box_policy(files),
        upright=_is_upright(files, default="upright"),
        name=_name(files),
    )


def _images(files: SplitFiles) -> AnnotatedSplit:
    return read_plain(files.root, files.split.images, name=_name(files))


READERS: dict[str, Callable[[SplitFiles], AnnotatedSplit]] = {
    "voc": _voc,
    "coco": _coco,
    "yolo": _yolo,
    "images": _images,
}


def _name(files: SplitFiles) -> str:
    return f"{files.where}: splits.{files.name}"


def _bad_box_policy(files: SplitFiles) -> BadBoxPolicy:
    return files.dataset.on_bad_box if isinstance(files.dataset, DetectionDatasetSpec) else "stop"


def _is_upright(files: SplitFiles, default: ExifPolicy) -> bool:
    chosen = files.dataset.exif if isinstance(files.dataset, DetectionDatasetSpec) else None
    return (chosen or default) == "upright"
