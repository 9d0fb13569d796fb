"""Arrivals: drawn as declared, served in order, latency from when they were due."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

from ovlab.measure.child import arrivals as module
from ovlab.measure.child.arrivals import allowed_late, highest_rate, poisson_schedule, serve
from ovlab.measure.child.loops import next_idle
from ovlab.measure.request import Arrivals


class _Request:
    """Stands for an inference request that takes a fixed time."""

    def __init__(self, seconds: float, log: list[int], number: int) -> None:
        self.seconds, self.log, self.number = seconds, log, number
        self.callback: Callable[[Any], None] | None = None
        self.thread: threading.Thread | None = None

    def set_callback(self, callback: Callable[[Any], None], _userdata: Any) -> None:
        self.callback = callback

    def start_async(self, _inputs: Any, _userdata: Any) -> None:
        self.log.append(self.number)
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        time.sleep(self.seconds)
        assert self.callback is not None
        self.callback(None)

    def wait_for(self, _milliseconds: int) -> bool:
        return False

    def wait(self) -> None:
        if self.thread is not None:
            self.thread.join()


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, float], list[Any]]:
    monkeypatch.setattr(module, "Request", _Request)

    def make(count: int, seconds: float) -> list[Any]:
        log: list[int] = []
        return [_Request(seconds, log, number) for number in range(count)]

    return make


def test_a_schedule_is_a_poisson_process() -> None:
    schedule = poisson_schedule(250.0, 5000, np.random.default_rng(1))
    gaps = np.diff(schedule, prepend=0) / 1e9
    assert schedule.dtype == np.int64
    assert (gaps >= 0).all()
    assert stats.kstest(gaps, stats.expon(scale=1 / 250).cdf).pvalue > 0.01
    assert abs(stats.pearsonr(gaps[1:], gaps[:-1]).statistic) < 0.05
    counts = np.bincount((schedule // 100_000_000).astype(int))[:-1]  # in tenths of a second
    assert counts.var() / counts.mean() == pytest.approx(1, abs=0.5)  # Poisson: as large as the mean


def test_the_same_seed_gives_the_same_arrivals() -> None:
    first, again, other = (poisson_schedule(10.0, 20, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


@pytest.mark.parametrize(("count", "expected"), [(100, 1), (199, 1), (200, 2), (1000, 10)])
def test_one_in_a_hundred_may_be_late(count: int, expected: int) -> None:
    assert allowed_late(count) == expected
    # What is allowed is what keeps the (higher) 99th percentile within the bound, and one more is not.
    for late, kept in ((expected, True), (expected + 1, False)):
        latencies = np.repeat([1.0, 9.0], [count - late, late])
        assert (np.percentile(latencies, 99, method="inverted_cdf") <= 1.0) is np.bool_(kept)


def test_waiting_counts_from_when_an_inference_was_due(requests: Any) -> None:
    schedule = np.array([0, 1, 2, 3], np.int64) * 1_000_000  # 1 ms apart; each takes 20 ms; one request
    served = serve(requests(1, 0.02), schedule)
    latencies = (np.array(served.ends) - np.array(served.due)) / 1e6
    assert (np.diff(served.due) == 1_000_000).all()
    # A loop that counts from the start would say 20 ms for all; the last had waited for three.
    assert (latencies >= [20, 39, 58, 77]).all()
    assert len(served.lags) <= 1  # only the first found a free request when it was due


def test_no_more_in_flight_than_there_are_requests(requests: Any) -> None:
    made = requests(3, 0.01)
    served = serve(made, np.zeros(9, np.int64))
    assert len(served.ends) == 9
    assert min(served.ends) > 0
    events = sorted([(end, -1) for end in served.ends])
    assert len(events) == 9
    assert made[0].log[:3] == [0, 1, 2]


def test_a_broken_bound_ends_a_trial(requests: Any) -> None:
    served = serve(requests(1, 0.005), np.zeros(100, np.int64), bound_ns=1e6, most_late=2)
    assert 3 <= len(served.late) <= 4  # one may be on its way
    assert 3 <= len(served.due) == len(served.ends) <= 4


class _Server:
    """A server that keeps every bound up to a rate."""

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self.asked: list[tuple[int, float]] = []

    def __call__(self, _requests: Any, schedule: Any, bound_ns: float, most_late: float) -> module.Served:
        rate = 1e9 * len(schedule) / schedule[-1]
        self.asked.append((len(schedule), bound_ns))
        late = list(range(int(most_late) + 1)) if rate > self.limit else []
        return module.Served(due=schedule.tolist(), late=late)


@pytest.mark.parametrize("limit", [30.0, 500.0, 730.0])
def test_bisection_finds_the_highest_rate(monkeypatch: pytest.MonkeyPatch, limit: float) -> None:
    server = _Server(limit)
    monkeypatch.setattr(module, "serve", server)
    monkeypatch.setattr(module, "asynchronous", lambda *_: (list(range(0, 10**9, 10**6)), [10**9]))
    # Many arrivals, so that the rate that was drawn is the one that was asked for.
    load = Arrivals(rate=1.0, p99_ms=7.0, trial_s=40.0, trial_queries=20_000, steps=8, seed=0, limit_s=1e6)
    found = highest_rate([None], load)
    assert found["capacity"] == pytest.approx(1000)
    assert found["max_rate"] == pytest.approx(limit, rel=0.03, abs=1000 / 2**8)
    assert all(count >= 20_000 and bound_ns == 7e6 for count, bound_ns in server.asked)
    assert len(found["trials"]) == 8
    kept = [trial["rate"] for trial in found["trials"] if trial["kept"]]
    assert found["max_rate"] == max(kept)


def test_no_rate_keeps_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "serve", _Server(0.0))
    monkeypatch.setattr(module, "asynchronous", lambda *_: (list(range(0, 10**9, 10**6)), [10**9]))
    load = Arrivals(rate=1.0, p99_ms=7.0, trial_s=0.1, trial_queries=100, steps=3, seed=0, limit_s=1e6)
    found = highest_rate([None], load)
    assert (found["max_rate"], found["cut_short"]) == (None, False)


def test_a_trial_that_would_take_too_long_is_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "serve", _Server(0.0))
    monkeypatch.setattr(module, "asynchronous", lambda *_: (list(range(0, 10**9, 10**6)), [10**9]))
    # At 500, 250, 125 a second 100 arrivals take 0.2, 0.4, 0.8 s.
    load = Arrivals(rate=1.0, p99_ms=7.0, trial_s=0.1, trial_queries=100, steps=5, seed=0, limit_s=0.7)
    found = highest_rate([None], load)
    assert ([round(trial["rate"]) for trial in found["trials"]], found["cut_short"]) == ([500, 250], True)


def test_no_further_inference_is_started_when_time_is_up(requests: Any) -> None:
    served = serve(requests(1, 0.01), np.zeros(1000, np.int64), limit_s=0.05)
    assert 1 < len(served.due) == len(served.ends) <= 10
    assert min(served.ends) > 0


class _Failed:
    """A request whose inference has failed: OpenVINO then never calls its callback."""

    def wait_for(self, _milliseconds: int) -> bool:
        raise RuntimeError("boom")


def test_a_failed_inference_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ovlab.measure.child.loops.STALLED_S", 0.01)
    with pytest.raises(RuntimeError, match="boom"):
        next_idle(queue.SimpleQueue(), [_Failed()])  # type: ignore[list-item]
