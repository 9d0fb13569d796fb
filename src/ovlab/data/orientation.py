"""What an image's header says: its size, and how it is to be turned."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import PIL.Image

from ovlab.data.images import EncodedImage, read_image
from ovlab.data.stated_size import JPEG_START

_ORIENTATION, _EXIF = 0x0112, b"Exif"
_AS_STORED = 1
_LYING = frozenset({5, 6, 7, 8})  # EXIF orientations that swap width and height


@dataclass(frozen=True)
class ImageHeader:
    """Size and orientation of an image file.

    Attributes
    ----------
    width, height : int
        Of the pixels as they are stored.
    orientation : int
        Of its EXIF data, 1 to 8; 1 (as stored) where they say nothing.
    """

    width: int
    height: int
    orientation: int

    @property
    def is_turned(self) -> bool:
        """Whether the upright image is not the stored one."""
        return self.orientation != _AS_STORED

    def size(self, *, upright: bool) -> tuple[int, int]:
        """Return width and height in pixels, after the EXIF orientation or as stored."""
        lies = upright and self.orientation in _LYING
        return (self.height, self.width) if lies else (self.width, self.height)


def read_header(path: Path) -> ImageHeader:
    """Read an image's header; its pixels are not decoded.

    Raises
    ------
    CorruptImageError
        If the file is no image.
    TooLargeError
        If the file or the image is larger than the limits allow.
    """
    encoded = read_image(path)
    return ImageHeader(encoded.width, encoded.height, _orientation(encoded))


def _orientation(encoded: EncodedImage) -> int:
    if encoded.data.startswith(JPEG_START) and _EXIF not in encoded.data:
        return _AS_STORED
    try:
        with PIL.Image.open(io.BytesIO(encoded.data)) as image:
            said = image.getexif().get(_ORIENTATION)
    except (OSError, ValueError, SyntaxError):  # of a kind that Pillow does not read
        return _AS_STORED
    return said if isinstance(said, int) and 1 <= said <= 8 else _AS_STORED
