"""Rounds that profile: those that were disturbed are repeated, and told where quiet ones are too few."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ovlab.layers.peaks.machine import Peaks
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

    def run(
        latencies: list[float],
        loads: list[float],
        kernel: float = 1.0,
        known: float | None = None,
        speeds: list[float] | None = None,
        probe: str = "convolution",
    ) -> Any:
        made: Iterator[float] = iter(latencies)
        load: Iterator[float] = iter(loads)
        speed: Iterator[float] = iter(speeds or [1.0] * len(loads))

        def child(*_: Any) -> dict[str, Any]:
            now = next(speed)
            # Two probes in a launch: what counts is how long they took together.
            return {"latency_ms": next(made), "probes": {probe: [2e9 * now, 2e9 * now]}}

        monkeypatch.setattr(launching, "run_child", child)
        monkeypatch.setattr(NoiseGate, "finish", lambda *_: {"other_load": next(load)})
        monkeypatch.setattr("ovlab.measure.host.noise_gate.kernel_ms", lambda: kernel)
        requests = {"fp32": ProfileRequest("x.xml", "CPU", {}, None, 0.1, 0.5)}
        return launch_rounds(requests, PLAN, NOISE, 0, tmp_path, Peaks(probe={probe: 2e9}, kernel_ms=known))["fp32"]

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
        "the least): shares of time are not firm"
    )


def test_a_host_that_is_slow_all_the_while_is_seen_by_its_calibration_kernel(launches_of: LaunchesOf) -> None:
    alike = {"latencies": [1.0] * 6, "loads": [0.0] * 6, "kernel": 1.5}
    assert disturbance(launches_of(**alike), NOISE) == ""
    told = disturbance(launches_of(**alike, known=1.0), NOISE)
    assert told.startswith(
        "6 of 6 launches were disturbed (slowdown of the calibration kernel up to 50 % (bound 25 %))"
    )


def test_a_launch_during_which_the_host_was_slow_is_repeated(launches_of: LaunchesOf) -> None:
    # What no counter of the kernel shows: no load, alike latencies.
    found = launches_of([1.0, 1.0, 1.1, 1.2], [0.0] * 4, speeds=[0.97, 0.5, 0.95, 0.9])
    assert latencies(found) == [1.0, 1.1, 1.2] and found.left_out == 1
    assert [reading["host_speed"]["convolution"] for reading in found.noise] == pytest.approx([0.97, 0.95, 0.9])
    assert disturbance(found, NOISE) == ""


def test_a_host_that_is_slow_all_the_while_is_seen_by_the_probe(launches_of: LaunchesOf) -> None:
    found = launches_of([2.0] * 6, [0.0] * 6, speeds=[0.46, 0.5, 0.5, 0.48, 0.5, 0.5])
    assert disturbance(found, NOISE) == (
        "6 of 6 launches were disturbed (the host computed at 0.46 of its peak rate): shares of time are not firm"
    )


def test_threads_that_wait_for_each_other_are_seen_by_small_layers(launches_of: LaunchesOf) -> None:
    # Arithmetic as ever, no load: what takes twice as long is what lies between small layers.
    found = launches_of([5.5] * 6, [0.0] * 6, speeds=[0.45] * 6, probe="small_layers")
    assert disturbance(found, NOISE) == (
        "6 of 6 launches were disturbed (small layers ran at 0.45 of their rate when the peaks were found, threads "
        "waiting for each other): shares of time are not firm"
    )
    assert disturbance(launches_of([2.5] * 3, [0.0] * 3, speeds=[0.8, 1.4, 0.9], probe="small_layers"), NOISE) == ""


def test_peaks_that_were_found_on_a_slow_host_are_told(launches_of: LaunchesOf) -> None:
    found = launches_of([1.0] * 3, [0.0] * 3, speeds=[1.0, 1.5, 1.1])
    assert found.left_out == 0 and len(found.results) == 3
    assert disturbance(found, NOISE) == (
        "the host computed at 1.5 times the rate that it had when its peaks were found, so that these are too low "
        "(find them anew): shares of time are not firm"
    )


def test_where_the_probe_is_not_known_nothing_is_said_of_it(
    monkeypatch: pytest.MonkeyPatch, launches_of: LaunchesOf
) -> None:
    monkeypatch.setattr(launching, "mean_rate", lambda *_: None)  # a device that cannot compile it
    found = launches_of([1.0] * 3, [0.0] * 3, speeds=[0.1] * 3)
    assert [reading["host_speed"] for reading in found.noise] == [{}] * 3 and disturbance(found, NOISE) == ""


def test_repeats_are_bounded_in_time_too(monkeypatch: pytest.MonkeyPatch, launches_of: LaunchesOf) -> None:
    clock = iter(range(0, 10_000, 12))  # a look at the clock each 12 s
    monkeypatch.setattr(launching, "time", SimpleNamespace(monotonic=lambda: float(next(clock))))
    found = launches_of([1.0] * 6, [0.9] * 6)
    assert len(found.results) == 4  # one repeat has begun within 20 s
    assert disturbance(found, NOISE).startswith("4 of 4 launches were disturbed")


def test_a_variant_that_fails_is_no_disturbance(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[str] = []

    def run(request: ProfileRequest, *_: Any) -> dict[str, float]:
        asked.append(request.model)
        if request.model == "bad.xml":
            raise launching.OvlabError("it broke")
        return {"latency_ms": 1.0}

    monkeypatch.setattr(launching, "run_child", run)
    monkeypatch.setattr(NoiseGate, "finish", lambda *_: {"other_load": 0.0})
    monkeypatch.setattr("ovlab.measure.host.noise_gate.kernel_ms", lambda: 1.0)
    requests = {name: ProfileRequest(f"{name}.xml", "CPU", {}, None, 0.1, 0.5) for name in ("bad", "good")}
    found = launch_rounds(requests, PLAN, NOISE, 0, tmp_path, Peaks())
    asked.clear()
    alone = launch_rounds({"bad": requests["bad"]}, PLAN, NOISE, 0, tmp_path, Peaks())
    assert alone["bad"].error == "it broke" and asked == ["bad.xml"]  # no further round of nothing
    assert found["bad"].error == "it broke" and len(found["good"].results) == 3
