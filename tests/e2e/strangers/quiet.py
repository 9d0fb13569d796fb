"""Silently wrong, worst of all: lists, folders and names that can be read in two ways."""

from __future__ import annotations

from pathlib import Path

import cv2
from toy import CLASSES, colour_image, write_image

from strangers.common import (
    FAILED,
    OK,
    Made,
    class_folders,
    classifier,
    colours,
    lines,
    listed,
    stranger,
    toy,
)


@stranger(OK, accuracy=1.0)
def names_with_mark(folder: Path) -> Made:
    """A file of class names that begins with a byte-order mark."""
    (folder / "names.txt").write_bytes(b"\xef\xbb\xbf" + "".join(f"{one}\n" for one in CLASSES).encode())
    data = listed(folder, lines(), class_names="names.txt")
    return Made(classifier([toy(folder)]), data)


@stranger(OK, accuracy=1.0)
def motion_photos(folder: Path) -> Made:
    """JPEGs with a film behind their end."""
    data = colours(folder)
    for path in (folder / "images").rglob("*.png"):
        _, jpeg = cv2.imencode(".jpg", cv2.imread(str(path)))
        path.unlink()
        path.with_suffix(".jpg").write_bytes(jpeg.tobytes() + b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 20)
    return Made(classifier([toy(folder)]), data)


@stranger(FAILED, r"the list counts from 1: .*output.label_offset: -1")
def counted_from_one(folder: Path) -> Made:
    """Labels 1 to N."""
    return Made(classifier([toy(folder)], output={}), listed(folder, lines(1)))


@stranger(OK, accuracy=1.0)
def counted_from_one_and_said(folder: Path) -> Made:
    """Labels 1 to N, and the offset that the page proposes."""
    output = {"label_offset": -1}
    data = listed(folder, lines(1), class_names=["none", *CLASSES])
    return Made(classifier([toy(folder)], output=output), data)


@stranger(OK, r"numbers, counted in the order of text")
def numbered_folders(folder: Path) -> Made:
    """Class folders 1, 2 and 10 to 11, beside a system's own."""
    for split, count in (("train", 2), ("val", 3)):
        for index, name in enumerate(("1", "2", "10", "11")):
            for i in range(count):
                seed = 1000 * index + i + (500 if split == "val" else 0)
                write_image(folder / "images" / split / name / f"{i}.png", colour_image(CLASSES[index], seed))
        for system in ("@eaDir", "__MACOSX"):
            write_image(folder / "images" / split / system / "._0.png", colour_image("red", 1))
    return Made(classifier([toy(folder)]), class_folders(folder))


@stranger(FAILED, r"is listed twice")
def an_image_twice(folder: Path) -> Made:
    return Made(classifier([toy(folder)]), listed(folder, [*lines(), "000.png 0\n"]))


@stranger(FAILED, r"line 1: byte 0xba is not UTF-8")
def names_in_gbk(folder: Path) -> Made:
    (folder / "names.txt").write_bytes("红\n绿\n蓝\n灰\n".encode("gbk"))
    return Made(classifier([toy(folder)]), listed(folder, lines(), class_names="names.txt"))


@stranger(OK, accuracy=1.0)
def names_in_utf16(folder: Path) -> Made:
    (folder / "names.txt").write_bytes("".join(f"{one}\n" for one in CLASSES).encode("utf-16"))
    return Made(classifier([toy(folder)]), listed(folder, lines(), class_names="names.txt"))


@stranger(OK, accuracy=1.0)
def list_with_tabs(folder: Path) -> Made:
    return Made(classifier([toy(folder)]), listed(folder, lines(separator="\t")))


@stranger(OK, r"4 files in 'val' left out, no image that is read: 4 .heic", accuracy=1.0)
def other_files(folder: Path) -> Made:
    """Images of every kind, and among them hidden files and images of a kind that is not read."""
    data = colours(folder)
    endings = (".jfif", ".jpe", ".gif", ".bmp", ".tif", ".webp", ".Jpg")
    for place in sorted((folder / "images").glob("*/*")):
        for number, path in enumerate(sorted(place.glob("*.png"))):
            ending = endings[number % len(endings)]
            code = {".jfif": ".jpg", ".jpe": ".jpg"}.get(ending, ending.lower())
            _, content = cv2.imencode(code, cv2.imread(str(path)))
            (place / f"other {number}{ending}").write_bytes(content.tobytes())
            path.unlink()
        (place / "._x.png").write_bytes(b"\0\5\x16\7")
        (place / "photo.heic").write_bytes(b"ftypheic")
    return Made(classifier([toy(folder)]), data)
