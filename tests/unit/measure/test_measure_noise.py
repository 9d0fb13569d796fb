"""The noise gate: what it waits for, what it notes, and which rows it marks."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ovlab.errors import OvlabError
from ovlab.measure.host import noise_gate as noise
from ovlab.measure.host.noise_bounds import between, beyond, complaint, describe
from ovlab.measure.host.noise_gate import NoiseGate
from ovlab.measure.host.sensors import Counters
from ovlab.measure.parent.launches import Launch
from ovlab.specs import MeasurementSpec, NoiseSpec, parse_spec

QUIET = {"minor_faults": 5, "major_faults": 0, "preemptions": 1, "clock_mhz": None}


class _Host:
    """A host with two cores on which time passes only when somebody sleeps; `load` is what others use of them."""

    def __init__(self, *load: float) -> None:
        self.load = list(load)
        self.now = 1000.0
        self.other = 100.0
        self.slept: list[float] = []

    def counters(self) -> Counters:
        return Counters(busy_s=self.other, steal_s=0.0, total_s=2 * self.now, own_s=0.0)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        self.other += 2 * seconds * (self.load.pop(0) if len(self.load) > 1 else self.load[0])


@pytest.fixture
def host_of(monkeypatch: pytest.MonkeyPatch) -> Callable[..., _Host]:
    def make(*load: float) -> _Host:
        host = _Host(*load)
        monkeypatch.setattr(noise, "read_counters", host.counters)
        monkeypatch.setattr(noise, "sleep", host.sleep)
        return host

    return make


def launch_of(number: int, **found: Any) -> Launch:
    reading = {"other_load": 0.0, "steal": 0.0, "clock_mhz": None, "major_faults": 0} | found
    return Launch(number, 0, {"noise": reading}, np.zeros(2), np.ones(2))


def test_what_others_used_is_what_is_left_after_our_own() -> None:
    before = Counters(busy_s=10.0, steal_s=1.0, total_s=100.0, own_s=3.0, throttling=2)
    after = Counters(busy_s=14.0, steal_s=2.0, total_s=110.0, own_s=6.5, throttling=5)
    assert between(before, after) == {
        "other_load": pytest.approx(0.05),
        "steal": pytest.approx(0.2),
        "throttling": 3,
    }
    assert between(after, after)["steal"] == 0
    assert between(before, Counters()) == {"other_load": None, "steal": None, "throttling": None}
    ticks = Counters(busy_s=10.0, steal_s=1.0, total_s=110.0, own_s=3.1)
    assert between(before, ticks)["other_load"] == 0  # rounding below zero


def test_only_what_is_known_and_bounded_can_be_beyond() -> None:
    spec = NoiseSpec(other_load=0.1, steal=None, temperature_c=80)
    assert beyond(spec, {"other_load": 0.1, "steal": 0.9, "temperature_c": None}) == []
    assert beyond(spec, {"other_load": 0.11, "temperature_c": 80.5}) == ["other_load", "temperature_c"]
    readings: list[dict[str, float | None]] = [{"other_load": 0.5}, {"other_load": 0.25, "temperature_c": 90.0}]
    assert describe(spec, readings) == (
        "load of other processes up to 50 % (bound 10 %), temperature up to 90 °C (bound 80 °C)"
    )


def test_a_quiet_host_is_looked_at_once(host_of: Callable[..., _Host]) -> None:
    host, gate = host_of(0.01), NoiseGate(NoiseSpec())
    for number in (1, 2, 3):
        gate.before_round(number)
        gate.finish(gate.start(), QUIET)
    assert host.slept == [noise.PROBE_S]
    assert (gate.waited_s, gate.waits, len(gate.kernels_ms)) == (0, [], 3)


def test_it_waits_until_the_host_is_quiet(host_of: Callable[..., _Host], caplog: pytest.LogCaptureFixture) -> None:
    host, gate = host_of(0.9, 0.8, 0.7, 0.05), NoiseGate(NoiseSpec(wait_s=30))
    with caplog.at_level(logging.INFO, "ovlab.measure"):
        gate.before_round(1)
    assert host.slept == [noise.PROBE_S, 1, 1, 1]
    assert gate.waits == [
        {"round": 1, "seconds": 3.0, "cause": "load of other processes up to 90 % (bound 20 %)"},
    ]
    assert caplog.messages == [
        "waiting for a quiet host, at most 30 s: load of other processes up to 90 % (bound 20 %)"
    ]


def test_it_waits_no_longer_than_it_may_in_all(host_of: Callable[..., _Host], caplog: pytest.LogCaptureFixture) -> None:
    host, gate = host_of(0.9), NoiseGate(NoiseSpec(wait_s=2.5))
    with caplog.at_level(logging.INFO, "ovlab.measure"):
        for number in (1, 2):
            gate.before_round(number)
            before = gate.start()
            host.sleep(1)  # the launch
            assert gate.finish(before, QUIET)["other_load"] == pytest.approx(0.9)
    assert host.slept == [noise.PROBE_S, 1, 1, 0.5, 1, noise.PROBE_S, 1]
    assert gate.waited_s == pytest.approx(2.5)
    assert caplog.messages[-1].startswith("measuring although the host is not quiet: load of other processes")


def test_a_host_that_became_noisy_is_looked_at_again(host_of: Callable[..., _Host]) -> None:
    host, gate = host_of(0.0), NoiseGate(NoiseSpec())
    gate.before_round(1)
    gate.finish(gate.start(), QUIET | {"major_faults": 101})
    gate.before_round(2)
    assert host.slept == [noise.PROBE_S] * 2
    gate.before_round(3)
    assert host.slept == [noise.PROBE_S] * 2


def test_a_slow_kernel_is_waited_for(host_of: Callable[..., _Host], monkeypatch: pytest.MonkeyPatch) -> None:
    host, gate = host_of(0.0), NoiseGate(NoiseSpec())
    times = iter([7.0, 10.0, 10.0, 7.1])
    monkeypatch.setattr(noise, "kernel_ms", lambda: next(times))
    gate.before_round(1)
    gate.before_round(2)
    assert host.slept == [noise.PROBE_S, noise.PROBE_S, 1, 1]
    assert gate.kernels_ms == [7.0, 7.1]
    assert gate.waits[0]["cause"] == "slowdown of the calibration kernel up to 42.9 % (bound 25 %)"


def test_a_launch_is_told_what_only_the_whole_session_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = NoiseGate(NoiseSpec(clock_drop=0.2), kernels_ms=[10.0, 8.0, 8.0])
    monkeypatch.setattr(noise, "kernel_ms", lambda: 12.0)
    launches = [launch_of(1, clock_mhz=4000.0), launch_of(2, clock_mhz=3600.0), launch_of(3, clock_mhz=3000.0)]
    gate.conclude(iter(launches))
    found = [one.result["noise"] for one in launches]
    assert [one["kernel_slowdown"] for one in found] == pytest.approx([0.25, 0.0, 0.5])
    assert [one["clock_drop"] for one in found] == pytest.approx([0.0, 0.1, 0.25])
    assert [one["beyond"] for one in found] == [[], [], ["kernel_slowdown", "clock_drop"]]
    assert gate.record()["kernel_ms"] == [10.0, 8.0, 8.0, 12.0]


@pytest.mark.parametrize(
    ("loads", "tolerated", "expected"),
    [
        ((0.1, 0.1, 0.1, 0.1, 0.9), 0.2, ""),
        ((0.1, 0.1, 0.1, 0.4, 0.9), 0.2, "noisy: 2 of 5 launches with load of other processes up to 90 % (bound 20 %)"),
        ((0.1, 0.3), 0.0, "noisy: 1 of 2 launches with load of other processes up to 30 % (bound 20 %)"),
        ((0.9, 0.9), 1.0, ""),
        ((None, None), 0.0, ""),
    ],
)
def test_more_noisy_launches_than_tolerated(loads: tuple[float | None, ...], tolerated: float, expected: str) -> None:
    gate = NoiseGate(NoiseSpec(tolerated=tolerated), kernels_ms=[7.0] * len(loads))
    launches = [launch_of(number, other_load=load) for number, load in enumerate(loads, 1)]
    gate.conclude(launches)
    assert complaint(gate.spec, launches) == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"other_lod": 1}, "x: noise.other_lod: unknown key; did you mean 'other_load'?"),
        ({"steal": 5}, "x: noise.steal: input should be less than or equal to 1 (got 5)"),
        ({"then": "stop"}, "x: noise.then: 'stop' is not valid; valid: fail, mark"),
        ({"wait_s": -1}, "x: noise.wait_s: input should be greater than or equal to 0 (got -1)"),
    ],
)
def test_bad_bounds(data: dict[str, Any], expected: str) -> None:
    with pytest.raises(OvlabError) as caught:
        parse_spec(MeasurementSpec, {"noise": data}, "x")
    assert str(caught.value) == expected
