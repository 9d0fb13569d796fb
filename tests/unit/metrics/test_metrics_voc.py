"""Pascal VOC's mAP against an evaluation by hand, written as naively as possible."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from detection_data import Scene, repeated, scenes

from ovlab.errors import OvlabError
from ovlab.metrics.detection import Detections, GroundTruth
from ovlab.metrics.precision_recall import MeanAveragePrecision
from ovlab.metrics.voc import match_image, overlap, voc_map
from ovlab.stats.bootstrap import paired_bootstrap


def overlap_by_hand(box: np.ndarray, other: np.ndarray) -> float:
    width = min(box[2], other[2]) - max(box[0], other[0]) + 1
    height = min(box[3], other[3]) - max(box[1], other[1]) + 1
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(one[2] - one[0] + 1) * (one[3] - one[1] + 1) for one in (box, other)]
    return float(width * height / (areas[0] + areas[1] - width * height))


def judge_by_hand(scene: Scene, class_id: int) -> list[bool]:
    """Hits and false alarms of one class in order of falling score, without the detections that do not count."""
    ranked = [
        (score, image, box)
        for image, found in enumerate(scene[0])
        for label, score, box in zip(found.class_ids, found.scores, found.boxes, strict=True)
        if label == class_id
    ]
    taken: set[tuple[int, int]] = set()
    verdicts = []
    for _, image, box in sorted(ranked, key=lambda one: -one[0]):
        objects = scene[1][image]
        best, best_overlap = -1, 0.0
        for k in range(len(objects)):
            if objects.class_ids[k] == class_id and overlap_by_hand(box, objects.boxes[k]) > best_overlap:
                best, best_overlap = k, overlap_by_hand(box, objects.boxes[k])
        if best_overlap < 0.5:
            verdicts.append(False)
        elif not objects.difficult[best]:
            verdicts.append((image, best) not in taken)
            taken.add((image, best))
    return verdicts


def by_hand(scene: Scene, class_id: int, style: str) -> float | None:
    """Average precision of one class, detection by detection, with fractions for precision and recall."""
    to_find = sum(int(((one.class_ids == class_id) & ~one.difficult).sum()) for one in scene[1])
    if to_find == 0:
        return None
    points: list[tuple[Fraction, Fraction]] = []
    hits = 0
    for rank, hit in enumerate(judge_by_hand(scene, class_id), start=1):
        hits += hit
        points.append((Fraction(hits, to_find), Fraction(hits, rank)))
    if style == "11point":
        places = [Fraction(k, 10) for k in range(11)]
        return float(sum(max((p for r, p in points if r >= place), default=Fraction(0)) for place in places) / 11)
    total, before = Fraction(0), Fraction(0)
    for recall, _ in points:
        total += (recall - before) * max(p for r, p in points if r >= recall)
        before = recall
    return float(total)


def one_class(found: list[tuple[float, list[float]]], objects: list[list[float]], style: str) -> float:
    """Mean average precision of a single image with a single class."""
    detections = Detections([0] * len(found), [score for score, _ in found], [box for _, box in found])
    return voc_map([detections], [GroundTruth([0] * len(objects), objects)], 1, style=style).mean()


A, B, NOWHERE = [0.0, 0.0, 9.0, 9.0], [50.0, 50.0, 69.0, 69.0], [200.0, 200.0, 219.0, 219.0]


class TestWorkedExamples:
    def test_all_found_and_nothing_else(self) -> None:
        assert one_class([(0.9, A), (0.8, B)], [A, B], "11point") == 1.0
        assert one_class([(0.9, A), (0.8, B)], [A, B], "area") == 1.0

    def test_a_false_alarm_between_two_hits(self) -> None:
        # Recall 1/2 at precision 1, recall 1 at precision 2/3: places 0 to 0.5 read 1, 0.6 to 1.0 read 2/3.
        found = [(0.9, A), (0.8, NOWHERE), (0.7, B)]
        assert one_class(found, [A, B], "11point") == pytest.approx((6 + 5 * 2 / 3) / 11)
        assert one_class(found, [A, B], "area") == pytest.approx(1 / 2 + 1 / 2 * 2 / 3)

    def test_one_of_two_found(self) -> None:
        assert one_class([(0.9, A)], [A, B], "11point") == pytest.approx(6 / 11)
        assert one_class([(0.9, A)], [A, B], "area") == pytest.approx(1 / 2)

    def test_a_second_detection_of_an_object_is_a_false_alarm(self) -> None:
        assert one_class([(0.9, A), (0.8, A), (0.7, B)], [A, B], "area") == pytest.approx(1 / 2 + 1 / 2 * 2 / 3)

    def test_a_second_detection_does_not_go_to_the_next_best_object(self) -> None:
        # Both overlap the first object most: the second is a duplicate, although it overlaps the other object too.
        objects = [[0.0, 0.0, 99.0, 99.0], [0.0, 30.0, 99.0, 129.0]]
        found = [(0.9, [0.0, 0.0, 99.0, 99.0]), (0.8, [0.0, 10.0, 99.0, 109.0])]
        assert one_class(found, objects, "area") == pytest.approx(1 / 2)

    def test_nothing_found(self) -> None:
        assert one_class([], [A], "11point") == 0.0

    def test_three_of_ten_found_reach_recall_three_tenths(self) -> None:
        objects = [[100.0 * k, 0.0, 100.0 * k + 50, 50.0] for k in range(10)]
        found = [(1 - k / 10, objects[k]) for k in range(3)]
        assert one_class(found, objects, "11point") == pytest.approx(4 / 11)

    def test_pixels_are_counted_inclusively(self) -> None:
        # Ten pixels and the five of its upper half: exactly one half, a hit only with the +1.
        assert overlap(np.array([[0.0, 0.0, 9.0, 9.0]]), np.array([[0.0, 0.0, 9.0, 4.0]]))[0, 0] == 0.5
        assert one_class([(0.9, [0.0, 0.0, 9.0, 4.0])], [A], "area") == 1.0
        assert one_class([(0.9, [0.0, 0.0, 9.0, 3.9])], [A], "area") == 0.0

    def test_boxes_apart_do_not_overlap(self) -> None:
        assert overlap(np.array([A]), np.array([NOWHERE, [10.0, 0.0, 20.0, 9.0]])).tolist() == [[0.0, 0.0]]

    def test_difficult_objects_neither_help_nor_hurt(self) -> None:
        truth = GroundTruth([0, 0], [A, B], difficult=[True, False])
        detections = Detections([0, 0, 0], [0.9, 0.8, 0.7], [A, A, B])
        assert match_image(detections, truth).tolist() == [-1, -1, 1]
        assert voc_map([detections], [truth], 1).mean() == 1.0

    def test_classes_do_not_match_each_other(self) -> None:
        detections = Detections([1], [0.9], [A])
        metric = voc_map([detections], [GroundTruth([0], [A])], 2)
        assert metric.per_class()[0] == 0.0
        assert math.isnan(metric.per_class()[1])
        assert metric.mean() == 0.0

    def test_a_class_without_objects_is_not_in_the_mean(self) -> None:
        detections = Detections([0, 1], [0.9, 0.8], [A, B])
        metric = voc_map([detections], [GroundTruth([0, 1], [A, B], difficult=[False, True])], 2)
        assert metric.mean() == 1.0
        assert math.isnan(metric.per_class()[1])

    def test_no_object_at_all_has_no_value(self) -> None:
        assert math.isnan(voc_map([Detections([0], [0.9], [A])], [GroundTruth([], [])], 1).mean())

    def test_the_order_of_images_and_detections_does_not_matter(self) -> None:
        scene = scenes(3, 20, 3)
        shuffled = [Detections(d.class_ids[::-1], d.scores[::-1], d.boxes[::-1]) for d in scene[0]]
        assert voc_map(shuffled[::-1], scene[1][::-1], 3).mean() == pytest.approx(voc_map(*scene, 3).mean(), abs=1e-12)


@pytest.mark.parametrize("style", ["11point", "area"])
@pytest.mark.parametrize("seed", range(6))
def test_equals_the_evaluation_by_hand(seed: int, style: str) -> None:
    scene = scenes(seed, 40, 4)
    expected = [by_hand(scene, class_id, style) for class_id in range(5)]
    metric = voc_map(*scene, 5, style=style)
    assert expected[4] is None
    assert metric.per_class()[:4] == pytest.approx(np.array(expected[:4], dtype=float), abs=1e-12)
    assert metric.mean() == pytest.approx(np.mean([one for one in expected if one is not None]), abs=1e-12)


@pytest.mark.parametrize("style", ["11point", "area"])
def test_weights_are_images_repeated_that_often(style: str) -> None:
    scene = scenes(11, 25, 3)
    weights = np.random.default_rng(0).multinomial(25, np.full(25, 1 / 25), size=8)
    metric = voc_map(*scene, 3, style=style)
    expected = []
    for row in weights:
        per_class = [by_hand(repeated(scene, row), class_id, style) for class_id in range(3)]
        expected.append(np.mean([one for one in per_class if one is not None]))
    assert metric.mean(weights.T) == pytest.approx(np.array(expected), abs=1e-12)


def test_more_resamples_than_fit_one_block_come_in_order() -> None:
    scene = scenes(12, 20, 3)
    weights = np.random.default_rng(0).multinomial(20, np.full(20, 1 / 20), size=300).T
    metric = voc_map(*scene, 3)
    together = metric.mean(weights)
    assert together.shape == (300,)
    assert [metric.mean(weights[:, k]) for k in (0, 127, 128, 299)] == pytest.approx(together[[0, 127, 128, 299]])
    assert metric.per_class(weights).shape == (3, 300)


def test_a_resample_without_any_object_has_no_value() -> None:
    metric = voc_map(
        [Detections([0], [0.9], [A]), Detections([], [], [])], [GroundTruth([0], [A]), GroundTruth([], [])], 1
    )
    assert metric.mean(np.array([[1, 0], [1, 2]]))[0] == 1.0
    assert math.isnan(metric.mean(np.array([[1, 0], [1, 2]]))[1])


class TestBadInput:
    def metric(self) -> MeanAveragePrecision:
        return voc_map([Detections([0], [0.9], [A])], [GroundTruth([0], [A])], 1)

    def test_unknown_style_names_the_nearest(self) -> None:
        with pytest.raises(OvlabError, match="VOC style '11-point' is unknown; did you mean '11point'"):
            voc_map([Detections([], [], [])], [GroundTruth([], [])], 1, style="11-point")

    def test_images_must_correspond(self) -> None:
        with pytest.raises(OvlabError, match="1 images with detections and 0 with objects"):
            voc_map([Detections([], [], [])], [], 1)

    def test_class_out_of_range_is_named(self) -> None:
        with pytest.raises(OvlabError, match="class index 7 of a detection is out of range, expected 0 to 1"):
            voc_map([Detections([7], [0.9], [A])], [GroundTruth([0], [A])], 2)
        with pytest.raises(OvlabError, match="class index -1 of an object"):
            voc_map([Detections([0], [0.9], [A])], [GroundTruth([-1], [A])], 2)

    def test_weights_of_other_images(self) -> None:
        with pytest.raises(OvlabError, match="expected one row for each of 1 images"):
            self.metric().mean(np.ones((2, 3)))

    def test_boxes_of_another_shape(self) -> None:
        with pytest.raises(OvlabError, match=r"expected \(n, 4\)"):
            Detections([0], [0.9], [[1, 2, 3]])

    def test_fields_of_different_lengths(self) -> None:
        with pytest.raises(OvlabError, match=r"detections: fields of different lengths \[2, 1, 1\]"):
            Detections([0, 1], [0.9], [A])
        with pytest.raises(OvlabError, match="ground truth: fields of different lengths"):
            GroundTruth([0], [A], difficult=[True, False])

    @pytest.mark.parametrize(("score", "box"), [(math.nan, A), (0.5, [0.0, 0.0, math.nan, 1.0])])
    def test_what_is_not_finite(self, score: float, box: list[float]) -> None:
        with pytest.raises(OvlabError, match="not finite"):
            Detections([0], [score], [box])


def test_paired_bootstrap_sees_a_detector_that_lost_most_of_its_detections() -> None:
    scene = scenes(31, 150, 3)
    rng = np.random.default_rng(1)
    kept = [rng.random(len(one)) < 0.4 for one in scene[0]]
    worse = [Detections(one.class_ids[k], one.scores[k], one.boxes[k]) for one, k in zip(scene[0], kept, strict=True)]
    reference, candidate = voc_map(*scene, 3), voc_map(worse, scene[1], 3)
    paired = paired_bootstrap(reference.mean, candidate.mean, 150, np.random.default_rng(2), resamples=500)
    assert paired.difference.value == pytest.approx(candidate.mean() - reference.mean())
    assert paired.difference.high < 0
    assert paired.p_value < 0.01
    same = paired_bootstrap(reference.mean, reference.mean, 150, np.random.default_rng(2), resamples=500)
    assert (same.difference.low, same.difference.value, same.difference.high) == (0.0, 0.0, 0.0)
