"""Layers that work value by value, Softmax and ArgMax."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from ovlab.errors import OvlabError

Array = NDArray[np.float32]

X = np.array([[[[-2.0, -0.5], [0.0, 1.5]], [[3.0, -1.0], [0.25, 2.0]]]], np.float32)


@pytest.mark.parametrize(
    ("layer", "wanted"),
    [
        ('type: "ReLU"', np.maximum(X, 0)),
        ('type: "ReLU" relu_param { negative_slope: 0.1 engine: CUDNN }', np.where(X > 0, X, 0.1 * X)),
        ('type: "ELU"', np.where(X > 0, X, np.exp(X) - 1)),
        ('type: "ELU" elu_param { alpha: 0.3 }', np.where(X > 0, X, 0.3 * (np.exp(X) - 1))),
        ('type: "Sigmoid"', 1 / (1 + np.exp(-X))),
        ('type: "TanH" tanh_param { engine: CAFFE }', np.tanh(X)),
        ('type: "Power"', X),
        ('type: "Power" power_param { power: 2 scale: 0.5 shift: 1 }', (1 + 0.5 * X) ** 2),
        ('type: "Power" power_param { scale: -3 }', -3 * X),
        ('type: "Power" power_param { power: 0 shift: 9 }', np.ones_like(X)),
        ('type: "Exp"', np.exp(X)),
        ('type: "Exp" exp_param { base: 2 scale: 0.5 shift: 3 }', 2 ** (3 + 0.5 * X)),
        ('type: "AbsVal"', np.abs(X)),
        ('type: "BNLL"', np.log1p(np.exp(X))),
        ('type: "Log" log_param { shift: 3 scale: 0.5 }', np.log(3 + 0.5 * X)),
        ('type: "Log" log_param { base: 2 shift: 3 }', np.log2(3 + X)),
        ('type: "Threshold"', (X > 0).astype(np.float32)),
        ('type: "Threshold" threshold_param { threshold: 1.5 }', (X > 1.5).astype(np.float32)),
        ('type: "Clip" clip_param { min: -0.75 max: 1.25 }', X.clip(-0.75, 1.25)),
        ('type: "ReLU6"', (4 * X).clip(0, 6)),
        ('type: "ReLU6" relu6_param { n: 1.5 }', X.clip(0, 1.5)),
        ('type: "Swish"', X / (1 + np.exp(-X))),
        ('type: "Swish" swish_param { beta: 2.5 }', X / (1 + np.exp(-2.5 * X))),
        ('type: "Mish"', X * np.tanh(np.log1p(np.exp(X)))),
        ('type: "Binarization"', np.where(X > 0, 1.0, -1.0)),
        ('type: "Dropout" dropout_param { dropout_ratio: 0.7 }', X),
    ],
)
def test_values(run: Callable[..., Array], layer: str, wanted: Array) -> None:
    x = 4 * X if layer == 'type: "ReLU6"' else X  # so that some are above 6
    np.testing.assert_allclose(run(layer, x), wanted, rtol=1e-5, atol=1e-6)


def test_prelu(run: Callable[..., Array]) -> None:
    slopes = np.array([0.5, -2], np.float32)
    y = run('type: "PReLU"', X, blobs=[slopes])
    np.testing.assert_allclose(y, np.where(X > 0, X, slopes[:, None, None] * X))
    y = run('type: "PReLU" prelu_param { channel_shared: true }', X, blobs=[np.float32(0.25).reshape(())])
    np.testing.assert_allclose(y, np.where(X > 0, X, 0.25 * X))


def test_bnll_of_large_values_does_not_overflow(run: Callable[..., Array]) -> None:
    x = np.array([[-100, 100]], np.float32)
    np.testing.assert_allclose(run('type: "BNLL"', x), [[0, 100]], atol=1e-6)


@pytest.mark.parametrize(
    ("layer", "problem"),
    [
        ('type: "Exp" exp_param { base: -2 }', "base is -2.0; expected a positive number"),
        ('type: "Log" log_param { base: 1 }', "base is 1.0; expected a positive number other than 1"),
        ('type: "Clip" clip_param { min: 1 }', "min is 1.0 and max 0.0; expected both"),
        ('type: "Clip" clip_param { min: 1 max: 0 }', "expected both, the smaller one first"),
        ('type: "ReLU6" relu6_param { n: -1 }', "n is -1.0; expected 0 or more"),
    ],
)
def test_what_has_no_meaning_is_refused(run: Callable[..., Array], layer: str, problem: str) -> None:
    with pytest.raises(OvlabError, match=problem):
        run(layer, X)


@pytest.mark.parametrize(("setting", "axis"), [("", 1), ("axis: 2", 2), ("axis: -1", 3)])
def test_softmax(run: Callable[..., Array], rng: np.random.Generator, setting: str, axis: int) -> None:
    x = rng.standard_normal((2, 3, 4, 5), np.float32)
    e = np.exp(x)
    y = run(f'type: "Softmax" softmax_param {{ {setting} }}', x)
    np.testing.assert_allclose(y, e / e.sum(axis, keepdims=True), atol=1e-6)


def test_softmax_names_an_axis_that_is_not_there(run: Callable[..., Array]) -> None:
    with pytest.raises(OvlabError, match="axis 4 does not exist; expected -4 to 3"):
        run('type: "Softmax" softmax_param { axis: 4 }', X)


def test_argmax_along_an_axis(run: Callable[..., Array], rng: np.random.Generator) -> None:
    x = rng.permutation(2 * 5 * 3 * 4).astype(np.float32).reshape(2, 5, 3, 4)
    order = np.argsort(-x, axis=1)
    y = run('type: "ArgMax" argmax_param { axis: 1 }', x)
    np.testing.assert_array_equal(y, order[:, :1])
    y = run('type: "ArgMax" argmax_param { axis: -3 top_k: 3 out_max_val: true }', x)
    np.testing.assert_array_equal(y, np.take_along_axis(x, order[:, :3], 1))


def test_argmax_over_an_image(run: Callable[..., Array], rng: np.random.Generator) -> None:
    x = rng.permutation(2 * 5 * 3 * 4).astype(np.float32).reshape(2, 5, 3, 4)
    flat = x.reshape(2, -1)
    order = np.argsort(-flat, axis=1)[:, :3]
    y = run('type: "ArgMax" argmax_param { top_k: 3 }', x)
    np.testing.assert_array_equal(y, order.reshape(2, 1, 3, 1))
    y = run('type: "ArgMax" argmax_param { top_k: 3 out_max_val: true }', x)
    np.testing.assert_array_equal(y, np.stack([order, np.take_along_axis(flat, order, 1)], 1)[..., None])


def test_argmax_cannot_take_more_than_there_is(run: Callable[..., Array]) -> None:
    with pytest.raises(OvlabError, match="top_k is 3; expected 1 to 2"):
        run('type: "ArgMax" argmax_param { axis: 1 top_k: 3 }', X)
