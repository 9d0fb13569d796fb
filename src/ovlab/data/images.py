"""From an image file to its pixels."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ovlab.data import jpeg
from ovlab.data.stated_size import read_stated_size
from ovlab.errors import OvlabError
from ovlab.files import NotAFileError
from ovlab.inputs import TooLargeError, limits, read_bytes

Image = NDArray[np.uint8]
INTERPOLATIONS = {
    "linear": cv2.INTER_LINEAR,
    "area": cv2.INTER_AREA,
    "cubic": cv2.INTER_CUBIC,
    "nearest": cv2.INTER_NEAREST,
}
IMAGE_SUFFIXES = frozenset(
    ".jpg .jpeg .jpe .jfif .png .bmp .dib .webp .tif .tiff .gif .jp2 .avif .ppm .pgm .pbm .pnm".split()
)
"""In small letters; OpenCV as it is installed here decodes them all."""
LARGE_PIXELS = 30_000_000
"""An image of more pixels is decoded while no other such image is: decoders take up to 9 bytes a pixel meanwhile."""


class CorruptImageError(OvlabError):
    """An image that cannot be decoded, or not completely."""


class EncodedImage(NamedTuple):
    """An image's file, read but not decoded: its header says no more than the limits allow.

    Attributes
    ----------
    path : Path
        The file.
    data : bytes
        Its contents.
    width, height : int
        Size in pixels as stored.
    """

    path: Path
    data: bytes
    width: int
    height: int

    @property
    def is_large(self) -> bool:
        """Whether several of its kind at once would take much memory."""
        return self.width * self.height > LARGE_PIXELS


def read_image(path: Path) -> EncodedImage:
    """Read an image's file and look at its header.

    Raises
    ------
    CorruptImageError
        If it is no regular file, cannot be read, is no image, or its header states more pixels than its bytes can hold.
    TooLargeError
        If the file or the image is larger than ``limits.image_mb`` and ``limits.image_megapixels``.
    """
    bounds = limits()
    try:
        data = read_bytes(path, bounds.image_mb, "limits.image_mb")
    except NotAFileError as error:
        raise CorruptImageError(str(error)) from None
    except OSError as error:
        raise CorruptImageError(f"{path}: {(error.strerror or 'cannot be read').lower()}") from None
    header = read_stated_size(data)
    if header is None:
        raise CorruptImageError(f"{path}: cannot be decoded as an image")
    width, height, least = header
    if least > len(data):
        raise CorruptImageError(
            f"{path}: its header says {width}x{height} pixels, which {len(data)} bytes cannot hold: it is truncated, "
            "or the header is wrong"
        )
    if width * height > bounds.image_megapixels * 1e6:
        raise TooLargeError(
            f"{path}: its header says {width}x{height} pixels, {width * height / 1e6:.0f} megapixels, more than "
            f"{bounds.image_megapixels:g} (limits.image_megapixels)"
        )
    return EncodedImage(path, data, width, height)


def decode(path: Path, *, upright: bool = True) -> Image:
    """Decode an image file.

    Parameters
    ----------
    path : Path
        The file. What it holds counts, not what its name ends with.
    upright : bool
        Whether to turn the image as its EXIF orientation says, or to take the pixels as they are stored.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        In OpenCV's channel order, BGR.

    Raises
    ------
    CorruptImageError
        As :func:`read_image` and :func:`decode_read` do.
    TooLargeError
        If the file or the image is larger than the limits allow.
    """
    return decode_read(read_image(path), upright=upright)


def decode_read(encoded: EncodedImage, *, upright: bool = True) -> Image:
    """Decode an image whose file has been read; see :func:`decode`.

    Raises
    ------
    CorruptImageError
        If the file is no image, ends too early (decoders fill the rest of a JPEG with grey), or holds another size
        than its header says.
    """
    path, data = encoded.path, encoded.data
    flags = cv2.IMREAD_COLOR if upright else cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        image = None
    if image is None:
        raise CorruptImageError(f"{path}: cannot be decoded as an image")
    if data.startswith(jpeg.START) and not jpeg.is_whole(data):
        raise CorruptImageError(f"{path}: the JPEG is truncated")
    size = image.shape[1], image.shape[0]
    if size != (encoded.width, encoded.height) and (not upright or size != (encoded.height, encoded.width)):
        raise CorruptImageError(
            f"{path}: holds {size[0]}x{size[1]} pixels, but its header says {encoded.width}x{encoded.height}"
        )
    return np.asarray(image, np.uint8)
