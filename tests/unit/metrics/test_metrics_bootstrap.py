"""The paired bootstrap of mAP: covers no difference as often as it says; classes may be matched without areas."""

from __future__ import annotations

import numpy as np
import pytest
from detection_data import scenes

from ovlab.metrics.coco import coco_evaluate
from ovlab.metrics.precision_recall import ClassCurves, MeanAveragePrecision, area, make_curves
from ovlab.stats.bootstrap import resample_images
from ovlab.stats.comparison import compare_resampled

IMAGES, OBJECTS, ALARMS = 60, 3, 2


def two_equal_detectors(rng: np.random.Generator) -> list[ClassCurves]:
    """Curves of two detectors drawn alike: they share how hard objects are, and differ by luck alone."""
    objects = np.repeat(np.arange(IMAGES), OBJECTS)
    places = np.concatenate([objects, np.repeat(np.arange(IMAGES), ALARMS)])
    hard = rng.random(objects.size)
    surety = rng.normal(0, 1, places.size) + np.where(np.arange(places.size) < objects.size, 1.0, -0.5)
    curves = []
    for _ in range(2):
        found = np.concatenate([rng.random(objects.size) > 0.6 * hard, np.ones(places.size - objects.size, dtype=bool)])
        hits = (np.arange(places.size) < objects.size)[found]
        scores = (surety + rng.normal(0, 0.3, places.size))[found]
        counted = np.ones((1, hits.size), dtype=np.bool_)
        curves.append(make_curves(places[found], scores, hits[None], counted, np.full(IMAGES, float(OBJECTS))))
    return curves


def test_covers_no_difference_of_map_in_95_percent_of_simulated_pairs() -> None:
    rng = np.random.default_rng(17)
    weights = resample_images(IMAGES, rng, 400)
    covered = small = 0
    for _ in range(1000):
        metrics = [MeanAveragePrecision([curves], area, IMAGES) for curves in two_equal_detectors(rng)]
        values = [metric.mean() for metric in metrics]
        result = compare_resampled(*values, *(metric.mean(weights) for metric in metrics), IMAGES)
        covered += result.difference.contains(0.0)
        small += result.p_value < 0.05
    assert 930 <= covered <= 970
    assert 30 <= small <= 70


def test_without_areas_the_other_metrics_stay_the_same() -> None:
    scene = scenes(4, 30, 3)
    whole, plain = coco_evaluate(*scene, 3), coco_evaluate(*scene, 3, by_area=False)
    for name in ("AP", "AP50", "AP75"):
        assert plain.metric(name).mean() == whole.metric(name).mean()


def test_what_lies_behind_the_last_hit_is_left_out() -> None:
    images = np.array([0, 1, 0, 1])
    hits = np.array([[True, False, False, False], [True, False, True, False]])
    curves = make_curves(images, np.array([0.9, 0.95, 0.5, 0.1]), hits, ~np.zeros_like(hits), np.ones(2))
    assert curves.images.tolist() == [1, 0, 0]
    values = MeanAveragePrecision([curves], area, 2)
    # First overlap: one of two at precision 1/2. Second: both, the last at 2/3, to which the envelope lifts the first.
    assert values.per_class()[0] == pytest.approx((0.25 + 2 / 3) / 2)
