"""Convolution, Deconvolution and InnerProduct against sums written out."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from ovlab.errors import OvlabError

Array = NDArray[np.float32]
Pair = tuple[int, int]
Slide = tuple[Pair, Pair, Pair, int]  # stride, padding, dilation, groups


def convolve(x: Array, w: Array, slide: Slide) -> Array:
    """Cross-correlation, one output value at a time."""
    stride, pad, dilation, group = slide
    n, c, height, width = x.shape
    outputs, _, kh, kw = w.shape
    size = [
        (length + 2 * pad[i] - dilation[i] * (k - 1) - 1) // stride[i] + 1
        for i, (length, k) in enumerate(((height, kh), (width, kw)))
    ]
    y = np.zeros((n, outputs, *size))
    for b, o, i, j in itertools.product(range(n), range(outputs), *map(range, size)):
        first = o // (outputs // group) * (c // group)
        for q, u, v in itertools.product(range(c // group), range(kh), range(kw)):
            r, s = i * stride[0] - pad[0] + u * dilation[0], j * stride[1] - pad[1] + v * dilation[1]
            if 0 <= r < height and 0 <= s < width:
                y[b, o, i, j] += x[b, first + q, r, s] * w[o, q, u, v]
    return y.astype(np.float32)


def deconvolve(x: Array, w: Array, slide: Slide) -> Array:
    """Scatter every input value through the kernel."""
    stride, pad, dilation, group = slide
    n, c, height, width = x.shape
    _, per_group, kh, kw = w.shape
    size = [
        stride[i] * (length - 1) + dilation[i] * (k - 1) + 1 - 2 * pad[i]
        for i, (length, k) in enumerate(((height, kh), (width, kw)))
    ]
    y = np.zeros((n, per_group * group, *size))
    for b, q, i, j in itertools.product(range(n), range(c), range(height), range(width)):
        first = q // (c // group) * per_group
        for o, u, v in itertools.product(range(per_group), range(kh), range(kw)):
            r, s = i * stride[0] - pad[0] + u * dilation[0], j * stride[1] - pad[1] + v * dilation[1]
            if 0 <= r < size[0] and 0 <= s < size[1]:
                y[b, first + o, r, s] += x[b, q, i, j] * w[q, o, u, v]
    return y.astype(np.float32)


CASES: dict[str, tuple[str, tuple[int, ...], Slide]] = {
    "plain": ("num_output: 5 kernel_size: 3", (5, 4, 3, 3), ((1, 1), (0, 0), (1, 1), 1)),
    "pad, stride": ("num_output: 4 kernel_size: 3 pad: 1 stride: 2", (4, 4, 3, 3), ((2, 2), (1, 1), (1, 1), 1)),
    "h and w": (
        "num_output: 4 kernel_h: 3 kernel_w: 2 pad_h: 2 pad_w: 1 stride_h: 1 stride_w: 2",
        (4, 4, 3, 2),
        ((1, 2), (2, 1), (1, 1), 1),
    ),
    "repeated": (
        "num_output: 4 kernel_size: 3 kernel_size: 2 pad: [2, 1] stride: 1 stride: 2",
        (4, 4, 3, 2),
        ((1, 2), (2, 1), (1, 1), 1),
    ),
    "dilation": ("num_output: 4 kernel_size: 3 pad: 2 dilation: 2", (4, 4, 3, 3), ((1, 1), (2, 2), (2, 2), 1)),
    "dilations": ("num_output: 4 kernel_size: 3 dilation: [1, 2]", (4, 4, 3, 3), ((1, 1), (0, 0), (1, 2), 1)),
    "groups": ("num_output: 6 kernel_size: 3 group: 2", (6, 2, 3, 3), ((1, 1), (0, 0), (1, 1), 2)),
    "depthwise": ("num_output: 4 kernel_size: 3 pad: 1 group: 4", (4, 1, 3, 3), ((1, 1), (1, 1), (1, 1), 4)),
    "multiplier": ("num_output: 8 kernel_size: 3 pad: 1 group: 4", (8, 1, 3, 3), ((1, 1), (1, 1), (1, 1), 4)),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("biased", [True, False], ids=["bias", "no bias"])
def test_convolution(run: Callable[..., Array], rng: np.random.Generator, case: str, biased: bool) -> None:
    param, shape, slide = CASES[case]
    x, w = rng.standard_normal((2, 4, 7, 6), np.float32), rng.standard_normal(shape, np.float32)
    b = rng.standard_normal(shape[0], np.float32)
    term = "" if biased else "bias_term: false"
    y = run(f'type: "Convolution" convolution_param {{ {param} {term} }}', x, blobs=[w, b] if biased else [w])
    np.testing.assert_allclose(y, convolve(x, w, slide) + (b[:, None, None] if biased else 0), atol=1e-5)


@pytest.mark.parametrize("kind", ["DepthwiseConvolution", "ConvolutionDepthwise"])
def test_depthwise_types_imply_the_group(run: Callable[..., Array], rng: np.random.Generator, kind: str) -> None:
    x, w = rng.standard_normal((1, 3, 5, 5), np.float32), rng.standard_normal((3, 1, 3, 3), np.float32)
    y = run(f'type: "{kind}" convolution_param {{ num_output: 3 kernel_size: 3 bias_term: false }}', x, blobs=[w])
    np.testing.assert_allclose(y, convolve(x, w, ((1, 1), (0, 0), (1, 1), 3)), atol=1e-5)


def test_convolution_with_one_and_three_spatial_axes(run: Callable[..., Array], rng: np.random.Generator) -> None:
    line, w = rng.standard_normal((1, 2, 9), np.float32), rng.standard_normal((3, 2, 4), np.float32)
    layer = 'type: "Convolution" convolution_param { num_output: 3 kernel_size: 4 stride: 2 pad: 1 bias_term: false }'
    flat = convolve(np.pad(line, ((0, 0), (0, 0), (1, 1)))[:, :, None], w[:, :, None], ((1, 2), (0, 0), (1, 1), 1))
    np.testing.assert_allclose(run(layer, line, blobs=[w]), flat[:, :, 0], atol=1e-5)

    cube = rng.standard_normal((1, 2, 3, 4, 4), np.float32)
    kernel = np.zeros((1, 2, 3, 2, 2), np.float32)
    kernel[0, 1, 2, 0, 1] = 2  # picks channel 1, last plane, one to the right
    layer = 'type: "Convolution" convolution_param { num_output: 1 kernel_size: [3, 2, 2] bias_term: false }'
    np.testing.assert_allclose(run(layer, cube, blobs=[kernel]), 2 * cube[:, 1:, 2:, :3, 1:], atol=1e-6)


@pytest.mark.parametrize(
    ("param", "shape", "slide"),
    [
        ("num_output: 3 kernel_size: 4 stride: 2 pad: 1", (4, 3, 4, 4), ((2, 2), (1, 1), (1, 1), 1)),
        ("num_output: 4 kernel_size: 4 stride: 2 pad: 1 group: 4", (4, 1, 4, 4), ((2, 2), (1, 1), (1, 1), 4)),
        ("num_output: 6 kernel_h: 3 kernel_w: 2 stride: 3 group: 2", (4, 3, 3, 2), ((3, 3), (0, 0), (1, 1), 2)),
        ("num_output: 2 kernel_size: 3 dilation: 2", (4, 2, 3, 3), ((1, 1), (0, 0), (2, 2), 1)),
    ],
    ids=["plain", "depthwise", "groups", "dilation"],
)
def test_deconvolution(
    run: Callable[..., Array], rng: np.random.Generator, param: str, shape: tuple[int, ...], slide: Slide
) -> None:
    x, w = rng.standard_normal((2, 4, 5, 4), np.float32), rng.standard_normal(shape, np.float32)
    outputs = shape[1] * slide[3]
    b = rng.standard_normal(outputs, np.float32)
    y = run(f'type: "Deconvolution" convolution_param {{ {param} }}', x, blobs=[w, b])
    np.testing.assert_allclose(y, deconvolve(x, w, slide) + b[:, None, None], atol=1e-5)


def test_inner_product(run: Callable[..., Array], rng: np.random.Generator) -> None:
    x = rng.standard_normal((2, 3, 4, 5), np.float32)
    w, b = rng.standard_normal((7, 60), np.float32), rng.standard_normal(7, np.float32)
    y = run('type: "InnerProduct" inner_product_param { num_output: 7 }', x, blobs=[w, b])
    np.testing.assert_allclose(y, x.reshape(2, 60) @ w.T + b, atol=1e-4)


def test_inner_product_of_the_last_axis_and_transposed(run: Callable[..., Array], rng: np.random.Generator) -> None:
    x, w = rng.standard_normal((2, 3, 4, 5), np.float32), rng.standard_normal((5, 6), np.float32)
    layer = 'type: "InnerProduct" inner_product_param { num_output: 6 axis: -1 transpose: true bias_term: false }'
    np.testing.assert_allclose(run(layer, x, blobs=[w]), x @ w, atol=1e-5)
    b = rng.standard_normal(6, np.float32)
    w = rng.standard_normal((6, 20), np.float32)
    y = run('type: "InnerProduct" inner_product_param { num_output: 6 axis: 2 }', x, blobs=[w, b])
    np.testing.assert_allclose(y, x.reshape(2, 3, 20) @ w.T + b, atol=1e-4)


@pytest.mark.parametrize(
    ("param", "shape", "problem"),
    [
        ("num_output: 4 kernel_size: 3", (4, 4, 2, 2), r"blob 0 \(weights\) has shape \(4, 4, 2, 2\); expected"),
        ("num_output: 4 kernel_size: 3 group: 3", (4, 1, 3, 3), "group 3 must divide 4 input channels"),
        ("kernel_size: 3", (4, 4, 3, 3), "num_output 0"),
        ("num_output: 4", (4, 4, 3, 3), "0 values of kernel_size; expected 1 or 2"),
        ("num_output: 4 kernel_size: [3, 3, 3]", (4, 4, 3, 3), "3 values of kernel_size; expected 1 or 2"),
        ("num_output: 4 kernel_size: 3 kernel_h: 3 kernel_w: 3", (4, 4, 3, 3), "kernel_w beside kernel_size"),
        ("num_output: 4 kernel_size: 3 stride: 0", (4, 4, 3, 3), "must be positive"),
        ("num_output: 4 kernel_size: 3 axis: 2", (4, 4, 3, 3), "axis 2 is not supported"),
        ("num_output: 4 kernel_size: 9", (4, 4, 9, 9), "don't fit together"),
    ],
)
def test_bad_convolutions_say_what_is_wrong(
    run: Callable[..., Array], param: str, shape: tuple[int, ...], problem: str
) -> None:
    x = np.zeros((1, 4, 5, 5), np.float32)
    layer = f'type: "Convolution" convolution_param {{ {param} bias_term: false }}'
    with pytest.raises(OvlabError, match=rf"line 2: layer 'l' of type 'Convolution': .*{problem}"):
        run(layer, x, blobs=[np.zeros(shape, np.float32)])


@pytest.mark.parametrize("bias", [True, False])
def test_embed(run: Callable[..., Array], rng: np.random.Generator, bias: bool) -> None:
    x = np.array([[0, 3, 1], [4, 4, 2]], np.float32)
    w, b = rng.standard_normal((5, 6), np.float32), rng.standard_normal(6, np.float32)
    layer = f'type: "Embed" embed_param {{ num_output: 6 input_dim: 5 bias_term: {str(bias).lower()} }}'
    y = run(layer, x, blobs=[w, b] if bias else [w])
    np.testing.assert_allclose(y, w[x.astype(int)] + (b if bias else 0), atol=1e-6)


def test_im2col(run: Callable[..., Array], rng: np.random.Generator) -> None:
    x = rng.standard_normal((2, 3, 7, 8), np.float32)
    y = run('type: "Im2col" convolution_param { kernel_size: [3, 2] stride: 2 pad: 1 dilation: 2 }', x)
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    wanted = [padded[:, :, 2 * r : 2 * r + 5 : 2, 2 * s : 2 * s + 7 : 2] for r in range(3) for s in range(2)]
    np.testing.assert_array_equal(y, np.stack(wanted, 2).reshape(2, 18, 3, 4))
    with pytest.raises(OvlabError, match=r"a kernel of \[10000, 10000\] is too large for 3 channels"):
        run('type: "Im2col" convolution_param { kernel_size: 10000 }', x)


def test_blobs_that_no_setting_asks_for_are_refused(run: Callable[..., Array]) -> None:
    x, w = np.zeros((1, 4, 5, 5), np.float32), np.zeros((2, 4, 1, 1), np.float32)
    layer = 'type: "Convolution" convolution_param { num_output: 2 kernel_size: 1 bias_term: false }'
    problem = (
        r"layer 'l' of type 'Convolution': the caffemodel holds 2 blobs for it, but with its settings in the prototxt "
        r"it reads 1: not blob 1 of shape \(2,\)"
    )
    with pytest.raises(OvlabError, match=problem):
        run(layer, x, blobs=[w, np.zeros(2)])
    with pytest.raises(OvlabError, match=r"holds 1 blobs for it, .* it reads 0: not blob 0 of shape \(3,\)"):
        run('type: "ReLU"', x, blobs=[np.zeros(3)])
