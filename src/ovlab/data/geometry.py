"""Where a whole image lies in a model's input, and how what is found there comes back to the image.

Coordinates are continuous: 0 is the left (upper) edge of the first pixel and ``width`` the right edge of the last, so
scaling an image by s scales its boxes by s, and a box's width is ``xmax - xmin``.

A box refers to pixels as they are annotated. COCO's and Pascal VOC's boxes refer to the pixels as stored, so the EXIF
orientation of a photograph must not be applied when it is decoded for detection (OpenCV does so unless
``IMREAD_IGNORE_ORIENTATION`` is given); the labels of YOLO's tools refer to the upright image, so there it must be.
`ovlab.tasks.detection.annotations.AnnotatedSplit.upright` says which.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from ovlab.data.images import INTERPOLATIONS, Image
from ovlab.errors import OvlabError, nearest

FloatArray = NDArray[np.float64]
Anchor = Literal["centre", "corner"]

GREY = 114
"""What the YOLO families pad with."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where an image lies in the input.

    Parameters
    ----------
    image_width, image_height : int
        Size of the original image in pixels.
    input_width, input_height : int
        Size of the input in pixels.
    left, top : int
        Upper left corner of the resized image in the input, in pixels.
    width, height : int
        Size of the resized image in the input, in pixels.

    Raises
    ------
    OvlabError
        If a size is below 1 or the resized image does not lie inside of the input.
    """

    image_width: int
    image_height: int
    input_width: int
    input_height: int
    left: int
    top: int
    width: int
    height: int

    def __post_init__(self) -> None:
        sizes = (self.image_width, self.image_height, self.input_width, self.input_height, self.width, self.height)
        if min(sizes) < 1:
            raise OvlabError(f"placement: sizes {sizes}, expected at least 1 pixel each")
        fits = self.left >= 0 and self.top >= 0
        if not fits or self.left + self.width > self.input_width or self.top + self.height > self.input_height:
            raise OvlabError(
                f"placement: {self.width}x{self.height} pixels at {self.left},{self.top} do not lie inside of the "
                f"input's {self.input_width}x{self.input_height}"
            )

    def to_input(self, boxes: FloatArray) -> FloatArray:
        """Map boxes of the original image into the input.

        Parameters
        ----------
        boxes : ndarray, shape (n, 4)
            ``xmin, ymin, xmax, ymax`` in pixels of the original image.

        Returns
        -------
        ndarray, shape (n, 4)
            The same in pixels of the input.
        """
        return boxes * self._scale() + self._offset()

    def to_original(self, boxes: FloatArray, *, clip: bool = True) -> FloatArray:
        """Map boxes of the input back into the original image.

        Parameters
        ----------
        boxes : ndarray, shape (n, 4)
            ``xmin, ymin, xmax, ymax`` in pixels of the input.
        clip : bool, default True
            Whether to cut off what lies outside of the image. A box in the padding is empty then.

        Returns
        -------
        ndarray, shape (n, 4)
            The same in pixels of the original image.
        """
        mapped = (boxes - self._offset()) / self._scale()
        if not clip:
            return mapped
        borders = np.array([self.image_width, self.image_height] * 2, dtype=np.float64)
        return np.clip(mapped, 0.0, borders)

    def _scale(self) -> FloatArray:
        # Of the pixels really made: for a letterbox, rounding makes the two axes differ a little.
        return np.array([self.width / self.image_width, self.height / self.image_height] * 2)

    def _offset(self) -> FloatArray:
        return np.array([self.left, self.top] * 2, dtype=np.float64)


@functools.lru_cache(maxsize=256)  # many images of a data set have one size
def stretch(image_width: int, image_height: int, input_width: int, input_height: int) -> Placement:
    """Fill the input, whatever the aspect ratio.

    Parameters
    ----------
    image_width, image_height, input_width, input_height : int
        Sizes in pixels.

    Returns
    -------
    Placement
        The whole input.

    Raises
    ------
    OvlabError
        If a size is below 1.
    """
    return Placement(image_width, image_height, input_width, input_height, 0, 0, input_width, input_height)


@functools.lru_cache(maxsize=256)
def letterbox(
    image_width: int, image_height: int, input_width: int, input_height: int, anchor: Anchor = "centre"
) -> Placement:
    """Keep the aspect ratio and pad what remains.

    Parameters
    ----------
    image_width, image_height, input_width, input_height : int
        Sizes in pixels.
    anchor : {"centre", "corner"}, default "centre"
        Pad on both sides alike (an odd pixel goes to the right or the bottom), or only there.

    Returns
    -------
    Placement
        The largest that fits: smaller images are enlarged.

    Raises
    ------
    OvlabError
        If a size is below 1 or `anchor` is not known.
    """
    if min(image_width, image_height) < 1:
        raise OvlabError(f"letterbox: image of {image_width}x{image_height} pixels, expected at least 1x1")
    if anchor not in ("centre", "corner"):
        raise OvlabError(f"letterbox: anchor '{anchor}' is unknown{nearest(anchor, ('centre', 'corner'))}")
    factor = min(input_width / image_width, input_height / image_height)
    # A strip of an image is at least one pixel high; rounding must not leave the input.
    width = min(max(round(image_width * factor), 1), input_width)
    height = min(max(round(image_height * factor), 1), input_height)
    centred = anchor == "centre"
    left = (input_width - width) // 2 if centred else 0
    top = (input_height - height) // 2 if centred else 0
    return Placement(image_width, image_height, input_width, input_height, left, top, width, height)


def fit_placed(image: Image, placement: Placement, *, interpolation: str = "linear", pad: int = GREY) -> Image:
    """Make the input from an image.

    Parameters
    ----------
    image : ndarray of uint8, shape (image_height, image_width, 3)
        The decoded image.
    placement : Placement
        Where it goes, see `stretch` and `letterbox`.
    interpolation : {"linear", "area", "cubic", "nearest"}, default "linear"
        OpenCV's interpolation.
    pad : int, default 114
        Value of the pixels around the image, 0..255, in all channels.

    Returns
    -------
    ndarray of uint8, shape (input_height, input_width, 3)

    Raises
    ------
    OvlabError
        If the image is not of the placement's size, or `interpolation` or `pad` is not valid.
    """
    if image.shape[:2] != (placement.image_height, placement.image_width):
        raise OvlabError(
            f"image is {image.shape[1]}x{image.shape[0]} pixels, expected "
            f"{placement.image_width}x{placement.image_height}"
        )
    if interpolation not in INTERPOLATIONS:
        raise OvlabError(f"interpolation '{interpolation}' is unknown{nearest(interpolation, INTERPOLATIONS)}")
    if not 0 <= pad <= 255:
        raise OvlabError(f"pad is {pad}, expected 0 to 255")
    size = (placement.width, placement.height)
    resized = image
    if image.shape[1::-1] != size:
        resized = np.asarray(cv2.resize(image, size, interpolation=INTERPOLATIONS[interpolation]), np.uint8)
    if size == (placement.input_width, placement.input_height):
        return np.ascontiguousarray(resized)
    result = np.full((placement.input_height, placement.input_width, image.shape[2]), pad, dtype=np.uint8)
    rows = slice(placement.top, placement.top + placement.height)
    result[rows, placement.left : placement.left + placement.width] = resized
    return result
