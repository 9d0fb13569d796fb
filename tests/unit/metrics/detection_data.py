"""Scenes with objects and a detector that finds some of them, drawn from a seed."""

from __future__ import annotations

import numpy as np

from ovlab.metrics.detection import Detections, GroundTruth

Scene = tuple[list[Detections], list[GroundTruth]]


def scenes(seed: int, images: int, classes: int, found: float = 0.7) -> Scene:
    """Draw images with 0 to 6 objects, duplicates, near misses, false alarms, difficult objects and crowds."""
    rng = np.random.default_rng(seed)
    detections, truth = [], []
    for _ in range(images):
        objects = int(rng.integers(0, 7))
        corner = rng.integers(0, 200, (objects, 2))
        boxes = np.hstack([corner, corner + rng.integers(8, 150, (objects, 2))]).astype(float)
        ids = rng.integers(0, classes, objects)
        truth.append(
            GroundTruth(
                ids,
                boxes,
                difficult=rng.random(objects) < 0.2,
                crowd=rng.random(objects) < 0.1,
                areas=(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) * rng.uniform(0.5, 1, objects),
            )
        )
        # Twice over, so that objects are found by several detections.
        seen = np.flatnonzero(np.tile(rng.random(objects) < found, 2) & (rng.random(2 * objects) < 0.8)) % max(
            objects, 1
        )
        alarms = int(rng.integers(0, 5))
        free = rng.uniform(0, 200, (alarms, 2))
        found_boxes = np.vstack(
            [
                boxes[seen] + rng.normal(0, 6, (seen.size, 4)),
                np.hstack([free, free + rng.uniform(5, 100, (alarms, 2))]),
            ]
        )
        found_ids = np.concatenate([ids[seen], rng.integers(0, classes, alarms)])
        detections.append(Detections(found_ids, rng.random(found_ids.size), found_boxes))
    return detections, truth


def repeated(scene: Scene, weights: np.ndarray) -> Scene:
    """Data set in which each image is there as often as its weight says."""
    index = np.repeat(np.arange(len(weights)), weights)
    return [scene[0][i] for i in index], [scene[1][i] for i in index]
