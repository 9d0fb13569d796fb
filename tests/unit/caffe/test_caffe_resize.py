"""Interp, Upsample and Resample."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from caffe_net import infer
from numpy.typing import NDArray

from ovlab.caffe import read_model
from ovlab.errors import OvlabError

Array = NDArray[np.float32]


def bilinear(x: Array, height: int, width: int) -> Array:
    """Corner-aligned bilinear interpolation, one axis after the other."""

    def along(values: Array, axis: int, count: int) -> Array:
        length = values.shape[axis]
        at = np.arange(count) * ((length - 1) / (count - 1) if count > 1 else 0)
        low = np.minimum(at.astype(int), length - 1)
        part = (at - low).reshape([-1 if i == axis else 1 for i in range(values.ndim)])
        high = np.minimum(low + 1, length - 1)
        return np.take(values, low, axis) * (1 - part) + np.take(values, high, axis) * part

    return along(along(x, 2, height), 3, width)


@pytest.mark.parametrize(
    ("setting", "size"),
    [
        ("height: 9 width: 13", (9, 13)),
        ("zoom_factor: 2", (9, 11)),  # 5 + 4, 6 + 5
        ("shrink_factor: 2", (3, 3)),  # 4 / 2 + 1, 5 / 2 + 1
        ("shrink_factor: 2 zoom_factor: 3", (7, 7)),  # 3 + 2 * 2
        ("zoom_factor: 2 height: 3 width: 3", (9, 11)),  # the factor wins
        ("height: 1 width: 2", (1, 2)),
    ],
)
def test_interp(run: Callable[..., Array], rng: np.random.Generator, setting: str, size: tuple[int, int]) -> None:
    x = rng.standard_normal((2, 3, 5, 6), np.float32)
    y = run(f'type: "Interp" interp_param {{ {setting} }}', x)
    np.testing.assert_allclose(y, bilinear(x, *size), atol=1e-5)


def test_interp_crops(run: Callable[..., Array], rng: np.random.Generator) -> None:
    x = rng.standard_normal((1, 2, 7, 8), np.float32)
    y = run('type: "Interp" interp_param { zoom_factor: 2 pad_beg: -1 pad_end: -2 }', x)
    np.testing.assert_allclose(y, bilinear(x[:, :, 1:-2, 1:-2], 7, 9), atol=1e-5)
    y = run('type: "Interp" interp_param { zoom_factor: 2 pad_beg: -3 }', x)
    np.testing.assert_allclose(y, bilinear(x[:, :, 3:, 3:], 7, 9), atol=1e-5)


def test_interp_to_a_second_bottom(run: Callable[..., Array], rng: np.random.Generator) -> None:
    x = rng.standard_normal((1, 2, 5, 5), np.float32)
    y = run('type: "Interp"', x, np.zeros((1, 7, 8, 4), np.float32))
    np.testing.assert_allclose(y, bilinear(x, 8, 4), atol=1e-5)


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ("", "states no size"),
        ("height: 3", "states no size"),
        ("height: 3 width: 0", "expected at least 1"),
        ("zoom_factor: 0", "must be at least 1"),
        ("zoom_factor: 2 pad_beg: 1", "expected 0, or less to crop"),
        ("zoom_factor: 2 pad_beg: -5", "crop all of its bottom away"),
    ],
)
def test_bad_interps_say_what_is_wrong(run: Callable[..., Array], setting: str, problem: str) -> None:
    with pytest.raises(OvlabError, match=problem):
        run(f'type: "Interp" interp_param {{ {setting} }}', np.zeros((1, 2, 5, 5), np.float32))


def test_upsample_repeats(run: Callable[..., Array], rng: np.random.Generator) -> None:
    x = rng.standard_normal((2, 3, 2, 4), np.float32)
    y = run('type: "Upsample" upsample_param { scale: 3 }', x)
    np.testing.assert_array_equal(y, x.repeat(3, 2).repeat(3, 3))
    y = run('type: "Upsample" upsample_param { scale_h: 1 scale_w: 2 }', x)
    np.testing.assert_array_equal(y, x.repeat(2, 3))


SEGNET = """input: "x" input_shape { dim: 2 dim: 3 dim: 5 dim: 6 }
layer { name: "p" type: "Pooling" bottom: "x" top: "p" top: "mask" pooling_param { kernel_size: 2 stride: 2 } }
layer { name: "u" type: "Upsample" bottom: "p" bottom: "mask" top: "u" upsample_param { scale: 2 pad_out_h: true } }"""


def test_unpooling_puts_maxima_back(files: Callable[..., tuple[Path, Path]], rng: np.random.Generator) -> None:
    x = rng.permutation(2 * 3 * 5 * 6).astype(np.float32).reshape(2, 3, 5, 6) + 1
    prototxt, weights = files(SEGNET)
    y = infer(read_model(prototxt, weights, outputs=["mask", "p"]), x)
    wanted, mask = np.zeros_like(x), np.zeros((2, 3, 3, 3))
    for n, c, i, j in np.ndindex(2, 3, 3, 3):
        window = x[n, c, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
        r, s = np.unravel_index(window.argmax(), window.shape)
        wanted[n, c, 2 * i + r, 2 * j + s] = window.max()
        mask[n, c, i, j] = (2 * i + r) * 6 + 2 * j + s
    np.testing.assert_array_equal(y["mask"], mask)
    np.testing.assert_array_equal(y["u"], wanted)


def test_unpooling_to_a_stated_size(files: Callable[..., tuple[Path, Path]], rng: np.random.Generator) -> None:
    text = SEGNET.replace("scale: 2 pad_out_h: true", "upsample_h: 5 upsample_w: 6")
    x = rng.uniform(1, 2, (2, 3, 5, 6)).astype(np.float32)
    prototxt, weights = files(text)
    y = infer(read_model(prototxt, weights), x)["u"]
    assert y.shape == x.shape
    np.testing.assert_array_equal(y[y != 0], x[y != 0])
    assert np.count_nonzero(y) == 2 * 3 * 9


def test_bad_upsamples_say_what_is_wrong(run: Callable[..., Array]) -> None:
    x = np.zeros((1, 2, 4, 4), np.float32)
    with pytest.raises(OvlabError, match=r"mask has shape \(1, 2, 3, 4\); expected \(1, 2, 4, 4\)"):
        run('type: "Upsample"', x, np.zeros((1, 2, 3, 4), np.float32))
    with pytest.raises(OvlabError, match=r"can't repeat the pixels of \[4, 4\] to \[6, 6\]"):
        run('type: "Upsample" upsample_param { upsample_h: 6 upsample_w: 6 }', x)
    with pytest.raises(OvlabError, match="expected a scale of at least 1"):
        run('type: "Upsample" upsample_param { scale: 0 }', x)
    with pytest.raises(OvlabError, match="a second top; only a windowed MAX has a mask"):
        run('type: "Pooling" top: "other" pooling_param { pool: AVE kernel_size: 2 }', x)


def resampled(x: Array, height: int, width: int, kind: str, antialias: bool = True) -> Array:
    """``resample_layer.cu`` of FlowNet 2, pixel by pixel; its centres take the other axis's half step."""
    fy, fx = x.shape[2] / height, x.shape[3] / width
    out = np.zeros((*x.shape[:2], height, width))
    smooth = antialias and (fx > 1 or fy > 1)

    def weight(distance: float) -> float:
        a = abs(distance)
        if kind == "LINEAR":
            return max(1 - a, 0)
        near, far = a * a * (1.5 * a - 2.5) + 1, a * (a * (-0.5 * a + 2.5) - 4) + 2
        return near if a <= 1 else far if a < 2 else 0

    def taps(at: float, step: float, length: int) -> list[tuple[int, float]]:
        wide = step if smooth else 1
        reach = 2 if step < 1 else math.ceil((2 if kind == "LINEAR" else 4) * wide)
        middle = int(at + math.copysign(0.5, at))
        return [(i, weight((at - i) / wide)) for i in range(max(middle - reach, 0), min(middle + reach + 1, length))]

    for i, j in np.ndindex(height, width):
        column, row = j * fx + fy / 2 - 0.5, i * fy + fx / 2 - 0.5
        if kind == "NEAREST":
            r, c = (min(max(int(v + 0.5), 0), n - 1) for v, n in ((row, x.shape[2]), (column, x.shape[3])))
            out[:, :, i, j] = x[:, :, r, c]
            continue
        total = 0.0
        for r, wy in taps(row, fy, x.shape[2]):
            for c, wx in taps(column, fx, x.shape[3]):
                out[:, :, i, j] += wy * wx * x[:, :, r, c]
                total += wy * wx
        out[:, :, i, j] /= total or 1  # no pixel in reach: 0, as in the fork
    return out


@pytest.mark.parametrize("kind", ["NEAREST", "LINEAR", "CUBIC"])
@pytest.mark.parametrize("size", [(10, 12), (3, 4), (7, 4), (5, 6), (11, 5)])
def test_resample(run: Callable[..., Array], rng: np.random.Generator, kind: str, size: tuple[int, int]) -> None:
    x = rng.standard_normal((2, 3, 5, 6), np.float32)
    for antialias in (True, False):
        y = run(
            f'type: "Resample" resample_param {{ height: {size[0]} width: {size[1]} type: {kind} '
            f"antialias: {str(antialias).lower()} }}",
            x,
        )
        np.testing.assert_allclose(y, resampled(x, *size, kind, antialias), atol=1e-5)


def test_sizes_of_resample(run: Callable[..., Array], rng: np.random.Generator) -> None:
    x = rng.standard_normal((1, 2, 5, 6), np.float32)
    y = run('type: "Resample" resample_param { factor: 2 }', x)
    np.testing.assert_allclose(y, resampled(x, 10, 12, "LINEAR"), atol=1e-5)
    y = run('type: "Resample"', x, np.zeros((1, 9, 3, 3), np.float32))
    np.testing.assert_allclose(y, resampled(x, 3, 3, "LINEAR"), atol=1e-5)
    with pytest.raises(OvlabError, match="type AREA is not supported"):
        run('type: "Resample" resample_param { type: AREA }', x)
    with pytest.raises(OvlabError, match="makes an image of 0 x 0"):
        run('type: "Resample" resample_param { factor: 0.1 }', x)
    with pytest.raises(OvlabError, match="makes an image of 4000000000 x 2; expected height and width of 1 to 16384"):
        run('type: "Resample" resample_param { height: 4000000000 width: 2 }', x)
