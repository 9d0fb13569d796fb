"""Pooling and LRN against loops over windows that follow Caffe's rules."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from ovlab.errors import OvlabError

Array = NDArray[np.float32]


def pooled(x: Array, kernel: int, stride: int, pad: int, method: str, *, floor: bool = False) -> Array:
    """Caffe's pooling, window by window."""
    counts = []
    for length in x.shape[2:]:
        steps = (length + 2 * pad - kernel) / stride
        count = (math.floor(steps) if floor else math.ceil(steps)) + 1
        if pad and (count - 1) * stride >= length + pad:
            count -= 1  # a window that starts in the padding on the right
        counts.append(count)
    y = np.zeros((*x.shape[:2], *counts), np.float32)
    height, width = x.shape[2:]
    for i in range(counts[0]):
        for j in range(counts[1]):
            top, left = i * stride - pad, j * stride - pad
            bottom, right = min(top + kernel, height + pad), min(left + kernel, width + pad)
            area = (bottom - top) * (right - left)
            window = x[:, :, max(top, 0) : min(bottom, height), max(left, 0) : min(right, width)]
            y[:, :, i, j] = window.max((2, 3)) if method == "MAX" else window.sum((2, 3)) / area
    return y


@pytest.mark.parametrize("method", ["MAX", "AVE"])
@pytest.mark.parametrize("kernel", [2, 3, 5])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_pooling(run: Callable[..., Array], rng: np.random.Generator, method: str, kernel: int, stride: int) -> None:
    for height, width in ((7, 9), (8, 6), (13, 10)):
        x = rng.standard_normal((1, 2, height, width), np.float32)
        for pad in range(0, kernel // 2 + 1):
            if kernel < stride and not pad:
                continue  # the last window lies beyond the image, where there is nothing to compute
            setting = f"pool: {method} kernel_size: {kernel} stride: {stride} pad: {pad}"
            y = run(f'type: "Pooling" pooling_param {{ {setting} }}', x)
            wanted = pooled(x, kernel, stride, pad, method)
            assert y.shape == wanted.shape, (setting, height, width)
            np.testing.assert_allclose(y, wanted, atol=1e-6, err_msg=f"{setting} {height}x{width}")


def test_caffe_rounds_up_and_drops_a_window_in_the_padding(run: Callable[..., Array]) -> None:
    x = np.arange(36, dtype=np.float32).reshape(1, 1, 6, 6)
    # ceil((6 - 3) / 2) + 1 = 3 windows without padding, where rounding down gives 2
    assert run('type: "Pooling" pooling_param { kernel_size: 3 stride: 2 }', x).shape[2:] == (3, 3)
    # ceil((6 + 2 - 2) / 2) + 1 = 4 with padding; the last one starts at 5
    assert run('type: "Pooling" pooling_param { kernel_size: 2 stride: 2 pad: 1 }', x).shape[2:] == (4, 4)
    # at 7: ceil((7 + 2 - 2) / 2) + 1 = 5, the last one would start at 8 - 1 = 7, in the padding
    x = np.zeros((1, 1, 7, 7), np.float32)
    assert run('type: "Pooling" pooling_param { kernel_size: 2 stride: 2 pad: 1 }', x).shape[2:] == (4, 4)


@pytest.mark.parametrize("word", ["round_mode: FLOOR", "ceil_mode: false"])
@pytest.mark.parametrize("method", ["MAX", "AVE"])
def test_rounding_down_on_demand(run: Callable[..., Array], rng: np.random.Generator, word: str, method: str) -> None:
    x = rng.standard_normal((1, 2, 8, 7), np.float32)
    y = run(f'type: "Pooling" pooling_param {{ pool: {method} kernel_size: 3 stride: 2 {word} }}', x)
    np.testing.assert_allclose(y, pooled(x, 3, 2, 0, method, floor=True), atol=1e-6)


def test_kernel_stride_and_pad_by_axis(run: Callable[..., Array], rng: np.random.Generator) -> None:
    x = rng.standard_normal((1, 2, 6, 6), np.float32)
    setting = "kernel_h: 6 kernel_w: 1 stride_h: 1 stride_w: 2 pad_h: 1 pad_w: 0"
    y = run(f'type: "Pooling" pooling_param {{ {setting} }}', x)
    columns = x[:, :, :, ::2]
    # Three windows down: rows 0..4, 0..5, 1..5. Across ceil(5 / 2) + 1 = 4, cut to 3 since there is padding.
    wanted = np.stack([columns[:, :, :5].max(2), columns.max(2), columns[:, :, 1:].max(2)], 2)
    np.testing.assert_array_equal(y, wanted)


def test_global_pooling(run: Callable[..., Array], rng: np.random.Generator) -> None:
    x = rng.standard_normal((2, 3, 5, 4), np.float32)
    y = run('type: "Pooling" pooling_param { pool: AVE global_pooling: true }', x)
    np.testing.assert_allclose(y, x.mean((2, 3), keepdims=True), atol=1e-6)
    y = run('type: "Pooling" pooling_param { pool: MAX global_pooling: true }', x)
    np.testing.assert_array_equal(y, x.max((2, 3), keepdims=True))


@pytest.mark.parametrize(
    ("param", "problem"),
    [
        ("pool: STOCHASTIC kernel_size: 2", "stochastic pooling is not supported"),
        ("stride: 2", "kernel and stride must be positive"),
        ("kernel_size: 2 pad: 2", "must be smaller than the kernel"),
        ("kernel_h: 2", "has one of kernel_h and kernel_w"),
        ("pool: AVE kernel_size: 9", "larger than the padded image"),
    ],
)
def test_bad_poolings_say_what_is_wrong(run: Callable[..., Array], param: str, problem: str) -> None:
    with pytest.raises(OvlabError, match=rf"line 2: layer 'l' of type 'Pooling': .*{problem}"):
        run(f'type: "Pooling" pooling_param {{ {param} }}', np.zeros((1, 1, 5, 5), np.float32))


def test_lrn_across_channels(run: Callable[..., Array], rng: np.random.Generator) -> None:
    x = rng.standard_normal((2, 7, 3, 3), np.float32)
    y = run('type: "LRN" lrn_param { local_size: 3 alpha: 0.5 beta: 0.6 k: 2 }', x)
    padded = np.pad(x**2, ((0, 0), (1, 1), (0, 0), (0, 0)))
    squares = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
    np.testing.assert_allclose(y, x / (2 + 0.5 / 3 * squares) ** 0.6, atol=1e-5)


def test_lrn_within_channel_averages_and_ignores_k(run: Callable[..., Array], rng: np.random.Generator) -> None:
    x = rng.standard_normal((1, 2, 4, 5), np.float32)
    y = run('type: "LRN" lrn_param { local_size: 3 alpha: 0.5 beta: 0.75 k: 7 norm_region: WITHIN_CHANNEL }', x)
    mean = pooled(x**2, 3, 1, 1, "AVE")
    np.testing.assert_allclose(y, x / (1 + 0.5 * mean) ** 0.75, atol=1e-5)


def test_lrn_needs_an_odd_size(run: Callable[..., Array]) -> None:
    with pytest.raises(OvlabError, match="local_size is 4; expected an odd number"):
        run('type: "LRN" lrn_param { local_size: 4 }', np.zeros((1, 4, 2, 2), np.float32))


@pytest.mark.parametrize("method", ["MAX", "AVE"])
def test_spatial_pyramid(run: Callable[..., Array], rng: np.random.Generator, method: str) -> None:
    x = rng.standard_normal((2, 3, 9, 9), np.float32)
    # 9 pixels: 1 bin of 9; 2 bins of 5, one pixel of padding; 4 bins of 3, two of padding
    levels = [pooled(x, 9, 9, 0, method), pooled(x, 5, 5, 1, method), pooled(x, 3, 3, 2, method)]
    wanted = np.concatenate([level.reshape(2, -1) for level in levels], 1)
    y = run(f'type: "SPP" spp_param {{ pyramid_height: 3 pool: {method} }}', x)
    np.testing.assert_allclose(y, wanted, atol=1e-6)


def test_a_pyramid_of_one_level_is_a_pooling(run: Callable[..., Array], rng: np.random.Generator) -> None:
    x = rng.standard_normal((2, 3, 4, 6), np.float32)
    y = run('type: "SPP" spp_param { pyramid_height: 1 }', x)
    np.testing.assert_array_equal(y, x.max((2, 3), keepdims=True))


def test_bad_pyramids_say_what_is_wrong(run: Callable[..., Array]) -> None:
    x = np.zeros((1, 1, 5, 5), np.float32)
    with pytest.raises(OvlabError, match="expected batch, channels, height, width, a pyramid_height of 1 or more"):
        run('type: "SPP"', x)
    with pytest.raises(OvlabError, match="an image of 5 x 5 is too small for pyramid_height 3"):
        run('type: "SPP" spp_param { pyramid_height: 4 }', x)
