"""A server's rate: declared, or a share of what the reference does with all requests in flight."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ovlab.errors import OvlabError
from ovlab.measure.maker import RequestMaker
from ovlab.measure.noise import NoiseGate
from ovlab.measure.rounds import Contender, run_rounds
from ovlab.records import Quantity
from ovlab.specs import SessionSettings
from ovlab.stats.launches import launch_interval

log = logging.getLogger("ovlab.measure")
PROBES = 3
DIGITS = 3


def offered_rate(settings: SessionSettings, makers: Mapping[str, RequestMaker], scratch: Path) -> tuple[float, float]:
    """Return the arrivals per second of a session, and for how many seconds a quiet host was waited for.

    A percentage is of the median throughput of three launches of the reference with all requests in flight, rounded to
    three digits; of the slowest variant where the reference is not in the session.

    Raises
    ------
    OvlabError
        If it cannot be measured.
    """
    server = settings.scenario.server
    assert server is not None  # noqa: S101
    if not isinstance(server.rate, str):
        return server.rate, 0.0
    scenario = settings.scenario.model_copy(update={"mode": "asynchronous", "server": None})
    chosen = [settings.reference] if settings.reference in makers else list(makers)
    probes = {name: makers[name].contender(scenario, inspect=False) for name in chosen}
    plan = settings.measurement.model_copy(update={"launches": PROBES, "max_launches": PROBES})
    gate = NoiseGate(plan.noise)
    run_rounds(probes, "", plan, settings.seed, scratch, gate)
    found = [
        float(np.median([one.result["throughput_fps"] / one.result["batch"] for one in probe.launches]))
        for probe in probes.values()
        if not probe.error
    ]
    if not found:
        error = next(iter(probes.values())).error
        raise OvlabError(f"server.rate: {server.rate} of what the reference does, but that fails: {error}")
    rate = float(f"{server.rate_at(min(found)):.{DIGITS}g}")
    log.info("server: %g arrivals per second (%s of %.4g)", rate, server.rate, min(found))
    return rate, gate.waited_s


def server_values(contender: Contender) -> dict[str, Quantity]:
    """Return what is to be said of a server beyond latency at its rate.

    Returns
    -------
    dict
        ``offered_rate``, ``max_rate``, ``capacity`` (inferences per second; the latter two from launches) and
        ``dispatch_lag_p99`` (the largest of any launch).
    """
    results = [launch.result for launch in contender.launches]
    lags = [result["dispatch_lag_ms_p99"] for result in results if result["dispatch_lag_ms_p99"] is not None]
    rates = [np.nan if result["max_rate"] is None else result["max_rate"] for result in results]
    return {
        "offered_rate": Quantity(results[0]["rate"], "1/s"),
        "max_rate": Quantity.of(launch_interval(rates), "1/s"),
        "capacity": Quantity.of(launch_interval([result["capacity"] for result in results]), "1/s"),
        "dispatch_lag_p99": Quantity(max(lags, default=None), "ms"),
    }


def server_note(values: Mapping[str, Quantity], p99_ms: float, results: list[dict[str, Any]]) -> str:
    """Say what a reader of the row must know: the rate is more than the variant can do, or no rate keeps the bound."""
    notes = []
    offered, capacity = values["offered_rate"].value, values["capacity"].value
    if offered is not None and capacity is not None and capacity < offered:
        notes.append(f"overloaded: {offered:g} arrivals/s, but at most {capacity:.4g}/s are served")
    none = sum(result["max_rate"] is None for result in results)
    if none:
        where = "no rate" if none == len(results) else f"in {none} of {len(results)} launches no rate"
        notes.append(f"{where} that was tried keeps p99 within {p99_ms:g} ms")
    return "; ".join(notes)
