"""Eltwise, Scale, Bias, Axpy and Reduction against NumPy's broadcasting."""

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


@pytest.mark.parametrize("shape", [(2, 3, 1, 1), (2, 3), (2, 3, 1)])
def test_axpy(run: Callable[..., Array], rng: np.random.Generator, shape: tuple[int, ...]) -> None:
    a = rng.standard_normal(shape, np.float32)
    x, y = (rng.standard_normal((2, 3, 4, 5), np.float32) for _ in range(2))
    np.testing.assert_allclose(run('type: "Axpy"', a, x, y), a.reshape(2, 3, 1, 1) * x + y, atol=1e-6)


def test_axpy_refuses_what_does_not_fit(run: Callable[..., Array]) -> None:
    x = np.zeros((2, 3, 4, 5), np.float32)
    with pytest.raises(OvlabError, match=r"first bottom has shape \(2, 3, 4, 5\); expected \(2, 3\) and no more"):
        run('type: "Axpy"', x, x, x)
    with pytest.raises(OvlabError, match="expected two of one shape, four axes"):
        run('type: "Axpy"', x[:, :, :1, :1], x, x[:1])


@pytest.mark.parametrize(
    ("setting", "wanted"),
    [
        ("", lambda x: x.sum()),
        ("operation: ASUM axis: 1", lambda x: np.abs(x).sum((1, 2, 3))),
        ("operation: SUMSQ axis: -2", lambda x: (x**2).sum((2, 3))),
        ("operation: MEAN axis: 2 coeff: 3", lambda x: 3 * x.mean((2, 3))),
        ("coeff: -0.5 axis: 3", lambda x: -0.5 * x.sum(3)),
    ],
)
def test_reduction(
    run: Callable[..., Array], rng: np.random.Generator, setting: str, wanted: Callable[[Array], Array]
) -> None:
    x = rng.standard_normal((2, 3, 4, 5), np.float32)
    y = run(f'type: "Reduction" reduction_param {{ {setting} }}', x)
    assert y.shape == np.shape(wanted(x))
    np.testing.assert_allclose(y, wanted(x), rtol=1e-5, atol=1e-5)
