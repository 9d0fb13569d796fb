"""FastestDet on COCO and VOC images; two Caffe networks for speed only."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest
from real_runs import needs_real_data, run_real

pytestmark = [pytest.mark.real, needs_real_data]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("real")


# To save time; FP16 is looked at in classification, loads in the quickstart.
FEWER = ("experiment.precisions=[fp32,int8]", "experiment.scenarios=[single_stream]")


@pytest.fixture(scope="module")
def results(folder: Path) -> pd.DataFrame:
    return run_real("real_detection", folder, FEWER)


def test_accuracy_is_that_of_an_independent_post_processing(results: pd.DataFrame) -> None:
    # By a loop over cells written apart from the decoder, scored by pycocotools and by a by-hand VOC evaluation.
    found = results[results["precision"] == "fp32"].set_index("model")
    assert found.loc["fastestdet_coco", "accuracy"] == pytest.approx(0.1826, abs=0.005)
    assert found.loc["fastestdet_voc", "accuracy"] == pytest.approx(0.4537, abs=0.005)
    assert found.loc["fastestdet_coco", "metric"] == "COCO AP"
    assert found.loc["fastestdet_voc", "metric"] == "mAP (VOC 2007)"
    assert found["samples"].to_dict() == {
        "fastestdet_coco": 128,
        "fastestdet_voc": 100,
        "mobilenet_ssd_synthetic": 128,
        "face_detector": 128,
    }


def test_int8_loses_little(results: pd.DataFrame) -> None:
    found = results[(results["precision"] == "int8") & results["model"].str.startswith("fastestdet")]
    assert len(found) == 2
    assert (found["accuracy_delta"].abs() < 0.04).all()
    assert (found["accuracy_delta_low"] <= found["accuracy_delta"]).all()
    assert (found["accuracy_delta"] <= found["accuracy_delta_high"]).all()


def test_speed_only_leaves_accuracy_empty(results: pd.DataFrame) -> None:
    found = results[results["model"].isin(["mobilenet_ssd_synthetic", "face_detector"])]
    assert len(found) == 4
    assert found[["metric", "accuracy", "accuracy_low", "accuracy_delta"]].isna().all(axis=None)
    assert (found["throughput_fps"] > 0).all()
    assert (found.loc[found["precision"] == "int8", "executed_precision"] == "i8").all()


def test_detections_are_kept_in_pixels_of_the_image(folder: Path, results: pd.DataFrame) -> None:
    assert len(results) == 8
    (path,) = folder.glob("results/accuracy/fastestdet_coco/fp32/*/predictions.parquet")
    boxes = pd.read_parquet(path)
    assert boxes["image"].nunique() == 128
    found = boxes[boxes["class_id"] >= 0]
    assert len(found) > 1000
    assert found["score"].between(0.001, 1).all()
    # FastestDet's own evaluation does not clip, so boxes may leave the image, but not by much more than its size.
    assert all(math.isfinite(x) and -700 < x < 1400 for x in found[["xmin", "ymin", "xmax", "ymax"]].to_numpy().ravel())


def test_the_articles_experiment_runs_but_for_its_weights(tmp_path: Path) -> None:
    overrides = (
        "experiment.models=[mobilenet_ssd_synthetic_voc]",
        "experiment.precisions=[fp32,int8]",
        "experiment.devices=[cpu,gpu,multi]",
        "experiment.scenarios=[nireq_1,nireq_4,nireq_8]",
    )
    results = run_real("real_detection", tmp_path, overrides, statuses=frozenset({"ok", "unavailable"}))
    measured = results[results["device"] == "cpu"]
    assert (measured["status"] == "ok").all()
    assert measured.groupby("scenario")["infer_requests"].first().to_dict() == {
        "nireq_1": 1,
        "nireq_4": 4,
        "nireq_8": 8,
    }
    assert (measured["metric"] == "mAP (VOC 2007)").all()
    # Random weights: the metric is computed, its value means nothing.
    assert measured["accuracy"].between(0, 0.05).all()
