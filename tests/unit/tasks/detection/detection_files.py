"""Small annotated data sets on disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL.Image

VOC = "VOCdevkit/VOC2007"
ENTITY_BOMB = (
    '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><annotation>&b;</annotation>'
)


def write_image(path: Path, width: int = 40, height: int = 30) -> None:
    """Write a grey image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((height, width, 3), 128, np.uint8))


def turn(path: Path, orientation: int) -> None:
    """Give a JPEG an EXIF orientation."""
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    with PIL.Image.open(path) as image:
        image.load()
    image.save(path, exif=exif)


def voc_object(name: str = "dog", box: tuple[Any, ...] = (1, 1, 10, 10), difficult: str = "0") -> str:
    """One object of a VOC file; the box counts pixels from 1, both ends included."""
    corners = "".join(f"<{key}>{x}</{key}>" for key, x in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True))
    return f"<object><name>{name}</name><difficult>{difficult}</difficult><bndbox>{corners}</bndbox></object>"


def voc_xml(*objects: str, size: str = "<size><width>40</width><height>30</height><depth>3</depth></size>") -> str:
    """A VOC file for a 40 x 30 image."""
    return f"<annotation>{size}{''.join(objects)}</annotation>"


def write_voc(root: Path, files: dict[str, str], listing: str | None = None) -> Path:
    """Write images of 40 x 30 with their XML, and the image set 'test'."""
    base = root / VOC
    for folder in ("Annotations", "ImageSets/Main"):
        (base / folder).mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        write_image(base / "JPEGImages" / f"{name}.jpg")
        (base / "Annotations" / f"{name}.xml").write_text(text)
    (base / "ImageSets/Main/test.txt").write_text("\n".join(files) if listing is None else listing)
    return root


def coco_json() -> dict[str, Any]:
    """Two images of 40 x 30, the second without objects, and two categories with a gap in their ids."""
    return {
        "images": [{"id": 7, "file_name": f"{name}.jpg", "width": 40, "height": 30} for name in ("a",)]
        + [{"id": 3, "file_name": "b.jpg", "width": 40, "height": 30}],
        "categories": [{"id": 18, "name": "dog"}, {"id": 1, "name": "person"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 18, "bbox": [1.5, 2, 10, 20], "area": 150.5, "iscrowd": 0},
            {"id": 2, "image_id": 7, "category_id": 1, "bbox": [0, 0, 40, 30], "iscrowd": 1},
        ],
    }


def write_coco(root: Path, data: Any) -> Path:
    """Write the images a.jpg and b.jpg and the given JSON (text as it is)."""
    for name in ("a", "b"):
        write_image(root / "val" / f"{name}.jpg")
    (root / "instances.json").write_text(data if isinstance(data, str) else json.dumps(data))
    return root
