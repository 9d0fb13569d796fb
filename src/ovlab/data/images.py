"""From an image file to the array that an IR takes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ovlab.errors import OvlabError
from ovlab.specs import ResizeSpec

Image = NDArray[np.uint8]
INTERPOLATIONS = {
    "linear": cv2.INTER_LINEAR,
    "area": cv2.INTER_AREA,
    "cubic": cv2.INTER_CUBIC,
    "nearest": cv2.INTER_NEAREST,
}
JPEG_START, JPEG_SCAN, JPEG_END = b"\xff\xd8", b"\xff\xda", b"\xff\xd9"


class CorruptImageError(OvlabError):
    """An image that cannot be decoded, or only in part."""


def decode(path: Path) -> Image:
    """Decode an image file.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        In OpenCV's channel order, BGR.

    Raises
    ------
    CorruptImageError
        If the file is empty, no image, or a JPEG that ends too early (decoders fill the rest with grey).
    """
    data = path.read_bytes()
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if image is None:
        raise CorruptImageError(f"{path}: cannot be decoded as an image")
    # Within the scan data no marker can occur, so the end mark must follow the last scan.
    if data.startswith(JPEG_START) and data.find(JPEG_END, data.rfind(JPEG_SCAN)) < 0:
        raise CorruptImageError(f"{path}: the JPEG is truncated")
    return np.asarray(image, np.uint8)


def fit(image: Image, height: int, width: int, resize: ResizeSpec) -> Image:
    """Bring an image to the input's size.

    Parameters
    ----------
    image : ndarray of uint8, shape (h, w, 3)
        The decoded image.
    height, width : int
        Size of the input in pixels.
    resize : ResizeSpec
        How.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)

    Raises
    ------
    OvlabError
        If the resized image is smaller than the input.
    """
    interpolation = INTERPOLATIONS[resize.interpolation]
    if resize.mode == "stretch" and resize.size is None:
        return _resized(image, height, width, interpolation)
    if resize.mode == "stretch":
        image = _resized(image, int(resize.size or 0), int(resize.size or 0), interpolation)
    elif resize.mode == "shorter_side":
        factor = (resize.size or min(height, width)) / min(image.shape[:2])
        image = _resized(image, round(image.shape[0] * factor), round(image.shape[1] * factor), interpolation)
    return _centre_crop(image, height, width)


def _resized(image: Image, height: int, width: int, interpolation: int) -> Image:
    if image.shape[:2] == (height, width):
        return image
    return np.asarray(cv2.resize(image, (width, height), interpolation=interpolation), np.uint8)


def _centre_crop(image: Image, height: int, width: int) -> Image:
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    if top < 0 or left < 0:
        raise OvlabError(
            f"preprocess.resize: gives {image.shape[1]}x{image.shape[0]} pixels, less than the input's {width}x{height}"
        )
    return np.ascontiguousarray(image[top : top + height, left : left + width])


def load(path: Path, height: int, width: int, resize: ResizeSpec) -> Image:
    """Decode an image file and bring it to the input's size: see :func:`decode` and :func:`fit`."""
    return fit(decode(path), height, width, resize)
