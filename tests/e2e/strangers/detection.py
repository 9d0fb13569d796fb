"""Detection: boxes in pixels and scores below 1 in one tensor; the weights are drawn at random."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
from toy import CLASSES, colour_image, write_image

from strangers.common import (
    FAILED,
    OK,
    Made,
    Yaml,
    stranger,
)

SIDE, KINDS = 32, ["cat", "dog", "bird"]


def detector(folder: Path, **changes: Any) -> Yaml:
    from yolo_head import write_head

    detection = {"decoder": "yolo", "parameters": {"head": "v8"}, "classes": KINDS, "nms_iou": 0.5}
    return {
        "framework": "onnx",
        "files": [{"path": str(write_head(folder / "model.onnx"))}],
        "licence": "CC0-1.0",
        "task": "detection",
        "preprocess": {"unit_range": True},
        "detection": detection,
    } | changes


def scenes(folder: Path, place: str = "images", count: int = 8) -> list[str]:
    names = []
    for i in range(count):
        write_image(folder / place / f"{i:03}.png", colour_image(CLASSES[i % 4], i, SIDE, SIDE))
        names.append(f"{i:03}")
    return names


def yolo_set(folder: Path, labels: dict[str, str], **changes: Any) -> Yaml:
    for name, text in labels.items():
        path = folder / "labels" / f"{name}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    splits = {
        "calibration": {"images": "images", "annotations": "labels", "portion": [0, 0.4]},
        "validation": {"images": "images", "annotations": "labels", "portion": [0.4, 1]},
    }
    return {
        "files": [{"path": str(folder)}],
        "licence": "CC0-1.0",
        "task": "detection",
        "format": "yolo",
        "metric": "voc_area",
        "class_names": KINDS,
        "splits": splits,
    } | changes


def coco_set(folder: Path, names: list[str], ids: Callable[[int], Any] = int, kinds: list[str] = KINDS) -> Yaml:
    images = [{"id": ids(i), "file_name": f"{name}.png", "width": SIDE, "height": SIDE} for i, name in enumerate(names)]
    boxes = [
        {"id": ids(100 + i), "image_id": ids(i), "category_id": ids(1 + i % len(kinds)), "bbox": [4, 4, 20, 18]}
        | {"area": 360, "iscrowd": 0}
        for i, _ in enumerate(names)
    ]
    categories = [{"id": ids(1 + i), "name": name} for i, name in enumerate(kinds)]
    (folder / "boxes.json").write_text(
        json.dumps({"images": images, "annotations": boxes, "categories": categories}), encoding="utf-8"
    )
    split = {"images": "images", "annotations": "boxes.json"}
    return {
        "files": [{"path": str(folder)}],
        "licence": "CC0-1.0",
        "task": "detection",
        "format": "coco",
        "metric": "coco",
        "splits": {"validation": split},
    }


def voc_xml(name: str, size: str, encoding: str = "utf-8", kind: str = "cat") -> bytes:
    text = (
        f'<?xml version="1.0" encoding="{encoding}"?><annotation><filename>{name}</filename>{size}'
        f"<object><name>{kind}</name><difficult>0</difficult><bndbox><xmin>5</xmin><ymin>5</ymin><xmax>25</xmax>"
        "<ymax>20</ymax></bndbox></object></annotation>"
    )
    return text.encode(encoding)


def voc_set(folder: Path, files: dict[str, bytes], xmls: dict[str, bytes], **changes: Any) -> Yaml:
    for place, contents in (("JPEGImages", files), ("Annotations", xmls)):
        (folder / "voc" / place).mkdir(parents=True)
        for name, content in contents.items():
            (folder / "voc" / place / name).write_bytes(content)
    listing = folder / "voc" / "ImageSets" / "Main" / "test.txt"
    listing.parent.mkdir(parents=True)
    listing.write_text("".join(f"{Path(one).stem}\n" for one in files if one[0] != "."), encoding="utf-8")
    return {
        "files": [{"path": str(folder / "voc")}],
        "licence": "CC0-1.0",
        "task": "detection",
        "format": "voc",
        "metric": "voc_area",
        "class_names": KINDS,
        "splits": {"validation": {"images": ".", "image_set": "test"}},
    } | changes


def picture(seed: int, ending: str = ".png") -> bytes:
    _, content = cv2.imencode(ending.lower(), colour_image(CLASSES[seed % 4], seed, SIDE, SIDE))
    return bytes(content.tobytes())


GOOD_SIZE = f"<size><width>{SIDE}</width><height>{SIDE}</height><depth>3</depth></size>"


@stranger(OK, r"0 of \d+ images have")
def labels_that_fit_no_image(folder: Path) -> Made:
    scenes(folder)
    return Made(
        detector(folder), yolo_set(folder, {"other_0": "0 0.5 0.5 0.4 0.4\n", "other_1": "1 0.5 0.5 0.4 0.4\n"})
    )


@stranger(OK, r"counted as never detected: tiger")
def one_class_of_two(folder: Path) -> Made:
    return Made(detector(folder), coco_set(folder, scenes(folder), kinds=["cat", "tiger"]))


@stranger(OK, r"EXIF orientation that turns them")
def lying_on_their_side(folder: Path) -> Made:
    """JPEGs with an EXIF orientation."""
    names = scenes(folder)
    for name in names:
        image = colour_image("red", int(name), SIDE, SIDE - 8)
        exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
        _, jpeg = cv2.imencode(".jpg", image)
        content = jpeg.tobytes()
        segment = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
        (folder / "images" / f"{name}.png").unlink()
        (folder / "images" / f"{name}.jpg").write_bytes(content[:2] + segment + content[2:])
    return Made(detector(folder), yolo_set(folder, dict.fromkeys(names, "0 0.5 0.5 0.4 0.4\n")))


@stranger(OK)
def text_ids(folder: Path) -> Made:
    return Made(detector(folder), coco_set(folder, scenes(folder), ids=lambda i: f"id-{i}"))


@stranger(OK)
def odd_voc(folder: Path) -> Made:
    """Declared encodings, names with spaces, all kinds of image files."""
    kinds = {"a photo.bmp": "utf-16", "b.tif": "gb2312", "c d.webp": "latin-1", "e.Jpg": "utf-8"}
    files = {name: picture(i, Path(name).suffix) for i, name in enumerate(kinds)}
    xmls = {f"{Path(name).stem}.xml": voc_xml(name, GOOD_SIZE, encoding) for name, encoding in kinds.items()}
    return Made(detector(folder), voc_set(folder, files | {"._x.png": b"\0\5"}, xmls | {"._x.xml": b"\0"}))


@stranger(OK)
def voc_without_size(folder: Path) -> Made:
    sizes = ("", "<size><width>0</width><height>0</height><depth>3</depth></size>")
    files = {f"{i}.png": picture(i) for i in range(4)}
    return Made(
        detector(folder), voc_set(folder, files, {f"{i}.xml": voc_xml(f"{i}.png", sizes[i % 2]) for i in range(4)})
    )


@stranger(FAILED, r"has 32x32 pixels, its annotation says 64x48")
def voc_of_another_size(folder: Path) -> Made:
    wrong = "<size><width>64</width><height>48</height><depth>3</depth></size>"
    files = {f"{i}.png": picture(i) for i in range(4)}
    return Made(detector(folder), voc_set(folder, files, {f"{i}.xml": voc_xml(f"{i}.png", wrong) for i in range(4)}))


@stranger(OK, r"part of output output0 has collapsed", precision="int8")
def collapsed_scores(folder: Path) -> Made:
    """YOLO v8's head quantised with its output."""
    names = scenes(folder, count=24)
    data = yolo_set(folder, dict.fromkeys(names, "0 0.5 0.5 0.4 0.4\n"))
    return Made(detector(folder), data, {"quantize_outputs": True})


@stranger(FAILED, r"decoder ssd: output has shape \[1, 7, 16\], expected")
def another_decoder(folder: Path) -> Made:
    model = detector(folder)
    model["detection"] = {"decoder": "ssd", "classes": KINDS}
    return Made(model, coco_set(folder, scenes(folder)))
