"""COCO's metrics against pycocotools' own summary, through its own files."""

from __future__ import annotations

import contextlib
import io
import json
import math
import zipfile
from pathlib import Path

import numpy as np
import pytest
from detection_data import Scene, repeated, scenes
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from ovlab.errors import OvlabError
from ovlab.metrics.coco import METRICS, coco_evaluate, recall_101
from ovlab.metrics.detection import Detections, GroundTruth

COCO_ZIP = Path(__file__).parents[4] / "shared" / "real" / "datasets" / "coco2017-256.zip"


def by_pycocotools(scene: Scene, classes: int, folder: Path) -> np.ndarray:
    """AP, AP50, AP75, small, medium, large as ``summarize`` gives them, read from files."""
    annotations = [
        {
            "id": 0,
            "image_id": image + 1,
            "category_id": int(one.class_ids[k]) + 1,
            "bbox": xywh(one.boxes[k]),
            "area": float(one.areas[k]),
            "iscrowd": int(one.crowd[k]),
        }
        for image, one in enumerate(scene[1])
        for k in range(len(one))
    ]
    for number, one in enumerate(annotations, start=1):
        one["id"] = number
    results = [
        {
            "image_id": image + 1,
            "category_id": int(one.class_ids[k]) + 1,
            "bbox": xywh(one.boxes[k]),
            "score": float(one.scores[k]),
        }
        for image, one in enumerate(scene[0])
        for k in range(len(one))
    ]
    truth = {
        "info": {},
        "images": [{"id": image + 1} for image in range(len(scene[1]))],
        "categories": [{"id": class_id + 1} for class_id in range(classes)],
        "annotations": annotations,
    }
    (folder / "truth.json").write_text(json.dumps(truth))
    (folder / "results.json").write_text(json.dumps(results))
    with contextlib.redirect_stdout(io.StringIO()):
        index = COCO(str(folder / "truth.json"))
        evaluation = COCOeval(index, index.loadRes(str(folder / "results.json")), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return np.asarray(evaluation.stats[:6])


def xywh(box: np.ndarray) -> list[float]:
    return [float(box[0]), float(box[1]), float(box[2] - box[0]), float(box[3] - box[1])]


@pytest.mark.parametrize("seed", range(3))
def test_equals_pycocotools(seed: int, tmp_path: Path) -> None:
    scene = scenes(seed, 60, 5)
    summary = coco_evaluate(*scene, 5).summary()
    assert list(summary) == list(METRICS)
    assert list(summary.values()) == pytest.approx(by_pycocotools(scene, 5, tmp_path), abs=1e-9)


def test_weights_are_images_repeated_that_often(tmp_path: Path) -> None:
    scene = scenes(21, 30, 3)
    result = coco_evaluate(*scene, 3)
    weights = np.random.default_rng(0).multinomial(30, np.full(30, 1 / 30), size=4)
    values = np.array([result.metric(name).mean(weights.T) for name in METRICS])
    for column, row in enumerate(weights):
        expected = by_pycocotools(repeated(scene, row), 3, tmp_path)
        assert values[:, column] == pytest.approx(np.where(expected < 0, np.nan, expected), abs=1e-9, nan_ok=True)


@pytest.mark.real
@pytest.mark.skipif(not COCO_ZIP.exists(), reason="no ../shared/real beside the repository")
def test_equals_pycocotools_on_real_annotations(tmp_path: Path) -> None:
    with zipfile.ZipFile(COCO_ZIP) as archive:
        name = next(one for one in archive.namelist() if one.endswith("instances_val2017.json"))
        content = json.loads(archive.read(name))
    class_of = {one["id"]: k for k, one in enumerate(sorted(content["categories"], key=lambda one: one["id"]))}
    by_image: dict[int, list[dict[str, object]]] = {one["id"]: [] for one in content["images"]}
    for one in content["annotations"]:
        by_image[one["image_id"]].append(one)
    rng = np.random.default_rng(1)
    detections, truth = [], []
    for image in sorted(by_image):
        found = by_image[image]
        xy = np.array([one["bbox"] for one in found], dtype=float).reshape(-1, 4)
        boxes = np.hstack([xy[:, :2], xy[:, :2] + xy[:, 2:]])
        ids = [class_of[one["category_id"]] for one in found]
        truth.append(
            GroundTruth(ids, boxes, crowd=[one["iscrowd"] for one in found], areas=[one["area"] for one in found])
        )
        seen = np.flatnonzero(rng.random(len(ids)) < 0.7)
        noise = rng.normal(0, 0.05, (seen.size, 4)) * np.tile(xy[seen, 2:], 2)
        detections.append(Detections(np.array(ids, dtype=int)[seen], rng.random(seen.size), boxes[seen] + noise))
    summary = coco_evaluate(detections, truth, len(class_of)).summary()
    assert list(summary.values()) == pytest.approx(
        by_pycocotools((detections, truth), len(class_of), tmp_path), abs=1e-9
    )


def test_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    coco_evaluate(*scenes(1, 5, 2), 2).summary()
    assert capsys.readouterr().out == ""


def test_perfect_detections_have_ap_1_and_absent_sizes_none() -> None:
    box = [10.0, 10.0, 60.0, 60.0]
    summary = coco_evaluate([Detections([1], [0.5], [box])], [GroundTruth([1], [box])], 3).summary()
    assert summary["AP"] == summary["AP50"] == summary["AP75"] == summary["APmedium"] == pytest.approx(1.0)
    assert math.isnan(summary["APsmall"])
    assert math.isnan(summary["APlarge"])


def test_an_overlap_of_60_percent_is_a_hit_at_three_of_ten_thresholds() -> None:
    # 0.50, 0.55 and 0.60 are reached (60 of 100 square pixels in common).
    truth = [GroundTruth([0], [[0.0, 0.0, 10.0, 10.0]])]
    summary = coco_evaluate([Detections([0], [0.5], [[0.0, 0.0, 10.0, 6.0]])], truth, 1).summary()
    assert (summary["AP"], summary["AP50"], summary["AP75"]) == pytest.approx((0.3, 1.0, 0.0))


def test_nothing_found_is_0_and_nothing_to_find_is_no_value() -> None:
    none, box = Detections([], [], []), [0.0, 0.0, 10.0, 10.0]
    assert coco_evaluate([none], [GroundTruth([0], [box])], 1).metric().mean() == 0.0
    assert math.isnan(coco_evaluate([none], [GroundTruth([], [])], 1).metric().mean())
    assert math.isnan(coco_evaluate([Detections([0], [0.5], [box])], [GroundTruth([], [])], 1).metric().mean())


def test_per_class_is_that_of_a_data_set_with_this_class_only() -> None:
    detections, truth = scenes(5, 40, 3)
    everything = coco_evaluate(detections, truth, 3).metric("AP50").per_class()
    for class_id in range(3):
        only = [
            [
                Detections(d.class_ids[k], d.scores[k], d.boxes[k])
                for d in detections
                for k in [d.class_ids == class_id]
            ],
            [
                GroundTruth(t.class_ids[k], t.boxes[k], crowd=t.crowd[k], areas=t.areas[k])
                for t in truth
                for k in [t.class_ids == class_id]
            ],
        ]
        assert coco_evaluate(*only, 3).metric("AP50").mean() == pytest.approx(everything[class_id])


def test_places_on_the_recall_axis_are_compared_as_pycocotools_does() -> None:
    for positives in (1, 3, 7, 10, 29, 100, 1000):
        hits = np.arange(positives + 1, dtype=float)[:, None]
        reached = np.searchsorted(np.linspace(0.0, 1.0, 101), hits[:, 0] / positives, side="right")
        assert (recall_101(hits, np.array([float(positives)]))[:, 0] * 101).round().tolist() == reached.tolist()


def test_refuses_an_unknown_metric_with_the_nearest() -> None:
    result = coco_evaluate([Detections([], [], [])], [GroundTruth([], [])], 1)
    with pytest.raises(OvlabError, match="COCO metric 'AP_large' is unknown; did you mean 'APlarge'"):
        result.metric("AP_large")


def test_refuses_images_that_do_not_correspond() -> None:
    with pytest.raises(OvlabError, match="2 images with detections and 1 with objects"):
        coco_evaluate([Detections([], [], [])] * 2, [GroundTruth([], [])], 1)
