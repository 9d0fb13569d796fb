"""Reorg and Region against darknet's formulas, value by value."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from ovlab.errors import OvlabError

Array = NDArray[np.float32]


def darknet_places(channels: int, height: int, width: int, stride: int) -> NDArray[np.int64]:
    """For each value of channels x height x width its place in the larger image (``reorg_cpu``)."""
    out_channels = channels // stride**2
    k, j, i = np.meshgrid(np.arange(channels), np.arange(height), np.arange(width), indexing="ij")
    offset = k // out_channels
    column, row = i * stride + offset % stride, j * stride + offset // stride
    return column + width * stride * (row + height * stride * (k % out_channels))


@pytest.mark.parametrize("kind", ["Reorg", "ReorgYolo"])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_reorg(run: Callable[..., Array], rng: np.random.Generator, kind: str, stride: int) -> None:
    x = rng.standard_normal((2, 36, 6, 12), np.float32)
    setting = f"{'reorg' if kind == 'Reorg' else 'reorg_yolo'}_param {{ stride: {stride} }}"
    wanted = x.reshape(2, -1)[:, darknet_places(36, 6, 12, stride)]
    y = run(f'type: "{kind}" {setting}', x)
    np.testing.assert_array_equal(y, wanted.reshape(2, 36 * stride**2, 6 // stride, 12 // stride))


def test_reorg_back(run: Callable[..., Array], rng: np.random.Generator) -> None:
    x = rng.standard_normal((2, 8, 3, 5), np.float32)
    wanted = np.empty((2, 8 * 3 * 5), np.float32)
    wanted[:, darknet_places(8, 3, 5, 2).ravel()] = x.reshape(2, -1)
    y = run('type: "Reorg" reorg_param { stride: 2 reverse: true }', x)
    np.testing.assert_array_equal(y, wanted.reshape(2, 2, 6, 10))


def region(x: Array, anchors: int, classes: int, softmax: bool) -> Array:
    """``region_yolo_layer.cpp`` of Intel's fork; without softmax YOLO v3's logistic classes."""
    batch, _, height, width = x.shape
    y = x.reshape(batch, anchors, 5 + classes, height, width).copy()
    logistic = [0, 1, 4] if softmax else [0, 1, *range(4, 5 + classes)]
    y[:, :, logistic] = 1 / (1 + np.exp(-y[:, :, logistic]))
    if softmax:
        e = np.exp(y[:, :, 5:])
        y[:, :, 5:] = e / e.sum(2, keepdims=True)
    return y.reshape(batch, -1)


@pytest.mark.parametrize("kind", ["RegionYolo", "Region"])
def test_region(run: Callable[..., Array], rng: np.random.Generator, kind: str) -> None:
    x = rng.standard_normal((2, 3 * 7, 4, 5), np.float32)
    y = run(f'type: "{kind}" region_yolo_param {{ num: 3 classes: 2 anchors: [1, 2, 3, 4, 5, 6] }}', x)
    np.testing.assert_allclose(y, region(x, 3, 2, True), atol=1e-6)


def test_region_of_masked_anchors(run: Callable[..., Array], rng: np.random.Generator) -> None:
    x = rng.standard_normal((1, 2 * 7, 4, 5), np.float32)
    y = run('type: "RegionYolo" region_yolo_param { num: 9 classes: 2 do_softmax: false mask: [0, 1] }', x)
    np.testing.assert_allclose(y.reshape(1, -1), region(x, 2, 2, False), atol=1e-6)


@pytest.mark.parametrize(
    ("layer", "problem"),
    [
        ('type: "Reorg"', "stride is 0; expected four axes and 1 or more"),
        ('type: "Reorg" reorg_param { stride: 2 }', "8 x 5; expected multiples of stride 2"),
        ('type: "Reorg" reorg_param { stride: 3 reverse: true }', "12 channels; expected a multiple of 9"),
        ('type: "ReorgYolo" reorg_yolo_param { stride: 5 }', "12 channels; expected a multiple of 25"),
        (
            'type: "Region" region_yolo_param { num: 3 classes: 2 }',
            r"expected four axes and 3 x \(4 \+ 1 \+ 2\) channels, for num \(or mask\), coords and classes",
        ),
    ],
)
def test_what_does_not_fit_is_refused(run: Callable[..., Array], layer: str, problem: str) -> None:
    with pytest.raises(OvlabError, match=problem):
        run(layer, np.zeros((1, 12, 8, 5), np.float32))
