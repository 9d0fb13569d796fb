"""Scenes of digits as batches: made in memory, distorted anew each time."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from ssd_loss import IGNORED, assign
from ssd_model import IMAGE_SIZE
from torch import Tensor

from ovlab.generators.scenes import compose

MEAN = 127.5
SCALE = 127.5
_LEAST_VISIBLE = 0.6  # of a box's area after a crop; what is cut more is ignored
_LEAST_SIDE = 12  # pixels; smaller is ignored


@dataclass(frozen=True)
class Sample:
    """A scene at the network's size.

    Attributes
    ----------
    image : ndarray of uint8, shape (300, 300, 3)
        BGR.
    boxes : ndarray of float32, shape (objects, 4)
        xmin, ymin, xmax, ymax in pixels of the resized image.
    labels : ndarray of int64, shape (objects,)
        1..10, or -1 for difficult ones.
    """

    image: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]


def make_sample(number: int, *, split: str, seed: int) -> Sample:
    """Compose a scene and stretch it to the network's size."""
    cv2.setNumThreads(1)
    scene = compose(split, number, seed=seed)
    height, width = scene.image.shape[:2]
    image = cv2.resize(scene.image[..., ::-1], (IMAGE_SIZE, IMAGE_SIZE), interpolation=cv2.INTER_LINEAR)
    boxes = np.array([item.box for item in scene.objects], dtype=np.float32).reshape(-1, 4)
    boxes[:, 2:] += 1  # from the last pixel to the edge behind it
    boxes *= IMAGE_SIZE / np.array([width, height, width, height], dtype=np.float32)
    labels = np.array([IGNORED if item.difficult else item.label + 1 for item in scene.objects], dtype=np.int64)
    return Sample(image, boxes, labels)


def make_samples(split: str, count: int, *, seed: int, workers: int) -> list[Sample]:
    """Compose the first `count` scenes of a split."""
    with ProcessPoolExecutor(workers) as pool:
        return list(pool.map(partial(make_sample, split=split, seed=seed), range(count), chunksize=50))


def distort(sample: Sample, random: np.random.Generator) -> Sample:
    """Zoom, stretch, turn and shift a scene, and change its colours."""
    zoom = np.exp(random.uniform(-0.2, 0.2))
    stretch = np.exp(random.uniform(-0.12, 0.12))
    turn = np.deg2rad(random.uniform(-6, 6))
    cos, sin = np.cos(turn), np.sin(turn)
    linear = np.array([[cos * zoom * stretch, -sin * zoom], [sin * zoom, cos * zoom / stretch]])
    centre = np.full(2, IMAGE_SIZE / 2)
    # A zoomed picture may be cut anywhere, a shrunken one may lie anywhere.
    free = abs(zoom - 1) * IMAGE_SIZE / 2 + 10
    matrix = np.column_stack([linear, centre - linear @ centre + random.uniform(-free, free, 2)])
    border = tuple(int(value) for value in random.integers(0, 256, 3))
    mode = cv2.BORDER_CONSTANT if random.random() < 0.5 else cv2.BORDER_REPLICATE
    image = cv2.warpAffine(
        sample.image, matrix, (IMAGE_SIZE, IMAGE_SIZE), flags=cv2.INTER_LINEAR, borderMode=mode, borderValue=border
    )
    boxes, labels = _moved(sample, matrix)
    return Sample(_recoloured(image, random), boxes, labels)


def _moved(sample: Sample, matrix: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Move the boxes along; small and mostly cut ones become ignored, vanished ones are dropped."""
    centres = (sample.boxes[:, :2] + sample.boxes[:, 2:]) / 2 @ matrix[:, :2].T + matrix[:, 2]
    # The turn is so small that the ink's box grows much less than the box's box does: keep the size, scaled.
    halves = (sample.boxes[:, 2:] - sample.boxes[:, :2]) / 2 * matrix[:, :2].diagonal()
    whole = np.hstack([centres - halves, centres + halves])
    cut = whole.clip(0, IMAGE_SIZE)
    sides = cut[:, 2:] - cut[:, :2]
    share = sides.prod(1) / np.maximum((2 * halves).prod(1), 1e-6)
    labels = np.where((share < _LEAST_VISIBLE) | (sides.min(1) < _LEAST_SIDE), IGNORED, sample.labels)
    kept = sides.min(1) > 2
    return cut[kept].astype(np.float32), labels[kept]


def _recoloured(image: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    """Change brightness and contrast, swap channels, invert, add noise."""
    levels = np.arange(256, dtype=np.float64) - MEAN
    if random.random() < 0.5:
        levels = -levels
    levels = levels * random.uniform(0.7, 1.3) + MEAN + random.uniform(-30, 30)
    colours = levels.clip(0, 255).astype(np.uint8)[image[..., random.permutation(3)]]
    if random.random() < 0.3:
        noise = np.empty(colours.shape, dtype=np.int16)
        cv2.setRNGSeed(int(random.integers(2**31)))
        cv2.randn(noise, (0, 0, 0), (random.uniform(2, 12),) * 3)
        colours = (colours + noise).clip(0, 255).astype(np.uint8)
    return colours


def to_input(images: list[NDArray[np.uint8]]) -> Tensor:
    """Normalise images to the network's input, shape (n, 3, 300, 300)."""
    stacked = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float()
    return ((stacked - MEAN) / SCALE).contiguous(memory_format=torch.channels_last)


def batches(
    samples: list[Sample], priors: Tensor, *, size: int, random: np.random.Generator
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Go once through the samples in random order.

    Parameters
    ----------
    samples : list of Sample
        The scenes.
    priors : Tensor, shape (priors, 4)
        Default boxes.
    size : int
        Images a batch; a smaller rest is left out.
    random : numpy.random.Generator
        Order and distortions.

    Yields
    ------
    images, targets, classes : Tensor
        The network's input and what it should say (:func:`ssd_loss.assign`).
    """
    order = random.permutation(len(samples))
    for start in range(0, len(order) - size + 1, size):
        chosen = [distort(samples[index], random) for index in order[start : start + size]]
        matched = [
            assign(torch.from_numpy(item.boxes / IMAGE_SIZE), torch.from_numpy(item.labels), priors) for item in chosen
        ]
        targets, classes = zip(*matched, strict=True)
        yield to_input([item.image for item in chosen]), torch.stack(targets), torch.stack(classes)
