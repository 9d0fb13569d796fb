"""Bring an image to the input's size, and remember where it went."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ovlab.data.geometry import Placement, fit_placed, letterbox, stretch
from ovlab.data.images import INTERPOLATIONS, Image, decode_read, read_image
from ovlab.errors import OvlabError
from ovlab.specs import ResizeSpec
from ovlab.usercode.activity import note_image

_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class LoadedImage:
    """An image at the input's size.

    Attributes
    ----------
    pixels : ndarray of uint8, shape (height, width, 3)
        In BGR.
    placement : Placement or None
        Where the original lies in it; None where it was cropped.
    """

    pixels: Image
    placement: Placement | None


def load(path: Path, height: int, width: int, resize: ResizeSpec, *, upright: bool = True) -> LoadedImage:
    """Decode an image file and bring it to the input's size: see :func:`ovlab.data.decode` and :func:`fit`."""
    encoded = read_image(path)
    note_image(encoded.width * encoded.height)
    if not encoded.is_large:
        return _fitted(decode_read(encoded, upright=upright), height, width, resize)
    with _ONE_AT_A_TIME:
        return _fitted(decode_read(encoded, upright=upright), height, width, resize)


def _fitted(image: Image, height: int, width: int, resize: ResizeSpec) -> LoadedImage:
    return LoadedImage(fit(image, height, width, resize), place(image, height, width, resize))


def place(image: Image, height: int, width: int, resize: ResizeSpec) -> Placement | None:
    """Return where the whole image lies in the input, or None for a mode that crops."""
    sizes = (image.shape[1], image.shape[0], width, height)
    if resize.mode == "letterbox":
        return letterbox(*sizes, resize.anchor)
    return stretch(*sizes) if resize.mode == "stretch" and resize.size is None else None


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
    if (placement := place(image, height, width, resize)) is not None:
        return fit_placed(image, placement, interpolation=resize.interpolation, pad=resize.pad)
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
