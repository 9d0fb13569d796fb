"""The profile step: all variants in rounds of fresh processes, one record, tables beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from profile_factory import node, operation, results
from toy import Lab

from ovlab.errors import OvlabError, UnavailableError
from ovlab.layers.profile import launching
from ovlab.layers.profile.step import profile_variants
from ovlab.layers.profile.table import COLUMNS
from ovlab.measure.parent.session import Variant
from ovlab.records import Quantity, Record, read_record, require_intact, write_record
from ovlab.specs import ProfileSettings

PEAKS = Record(
    kind="peaks",
    settings={},
    values={
        "arithmetic_f32": Quantity(200.0, "GOP/s"),
        "bandwidth_DRAM": Quantity(40.0, "GB/s"),
        "node_overhead": Quantity(1.5, "us"),
        "threads": Quantity(2, "count"),
    },
    data={"kernels": {"f32": "x"}, "caches": {}, "sharing": {}, "remarks": []},
)


def settings_of(lab: Lab, **changes: Any) -> ProfileSettings:
    plain: dict[str, Any] = {
        "model_name": "toy",
        "device_name": "cpu",
        "dataset_name": "colours",
        "dataset": lab.dataset.plain(),
        "resize": {},
        "precisions": {"fp32": {"inference_precision": "f32"}, "other": {"inference_precision": "f32"}},
        "reference": "fp32",
        "device": {"device": "CPU"},
        "profiling": {"warm_up_s": 0.01, "duration_s": 0.03, "images": 2},
    }
    return ProfileSettings.model_validate(plain | changes)


def variants_of(lab: Lab) -> dict[str, Variant]:
    return {name: Variant(lab.record, lab.folder) for name in ("fp32", "other")}


def test_profile_of_two_variants(lab: Lab, tmp_path: Path) -> None:
    record = profile_variants(settings_of(lab), variants_of(lab), lab.source, PEAKS, tmp_path)
    assert record.ok, record.reason
    first = record.data["variants"]["fp32"]
    assert first["status"] == "ok" and first["executed_precision"] == "f32"
    assert first["totals"]["macs_over_model"]["value"] == 1
    assert sum(one["value"] for one in first["verdict"]["shares"].values()) == pytest.approx(1)
    assert len(first["noise"]) + first["left_out_rounds"] >= 3  # more where the host is busy
    assert first["scaling"]["batch"] == 4 and first["scaling"]["batch_time"] > 0
    (comparison,) = record.data["comparisons"]
    assert (comparison["first"], comparison["second"]) == ("fp32", "other")
    parts = comparison["by_layers"].values()
    assert sum(one["value"] for one in parts) == pytest.approx(comparison["saved"]["value"], abs=1e-9)
    assert set(record.files) == {
        "nodes.csv",
        "nodes.parquet",
        "nodes.columns.csv",
        "launches.parquet",
        "comparisons.csv",
    }
    require_intact(record, tmp_path)
    nodes = pd.read_parquet(tmp_path / "nodes.parquet")
    assert list(nodes.columns) == list(COLUMNS) and set(nodes["precision"]) == {"fp32", "other"}
    assert list(pd.read_csv(tmp_path / "nodes.columns.csv")["column"]) == list(COLUMNS)
    assert set(pd.read_parquet(tmp_path / "launches.parquet")["launch"]) >= {1, 2, 3}
    # What the record holds is plain and reads back.
    write_record(tmp_path / "profile.json", record)
    assert read_record(tmp_path / "profile.json", "profile").data == json.loads(json.dumps(record.data))


def test_a_variant_that_fails_leaves_the_others(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = iter(results([node("conv"), node("r", layers=[], kind="Reorder")], [operation("conv")]))
    models = iter(["other", "fp32"])
    monkeypatch.setattr(launching.np.random, "default_rng", lambda seed: Reversed())
    monkeypatch.setattr(launching, "run_child", lambda *_: answer(next(models, "fp32"), good))
    record = profile_variants(settings_of(lab, profiling={"batch": 0}), variants_of(lab), lab.source, PEAKS, tmp_path)
    assert record.ok
    assert record.data["variants"]["other"] == {"status": "failed", "reason": "it broke"}
    assert record.data["variants"]["fp32"]["status"] == "ok" and record.data["comparisons"] == []
    assert record.data["variants"]["fp32"]["conversions"] == {
        "f32 abcd to f32 abcd": {"nodes": 1, "time": {"value": 200.0, "unit": "us", "low": 200.0, "high": 200.0}}
    }


class Reversed:
    """Deals the order of a round backwards."""

    def permutation(self, count: int) -> list[int]:
        return list(range(count))[::-1]


def answer(name: str, good: Any) -> Any:
    if name == "other":
        raise OvlabError("it broke")
    return next(good)


def test_a_record_fails_where_nothing_could_be_profiled(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launching, "run_child", lambda *_: answer("other", None))
    record = profile_variants(settings_of(lab), variants_of(lab), lab.source, PEAKS, tmp_path)
    assert (record.status, record.reason) == ("failed", "fp32: it broke; other: it broke")
    assert not list(tmp_path.glob("nodes*"))


def test_absent_devices_and_peaks_of_others(lab: Lab, tmp_path: Path) -> None:
    gone = settings_of(lab, device={"device": "NPU"}, device_name="npu")
    with pytest.raises(UnavailableError, match="NPU is not on this host"):
        profile_variants(gone, variants_of(lab), lab.source, PEAKS, tmp_path)
    elsewhere = {**PEAKS.environment, "cpu": {**PEAKS.environment["cpu"], "model": "Other CPU"}}
    other = Record(kind="peaks", settings={}, values=PEAKS.values, data=PEAKS.data, environment=elsewhere)
    with pytest.raises(OvlabError, match="peaks: are those of another host or OpenVINO \\(Other CPU\\)"):
        profile_variants(settings_of(lab), variants_of(lab), lab.source, other, tmp_path)
    absent = Record(kind="peaks", settings={}, status="unavailable", reason="not here")
    with pytest.raises(UnavailableError, match="not here"):
        profile_variants(settings_of(lab), variants_of(lab), lab.source, absent, tmp_path)
