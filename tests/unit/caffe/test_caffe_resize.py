"""Interp and Upsample."""

from __future__ import annotations

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
