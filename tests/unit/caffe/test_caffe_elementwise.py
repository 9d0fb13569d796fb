"""Eltwise, Scale, Bias, BatchNorm, BN and Normalize against NumPy's broadcasting."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from ovlab.errors import OvlabError

Array = NDArray[np.float32]


@pytest.mark.parametrize(
    ("setting", "wanted"),
    [
        ("", lambda a, b, c: a + b + c),
        ("operation: SUM coeff: 1 coeff: -2 coeff: 0.5", lambda a, b, c: a - 2 * b + 0.5 * c),
        ("operation: PROD stable_prod_grad: false", lambda a, b, c: a * b * c),
        ("operation: MAX", lambda a, b, c: np.maximum(np.maximum(a, b), c)),
    ],
    ids=["sum", "coefficients", "product", "maximum"],
)
def test_eltwise(
    run: Callable[..., Array], rng: np.random.Generator, setting: str, wanted: Callable[..., Array]
) -> None:
    xs = [rng.standard_normal((2, 3, 4), np.float32) for _ in range(3)]
    y = run(f'type: "Eltwise" eltwise_param {{ {setting} }}', *xs)
    np.testing.assert_allclose(y, wanted(*xs), atol=1e-6)


def test_eltwise_refuses_what_caffe_refuses(run: Callable[..., Array]) -> None:
    one, other = np.zeros((1, 2, 3), np.float32), np.zeros((1, 2, 1), np.float32)
    with pytest.raises(OvlabError, match=r"shapes \(1, 2, 3\), \(1, 2, 1\); expected one shape"):
        run('type: "Eltwise"', one, other)
    with pytest.raises(OvlabError, match="1 coeff for 2 bottoms and SUM; expected one a bottom"):
        run('type: "Eltwise" eltwise_param { coeff: 1 }', one, one)
    with pytest.raises(OvlabError, match="2 coeff for 2 bottoms and MAX"):
        run('type: "Eltwise" eltwise_param { operation: MAX coeff: [1, 2] }', one, one)
    with pytest.raises(OvlabError, match="has 1 bottoms; expected 2 or more"):
        run('type: "Eltwise"', one)


@pytest.mark.parametrize(
    ("setting", "part", "placed"),
    [
        ("", (3,), (1, 3, 1, 1)),
        ("axis: 2 num_axes: 2", (4, 5), (1, 1, 4, 5)),
        ("axis: -3 num_axes: -1", (3, 4, 5), (1, 3, 4, 5)),
        ("num_axes: 0", (), (1, 1, 1, 1)),
        ("axis: 0", (2,), (2, 1, 1, 1)),
    ],
)
def test_learned_scale_and_bias(
    run: Callable[..., Array],
    rng: np.random.Generator,
    setting: str,
    part: tuple[int, ...],
    placed: tuple[int, ...],
) -> None:
    x = rng.standard_normal((2, 3, 4, 5), np.float32)
    s, b = rng.standard_normal(part).astype(np.float32), rng.standard_normal(part).astype(np.float32)
    y = run(f'type: "Scale" scale_param {{ {setting} }}', x, blobs=[s])
    np.testing.assert_allclose(y, x * np.reshape(s, placed), atol=1e-6)
    y = run(f'type: "Scale" scale_param {{ {setting} bias_term: true }}', x, blobs=[s, b])
    np.testing.assert_allclose(y, x * np.reshape(s, placed) + np.reshape(b, placed), atol=1e-6)
    y = run(f'type: "Bias" bias_param {{ {setting} }}', x, blobs=[b])
    np.testing.assert_allclose(y, x + np.reshape(b, placed), atol=1e-6)


@pytest.mark.parametrize(
    ("axis", "part", "placed"),
    [(0, (2, 3), (2, 3, 1, 1)), (1, (3, 4), (1, 3, 4, 1)), (-1, (5,), (1, 1, 1, 5)), (0, (2, 3, 4, 5), (2, 3, 4, 5))],
)
def test_scale_and_bias_by_a_second_bottom(
    run: Callable[..., Array], rng: np.random.Generator, axis: int, part: tuple[int, ...], placed: tuple[int, ...]
) -> None:
    x, y = rng.standard_normal((2, 3, 4, 5), np.float32), rng.standard_normal(part, np.float32)
    z = run(f'type: "Scale" scale_param {{ axis: {axis} }}', x, y)
    np.testing.assert_allclose(z, x * y.reshape(placed), atol=1e-6)
    z = run(f'type: "Bias" bias_param {{ axis: {axis} }}', x, y)
    np.testing.assert_allclose(z, x + y.reshape(placed), atol=1e-6)
    b = rng.standard_normal(part, np.float32)
    z = run(f'type: "Scale" scale_param {{ axis: {axis} bias_term: true }}', x, y, blobs=[b])
    np.testing.assert_allclose(z, x * y.reshape(placed) + b.reshape(placed), atol=1e-6)


def test_scale_refuses_what_does_not_fit(run: Callable[..., Array]) -> None:
    x = np.zeros((2, 3, 4), np.float32)
    with pytest.raises(OvlabError, match="axis 2 and num_axes 3 don't fit"):
        run('type: "Scale" scale_param { axis: 2 num_axes: 3 }', x, blobs=[x])
    with pytest.raises(OvlabError, match=r"second bottom has shape \(3, 3\); expected a part of \(2, 3, 4\)"):
        run('type: "Scale" scale_param { axis: 1 }', x, np.zeros((3, 3), np.float32))
    with pytest.raises(OvlabError, match=r"no blob 0 \(scale\) for it; it holds 0"):
        run('type: "Scale"', x)


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (4, 3)])
def test_batch_norm(run: Callable[..., Array], rng: np.random.Generator, shape: tuple[int, ...]) -> None:
    x = rng.standard_normal(shape, np.float32)
    mean, variance = rng.standard_normal(3, np.float32), rng.uniform(0.5, 2, 3).astype(np.float32)
    place = (1, 3) + (1,) * (len(shape) - 2)
    wanted = (x - mean.reshape(place)) / np.sqrt(variance.reshape(place) + 0.01)
    for weight in (1.0, 4.0):  # the blobs hold sums; the third says of how much
        blobs = [mean * weight, variance * weight, np.array([weight])]
        y = run('type: "BatchNorm" batch_norm_param { eps: 0.01 moving_average_fraction: 0.9 }', x, blobs=blobs)
        np.testing.assert_allclose(y, wanted, atol=1e-5)
    # A weight of 0: nothing was accumulated; mean and variance count as 0.
    y = run('type: "BatchNorm" batch_norm_param { eps: 0.01 }', x, blobs=[mean, variance, np.zeros(1)])
    np.testing.assert_allclose(y, x / 0.1, atol=1e-5)


def test_batch_norm_by_the_batch(run: Callable[..., Array], rng: np.random.Generator) -> None:
    x = 3 + 2 * rng.standard_normal((2, 3, 4, 5), np.float32)
    y = run('type: "BatchNorm" batch_norm_param { use_global_stats: false eps: 0.01 }', x)
    wanted = (x - x.mean((0, 2, 3), keepdims=True)) / np.sqrt(x.var((0, 2, 3), keepdims=True) + 0.01)
    np.testing.assert_allclose(y, wanted, atol=1e-5)


def test_batch_norm_without_its_factor(run: Callable[..., Array]) -> None:
    with pytest.raises(OvlabError, match=r"no blob 2 \(scale factor\) for it; it holds 2"):
        run('type: "BatchNorm"', np.zeros((1, 3, 2, 2), np.float32), blobs=[np.ones(3), np.ones(3)])


def test_bn_of_the_segmentation_forks(run: Callable[..., Array], rng: np.random.Generator) -> None:
    x = rng.standard_normal((1, 3, 2, 2), np.float32)
    a, b, m, v = (rng.uniform(0.5, 2, (1, 3, 1, 1)).astype(np.float32) for _ in range(4))
    y = run('type: "BN" bn_param { bn_mode: INFERENCE }', x, blobs=[a, b])
    np.testing.assert_allclose(y, a * x + b, atol=1e-6)
    y = run('type: "BN" bn_param { momentum: 0.95 frozen: true eps: 0.1 }', x, blobs=[a, b, m, v])
    np.testing.assert_allclose(y, a * (x - m) / np.sqrt(v + 0.1) + b, atol=1e-5)
    with pytest.raises(OvlabError, match="expected bn_mode: INFERENCE"):
        run('type: "BN"', x, blobs=[a, b])


def test_normalize(run: Callable[..., Array], rng: np.random.Generator) -> None:
    x = rng.standard_normal((2, 3, 4, 5), np.float32)
    each, shared = rng.uniform(5, 20, 3).astype(np.float32), np.array([7], np.float32)
    spatial = np.sqrt((x**2).sum((1, 2, 3), keepdims=True) + 0.5)
    pixel = np.sqrt((x**2).sum(1, keepdims=True) + 0.5)
    y = run('type: "Normalize" norm_param { eps: 0.5 }', x, blobs=[shared])
    np.testing.assert_allclose(y, 7 * x / spatial, atol=1e-5)
    y = run('type: "Normalize" norm_param { across_spatial: false channel_shared: false eps: 0.5 }', x, blobs=[each])
    np.testing.assert_allclose(y, each[:, None, None] * x / pixel, atol=1e-5)
    y = run('type: "Normalize" norm_param { across_spatial: false eps: 0.5 }', x, blobs=[shared])
    np.testing.assert_allclose(y, 7 * x / pixel, atol=1e-5)
    y = run('type: "Normalize" norm_param { across_spatial: true channel_shared: false eps: 0.5 }', x, blobs=[each])
    np.testing.assert_allclose(y, each[:, None, None] * x / spatial, atol=1e-5)


def test_normalize_checks_its_scale(run: Callable[..., Array]) -> None:
    with pytest.raises(OvlabError, match=r"blob 0 \(scale\) has shape \(3,\); expected \(1,\)"):
        run('type: "Normalize"', np.zeros((1, 3, 2, 2), np.float32), blobs=[np.ones(3)])
