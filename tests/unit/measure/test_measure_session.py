"""A session: interleaved rounds, honest rows, every sample kept."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fake_session import FLOAT, LAYERS, PLAN, PRECISIONS, FakeLaunches, outcomes_of, run, settings_of
from toy import Lab

from ovlab.errors import UnavailableError
from ovlab.files import read_json, sha256_of
from ovlab.measure.parent import launcher
from ovlab.measure.parent.session import Variant, benchmark
from ovlab.records import Record, read_record, write_record


def test_a_session_of_real_processes(lab: Lab, tmp_path: Path) -> None:
    record = run(lab, lab.session_settings(), tmp_path)
    assert record.reason == ""
    assert (record.status, record.kind) == ("ok", "session")
    samples = pd.read_parquet(tmp_path / "samples.parquet")
    assert list(samples.columns) == ["precision", "round", "position", "start_s", "latency_ms"]
    for name, row in outcomes_of(record).items():
        own = samples[samples["precision"] == name]
        assert row["status"] == "ok"
        assert row["values"]["timed_inferences"]["value"] == len(own)
        assert sorted(own["round"].unique()) == [1, 2]
        assert row["values"]["latency_max"]["value"] == own["latency_ms"].max()
        medians = own.groupby("round")["latency_ms"].median()
        assert medians.min() <= row["values"]["latency_p50"]["value"] <= medians.max()
        assert row["effective"]["executed_precision"] == "f32"
        assert row["effective"]["INFERENCE_NUM_THREADS"] == 1
    assert record.inputs["samples.parquet"] == sha256_of(tmp_path / "samples.parquet")
    assert record.inputs["fp32/model.bin"] == lab.record.data["sha256"]["model.bin"]
    write_record(tmp_path / "session.json", record)
    assert read_record(tmp_path / "session.json", "session").data["rows"] == record.data["rows"]


def test_every_sample_is_kept(lab: Lab, launches: FakeLaunches, tmp_path: Path) -> None:
    record = run(lab, settings_of(lab), tmp_path)
    samples = pd.read_parquet(tmp_path / "samples.parquet")
    assert samples.groupby(["precision", "round"]).size().to_dict() == {
        (name, number): 3 for name in PRECISIONS for number in (1, 2, 3, 4)
    }
    assert {name: len(own) for name, own in record.data["launches"].items()} == dict.fromkeys(PRECISIONS, 4)
    row = outcomes_of(record)["int8"]
    assert row["values"]["launches"] == {"value": 4, "unit": "count", "low": None, "high": None}
    assert row["values"]["cpu_time_per_image"]["value"] == pytest.approx(2.0)
    assert row["values"]["throughput"]["value"] == pytest.approx(300, rel=0.01)
    assert 1 <= row["values"]["slowest_over_best"]["value"] < 1.02
    assert row["values"]["speedup"]["value"] == pytest.approx(3, rel=0.01)
    assert row["values"]["speedup"]["low"] < 3.01
    assert row["values"]["speedup"]["high"] > 2.99
    assert outcomes_of(record)["fp32"]["values"]["speedup"]["value"] == pytest.approx(1)
    assert row["effective"]["executed_shares"] == {"i8": 1.0}
    assert row["effective"]["executed_layers"] == LAYERS


def test_rounds_are_interleaved_in_an_order_drawn_anew(lab: Lab, launches: FakeLaunches, tmp_path: Path) -> None:
    settings = settings_of(lab, measurement=PLAN | {"launches": 8, "max_launches": 8})
    record = run(lab, settings, tmp_path)
    names = launches.names()
    orders = [tuple(names[i : i + 3]) for i in range(0, 24, 3)]
    assert all(sorted(order) == ["fp16", "fp32", "int8"] for order in orders)
    assert len(set(orders)) > 1
    for name, own in record.data["launches"].items():
        assert [orders[one["round"] - 1][one["position"]] for one in own] == [name] * 8
    first = launches.names()
    launches.asked.clear()
    run(lab, settings, tmp_path)
    assert launches.names() == first  # same seed
    launches.asked.clear()
    run(lab, settings_of(lab, measurement=settings.measurement.plain(), seed=1), tmp_path)
    assert launches.names() != first


def test_only_the_first_launch_looks_inside(lab: Lab, launches: FakeLaunches, tmp_path: Path) -> None:
    run(lab, settings_of(lab), tmp_path)
    looked = [(name, one.inspect) for name, one in zip(launches.names(), launches.asked, strict=True)]
    for name in PRECISIONS:
        assert [inside for own, inside in looked if own == name] == [True, False, False, False]


def test_a_crash_fails_that_row_alone(lab: Lab, launches: FakeLaunches, tmp_path: Path) -> None:
    launches.errors["int8"] = (3, "the launch crashed with exit code -9: no message")
    record = run(lab, settings_of(lab), tmp_path)
    rows = outcomes_of(record)
    assert (rows["int8"]["status"], rows["int8"]["reason"]) == (
        "failed",
        "the launch crashed with exit code -9: no message",
    )
    assert [rows[name]["status"] for name in ("fp32", "fp16")] == ["ok", "ok"]
    assert launches.names().count("int8") == 3  # taken out of the race
    assert launches.names().count("fp32") == 4
    assert record.status == "failed"
    assert record.reason == "int8: the launch crashed with exit code -9: no message"
    samples = pd.read_parquet(tmp_path / "samples.parquet")
    assert sorted(samples[samples["precision"] == "int8"]["round"].unique()) == [1, 2]  # what there is stays


def test_a_crash_of_the_reference_leaves_the_others_without_speedup(
    lab: Lab, launches: FakeLaunches, tmp_path: Path
) -> None:
    launches.errors["fp32"] = (1, "boom")
    rows = outcomes_of(run(lab, settings_of(lab), tmp_path))
    assert rows["fp32"]["status"] == "failed"
    assert rows["int8"]["status"] == "ok"
    assert "speedup" not in rows["int8"]["values"]


def test_a_variant_that_was_changed_is_not_measured(lab: Lab, launches: FakeLaunches, tmp_path: Path) -> None:
    folder = shutil.copytree(lab.folder, tmp_path / "copy")
    (folder / "model.bin").write_bytes(bytes((folder / "model.bin").stat().st_size))
    record = run(lab, settings_of(lab), tmp_path / "session", int8=Variant(lab.record, folder))
    rows = outcomes_of(record)
    assert (rows["fp32"]["status"], rows["int8"]["status"]) == ("ok", "failed")
    assert "model.bin: was changed after it was made" in rows["int8"]["reason"]
    assert set(launches.names()) == {"fp32", "fp16"}
    assert record.files == {"samples.parquet": sha256_of(tmp_path / "session" / "samples.parquet")}


def test_all_crash(lab: Lab, launches: FakeLaunches, tmp_path: Path) -> None:
    launches.errors |= dict.fromkeys(PRECISIONS, (1, "boom"))
    record = run(lab, settings_of(lab), tmp_path)
    assert {row["status"] for row in outcomes_of(record).values()} == {"failed"}
    assert len(launches.asked) == 3
    assert not (tmp_path / "samples.parquet").exists()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"device": {"device": "CPPU"}}, "device/cpu.yaml: OpenVINO knows no device 'CPPU'; did you mean 'CPU'?"),
        (
            {"device": {"device": "AUTO", "properties": {"PERFORMANCE_HNT": "LATENCY"}}},
            "device/cpu.yaml: properties.PERFORMANCE_HNT: no property of AUTO or CPU; did you mean 'PERFORMANCE_HINT'?",
        ),
    ],
)
def test_a_wrong_device_or_property_fails_before_any_launch(
    lab: Lab, launches: FakeLaunches, tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    record = run(lab, settings_of(lab, **changes), tmp_path)
    assert record.status == "failed"
    assert {row["reason"] for row in outcomes_of(record).values()} == {reason}
    assert launches.asked == []


def test_a_batch_that_does_not_fit_into_memory_fails_before_any_launch(
    lab: Lab, launches: FakeLaunches, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ovlab.measure.host.footprint.available_memory", lambda: 10**9)
    record = run(lab, settings_of(lab, scenario={"mode": "synchronous", "batch": 100_000}), tmp_path)
    assert record.status == "failed"
    expected = "batch: 100000 takes an estimated 3.81 GB of memory (weights"
    assert all(row["reason"].startswith(expected) for row in outcomes_of(record).values()), record.reason
    assert launches.asked == []


@pytest.mark.parametrize(
    ("device", "told"),
    [
        ({"device": "MULTI:CPU", "requires": ["CPU"]}, ""),
        ({"device": "AUTO:CPU", "requires": ["CPU"]}, ""),
        ({"device": "HETERO:CPU", "requires": ["CPU"]}, "operations_by_device"),
        ({"device": "BATCH:CPU(2)", "requires": ["CPU"]}, "gathered_requests"),
    ],
)
def test_a_session_on_a_virtual_device(lab: Lab, tmp_path: Path, device: dict[str, Any], told: str) -> None:
    settings = lab.session_settings(
        device=device,
        # Twice as many as BATCH gathers: of two, one that is late beside other load leaves both waiting for a second.
        scenario={"mode": "asynchronous", "infer_requests": 4, "threads": 1},
        precisions={"fp32": FLOAT},
        measurement=PLAN | {"launches": 1, "max_launches": 1},
    )
    record = run(lab, settings, tmp_path)
    assert (record.status, record.reason) == ("ok", "")
    effective = outcomes_of(record)["fp32"]["effective"]
    assert effective["EXECUTION_DEVICES"] == ["CPU"]
    assert effective["executed_precision"] == "f32"
    assert {"operations_by_device", "gathered_requests"} & set(effective) == ({told} if told else set())
    assert effective.get("gathered_requests", 2) == 2


def test_an_absent_device_is_unavailable_without_a_launch(lab: Lab, launches: FakeLaunches, tmp_path: Path) -> None:
    device = {"device": "MULTI:CPU,GPU.9", "requires": ["CPU", "GPU.9"]}
    record = run(lab, settings_of(lab, device=device), tmp_path)
    assert record.status == "unavailable"
    assert record.reason.startswith("GPU.9 is not on this host (found: CPU")
    assert {row["status"] for row in outcomes_of(record).values()} == {"unavailable"}
    assert launches.asked == []
    assert not (tmp_path / "samples.parquet").exists()


def test_an_unavailable_precision_does_not_stop_the_others(
    lab: Lab, launches: FakeLaunches, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = benchmark.__globals__["compile_properties"]

    def refuse(device: Any, scenario: Any, precision: Any) -> dict[str, Any]:
        if precision.description == "fp16":
            raise UnavailableError("CPU does not execute bf16")
        properties: dict[str, Any] = real(device, scenario, precision)
        return properties

    monkeypatch.setitem(benchmark.__globals__, "compile_properties", refuse)
    record = run(lab, settings_of(lab), tmp_path)
    rows = outcomes_of(record)
    assert list(rows) == ["fp32", "fp16", "int8"]  # in the order of the settings
    assert (rows["fp16"]["status"], rows["fp16"]["reason"]) == ("unavailable", "CPU does not execute bf16")
    assert (rows["fp32"]["status"], rows["int8"]["status"], record.status) == ("ok", "ok", "ok")


def test_a_failed_variant_fails_its_row_with_the_first_cause(lab: Lab, launches: FakeLaunches, tmp_path: Path) -> None:
    failed = Record(kind="variant", settings={}, status="failed", reason="does not convert")
    record = run(lab, settings_of(lab), tmp_path, int8=Variant(failed, tmp_path / "nothing"))
    rows = outcomes_of(record)
    assert (rows["int8"]["status"], rows["int8"]["reason"]) == ("failed", "variant: does not convert")
    assert rows["fp32"]["status"] == "ok"


@pytest.mark.parametrize(("then", "status"), [("mark", "ok"), ("fail", "failed")])
def test_rows_measured_amid_noise(lab: Lab, launches: FakeLaunches, tmp_path: Path, then: str, status: str) -> None:
    launches.others["int8"] = {"major_faults": 7, "clock_mhz": 3000.0}
    record = run(lab, settings_of(lab, measurement=PLAN | {"noise": {"major_faults": 5, "then": then}}), tmp_path)
    rows = outcomes_of(record)
    reason = "noisy: 4 of 4 launches with major page faults up to 7 (bound 5)"
    assert (rows["int8"]["status"], rows["int8"]["reason"]) == (status, reason)
    assert rows["int8"]["values"]["noisy_launches"]["value"] == 4
    assert rows["int8"]["values"]["speedup"]["value"] == pytest.approx(3, rel=0.01)  # measured all the same
    assert [(rows[name]["status"], rows[name]["reason"]) for name in ("fp32", "fp16")] == [("ok", "")] * 2
    assert (record.status, record.reason) == (status, f"int8: {reason}" if then == "fail" else "")
    found = record.data["launches"]["int8"][0]["noise"]
    assert (found["major_faults"], found["clock_mhz"], found["beyond"]) == (7, 3000.0, ["major_faults"])
    assert len(record.data["noise"]["kernel_ms"]) == 5  # before each of four rounds, and at the end
    assert record.data["noise"]["waited_s"] == 0


def test_inputs_are_real_images_of_the_validation_split(
    lab: Lab, launches: FakeLaunches, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    def look(request: Path, result: Path, timeout: float) -> dict[str, Any]:
        seen.append(np.load(read_json(request)["images"]))
        return launches(request, result, timeout)

    monkeypatch.setattr(launcher, "run_launch", look)
    run(lab, settings_of(lab, measurement=PLAN | {"images": 4}), tmp_path)
    assert seen[0].shape == (4, 16, 16, 3)
    assert seen[0].dtype == np.uint8
    means = seen[0].mean(axis=(1, 2)).round(-1)
    assert len({tuple(one) for one in means}) == 4  # one of each colour: spread over the sorted split
