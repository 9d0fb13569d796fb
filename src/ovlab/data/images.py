"""From an image file to its pixels."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ovlab.data import jpeg
from ovlab.errors import OvlabError

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


class CorruptImageError(OvlabError):
    """An image that cannot be decoded, or not completely."""


def decode(path: Path, *, upright: bool = True) -> Image:
    """Decode an image file.

    Parameters
    ----------
    path : Path
        The file.
    upright : bool
        Whether to turn the image as its EXIF orientation says, or to take the pixels as they are stored.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        In OpenCV's channel order, BGR.

    Raises
    ------
    CorruptImageError
        If the file is empty, no image, or a JPEG that ends too early (decoders fill the rest with grey).
    """
    flags = cv2.IMREAD_COLOR if upright else cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    with path.open("rb", buffering=0) as file:  # a buffer would cost as much as the reading
        data = file.read()
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data else None
    except cv2.error:  # a header that states an absurd size
        image = None
    if image is None:
        raise CorruptImageError(f"{path}: cannot be decoded as an image")
    if data.startswith(jpeg.START) and not jpeg.is_whole(data):
        raise CorruptImageError(f"{path}: the JPEG is truncated")
    return np.asarray(image, np.uint8)
