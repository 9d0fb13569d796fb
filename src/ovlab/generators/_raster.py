"""Pixels and bytes that do not depend on the machine: integer resampling and an uncompressed PNG writer.

Image libraries choose other instructions on other CPUs and other compressors in other versions, which changes
pixels by one and files altogether. Sums of integers are the same everywhere.
"""

from __future__ import annotations

import struct
import zlib
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ovlab.errors import OvlabError

# Fixed-point unit of the interpolation weights. Two passes over 8-bit pixels stay below 2**40, and float64, which is
# faster to multiply than int64, holds such integers exactly.
_ONE = 1 << 14
# Keys' kernel with this parameter reproduces quadratics: R. Keys, "Cubic Convolution Interpolation for Digital Image
# Processing", IEEE Trans. ASSP 29(6), 1981, eq. 15.
_KEYS_A = -0.5
_MAX_STORED_BLOCK = 0xFFFF  # RFC 1951, 3.2.4: a stored block's length has 16 bits


def check_integer(owner: str, key: str, value: object, *, low: int, high: int) -> int:
    """Refuse a parameter that is not an integer in ``low..high``.

    Parameters
    ----------
    owner, key : str
        The generator's and the parameter's name, for the message.
    value : object
        What was given.
    low, high : int
        The least and the greatest value allowed.

    Returns
    -------
    int
        The value.

    Raises
    ------
    OvlabError
        It is of another type or out of range.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise OvlabError(f"generator '{owner}': {key} is {value!r}, expected an integer from {low} to {high}")
    return value


@cache
def _taps(source: int, target: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Give for each of `target` samples four source places and their weights in units of ``1 / _ONE``; edges repeat."""
    # Products instead of powers: multiplication is rounded alike everywhere, pow() is not.
    position = (np.arange(target) + 0.5) * source / target - 0.5
    first = np.floor(position).astype(np.intp) - 1
    places = first[:, None] + np.arange(4)
    x = np.abs(position[:, None] - places)
    near = ((_KEYS_A + 2) * x - (_KEYS_A + 3)) * x * x + 1
    far = _KEYS_A * (((x - 5) * x + 8) * x - 4)
    weights = np.rint(np.where(x <= 1, near, far) * _ONE)
    weights[np.arange(target), weights.argmax(axis=1)] += _ONE - weights.sum(axis=1)  # a flat area stays flat
    return np.clip(places, 0, source - 1), weights


def _interpolate(image: NDArray[np.float64], target: int) -> NDArray[np.float64]:
    """Enlarge along the first axis; the result is in units of ``1 / _ONE``."""
    places, weights = _taps(image.shape[0], target)
    shape = (target, *[1] * (image.ndim - 1))
    result = image[places[:, 0]] * weights[:, 0].reshape(shape)
    for tap in range(1, 4):
        result += image[places[:, tap]] * weights[:, tap].reshape(shape)
    return result


def resize_cubic(image: NDArray[np.integer], height: int, width: int) -> NDArray[np.uint8]:
    """Enlarge an 8-bit image by cubic convolution in integer arithmetic.

    Parameters
    ----------
    image : ndarray of int, shape (h, w) or (h, w, channels)
        Values 0..255.
    height, width : int
        The new size in pixels; at least ``h`` and ``w``, since nothing is smoothed before sampling.

    Returns
    -------
    ndarray of uint8, shape (height, width) or (height, width, channels)
        Rounded to nearest and clipped to 0..255.
    """
    wide = _interpolate(image.astype(np.float64).swapaxes(0, 1), width).swapaxes(0, 1)
    scaled = _interpolate(np.ascontiguousarray(wide), height)
    rounded = np.floor(scaled / (_ONE * _ONE) + 0.5)
    pixels: NDArray[np.uint8] = np.clip(rounded, 0, 255).astype(np.uint8)
    return pixels


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_bytes(image: NDArray[np.uint8]) -> bytes:
    """Encode a grey image as a PNG without compression.

    Parameters
    ----------
    image : ndarray of uint8, shape (h, w)
        The image.

    Returns
    -------
    bytes
        A PNG file (ISO/IEC 15948) whose data are stored deflate blocks (RFC 1950, RFC 1951): no compressor takes
        part, so every machine and every zlib write the same bytes.
    """
    height, width = image.shape
    lines = np.zeros((height, width + 1), dtype=np.uint8)  # column 0 is the filter type: none
    lines[:, 1:] = image
    raw = lines.tobytes()
    blocks = [raw[start : start + _MAX_STORED_BLOCK] for start in range(0, len(raw), _MAX_STORED_BLOCK)]
    stored = b"".join(
        struct.pack("<BHH", number == len(blocks) - 1, len(block), len(block) ^ 0xFFFF) + block
        for number, block in enumerate(blocks)
    )
    stream = b"\x78\x01" + stored + struct.pack(">I", zlib.adler32(raw))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", stream) + _chunk(b"IEND", b"")
