"""Rounds that profile: those that were disturbed are repeated, and told where quiet ones are too few."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ovlab.layers.profile import launching
from ovlab.layers.profile.launching import Launched, disturbance, launch_rounds
from ovlab.layers.request import ProfileRequest
from ovlab.measure.host.noise_gate import NoiseGate
from ovlab.specs import NoiseSpec, ProfilingSpec

NOISE, PLAN = NoiseSpec(wait_s=0), ProfilingSpec(launches=3)
LaunchesOf = Callable[..., dict[str, Launched]]


@pytest.fixture
def launches_of(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> LaunchesOf:
    """Profile one variant on a made-up host: latencies and loads of others by launch, kernel times."""

    def run(latencies: list[float], loads: list[float], kernel: float = 1.0, known: float | None = None) -> Any:
        made: Iterator[float] = iter(latencies)
        load: Iterator[float] = iter(loads)
        monkeypatch.setattr(launching, "run_child", lambda *_: {"latency_ms": next(made)})
        monkeypatch.setattr(NoiseGate, "finish", lambda *_: {"other_load": next(load)})
        monkeypatch.setattr("ovlab.measure.host.noise_gate.kernel_ms", lambda: kernel)
        requests = {"fp32": ProfileRequest("x.xml", "CPU", {}, None, 0.1, 0.5)}
        return launch_rounds(requests, PLAN, NOISE, 0, tmp_path, known)["fp32"]

    return run


def latencies(one: Launched) -> list[float]:
    return [result["latency_ms"] for result in one.results]


def test_a_quiet_host_gives_as_many_rounds_as_asked_for(launches_of: LaunchesOf) -> None:
    found = launches_of([1.0, 1.1, 1.05], [0.0] * 3)
    assert latencies(found) == [1.0, 1.1, 1.05] and found.left_out == 0
    assert disturbance(found, NOISE) == ""


def test_disturbed_rounds_are_repeated_and_left_out(launches_of: LaunchesOf) -> None:
    # One amid load, one slow all its life without any load to blame.
    found = launches_of([1.0, 1.0, 1.6, 1.1, 1.2], [0.0, 0.5, 0.0, 0.0, 0.0])
    assert latencies(found) == [1.0, 1.1, 1.2] and found.left_out == 2
    assert disturbance(found, NOISE) == ""


def test_where_quiet_rounds_are_too_few_all_count_and_it_is_told(launches_of: LaunchesOf) -> None:
    found = launches_of([1.0, 1.0, 1.6, 1.8, 1.0, 1.0], [0.0, 0.5, 0.0, 0.0, 0.6, 0.0])
    assert len(found.results) == 6 and found.left_out == 0
    assert disturbance(found, NOISE) == (
        "4 of 6 launches were disturbed (load of other processes up to 60 % (bound 20 %), latencies up to 1.8 times "
        "the least): shares of time may be those of a slow host"
    )


def test_a_host_that_is_slow_all_the_while_is_seen_by_its_calibration_kernel(launches_of: LaunchesOf) -> None:
    alike = {"latencies": [1.0] * 6, "loads": [0.0] * 6, "kernel": 1.5}
    assert disturbance(launches_of(**alike), NOISE) == ""
    told = disturbance(launches_of(**alike, known=1.0), NOISE)
    assert told.startswith(
        "6 of 6 launches were disturbed (slowdown of the calibration kernel up to 50 % (bound 25 %))"
    )


def test_a_variant_that_fails_is_no_disturbance(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def run(request: ProfileRequest, *_: Any) -> dict[str, float]:
        if request.model == "bad.xml":
            raise launching.OvlabError("it broke")
        return {"latency_ms": 1.0}

    monkeypatch.setattr(launching, "run_child", run)
    monkeypatch.setattr(NoiseGate, "finish", lambda *_: {"other_load": 0.0})
    monkeypatch.setattr("ovlab.measure.host.noise_gate.kernel_ms", lambda: 1.0)
    requests = {name: ProfileRequest(f"{name}.xml", "CPU", {}, None, 0.1, 0.5) for name in ("bad", "good")}
    found = launch_rounds(requests, PLAN, NOISE, 0, tmp_path)
    assert found["bad"].error == "it broke" and len(found["good"].results) == 3
