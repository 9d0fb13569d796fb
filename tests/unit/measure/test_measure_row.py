"""A row: whether it is what it is called, and what must be said of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_session import PRECISIONS, FakeLaunches, outcomes_of, run, settings_of
from toy import Lab

from ovlab.data import load_some
from ovlab.measure.parent.session import Variant
from ovlab.specs import ResizeSpec, SessionSettings


@pytest.mark.parametrize(
    ("shares", "complaint"),
    [
        ({"fp32": {"bf16": 1.0}}, "fp32: asked for f32, but bf16 was executed"),
        ({"fp32": {"f32": 0.9, "bf16": 0.1}}, "fp32: asked for f32, but f32+bf16 was executed"),
        ({"int8": {"f32": 1.0}}, "int8: asked for INT8, but f32 was executed"),
        ({"int8": {"f32": 0.6, "i8": 0.4}}, ""),
        ({"fp32": {}}, ""),
    ],
)
def test_a_row_whose_label_is_not_what_was_executed(
    lab: Lab, launches: FakeLaunches, tmp_path: Path, shares: dict[str, dict[str, float]], complaint: str
) -> None:
    launches.shares |= shares
    record = run(lab, settings_of(lab), tmp_path)
    assert record.reason == complaint
    assert record.status == ("failed" if complaint else "ok")
    (name,) = shares
    assert outcomes_of(record)[name]["values"]["throughput"]["value"] > 0  # measured all the same, and said


@pytest.mark.parametrize(
    ("precision", "executed", "complaint"),
    [
        ({"weight_compression": {}}, "f32", ""),
        ({"weight_compression": {"mode": "int4_sym"}}, "bf16", "int8: asked for f32, but bf16 was executed"),
        ({"quantization": {"accuracy_control": {}}}, "f32", ""),  # every layer given up: the ledger says so
        ({"quantization": {"accuracy_control": {}}}, "bf16", "int8: asked for INT8, but bf16 was executed"),
        ({"quantization": {"mode": "fp8_e4m3"}}, "f32", "int8: asked for FP8, but f32 was executed"),
        ({"quantization": {"mode": "fp8_e4m3"}}, "f8", ""),
    ],
)
def test_the_label_of_a_compressed_variant(
    lab: Lab, launches: FakeLaunches, tmp_path: Path, precision: dict[str, Any], executed: str, complaint: str
) -> None:
    launches.shares |= {"int8": {executed: 1.0}}
    plain = settings_of(lab).plain()
    plain["precisions"]["int8"] = {"inference_precision": "f32", "description": "int8"} | precision
    record = run(lab, SessionSettings.model_validate(plain), tmp_path)
    assert record.reason == complaint


@pytest.mark.parametrize(
    ("quantisers", "shares", "complaint"),
    [
        (3, {"i8": 1.0}, ""),
        (3, {"i8": 0.4, "f32": 0.6}, ""),
        (3, {"f32": 1.0}, "its graph is quantised, but f32 was executed"),
        (3, {"i8": 0.4, "bf16": 0.6}, "asked for f32, but i8+bf16 was executed"),
        (0, {"f32": 1.0}, ""),  # such as one with fewer weights
        (0, {"bf16": 1.0}, "asked for f32, but bf16 was executed"),
        (3, {}, ""),
    ],
)
def test_the_label_of_a_variant_that_others_made(
    lab: Lab, launches: FakeLaunches, tmp_path: Path, quantisers: int, shares: dict[str, float], complaint: str
) -> None:
    launches.shares["int8"] = shares
    precisions = {**PRECISIONS, "int8": PRECISIONS["fp32"] | {"description": "int8", "source": lab.model.plain()}}
    imported = {"quantisation": {"quantisers": quantisers, "weights": 2, "layers": 2}}
    record = replace(lab.record, data=lab.record.data | {"imported": imported})
    made = run(lab, settings_of(lab, precisions=precisions), tmp_path, int8=Variant(record, lab.folder))
    assert made.reason == (f"int8: {complaint}" if complaint else "")


def test_images_are_resized_as_a_variant_that_others_made_wants_them(
    lab: Lab, launches: FakeLaunches, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def noted(split: Any, count: int, height: int, width: int, resize: ResizeSpec, dataset: Any) -> Any:
        modes.append(resize.mode)
        return real(split, count, height, width, resize, dataset)

    modes: list[str] = []
    real = load_some
    monkeypatch.setattr("ovlab.data.inputs.load_some", noted)
    source = lab.model.plain() | {"preprocess": {"resize": {"mode": "letterbox"}}}
    precisions = {**PRECISIONS, "int8": PRECISIONS["fp32"] | {"description": "int8", "source": source}}
    run(lab, settings_of(lab, precisions=precisions), tmp_path)
    assert modes == ["stretch", "stretch", "letterbox"]


def test_a_row_that_ran_elsewhere_than_its_label_says(lab: Lab, launches: FakeLaunches, tmp_path: Path) -> None:
    launches.ran_on["int8"] = ["GPU"]
    record = run(lab, settings_of(lab), tmp_path)
    assert (record.status, record.reason) == ("failed", "int8: asked for CPU, but ran on GPU")
    assert outcomes_of(record)["fp32"]["status"] == "ok"


def test_a_reference_that_is_not_what_it_is_called_is_no_reference(
    lab: Lab, launches: FakeLaunches, tmp_path: Path
) -> None:
    launches.shares["fp32"] = {"bf16": 1.0}
    rows = outcomes_of(run(lab, settings_of(lab), tmp_path))
    assert {name: row["status"] for name, row in rows.items()} == {"fp32": "failed", "fp16": "ok", "int8": "ok"}
    assert all("speedup" not in row["values"] for row in rows.values())


def test_devices_that_share_the_work_may_each_run_their_own_precision(
    lab: Lab, launches: FakeLaunches, tmp_path: Path
) -> None:
    half = {"inference_precision": {"any": ["f16", "f32"]}, "description": "fp16"}
    launches.shares |= {"fp16": {"f16": 0.7, "f32": 0.3}}
    assert run(lab, settings_of(lab, precisions=PRECISIONS | {"fp16": half}), tmp_path).reason == ""


def test_what_is_not_in_effect_is_said(lab: Lab, launches: FakeLaunches, tmp_path: Path) -> None:
    settings = settings_of(lab, scenario={"mode": "synchronous", "threads": 4_096, "streams": 1})
    launches.others = {
        "fp32": {"settings": {"EXECUTION_DEVICES": ["CPU"], "INFERENCE_NUM_THREADS": 2, "NUM_STREAMS": "1"}},
        "int8": {"settings": {"EXECUTION_DEVICES": ["CPU"], "members": {"CPU": {"INFERENCE_NUM_THREADS": 4_096}}}},
    }
    rows = outcomes_of(run(lab, settings, tmp_path))
    assert rows["fp32"]["reason"] == "INFERENCE_NUM_THREADS is 2 in effect, 4096 was asked for"
    assert rows["int8"]["reason"] == rows["fp16"]["reason"] == ""


def test_a_speedup_across_devices_says_so(lab: Lab, launches: FakeLaunches, tmp_path: Path) -> None:
    launches.ran_on |= {"fp16": ["(CPU)"], "int8": ["GPU"]}
    rows = outcomes_of(run(lab, settings_of(lab, device={"device": "AUTO"}), tmp_path))
    assert rows["int8"]["reason"] == "the speed-up compares GPU with fp32 on CPU"
    assert "compares" not in rows["fp16"]["reason"] + rows["fp32"]["reason"]


def test_a_remark_on_where_it_ran_is_kept(lab: Lab, launches: FakeLaunches, tmp_path: Path) -> None:
    launches.ran_on["fp16"] = ["(CPU)"]
    record = run(lab, settings_of(lab, device={"device": "AUTO"}), tmp_path)
    row = outcomes_of(record)["fp16"]
    assert (record.status, row["status"]) == ("ok", "ok")
    assert row["reason"] == "AUTO still ran on CPU, which only helps out until another device is ready"
    assert outcomes_of(record)["fp32"]["reason"] == ""
