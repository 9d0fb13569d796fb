"""Resampling and PNG writing that do not depend on the machine."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ovlab.generators._draw import Draw
from ovlab.generators._raster import png_bytes, resize_cubic

FIXED_INTEGERS = [92, 75, 66, 48, 45]
FIXED_BYTES = [69, 122, 58]


def keys_reference(image, height, width):
    """Cubic convolution in floating point, from the definition (Keys 1981, eq. 15), edges repeated."""

    def kernel(x):
        x = abs(x)
        if x <= 1:
            return 1.5 * x**3 - 2.5 * x**2 + 1
        return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0.0

    def matrix(source, target):
        result = np.zeros((target, source))
        for row in range(target):
            position = (row + 0.5) * source / target - 0.5
            for place in range(-3, source + 3):
                result[row, min(max(place, 0), source - 1)] += kernel(position - place)
        return result

    result = np.tensordot(matrix(image.shape[0], height), image.astype(float), (1, 0))
    result = np.moveaxis(np.tensordot(matrix(image.shape[1], width), result, (1, 1)), 0, 1)
    return result.clip(0, 255)


@pytest.mark.parametrize(("source", "target"), [((8, 8), (64, 64)), ((5, 7), (33, 50)), ((4, 3, 3), (21, 40))])
def test_cubic_equals_the_definition(source, target):
    image = Draw("test", *source).bytes(*source)
    got = resize_cubic(image, *target)
    assert got.dtype == np.uint8 and got.shape == (*target, *source[2:])
    assert np.abs(got - keys_reference(image, *target)).max() <= 0.55  # rounding, and the weights' fixed point


def test_cubic_keeps_a_flat_area_and_the_same_size():
    assert (resize_cubic(np.full((3, 3), 201, np.uint8), 17, 23) == 201).all()
    image = Draw("same").bytes(9, 9)
    np.testing.assert_array_equal(resize_cubic(image, 9, 9), image)


@pytest.mark.parametrize("shape", [(1, 1), (8, 8), (300, 400)])  # the last needs more than one stored block
def test_png_is_read_back(shape):
    image = Draw("png").bytes(*shape)
    decoded = cv2.imdecode(np.frombuffer(png_bytes(image), np.uint8), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(decoded, image)


def test_draw_is_a_fixed_stream():
    """These numbers must never change: scenes and the models trained on them depend on them."""
    draw = Draw("fixed", 1)
    assert [draw.integer(0, 99) for _ in range(5)] == FIXED_INTEGERS
    assert draw.bytes(3).tolist() == FIXED_BYTES


def test_draw_covers_its_range_evenly():
    draw = Draw("even")
    counts = np.bincount([draw.integer(2, 6) for _ in range(5000)])
    assert counts[:2].tolist() == [0, 0] and counts[2:].min() > 900 and counts[2:].max() < 1100
    share = np.mean([draw.chance(30) for _ in range(5000)])
    assert 0.27 < share < 0.33


def test_keys_name_streams():
    assert Draw("a", 1).bytes(16).tolist() != Draw("a", 2).bytes(16).tolist()
    assert Draw("a", 1).bytes(16).tolist() == Draw("a", "1").bytes(16).tolist()
