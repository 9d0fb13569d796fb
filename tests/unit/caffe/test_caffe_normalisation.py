"""Layers that bring values to a common scale, against NumPy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from ovlab.errors import OvlabError

Array = NDArray[np.float32]


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


def test_batch_norm_of_nvcaffe(run: Callable[..., Array], rng: np.random.Generator) -> None:
    # Its blobs 3 and 4 are scale and bias; it never reads the factor of blob 2.
    x = np.array([[[[1.0]], [[9.0]]]], np.float32)
    stored = [np.array(v, np.float32) for v in ([2, 3], [4, 1.2], [7], [2, 3], [10, 20])]
    mean, variance, _, scale, shift = stored
    wanted = ((x[0, :, 0, 0] - mean) / np.sqrt(variance + 1e-5)) * scale + shift
    for setting in ("", "batch_norm_param { scale_bias: true }", "batch_norm_param { scale_filler { value: 1 } }"):
        y = run(f'type: "BatchNorm" {setting}', x, blobs=stored)
        np.testing.assert_allclose(y[0, :, 0, 0], wanted, rtol=1e-6)
    y = run('type: "BatchNorm" batch_norm_param { eps: 1e-9 use_global_stats: false }', x, blobs=stored)
    np.testing.assert_allclose(y[0, :, 0, 0], wanted, rtol=1e-6)
    with pytest.raises(OvlabError, match=r"no blob 3 \(scale\) for it; it holds 3"):
        run('type: "BatchNorm" batch_norm_param { scale_bias: true }', x, blobs=stored[:3])


def test_batch_norm_by_the_batch_does_not_mind_what_is_stored(run: Callable[..., Array]) -> None:
    x = np.array([[[[1.0, 3.0]]]], np.float32)
    y = run('type: "BatchNorm" batch_norm_param { use_global_stats: false }', x, blobs=[np.ones(1)] * 3)
    np.testing.assert_allclose(y, [[[[-1, 1]]]], atol=1e-4)


def test_blobs_between_the_two_forms_are_refused(run: Callable[..., Array]) -> None:
    with pytest.raises(OvlabError, match=r"holds 4 blobs for it, but .* it reads 3: not blob 3 of shape \(1,\)"):
        run('type: "BatchNorm"', np.ones((1, 1, 2, 2), np.float32), blobs=[np.ones(1)] * 4)


@pytest.mark.parametrize(
    ("setting", "axes", "variance"),
    [
        ("", (2, 3), True),
        ("mvn_param { across_channels: true }", (1, 2, 3), True),
        ("mvn_param { normalize_variance: false }", (2, 3), False),
        ("mvn_param { across_channels: true normalize_variance: false }", (1, 2, 3), False),
        ("mvn_param { eps: 0.5 }", (2, 3), True),
    ],
)
def test_mvn(
    run: Callable[..., Array], rng: np.random.Generator, setting: str, axes: tuple[int, ...], variance: bool
) -> None:
    x = 3 + 2 * rng.standard_normal((2, 3, 4, 5), np.float32)
    wanted = x - x.mean(axes, keepdims=True)
    if variance:
        wanted = wanted / (x.std(axes, keepdims=True) + (0.5 if "eps" in setting else 1e-9))
    np.testing.assert_allclose(run(f'type: "MVN" {setting}', x), wanted, atol=1e-5)


def test_grn(run: Callable[..., Array], rng: np.random.Generator) -> None:
    x = rng.standard_normal((2, 3, 4, 5), np.float32)
    for setting, bias in (("", 1), ("grn_param { bias: 0.25 }", 0.25)):
        wanted = x / np.sqrt((x**2).sum(1, keepdims=True) + bias)
        np.testing.assert_allclose(run(f'type: "GRN" {setting}', x), wanted, atol=1e-6)
    with pytest.raises(OvlabError, match="expected a bias of 0 or more"):
        run('type: "GRN" grn_param { bias: -1 }', x)
