"""SqueezeNet on ImageNet images and ResNet-20 on CIFAR-10, against what an independent run gives."""

from __future__ import annotations

import pandas as pd
import pytest
from real_runs import needs_real_data, run_real

pytestmark = [pytest.mark.real, needs_real_data]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    # To save time, AUTO under one scenario alone, and FP16 of one model.
    shorter = (
        "experiment.scenarios=[single_stream,offline]",
        "experiment.exclude=[{device: auto, scenario: offline}, {model: resnet20_cifar10, precision: fp16}]",
    )
    return run_real("real_classification", tmp_path_factory.mktemp("real"), shorter)


def accuracies(results: pd.DataFrame, precision: str, column: str = "accuracy") -> dict[str, float]:
    rows = results[(results["precision"] == precision) & (results["device"] == "cpu")]
    return rows.groupby("model")[column].first().to_dict()


def test_fp32_is_what_an_independent_run_gives(results: pd.DataFrame) -> None:
    found = accuracies(results, "fp32")
    assert found["squeezenet1_1"] == pytest.approx(0.602, abs=0.003)
    assert found["resnet20_cifar10"] == pytest.approx(0.8103, abs=0.003)
    assert accuracies(results, "fp32", "top5")["squeezenet1_1"] == pytest.approx(0.820, abs=0.003)
    assert accuracies(results, "fp32", "samples") == {"squeezenet1_1": 500, "resnet20_cifar10": 10000}


def test_int8_loses_little(results: pd.DataFrame) -> None:
    for loss in accuracies(results, "int8", "accuracy_delta").values():
        assert -0.015 < loss <= 0.015
    assert all(share > 0.9 for share in accuracies(results, "int8", "agreement").values())


def test_labels_are_true(results: pd.DataFrame) -> None:
    executed = results.groupby("precision")["executed_precision"].agg(set).to_dict()
    assert executed["fp32"] == {"f32"}
    assert executed["fp16"] <= {"f32", "f16"}
    assert executed["int8"] == {"i8"}
