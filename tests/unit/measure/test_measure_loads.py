"""Sessions whose load has to be found first: a server's rate, a sweep's point; and compiling from a cache."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from toy import Lab

from ovlab.errors import OvlabError
from ovlab.files import read_json, sha256_of
from ovlab.measure.parent import launcher
from ovlab.measure.parent.session import Variant, benchmark
from ovlab.measure.request import LaunchRequest
from ovlab.records import Record, write_record
from ovlab.specs import SessionSettings

PLAN = {"launches": 4, "max_launches": 4, "warm_up_s": 0.25, "duration_s": 0.75, "images": 3, "cached_launches": 0}
SERVER = {"mode": "server", "server": {"rate": "40%", "p99_ms": 20, "trial_s": 0.5, "trial_queries": 150, "steps": 5}}
GRID = {"batch": [1, 2, 4], "infer_requests": [None, 2], "streams": [None, 1]}
Speed = Callable[[str, LaunchRequest], float]


class _Launches:
    """Stands for the processes: answers at once with the throughput and latency that the test declares."""

    def __init__(self) -> None:
        self.asked: list[LaunchRequest] = []
        self.fps: Speed = lambda name, _one: {"fp32": 100.0, "int8": 300.0}[name]
        self.latency_ms: Speed = lambda _name, one: 10.0 * one.batch
        self.error: Callable[[str, LaunchRequest], str] = lambda _name, _one: ""
        self.max_rate: Callable[[str], float | None] = lambda name: {"fp32": 80.0, "int8": 200.0}[name]
        self.cut_short = False
        self._noise = np.random.default_rng(0)

    def of(self, name: str) -> list[LaunchRequest]:
        return [one for one in self.asked if one.properties["NAME"] == name]

    def __call__(self, request: Path, _result: Path, _timeout: float) -> dict[str, Any]:
        one = LaunchRequest(**read_json(request))
        self.asked.append(one)
        name = str(one.properties["NAME"])
        if error := self.error(name, one):
            raise OvlabError(error)
        if one.mode == "compile":
            return {"compile_ms": 7.0, "from_cache": True, "first_inference_ms": 1.0}
        fps = self.fps(name, one) * (1 + 0.001 * self._noise.standard_normal())
        np.save(one.samples, np.array([[0.0, 0.1, 0.2], [self.latency_ms(name, one)] * 3]))
        answer: dict[str, Any] = {
            "compile_ms": 10.0,
            "from_cache": False,
            "first_inference_ms": 5.0,
            "peak_rss_mb": 50.0,
            "steady_rss_mb": 40.0,
            "throughput_fps": fps,
            "samples": 3,
            "warm_up_samples": 1,
            "batch": one.batch,
            "cpu_s": 0.006,
            "energy_j": {"package": 0.3},
            "elapsed_s": 0.3,
            "infer_requests": one.infer_requests or 4,
            "settings": {"EXECUTION_DEVICES": ["CPU"], "NUM_STREAMS": one.properties.get("NUM_STREAMS", 3)},
        }
        if one.arrivals is not None:
            noise = 1 + 0.001 * self._noise.standard_normal()
            rate = self.max_rate(name)
            answer |= {"rate": one.arrivals["rate"], "capacity": fps, "trials": [], "dispatch_lag_ms_p99": 0.02}
            answer["cut_short"] = self.cut_short
            answer |= {"max_rate": None if rate is None else rate * noise}
        return answer | (
            {"shares": {"i8": 1.0} if name == "int8" else {"f32": 1.0}, "kernels": {}, "layers": {}, "graph": ""}
            if one.inspect
            else {}
        )


@pytest.fixture
def launches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> _Launches:
    fake = _Launches()
    monkeypatch.setattr(launcher, "run_launch", fake)
    real = benchmark.__globals__["compile_properties"]

    def named(device: Any, scenario: Any, precision: Any) -> dict[str, Any]:
        return real(device, scenario, precision) | {"NAME": precision.description}

    monkeypatch.setitem(benchmark.__globals__, "compile_properties", named)
    return fake


def settings_of(lab: Lab, scenario: dict[str, Any], **changes: Any) -> SessionSettings:
    precisions = {
        "fp32": {"inference_precision": "f32", "description": "fp32"},
        "int8": {"inference_precision": "f32", "description": "int8", "quantization": {}},
    }
    return lab.session_settings(**({"precisions": precisions, "measurement": PLAN, "scenario": scenario} | changes))


def run(lab: Lab, settings: SessionSettings, folder: Path) -> Record:
    record = benchmark(
        settings, dict.fromkeys(settings.precisions, Variant(lab.record, lab.folder)), lab.source, folder
    )
    json.dumps(record.data, allow_nan=False)
    return record


def values_of(record: Record, name: str) -> dict[str, Any]:
    values = record.data["rows"][name]["values"]
    return {key: quantity["value"] for key, quantity in values.items()}


def test_a_rate_relative_to_the_reference(lab: Lab, launches: _Launches, tmp_path: Path) -> None:
    record = run(lab, settings_of(lab, SERVER), tmp_path)
    probes = [one for one in launches.asked if one.mode == "asynchronous"]
    assert [one.properties["NAME"] for one in probes] == ["fp32"] * 3
    served = [one for one in launches.asked if one.mode == "server"]
    rates = {one.arrivals["rate"] for one in served if one.arrivals}
    assert list(rates) == [pytest.approx(40, rel=0.01)]
    assert served[0].arrivals == {
        "rate": rates.pop(),
        "p99_ms": 20,
        "trial_s": 0.5,
        "trial_queries": 150,
        "steps": 5,
        "seed": 0,
        "limit_s": 300 / 4,
    }
    for name in ("fp32", "int8"):
        own = [one.arrivals["seed"] for one in launches.of(name) if one.arrivals]
        assert own == [0, 1, 2, 3]  # new arrivals each round, the same for all variants
    row = values_of(record, "int8")
    assert record.status == "ok"
    assert record.data["rows"]["int8"]["reason"] == ""
    assert row["offered_rate"] == pytest.approx(40, rel=0.01)
    assert row["max_rate"] == pytest.approx(200, rel=0.01)
    assert row["capacity"] == pytest.approx(300, rel=0.01)
    assert row["dispatch_lag_p99"] == 0.02
    assert row["speedup"] == pytest.approx(2.5, rel=0.01)  # of the highest rates, not of the throughputs
    assert record.data["rows"]["int8"]["values"]["max_rate"]["low"] < 200.5


def test_a_declared_rate_needs_no_probe(lab: Lab, launches: _Launches, tmp_path: Path) -> None:
    scenario = SERVER | {"server": SERVER["server"] | {"rate": 120}}  # type: ignore[operator]
    record = run(lab, settings_of(lab, scenario), tmp_path)
    assert {one.mode for one in launches.asked} == {"server"}
    assert re.fullmatch(
        r"overloaded: 120 arrivals/s, but at most (99\.\d+|100(\.\d)?)/s are served",
        record.data["rows"]["fp32"]["reason"],
    )
    assert record.data["rows"]["fp32"]["status"] == "ok"
    assert record.data["rows"]["int8"]["reason"] == ""


def test_a_rate_without_a_reference(lab: Lab, launches: _Launches, tmp_path: Path) -> None:
    record = run(lab, settings_of(lab, SERVER, reference="other"), tmp_path)
    assert values_of(record, "int8")["offered_rate"] == pytest.approx(40, rel=0.01)  # of the slowest


def test_a_rate_at_which_nothing_would_arrive(lab: Lab, launches: _Launches, tmp_path: Path) -> None:
    scenario = SERVER | {"server": SERVER["server"] | {"rate": 0.001}}  # type: ignore[operator]
    record = run(lab, settings_of(lab, scenario), tmp_path)
    text = "server.rate: 0.001 arrivals/s are fewer than 2 in measurement.duration_s: 0.75 s"
    assert {row["reason"] for row in record.data["rows"].values()} == {text}
    assert launches.asked == []


def test_a_reference_that_fails_takes_nobody_along(lab: Lab, launches: _Launches, tmp_path: Path) -> None:
    launches.error = lambda name, _one: "boom" if name == "fp32" else ""
    record = run(lab, settings_of(lab, SERVER), tmp_path)
    rows = record.data["rows"]
    assert [(rows[name]["status"], rows[name]["reason"]) for name in rows] == [("failed", "boom"), ("ok", "")]
    assert values_of(record, "int8")["offered_rate"] == pytest.approx(120, rel=0.01)  # of the only one that is left


def test_a_rate_that_cannot_be_measured(lab: Lab, launches: _Launches, tmp_path: Path) -> None:
    launches.error = lambda name, _one: f"boom {name}"
    record = run(lab, settings_of(lab, SERVER), tmp_path)
    assert {name: row["reason"] for name, row in record.data["rows"].items()} == {
        "fp32": "boom fp32",
        "int8": "boom int8",
    }


def test_a_search_that_time_cut_short_says_so(lab: Lab, launches: _Launches, tmp_path: Path) -> None:
    launches.cut_short = True
    record = run(lab, settings_of(lab, SERVER), tmp_path)
    told = "for want of time the search for the highest rate ended early in 4 of 4 launches"
    assert record.data["rows"]["int8"]["reason"] == told


def test_no_rate_keeps_the_bound(lab: Lab, launches: _Launches, tmp_path: Path) -> None:
    launches.max_rate = lambda name: None if name == "fp32" else 200.0
    record = run(lab, settings_of(lab, SERVER), tmp_path)
    assert record.data["rows"]["fp32"]["reason"] == "no rate that was tried keeps p99 within 20 ms"
    assert values_of(record, "fp32")["max_rate"] is None
    assert values_of(record, "int8")["speedup"] is None
    assert values_of(record, "int8")["max_rate"] == pytest.approx(200, rel=0.01)


def sweep(**changes: Any) -> dict[str, Any]:
    return {"mode": "sweep", "performance_hint": "THROUGHPUT", "sweep": GRID | changes}


def fps_by_point(name: str, one: LaunchRequest) -> float:
    """fp32 is fastest with batch 4, two requests and one stream; int8 with what the hint leads to and batch 2."""
    best = (4, 2, 1) if name == "fp32" else (2, None, None)
    point = (one.batch, one.infer_requests, one.properties.get("NUM_STREAMS"))
    shared = sum(a == b for a, b in zip(point, best, strict=True))
    return (100.0 if name == "fp32" else 300.0) * (1 + 0.1 * shared + 0.02 * one.batch)


def test_a_sweep_measures_each_variants_best_point(lab: Lab, launches: _Launches, tmp_path: Path) -> None:
    launches.fps = fps_by_point
    settings = settings_of(lab, sweep(finalists=2, finalist_launches=3))
    record = run(lab, settings, tmp_path)
    assert record.status == "ok"
    chosen = {row["precision"]: row for row in record.data["sweep"] if row["chosen"]}
    assert [chosen["fp32"][key] for key in ("batch", "infer_requests", "streams")] == [4, 2, 1]
    assert [chosen["int8"][key] for key in ("batch", "infer_requests", "streams")] == [2, None, None]
    assert [chosen["int8"][f"executed_{key}"] for key in ("infer_requests", "streams")] == [4, 3]
    row = values_of(record, "fp32")
    assert (row["batch"], row["infer_requests"], row["launches"]) == (4, 2, 4)
    assert record.data["rows"]["fp32"]["effective"]["NUM_STREAMS"] == 1
    assert row["throughput"] == pytest.approx(138, rel=0.01)
    assert values_of(record, "int8")["speedup"] == pytest.approx(3 * 1.34 / 1.38, rel=0.01)


def test_a_sweep_chooses_and_measures_with_different_launches(lab: Lab, launches: _Launches, tmp_path: Path) -> None:
    launches.fps = fps_by_point
    record = run(lab, settings_of(lab, sweep(finalists=2, finalist_launches=3)), tmp_path)
    coarse = [row for row in record.data["sweep"] if row["stage"] == "coarse"]
    final = [row for row in record.data["sweep"] if row["stage"] == "finalist"]
    assert len(coarse) == 2 * 12
    assert {row["launches"] for row in coarse} == {1}
    assert {row["launches"] for row in final} == {3}
    # The two best of each, and what the hint alone leads to.
    assert len(final) == 2 * 3
    hint = [row for row in final if (row["batch"], row["infer_requests"], row["streams"]) == (1, None, None)]
    assert {row["precision"] for row in hint} == {"fp32", "int8"}
    choosing = [one for one in launches.asked if one.duration_s == 0.5]
    reported = [one for one in launches.asked if one.duration_s == 0.75]
    assert len(choosing) == 24 + 18
    assert len(reported) == 2 * 4
    assert {one.least for one in choosing} == {8}
    assert not any(one.inspect for one in choosing)
    # Interleaved: no variant's points all before the other's.
    names = [one.properties["NAME"] for one in choosing[:24]]
    assert len(set(names[:12])) == 2
    samples = pd.read_parquet(tmp_path / "sweep.parquet")
    assert len(samples) == 3 * (24 + 18)
    assert set(samples["streams"]) == {"hint", "1"}
    assert record.inputs["sweep.parquet"] == sha256_of(tmp_path / "sweep.parquet")
    assert len(pd.read_parquet(tmp_path / "samples.parquet")) == 3 * 8


def test_a_lucky_launch_does_not_decide(lab: Lab, launches: _Launches, tmp_path: Path) -> None:
    seen: set[Any] = set()

    def fps(name: str, one: LaunchRequest) -> float:
        point = (name, one.batch, one.infer_requests, one.properties.get("NUM_STREAMS"))
        lucky = point[1:] == (1, 2, None) and point not in seen
        seen.add(point)
        return 1000.0 if lucky else fps_by_point(name, one)

    launches.fps = fps
    record = run(lab, settings_of(lab, sweep(finalists=3)), tmp_path)
    chosen = {row["precision"]: row for row in record.data["sweep"] if row["chosen"]}
    assert [chosen["fp32"][key] for key in ("batch", "infer_requests", "streams")] == [4, 2, 1]


def test_a_sweep_keeps_its_limit(lab: Lab, launches: _Launches, tmp_path: Path) -> None:
    launches.fps = fps_by_point
    record = run(lab, settings_of(lab, sweep(latency_limit_ms=25)), tmp_path)  # 10 ms an image of the batch
    chosen = {row["precision"]: row for row in record.data["sweep"] if row["chosen"]}
    assert [chosen["fp32"][key] for key in ("batch", "infer_requests", "streams")] == [2, 2, 1]


def test_points_just_over_the_limit_are_tried_again(lab: Lab, launches: _Launches, tmp_path: Path) -> None:
    launches.latency_ms = lambda _name, one: 25.0 if one.duration_s == 0.5 and one.least and not first(one) else 30.0
    asked: dict[Any, int] = {}

    def first(one: LaunchRequest) -> bool:
        key = (one.properties["NAME"], one.batch, one.infer_requests, one.properties.get("NUM_STREAMS"))
        asked[key] = asked.get(key, 0) + 1
        return asked[key] == 1

    record = run(lab, settings_of(lab, sweep(latency_limit_ms=27)), tmp_path)
    reason = record.data["rows"]["fp32"]["reason"]
    assert record.data["rows"]["fp32"]["status"] == "ok"
    assert reason.startswith("latency p99 is 30 ms in the reported launches, above the limit of 27 ms")


def test_a_limit_that_no_point_keeps(lab: Lab, launches: _Launches, tmp_path: Path) -> None:
    record = run(lab, settings_of(lab, sweep(latency_limit_ms=2, limit_percentile=50)), tmp_path)
    row = record.data["rows"]["fp32"]
    assert row["status"] == "failed"
    assert row["reason"].startswith("sweep: no point keeps p50 within 2 ms; the least is 10 ms with batch 1, ")
    assert row["values"] is None
    assert len(record.data["sweep"]) == 24  # what was tried is there all the same


def test_a_point_that_fails_is_out(lab: Lab, launches: _Launches, tmp_path: Path) -> None:
    launches.fps = fps_by_point
    launches.error = lambda _name, one: "batch: the model cannot take 4 (no)" if one.batch == 4 else ""
    record = run(lab, settings_of(lab, sweep()), tmp_path)
    failed = [row for row in record.data["sweep"] if row["error"]]
    assert {row["batch"] for row in failed} == {4}
    assert record.status == "ok"
    assert values_of(record, "fp32")["batch"] in {1, 2}


def test_a_point_without_memory_is_not_launched(
    lab: Lab, launches: _Launches, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def require(_model: Any, batch: int, images: int) -> None:
        assert images == 3
        if batch == 4:
            raise OvlabError("batch: 4 takes too much")

    monkeypatch.setattr("ovlab.measure.parent.sweep.require_memory", require)
    record = run(lab, settings_of(lab, sweep()), tmp_path)
    assert {row["error"] for row in record.data["sweep"] if row["batch"] == 4} == {"batch: 4 takes too much"}
    assert {one.batch for one in launches.asked} == {1, 2}
    assert record.status == "ok"


def test_every_point_fails(lab: Lab, launches: _Launches, tmp_path: Path) -> None:
    launches.error = lambda name, _one: "boom" if name == "int8" else ""
    record = run(lab, settings_of(lab, sweep()), tmp_path)
    assert record.data["rows"]["int8"]["reason"] == "sweep: every point fails: boom"
    assert record.data["rows"]["fp32"]["status"] == "ok"


def test_finalists_that_all_fail(lab: Lab, launches: _Launches, tmp_path: Path) -> None:
    counts: dict[Any, int] = {}

    def error(_name: str, one: LaunchRequest) -> str:
        key = json.dumps([one.properties, one.batch, one.infer_requests])
        counts[key] = counts.get(key, 0) + 1
        return "boom" if counts[key] > 1 else ""

    launches.error = error
    record = run(lab, settings_of(lab, sweep()), tmp_path)
    text = "sweep: the best points fail when they are launched again: boom"
    assert {row["reason"] for row in record.data["rows"].values()} == {text}


def test_compiling_from_a_cache_is_measured_apart(lab: Lab, launches: _Launches, tmp_path: Path) -> None:
    scenario = {"mode": "synchronous"}
    record = run(lab, settings_of(lab, scenario, measurement=PLAN | {"cached_launches": 2}), tmp_path)
    compiling = [one for one in launches.asked if one.mode == "compile"]
    assert len(compiling) == 2 * 3  # one fills the cache
    places = {one.properties["NAME"]: one.properties["CACHE_DIR"] for one in compiling}
    assert len(set(places.values())) == 2
    assert not any("CACHE_DIR" in one.properties for one in launches.asked if one.mode != "compile")
    assert values_of(record, "int8")["compile_time_cached"] == pytest.approx(7)
    assert values_of(record, "int8")["compile_time"] == pytest.approx(10)


def test_a_device_without_a_cache(lab: Lab, launches: _Launches, tmp_path: Path) -> None:
    launches.error = lambda _name, one: "no cache" if one.mode == "compile" else ""
    record = run(lab, settings_of(lab, {"mode": "synchronous"}, measurement=PLAN | {"cached_launches": 1}), tmp_path)
    assert record.status == "ok"
    assert values_of(record, "fp32")["compile_time_cached"] is None


def test_costs_of_an_inference(lab: Lab, launches: _Launches, tmp_path: Path) -> None:
    row = run(lab, settings_of(lab, {"mode": "asynchronous", "batch": 2}), tmp_path).data["rows"]["fp32"]["values"]
    cpu = row["cpu_time_per_inference"]
    assert (cpu["value"], cpu["unit"]) == (pytest.approx(0.002), "s")
    assert (row["cpu_time_per_image"]["value"], row["cpu_time_per_image"]["unit"]) == (pytest.approx(1.0), "ms")
    assert (row["energy_package"]["value"], row["energy_package"]["unit"]) == (pytest.approx(100), "mJ")
    assert row["energy_psys"]["value"] is None
    assert row["steady_rss"]["value"] == pytest.approx(40)


def test_a_real_sweep_and_a_real_server(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = {"launches": 1, "max_launches": 1, "warm_up_s": 0.0, "duration_s": 0.1, "images": 2, "cached_launches": 1}
    one = {"fp32": {"inference_precision": "f32"}}
    small = {"batch": [1, 2], "duration_s": 0.05, "finalists": 1, "finalist_launches": 1}
    settings = lab.session_settings(precisions=one, measurement=plan, scenario=sweep() | {"sweep": small})
    record = run(lab, settings, tmp_path / "sweep")
    assert record.reason == ""
    assert all(row["error"] == "" and row["executed_streams"] >= 1 for row in record.data["sweep"])
    assert values_of(record, "fp32")["batch"] in {1, 2}
    assert values_of(record, "fp32")["compile_time_cached"] > 0
    server = {"rate": 100, "p99_ms": 1000, "trial_s": 0.05, "trial_queries": 100, "steps": 1}
    plan |= {"launches": 2, "max_launches": 2, "cached_launches": 0}
    settings = lab.session_settings(precisions=one, measurement=plan, scenario={"mode": "server", "server": server})
    record = run(lab, settings, tmp_path / "server")
    assert record.status == "ok"
    assert values_of(record, "fp32")["max_rate"] > 0
    assert values_of(record, "fp32")["timed_inferences"] == 20
    write_record(tmp_path / "session.json", record)
