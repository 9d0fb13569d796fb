"""The load of a server: inferences that arrive by themselves, whether or not the last one is done.

Arrivals are a Poisson process: the gaps between them are exponential and independent (MLPerf's server scenario [1]_).
Latency counts from the moment at which an inference was due, not from when a request was free for it, so that
waiting is part of it: a loop that leaves it out coordinates with the system that it measures [2]_.

References
----------
.. [1] V. J. Reddi et al., "MLPerf Inference Benchmark", ISCA 2020, section IV.
.. [2] G. Tene, "How NOT to Measure Latency", Strange Loop 2015.
"""

from __future__ import annotations

import ctypes
import math
import queue
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from ovlab.measure.child.loops import Request, Samples, asynchronous, next_idle
from ovlab.measure.request import Arrivals

TAIL = 0.01
"""Share of the inferences that a 99th percentile leaves above it."""
LEAD_NS = 2_000_000
_PR_SET_TIMERSLACK = 29


@dataclass
class Served:
    """What became of a schedule.

    Attributes
    ----------
    due, ends : list of int
        When each inference was due and when it was done, in ns; only those that were started.
    lags : list of int
        How late inferences were started that a free request was waiting for, in ns: what waking up costs.
    late : list of int
        The numbers of the inferences that took longer than the bound.
    """

    due: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    lags: list[int] = field(default_factory=list)
    late: list[int] = field(default_factory=list)


def poisson_schedule(rate: float, count: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Draw arrivals.

    Parameters
    ----------
    rate : float
        Arrivals per second.
    count : int
        Their number.
    generator : numpy.random.Generator
        Draws the gaps.

    Returns
    -------
    ndarray of int, shape (count,)
        Times in ns from the beginning, ascending.
    """
    return np.cumsum(generator.exponential(1e9 / rate, count)).astype(np.int64)


def allowed_late(count: int) -> int:
    """Return how many of `count` inferences may be above the bound when their 99th percentile is not."""
    return math.floor(TAIL * count)


def serve(
    requests: list[ov.InferRequest],
    schedule: NDArray[np.int64],
    bound_ns: float = math.inf,
    most_late: float = math.inf,
    limit_s: float = math.inf,
) -> Served:
    """Start inferences when they are due, in their order; one that finds no free request waits for one.

    Parameters
    ----------
    requests : list of InferRequest
        So many are in flight at most.
    schedule : ndarray of int, shape (n,)
        When inferences are due, in ns from now.
    bound_ns : float
        An inference that takes longer, waiting included, is late.
    most_late : float
        When more are late no further one is started: the bound is broken, whatever follows.
    limit_s : float
        No further one is started after so many seconds.

    Returns
    -------
    Served
    """
    clock, sleep, start_async = time.perf_counter_ns, time.sleep, Request.start_async
    served = Served()
    ends = [0] * len(schedule)
    running = [0] * len(requests)
    idle: queue.SimpleQueue[int] = queue.SimpleQueue()
    begin = clock() + LEAD_NS
    due: list[int] = (schedule + begin).tolist()

    def on_end(index: int) -> Callable[[Any], None]:
        def callback(_userdata: Any) -> None:
            number = running[index]
            ends[number] = ended = clock()
            if ended - due[number] > bound_ns:
                served.late.append(number)  # unlike a count, safe from several threads
            idle.put(index)

        return callback

    for index, request in enumerate(requests):
        request.set_callback(on_end(index), None)
        idle.put(index)
    started = 0
    for number, arrival in enumerate(due):
        if len(served.late) > most_late or clock() - begin > 1e9 * limit_s:
            break
        ahead = arrival - clock()
        if ahead > 0:
            sleep(ahead / 1e9)
        awaited = ahead > 0 and not idle.empty()
        index = next_idle(idle, requests)
        running[index] = number
        if awaited:
            served.lags.append(clock() - arrival)
        start_async(requests[index], {}, None)
        started += 1
    for request in requests:
        request.wait()
    served.due, served.ends = due[:started], ends[:started]
    return served


def wake_precisely() -> None:
    """Have this thread woken within microseconds: Linux by default lets it sleep 50 us longer (``prctl(2)``)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)


def drive_server(requests: list[ov.InferRequest], load: Arrivals, seconds: float) -> tuple[Samples, dict[str, Any]]:
    """Measure latency at the declared rate.

    Parameters
    ----------
    requests : list of InferRequest
        Bound and warm.
    load : Arrivals
        The rate.
    seconds : float
        For so long inferences arrive, on average.

    Returns
    -------
    samples : Samples
        When each inference was due, and when it was done.
    facts : dict
        ``rate`` (1/s), ``dispatch_lag_ms_p99`` (None if there was always something waiting).
    """
    wake_precisely()
    generator = np.random.default_rng(load.seed)
    schedule = poisson_schedule(load.rate, max(2, round(load.rate * seconds)), generator)
    served = serve(requests, schedule, limit_s=seconds + load.limit_s)
    lag = float(np.percentile(served.lags, 99)) / 1e6 if served.lags else None
    return (served.due, served.ends), {"rate": load.rate, "dispatch_lag_ms_p99": lag}


@dataclass(frozen=True)
class Trial:
    """One rate that was tried: arrivals per second, inferences made, how many were late, whether the bound was kept."""

    rate: float
    queries: int
    late: int
    kept: bool


def highest_rate(requests: list[ov.InferRequest], load: Arrivals) -> dict[str, Any]:
    """Search the highest rate whose 99th percentile of latency is within the bound, by bisection.

    Between 0 and what this process does with all requests in flight. At most 1 % of a trial's inferences may be late;
    a trial ends as soon as more are. A trial that would not end within what is left of the time is not begun.

    Parameters
    ----------
    requests : list of InferRequest
        Bound and warm.
    load : Arrivals
        Bound, length of a trial, number of steps.

    Returns
    -------
    dict
        ``max_rate`` (arrivals per second, None if no rate that was tried keeps the bound), ``capacity`` (inferences per
        second with all requests in flight), ``trials``, ``cut_short`` (whether time was up before the last step).
    """
    clock = time.perf_counter
    stop = clock() + load.limit_s
    generator = np.random.default_rng([load.seed, 1])
    starts, ends = asynchronous(requests, load.trial_s, 2 * len(requests))
    capacity = len(starts) / (max(ends) - starts[0]) * 1e9
    low, high = 0.0, capacity
    trials: list[Trial] = []
    for _ in range(load.steps):
        rate = (low + high) / 2
        count = max(load.trial_queries, round(rate * load.trial_s))
        if clock() + count / rate > stop:
            break
        served = serve(requests, poisson_schedule(rate, count, generator), load.p99_ms * 1e6, allowed_late(count))
        kept = len(served.late) <= allowed_late(count)
        trials.append(Trial(rate, len(served.due), len(served.late), kept))
        low, high = (rate, high) if kept else (low, rate)
    return {
        "max_rate": low or None,
        "capacity": capacity,
        "trials": [asdict(trial) for trial in trials],
        "cut_short": len(trials) < load.steps,
    }
