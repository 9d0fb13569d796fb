"""The device's default: measured beside the others, or once together with the precision that it is executed as."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fake_session import FLOAT, PLAN, PRECISIONS, FakeLaunches, outcomes_of, run, settings_of
from toy import Lab

from ovlab.measure.parent.session import Variant
from ovlab.records import Record
from ovlab.specs import SessionSettings

DEFAULT = {"inference_precision": "default", "description": "default"}
TWIN = "executed exactly as fp32 (same weights, kernels and layouts): measured once, the timings are its"


def with_default(lab: Lab, **changes: Any) -> SessionSettings:
    return settings_of(lab, precisions={"default": DEFAULT, **PRECISIONS}, **changes)


@pytest.fixture
def same(launches: FakeLaunches) -> FakeLaunches:
    """Launches whose default is executed as fp32 is; int8 has weights of its own, so its graph is not asked for."""
    launches.fps["default"] = 100.0
    launches.graphs |= {"default": "one", "fp32": "one", "int8": "one"}
    return launches


@pytest.fixture
def other_weights(lab: Lab) -> Variant:
    """A variant whose weights are not those of the lab's."""
    changed = {**lab.record.data, "sha256": {"model.bin": "0" * 64}}
    return Variant(Record("variant", {}, data=changed), lab.folder)


def timed(launches: FakeLaunches) -> list[str]:
    return [str(one.properties["NAME"]) for one in launches.asked if one.mode != "inspect"]


def test_a_default_that_is_another_precision_is_measured_once(
    lab: Lab, same: FakeLaunches, other_weights: Variant, tmp_path: Path
) -> None:
    record = run(lab, with_default(lab), tmp_path, int8=other_weights)
    rows = outcomes_of(record)
    assert "default" not in timed(same)
    assert list(rows) == ["default", "fp32", "fp16", "int8"]
    assert rows["default"]["reason"] == TWIN
    assert rows["default"]["values"] == rows["fp32"]["values"]
    assert rows["default"]["effective"]["executed_precision"] == "f32"
    for name in ("default", "fp32"):
        assert rows[name]["values"]["speedup_over_default"] == {"value": 1.0, "unit": "ratio", "low": 1.0, "high": 1.0}
    assert rows["int8"]["values"]["speedup_over_default"] == rows["int8"]["values"]["speedup"]
    assert set(record.data["launches"]) == {"fp32", "fp16", "int8"}
    assert set(pd.read_parquet(tmp_path / "samples.parquet")["precision"]) == {"fp32", "fp16", "int8"}


def test_a_default_of_its_own_is_measured_and_told_against(
    lab: Lab, same: FakeLaunches, other_weights: Variant, tmp_path: Path
) -> None:
    same.graphs["default"] = "its own"
    same.shares["default"] = {"bf16": 1.0}
    same.fps |= {"default": 200.0, "fp16": 50.0}
    rows = outcomes_of(run(lab, with_default(lab), tmp_path, int8=other_weights))
    assert timed(same).count("default") == timed(same).count("fp32") == 4
    assert rows["default"]["status"] == "ok"
    assert rows["default"]["effective"]["executed_precision"] == "bf16"
    assert rows["default"]["values"]["speedup"]["value"] == pytest.approx(2.0, rel=0.01)
    for name, ratio in {"default": 1.0, "fp32": 0.5, "fp16": 0.25, "int8": 1.5}.items():
        over = rows[name]["values"]["speedup_over_default"]
        assert over["value"] == pytest.approx(ratio, rel=0.01)
        assert over["low"] <= over["value"] <= over["high"]


@pytest.mark.parametrize("name", ["EXECUTION_DEVICES", "NUM_STREAMS", "INFERENCE_NUM_THREADS"])
def test_equal_graphs_under_other_settings_are_measured_both(
    lab: Lab, same: FakeLaunches, other_weights: Variant, tmp_path: Path, name: str
) -> None:
    same.others["default"] = {"settings": {"EXECUTION_DEVICES": ["CPU"], name: ["CPU"]}}
    same.others["fp32"] = {"settings": {"EXECUTION_DEVICES": ["CPU"], name: ["other"]}}
    same.others["fp16"] = {"settings": {"EXECUTION_DEVICES": ["CPU"], name: ["another"]}}
    run(lab, with_default(lab), tmp_path, int8=other_weights)
    assert "default" in timed(same)


def test_a_device_that_does_not_tell_what_it_executes_is_measured(
    lab: Lab, same: FakeLaunches, other_weights: Variant, tmp_path: Path
) -> None:
    same.graphs = dict.fromkeys(PRECISIONS | {"default": {}}, "")
    run(lab, with_default(lab), tmp_path, int8=other_weights)
    assert "default" in timed(same)


def test_only_equal_weights_are_compared(lab: Lab, same: FakeLaunches, other_weights: Variant, tmp_path: Path) -> None:
    others = dict.fromkeys(PRECISIONS, other_weights)
    run(lab, with_default(lab), tmp_path, **others)
    assert [one for one in same.asked if one.mode == "inspect"] == []
    assert "default" in timed(same)


def test_what_is_not_executed_as_it_is_called_stands_for_nothing(
    lab: Lab, same: FakeLaunches, other_weights: Variant, tmp_path: Path
) -> None:
    same.shares |= {"default": {"bf16": 1.0}, "fp32": {"bf16": 1.0}}
    rows = outcomes_of(run(lab, with_default(lab), tmp_path, int8=other_weights))
    assert "default" in timed(same)
    assert rows["fp32"]["status"] == "failed"
    assert rows["default"]["status"] == "ok"
    assert rows["int8"]["values"]["speedup_over_default"]["value"] == pytest.approx(3.0, rel=0.01)
    assert "speedup" not in rows["int8"]["values"]


def test_a_default_shares_the_failure_of_what_it_is_executed_as(
    lab: Lab, same: FakeLaunches, other_weights: Variant, tmp_path: Path
) -> None:
    same.errors["fp32"] = (3, "the launch crashed")
    rows = outcomes_of(run(lab, with_default(lab), tmp_path, int8=other_weights))
    assert rows["default"]["status"] == "failed"
    assert rows["default"]["reason"] == "executed exactly as fp32, which failed: the launch crashed"
    assert "speedup_over_default" not in rows["int8"]["values"]


def test_without_a_default_nothing_is_looked_into(lab: Lab, launches: FakeLaunches, tmp_path: Path) -> None:
    rows = outcomes_of(run(lab, settings_of(lab), tmp_path))
    assert all(one.mode != "inspect" for one in launches.asked)
    assert all("speedup_over_default" not in row["values"] for row in rows.values())


def test_a_default_that_cannot_be_looked_into_is_measured(
    lab: Lab, same: FakeLaunches, other_weights: Variant, tmp_path: Path
) -> None:
    same.errors["fp16"] = (1, "no such kernel")
    same.graphs["fp32"] = "another"
    rows = outcomes_of(run(lab, with_default(lab), tmp_path, int8=other_weights))
    assert "default" in timed(same)
    assert rows["default"]["status"] == "ok"


def test_a_real_default_is_what_openvino_does_by_itself(lab: Lab, tmp_path: Path) -> None:
    precisions = {"fp32": FLOAT, "default": {"inference_precision": "default"}}
    settings = lab.session_settings(precisions=precisions, measurement=PLAN | {"launches": 1, "max_launches": 1})
    rows = outcomes_of(run(lab, settings, tmp_path))
    assert rows["default"]["status"] == "ok"
    executed = rows["default"]["effective"]["executed_precision"]
    assert sum(rows["default"]["effective"]["executed_kernels"].values()) == pytest.approx(1.0)
    # A CPU with BF16 units decides for them; any other has nothing but FP32.
    assert executed in {"f32", "bf16", "f16"}
    assert (rows["default"]["reason"] == TWIN) == (executed == "f32")
