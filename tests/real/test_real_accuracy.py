"""Whether INT8's loss is real on 10000 images, whether it is luck, and whether accuracy control meets its target."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from real_runs import needs_real_data, run_real

from ovlab.records import read_record

pytestmark = [pytest.mark.real, needs_real_data]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("real")


@pytest.fixture(scope="module")
def rows(folder: Path) -> pd.DataFrame:
    """Rows by precision. To save time, ResNet-20 is calibrated five times and SqueezeNet under accuracy control."""
    overrides = (
        "experiment.precisions=[fp32,int8_seeds,int8_tenth]",
        "experiment.exclude=[{model: resnet20_cifar10, precision: int8_tenth}, "
        "{model: squeezenet1_1, precision: int8_seeds}, {model: squeezenet1_1, precision: fp32}]",
    )
    return run_real("real_accuracy", folder, overrides).set_index("precision")


def test_fp32_is_what_an_independent_run_gives(rows: pd.DataFrame) -> None:
    assert rows.loc["fp32", "accuracy"] == pytest.approx(0.8103, abs=0.001)
    assert rows.loc["fp32", "samples"] == 10000


def test_the_drop_comes_with_its_paired_interval_and_test(rows: pd.DataFrame) -> None:
    int8 = rows.loc["int8_seeds"]
    assert -0.006 <= int8["accuracy_delta"] <= 0.006
    assert int8["accuracy_delta_low"] <= int8["accuracy_delta"] <= int8["accuracy_delta_high"]
    assert 0 < int8["accuracy_p"] <= 1
    assert 0 < int8["detectable_drop"] < 0.02


def test_five_seeds_and_their_spread(rows: pd.DataFrame) -> None:
    int8 = rows.loc["int8_seeds"]
    values = [float(value) for value in int8["accuracy_by_seed"].split(";")]
    assert int8["calibration_seeds"] == len(values) == 5
    assert len(set(values)) > 1  # other subsets, other constants
    assert int8["accuracy"] == values[0]
    assert (int8["accuracy_min"], int8["accuracy_max"]) == (min(values), max(values))
    assert int8["accuracy_std"] == pytest.approx(pd.Series(values).std())


def test_accuracy_control_meets_its_target_or_says_that_it_does_not(folder: Path, rows: pd.DataFrame) -> None:
    (path,) = folder.glob("results/variants/squeezenet1_1/int8_tenth/*/variant.json")
    record = read_record(path, "variant")
    control, drop = record.data["accuracy_control"], record.values["control_drop"].value
    assert len(control["control_images"]) > 0
    assert not set(control["control_images"]) & set(record.data["calibration_images"])
    assert drop is not None and control["met"] == (drop <= 0.001)
    reason = rows.loc["int8_tenth", "reason"]
    assert ("accuracy target missed" in str(reason)) == (not control["met"])
