"""Images that are none, that are too large, or that never end; lists of them, and class names."""

from __future__ import annotations

import os
import shutil
import stat
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from toy import CLASSES

from campaign.cases import Command, Family, Room

IMAGES, LISTS, CLASS_NAMES = Family("images"), Family("lists"), Family("class names")
FAMILIES = (IMAGES, LISTS, CLASS_NAMES)
FOLDERS = {"task": "classification", "format": "class_folders", "splits": {"validation": {"images": "val"}}}
LIST = {
    "task": "classification",
    "format": "imagenet_list",
    "splits": {"validation": {"images": "images", "list": "val.txt"}},
    "class_names": list(CLASSES),
}


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">L", len(content)) + kind + content + struct.pack(">L", zlib.crc32(kind + content))


def png(width: int, height: int, pixels: bytes = b"") -> bytes:
    head = chunk(b"IHDR", struct.pack(">LLBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")


def jpeg_with_size(path: Path, width: int, height: int) -> bytes:
    """Return a JPEG whose header states another size."""
    content = bytearray(path.read_bytes())
    start = content.index(b"\xff\xc0")
    struct.pack_into(">HH", content, start + 5, height, width)
    return bytes(content)


def small_jpeg(folder: Path) -> Path:
    import cv2
    import numpy as np

    path = folder / "small.jpg"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    return path


def bmp(width: int, height: int) -> bytes:
    return b"BM" + struct.pack("<LHHLLllHHLLllLL", 54, 0, 0, 54, 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0) + bytes(64)


def add(name: str, file: str, put: Callable[[Path, Room], object], words: str, *, passes: bool = False) -> None:
    """One image of the validation split becomes hostile; all others are in order."""

    def made(room: Room) -> Command:
        data = room.here / "data"
        shutil.copytree(room.bench.folder / "data", data)
        path = data / "val" / CLASSES[0] / file
        put(path, room)
        return room.validate(data, FOLDERS)

    IMAGES.add(name, made, words if passes else rf"^failed: .*{words}", passes=passes)


def content(make: bytes | Callable[[Room], bytes]) -> Callable[[Path, Room], object]:
    return lambda path, room: path.write_bytes(make if isinstance(make, bytes) else make(room))


NONE = "bad.* (cannot be decoded as an image|is no image|is empty|not an image)"
LARGE = "bad.*pixels"
add("empty", "bad.png", content(b""), "bad.png")
add("text", "bad.png", content(b"no image" * 100), "bad.png")
add("zeros", "bad.jpg", content(bytes(10_000)), "bad.jpg")
add("page", "bad.jpg", content(b"<html>404 Not Found</html>"), "bad.jpg")
add("first bytes of a PNG", "bad.png", content(b"\x89PNG\r\n\x1a\n"), "bad.png")
add("first bytes of a JPEG", "bad.jpg", content(b"\xff\xd8\xff"), "bad.jpg")
add("half a JPEG", "bad.jpg", content(lambda room: small_jpeg(room.here).read_bytes()[:1500]), "bad.jpg")
add("PNG of 32000 squared", "bad.png", content(png(32_000, 32_000, bytes(1000))), "bad.png")
add("PNG of 2^31 squared", "bad.png", content(png(2**31 - 1, 2**31 - 1)), "bad.png")
add("PNG without height", "bad.png", content(png(10, 0)), "bad.png")
add("PNG without pixels", "bad.png", content(png(10, 10)[:60]), "bad.png")
add(
    "PNG of 32000 squared with its pixels",
    "bad.png",
    content(lambda room: png(32_000, 32_000, bytes(96_001) * 3000)),
    "bad.png",
)
for size in (30_000, 65_500):
    add(
        f"JPEG header of {size} squared",
        "bad.jpg",
        content(lambda room, size=size: jpeg_with_size(small_jpeg(room.here), size, size)),
        "bad.jpg",
    )
add("JPEG without height", "bad.jpg", content(lambda room: jpeg_with_size(small_jpeg(room.here), 64, 0)), "bad.jpg")
add("BMP of 50000 squared", "bad.bmp", content(bmp(50_000, 50_000)), "bad.bmp")
add("BMP of negative size", "bad.bmp", content(bmp(-10, -(2**31))), "bad.bmp")
add("PPM of 100000 squared", "bad.ppm", content(b"P6 100000 100000 255\n" + bytes(99)), "bad.ppm")
add("PPM of many digits", "bad.ppm", content(b"P6 " + b"9" * 5000 + b" 1 255\n"), "bad.ppm")
TIFF = b"II*\0\x08\0\0\0" + struct.pack("<H", 2) + struct.pack("<HHLL", 256, 4, 1, 2**31 - 1)
TIFF += struct.pack("<HHLL", 257, 4, 1, 2**31 - 1) + bytes(4)
add("TIFF of 2^31 squared", "bad.tif", content(TIFF), "bad.tif")
LOOP = b"II*\0\x08\0\0\0" + struct.pack("<H", 1) + struct.pack("<HHLL", 256, 4, 1, 5) + struct.pack("<L", 8)
add("TIFF that leads back to itself", "bad.tif", content(LOOP), "bad.tif")
add("WebP of nothing", "bad.webp", content(b"RIFF\xff\xff\xff\xffWEBPVP8 \xff\xff\xff\xff"), "bad.webp")
add("zip called PNG", "bad.png", content(b"PK\x03\x04" + bytes(500)), "bad.png")
add("endless device", "bad.png", lambda path, room: path.symlink_to("/dev/zero"), "bad.png")
add("random device", "bad.png", lambda path, room: path.symlink_to("/dev/urandom"), "bad.png")
add("pipe", "bad.png", lambda path, room: os.mkfifo(path), "bad.png")


def unix_socket(path: Path, room: Room) -> None:
    os.mknod(path, stat.S_IFSOCK | 0o600)


def folder(path: Path, room: Room) -> None:
    path.mkdir()
    shutil.copy(small_jpeg(room.here), path / "a.png")


# What is called like an image and is a folder is a folder: those of a class may be sorted further.
add("folder", "bad.png", lambda path, room: path.mkdir(), r"top-1 .* of 8 images$", passes=True)
add("folder with an image in it", "bad.png", folder, r"top-1 .* of 9 images$", passes=True)
add("socket", "bad.png", unix_socket, "bad.png")
add("link to a folder", "bad.png", lambda path, room: path.symlink_to("."), r"top-1 .* of 8 images$", passes=True)
add("broken link", "bad.png", lambda path, room: path.symlink_to("nowhere.png"), "bad.png")
add("link to itself", "bad.png", lambda path, room: path.symlink_to("bad.png"), "bad.png")


def sparse(path: Path, room: Room) -> None:
    with path.open("wb") as file:
        file.write(png(10, 10)[:40])
        file.truncate(20 * 10**9)


add("20 GB of holes", "bad.png", sparse, "bad.png")


def listed(room: Room, text: str | bytes, **changes: Any) -> Command:
    data = room.here / "data"
    shutil.copytree(room.bench.folder / "data/val" / CLASSES[0], data / "images")
    (data / "val.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
    return room.validate(data, LIST | changes)


def listing(name: str, text: str | bytes, words: str, *, passes: bool = False) -> None:
    LISTS.add(name, lambda room: listed(room, text), words if passes else rf"^failed: .*{words}", passes=passes)


READ = r"top-1 .* of 1 images$"


listing("empty", "", "image")
listing("only spaces", "  \n\n  \n", "image")
listing("no class", "2.png\n", "line 1: .*is not 'path class-index'")
listing("class of text", "2.png dog\n", "line 1: .*is not 'path class-index'")
listing("negative class", "2.png -1\n", "line 1: .*is not 'path class-index'")
listing("broken class", "2.png 1.5\n", "line 1: .*is not 'path class-index'")
listing("class out of range", "2.png 4\n", "line 1: class index 4 is out of range")
listing("class of 5000 digits", f"2.png {'9' * 5000}\n", "line 1: ")
listing("class in other digits", "2.png \u0664\n", "line 1: ")
listing("second line", "2.png 0\nno\n", "line 2: ")
listing("missing image", "nowhere.png 0\n", "line 1: no image 'nowhere.png'")
listing("outside", "../../../canary/canary.txt 0\n", "points outside of the data set")
listing("absolute", "/etc/passwd 0\n", "points outside of the data set")
listing("itself", "../val.txt 0\n", "line 1: ")
listing("a folder", ". 0\n", "line 1: ")
listing("NUL", "a\0b.png 0\n", "line 1: ")
listing("Latin-1", b"caf\xe9.png 0\n", "val.txt")
listing("UTF-16 with its mark", "2.png 0\n".encode("utf-16"), READ, passes=True)
listing("binary", bytes(range(256)) * 10, "val.txt")
listing("long name", "x" * 10_000 + " 0\n", "line 1: .* is longer than the name of a file can be")
listing("control signs", "\x1b[31m\u202e.png 0\n", "line 1: ")
listing("the same image twice", "2.png 0\n2.png 1\n", "line 2: ")
listing("a line of 50 MB", "x" * 50_000_000, "line 1: ")


def classes(name: str, text: str | bytes, words: str, *, passes: bool = False) -> None:
    def made(room: Room) -> Command:
        room.write("data/names.txt", text)
        return listed(room, "2.png 0\n", class_names="names.txt")

    CLASS_NAMES.add(name, made, words if passes else rf"^failed: .*{words}", passes=passes)


def some(room: Room, names: str) -> Command:
    return listed(room, "2.png 0\n", class_names=names)


classes("empty", "", "names.txt|class_names")
classes("only blank lines", "\n\n\n", "names.txt|class_names")
classes("one too few", "a\nb\nc\n", "output: 4 numbers for one image, expected [35] scores")
classes("one too many", "a\nb\nc\nd\ne\n", "output: 4 numbers for one image, expected [35] scores")
classes("twice, as ImageNet's crane", "a\na\nb\nc\n", READ, passes=True)
classes("Latin-1", b"caf\xe9\nb\nc\nd\n", "names.txt")
classes("UTF-16 with its mark", "a\nb\nc\nd\n".encode("utf-16"), READ, passes=True)
classes("binary", bytes(range(256)) * 10, "names.txt")
classes("NUL", "a\0\nb\nc\nd\n", "names.txt")
for where in ("nowhere.txt", "../../canary/canary.txt", "/etc/passwd", ".", ""):
    CLASS_NAMES.add(f"file {where!r}", lambda room, where=where: some(room, where), "^failed: .*(class_names|names)")
