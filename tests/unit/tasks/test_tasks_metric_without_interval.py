"""The metric without its interval is the metric that validation reports."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ovlab.metrics.detection import GroundTruth
from ovlab.specs import OutputSpec
from ovlab.tasks.classification.evaluator import ClassificationEvaluator
from ovlab.tasks.classification.labels import LabelledImage, LabelledSplit
from ovlab.tasks.detection.annotations import AnnotatedImage, AnnotatedSplit
from ovlab.tasks.detection.evaluator import DetectionEvaluator
from ovlab.tasks.detection.spec import DetectionMetric, DetectionSpec
from ovlab.tasks.detection.table import NOTHING

NAMES = ("cat", "dog")
SPEC = DetectionSpec(decoder="boxes_scores_labels", parameters={"units": "normalised"}, classes=NAMES)


def boxes_of(generator: np.random.Generator, count: int) -> Any:
    corner = generator.uniform(0, 120, (count, 2))
    return np.hstack([corner, corner + generator.uniform(20, 80, (count, 2))])


def scene(generator: np.random.Generator, number: int) -> tuple[AnnotatedImage, pd.DataFrame]:
    """An image with up to three objects, some of them found a little beside, and false alarms."""
    count = number % 4
    boxes, classes = boxes_of(generator, count), generator.integers(0, 2, count)
    found = np.vstack([boxes + generator.normal(0, 4, boxes.shape), boxes_of(generator, number % 2)])
    found_classes = np.concatenate([classes, generator.integers(0, 2, number % 2)])
    image = AnnotatedImage(f"{number}.jpg", Path(f"{number}.jpg"), GroundTruth(classes, boxes), 200, 200)
    if not len(found):
        found, found_classes = np.full((1, 4), np.nan), np.array([NOTHING])
    frame = pd.DataFrame(found, columns=["xmin", "ymin", "xmax", "ymax"])
    frame["image"], frame["class_id"] = image.id, found_classes
    frame["class_name"] = [NAMES[one] if one >= 0 else None for one in found_classes]
    frame["score"] = generator.uniform(0.2, 1, len(frame))
    return image, frame


@pytest.mark.parametrize("metric", ["voc_2007", "voc_area", "coco"])
def test_of_boxes(metric: DetectionMetric) -> None:
    generator = np.random.default_rng(7)
    scenes = [scene(generator, number) for number in range(12)]
    split = AnnotatedSplit("control", tuple(image for image, _ in scenes), NAMES)
    frame = frame_of(scenes)

    def evaluator(part: AnnotatedSplit) -> DetectionEvaluator:
        return DetectionEvaluator(SPEC, part, metric, width=50, height=50)

    def reported(part: AnnotatedSplit, rows: pd.DataFrame) -> float | None:
        return evaluator(part).score(rows)["accuracy"].value

    value, each = evaluator(split).metric_without_interval(frame, split.images)
    assert value == pytest.approx(reported(split, frame), abs=1e-12)
    assert 0 < value < 1
    assert len(each) == 12
    alone = replace(split, images=split.images[3:4])
    assert each[3] == pytest.approx(reported(alone, scenes[3][1]), abs=1e-12)
    assert each[0] == 0  # no object: it tells nothing
    some = replace(split, images=split.images[3:6])
    of_some, _ = evaluator(split).metric_without_interval(frame, some.images)
    assert of_some == pytest.approx(reported(some, frame_of(scenes[3:6])), abs=1e-12)


def frame_of(scenes: list[tuple[AnnotatedImage, pd.DataFrame]]) -> pd.DataFrame:
    return pd.concat([rows for _, rows in scenes], ignore_index=True)


def test_of_classes() -> None:
    images = tuple(LabelledImage(str(i), Path(str(i)), 0) for i in range(4))
    frame = pd.DataFrame({"image": ["2", "0", "1"], "top1": [True, True, False]})  # the last was corrupt
    task = ClassificationEvaluator(OutputSpec(), LabelledSplit("control", images, ()))
    assert task.metric_without_interval(frame, images) == (0.5, [1.0, 0.0, 1.0, 0.0])
