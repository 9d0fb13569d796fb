"""The size of an image as the header of its file says it, read before anything is decoded.

JPEG and PNG, which data sets are made of, take a microsecond or two. Pillow reads the headers of those kinds for which
it makes no image of that size; of the others the few bytes are looked up here.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Callable
from typing import NamedTuple

import PIL.Image

JPEG_START, PNG_START = b"\xff\xd8", b"\x89PNG\r\n\x1a\n"
# Start of frame: all of SOF0 to SOF15 but DHT, JPG and DAC (ITU-T T.81, table B.1).
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ARITHMETIC = 0xC9
"""From this frame on the data are coded arithmetically, below by Huffman: at least a bit for each block."""
_BARE = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers without a segment."""
_SCAN = 0xDA
_DEFLATE = 1032
"""Most that a byte becomes (zlib's technical details)."""
_PILLOW = ("TIFF", "JPEG2000", "AVIF")
_NETPBM = re.compile(rb"P[1-7fF](?:\s|#[^\n]*\n)+(\d{1,9})(?:\s|#[^\n]*\n)+(\d{1,9})\s")
_PAM = re.compile(rb"P7\n(?=(?:.*\n)*?WIDTH\s+(\d{1,9})\s)(?=(?:.*\n)*?HEIGHT\s+(\d{1,9})\s)")
_RADIANCE = re.compile(rb"\n[-+]Y (\d{1,9}) [-+]X (\d{1,9})\n")
_TEXT_HEADER = 4096
# The bound of this project takes the place of Pillow's, which would be a warning or an error of its own.
PIL.Image.MAX_IMAGE_PIXELS = None


class StatedSize(NamedTuple):
    """What a header says.

    Attributes
    ----------
    width, height : int
        In pixels, as stored: an EXIF orientation is not applied.
    least : float
        Bytes that pixels of this number take at least in this kind of file; 0 where a few can stand for many.
    """

    width: int
    height: int
    least: float = 0.0


def read_stated_size(data: bytes) -> StatedSize | None:
    """Return what the header of an image file says; None if these are no image that is read here.

    Parameters
    ----------
    data : bytes
        The file's contents; its name plays no part.
    """
    try:
        if data.startswith(JPEG_START):
            return _jpeg(data)
        for start, read in _KINDS.items():
            if data.startswith(start):
                return read(data)
        return _pillow(data)
    except (struct.error, IndexError, ValueError):
        return None


def _jpeg(data: bytes) -> StatedSize | None:
    at = 2
    while True:
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF:  # any number of these may precede a marker
            at += 1
        elif marker in _FRAMES:
            height, width = data[at + 5] << 8 | data[at + 6], data[at + 7] << 8 | data[at + 8]
            # A bit for each block of 8 x 8 pixels, even in a first progressive scan.
            return StatedSize(width, height, width * height / 512 if marker < _ARITHMETIC else 0.0)
        elif marker in _BARE:
            at += 2
        elif marker == _SCAN:
            return None
        else:
            at += 2 + (data[at + 2] << 8 | data[at + 3])


def _png(data: bytes) -> StatedSize:
    width, height, depth = struct.unpack_from(">IIB", data, 16)
    return StatedSize(width, height, width * height * depth / 8 / _DEFLATE)


def _bmp(data: bytes) -> StatedSize:
    if struct.unpack_from("<I", data, 14)[0] == 12:  # OS/2's first header
        return StatedSize(*struct.unpack_from("<HH", data, 18))
    width, height, _, bits, compression = struct.unpack_from("<iiHHI", data, 18)
    return StatedSize(abs(width), abs(height), abs(width * height) * bits / 8 if compression == 0 else 0.0)


def _gif(data: bytes) -> StatedSize:
    return StatedSize(*struct.unpack_from("<HH", data, 6))


def _sun(data: bytes) -> StatedSize:
    return StatedSize(*struct.unpack_from(">II", data, 4))


def _webp(data: bytes) -> StatedSize | None:
    kind = data[12:16]
    if kind == b"VP8X":
        return StatedSize(*(1 + int.from_bytes(data[at : at + 3], "little") for at in (24, 27)))
    if kind == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        return StatedSize(1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return StatedSize(width & 0x3FFF, height & 0x3FFF)
    return None


def _text(
    pattern: re.Pattern[bytes], least: float, *, height_first: bool = False
) -> Callable[[bytes], StatedSize | None]:
    def read(data: bytes) -> StatedSize | None:
        found = pattern.search(data[:_TEXT_HEADER])
        if found is None:
            return None
        first, second = int(found[1]), int(found[2])
        width, height = (second, first) if height_first else (first, second)
        return StatedSize(width, height, least * width * height)

    return read


def _pillow(data: bytes) -> StatedSize | None:
    try:
        with PIL.Image.open(io.BytesIO(data), formats=_PILLOW) as image:
            return StatedSize(*image.size)
    # Its readers of damaged files raise nearly anything.
    except Exception:
        return None


_KINDS: dict[bytes, Callable[[bytes], StatedSize | None]] = {
    PNG_START: _png,
    b"BM": _bmp,
    b"GIF8": _gif,
    b"RIFF": _webp,
    b"P7": _text(_PAM, 1),
    b"P": _text(_NETPBM, 1 / 8),
    b"#?": _text(_RADIANCE, 0, height_first=True),
    b"\x59\xa6\x6a\x95": _sun,
}
