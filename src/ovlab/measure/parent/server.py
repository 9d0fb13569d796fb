"""A server's rate: declared, or a share of what the reference does with all requests in flight."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ovlab.measure.host.noise_gate import NoiseGate
from ovlab.measure.parent.launch_plan import LaunchPlan
from ovlab.measure.parent.launches import VariantUnderTest
from ovlab.measure.parent.rounds import run_rounds
from ovlab.records import Quantity
from ovlab.specs import SessionSettings
from ovlab.stats.launches import launch_interval

log = logging.getLogger("ovlab.measure")
PROBES = 3
DIGITS = 3
FEWEST_ARRIVALS = 2


@dataclass
class Offered:
    """A session's rate.

    Attributes
    ----------
    rate : float
        Arrivals per second.
    waited_s : float
        Seconds for which a quiet host was waited for.
    errors : dict
        Variants that failed while it was measured, and why; there is no rate if all did.
    """

    rate: float = 0.0
    waited_s: float = 0.0
    errors: dict[str, str] = field(default_factory=dict)


def offered_rate(settings: SessionSettings, plans: Mapping[str, LaunchPlan], scratch: Path) -> Offered:
    """Find the arrivals per second of a session.

    A percentage is of the median throughput of three launches of the reference with all requests in flight, rounded to
    three digits; of the slowest other variant where the reference is not in the session, or fails.
    """
    server = settings.scenario.server
    assert server is not None  # noqa: S101
    if not isinstance(server.rate, str):
        return Offered(server.rate)
    offered, capacity = Offered(), None
    reference = [name for name in plans if name == settings.reference]
    for names in (reference, [name for name in plans if name not in reference]):
        if capacity is None and names:
            capacity = _capacity(settings, plans, names, scratch, offered)
    if capacity is not None:
        offered.rate = float(f"{server.rate_at(capacity):.{DIGITS}g}")
        log.info("server: %g arrivals per second (%s of %.4g)", offered.rate, server.rate, capacity)
    return offered


def _capacity(
    settings: SessionSettings,
    plans: Mapping[str, LaunchPlan],
    names: Iterable[str],
    scratch: Path,
    offered: Offered,
) -> float | None:
    """Return the inferences per second of the slowest of some variants, None if there is none that does not fail."""
    scenario = settings.scenario.model_copy(update={"mode": "asynchronous", "server": None})
    probes = {name: plans[name].under_test(scenario, inspect=False) for name in names}
    plan = settings.measurement.model_copy(update={"launches": PROBES, "max_launches": PROBES})
    gate = NoiseGate.after(plan.noise, offered.waited_s)
    run_rounds(probes, "", plan, settings.seed, scratch, gate)
    offered.waited_s += gate.waited_s
    offered.errors |= {name: probe.error for name, probe in probes.items() if probe.error}
    speeds = [
        float(np.median([one.result["throughput_fps"] / one.result["batch"] for one in probe.launches]))
        for probe in probes.values()
        if not probe.error
    ]
    return min(speeds, default=None)


def too_few_arrivals(rate: float, seconds: float) -> str:
    """Say that a launch would wait for arrivals rather than measure; empty if it would not, or if there is no rate."""
    if not 0 < rate * seconds < FEWEST_ARRIVALS:
        return ""
    return f"server.rate: {rate:g} arrivals/s are fewer than {FEWEST_ARRIVALS} in measurement.duration_s: {seconds:g} s"


def server_values(variant: VariantUnderTest) -> dict[str, Quantity]:
    """Return what is to be said of a server beyond latency at its rate.

    Returns
    -------
    dict
        ``offered_rate``, ``max_rate``, ``capacity`` (inferences per second; the latter two from launches) and
        ``dispatch_lag_p99`` (the largest of any launch).
    """
    results = [launch.result for launch in variant.launches]
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
    cut = sum(bool(result["cut_short"]) for result in results)
    if cut:
        notes.append(
            f"for want of time the search for the highest rate ended early in {cut} of {len(results)} launches"
        )
    none = sum(result["max_rate"] is None for result in results)
    if none:
        where = "no rate" if none == len(results) else f"in {none} of {len(results)} launches no rate"
        notes.append(f"{where} that was tried keeps p99 within {p99_ms:g} ms")
    return "; ".join(notes)
