"""Rounds of fresh processes that profile the variants of a session, in an order drawn anew each round."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ovlab.errors import OvlabError, UnavailableError
from ovlab.layers.child.operations import operations_of
from ovlab.layers.child.probe import CONVOLUTION, SMALL_LAYERS, mean_rate
from ovlab.layers.child.profile import fix_shapes
from ovlab.layers.launches import run_child
from ovlab.layers.peaks.machine import Peaks
from ovlab.layers.profile.model import NO_MACS
from ovlab.layers.profile.scaling import Scaling
from ovlab.layers.request import ProfileRequest, ScalingRequest
from ovlab.measure.host.footprint import footprint
from ovlab.measure.host.noise_bounds import beyond, describe
from ovlab.measure.host.noise_gate import NoiseGate
from ovlab.memory import available_memory
from ovlab.runtime import read_ir
from ovlab.specs import NoiseSpec, ProfilingSpec

log = logging.getLogger("ovlab.layers")
AGAIN = 2
"""As many times as many rounds are made at most, where launches are disturbed."""
SLOW = 1.25
"""A launch whose latency is above so many times the variant's least was slow as a whole."""
SLOW_HOST = {CONVOLUTION: 0.75, SMALL_LAYERS: 0.7}
"""A host that computes at less of the rate that it had when its peaks were found was disturbed; what many short waits
are in varies more. A convolution above the inverse of its bound: the host was disturbed then."""
SLOW_WORDS = {
    CONVOLUTION: "the host computed at {:.2g} of its peak rate",
    SMALL_LAYERS: "small layers ran at {:.2g} of their rate when the peaks were found, threads waiting for each other",
}
NOT_FIRM = "shares of time are not firm"
TWICE = 2
"""A profiling process holds the variant with counters and without."""


@dataclass
class Launched:
    """What the launches of a variant gave, a round each.

    Attributes
    ----------
    results, noise : list of dict
        What each launch gave, and what others did meanwhile, with ``probes``, the rates of the host's probe between
        its turns, ``host_speed``, their means over the rates when the peaks were found (none where one is not known),
        and ``beyond``, the names of the readings beyond their bounds.
    error : str
        Why it was taken out; empty otherwise.
    left_out : int
        Rounds that were disturbed and repeated.
    """

    results: list[dict[str, Any]] = field(default_factory=list)
    noise: list[dict[str, Any]] = field(default_factory=list)
    error: str = ""
    left_out: int = 0

    def is_disturbed(self, number: int) -> bool:
        """Tell whether a launch met noise, a slow host, or was slow beside the variant's fastest."""
        latencies = [one["latency_ms"] for one in self.results]
        return (
            bool(self.noise[number]["beyond"])
            or latencies[number] > SLOW * min(latencies)
            or any(speed < SLOW_HOST[name] for name, speed in self.noise[number]["host_speed"].items())
        )

    def keep(self, rounds: list[int]) -> None:
        """Keep these rounds alone."""
        self.left_out = len(self.results) - len(rounds)
        self.results = [self.results[number] for number in rounds]
        self.noise = [self.noise[number] for number in rounds]


def launch_rounds(
    requests: Mapping[str, ProfileRequest],
    plan: ProfilingSpec,
    noise: NoiseSpec,
    seed: int,
    scratch: Path,
    peaks: Peaks,
) -> dict[str, Launched]:
    """Profile variants in rounds; one that fails is left out of later rounds.

    A round in which a launch was disturbed is repeated, up to as many times as there are rounds and for
    `plan.repeat_s` seconds. Where enough quiet rounds came together these count alone; else all do, and `disturbance`
    says so.

    Parameters
    ----------
    requests : mapping
        What a launch of each variant has to do.
    plan : ProfilingSpec
        How many rounds.
    noise : NoiseSpec
        How quiet the host must be.
    seed : int
        Draws the order.
    scratch : Path
        Folder for what is passed to launches and back.
    peaks : Peaks
        The machine's: a host that is slow all the while is seen by the probe and the calibration kernel, which were
        timed when these were found.

    Returns
    -------
    dict of Launched
        By the names of `requests`.
    """
    gate = NoiseGate(noise)
    found = {name: Launched() for name in requests}
    made, until = 0, math.inf
    while any(not one.error for one in found.values()) and (
        made < plan.launches
        or (made < AGAIN * plan.launches and time.monotonic() < until and len(_quiet(found, made)) < plan.launches)
    ):
        made += 1
        gate.before_round(made)
        _round(requests, plan, gate, np.random.default_rng([seed, made]), found, scratch)
        gate.close_round()
        best = min([*gate.kernels_ms, *([peaks.kernel_ms] if peaks.kernel_ms else [])])
        for one in found.values():
            if not one.error:
                one.noise[-1]["kernel_slowdown"] = max(gate.kernels_ms[-2:]) / best - 1
                one.noise[-1]["host_speed"] = _host_speed(one.results[-1], peaks)
                one.noise[-1]["beyond"] = beyond(noise, one.noise[-1])
        if made == plan.launches:
            until = time.monotonic() + plan.repeat_s
    quiet = _quiet(found, made)
    if len(quiet) >= plan.launches:
        for one in found.values():
            if not one.error:
                one.keep(quiet)
    return found


def _host_speed(result: Mapping[str, Any], peaks: Peaks) -> dict[str, float]:
    rates = {name: mean_rate(result.get("probes", {}), name) for name in peaks.probe}
    return {name: rate / peaks.probe[name] for name, rate in rates.items() if rate is not None}


def _quiet(found: Mapping[str, Launched], made: int) -> list[int]:
    """Return the rounds in which no launch was disturbed."""
    able = [one for one in found.values() if not one.error]
    return [number for number in range(made) if not any(one.is_disturbed(number) for one in able)]


def _round(
    requests: Mapping[str, ProfileRequest],
    plan: ProfilingSpec,
    gate: NoiseGate,
    order: np.random.Generator,
    found: Mapping[str, Launched],
    scratch: Path,
) -> None:
    names = [name for name, one in found.items() if not one.error]
    for index in order.permutation(len(names)):
        one = found[names[index]]
        before = gate.start()
        try:
            one.results.append(run_child(requests[names[index]], scratch, plan.timeout_s, "profiling.timeout_s"))
        except OvlabError as error:
            one.error = str(error)
            continue
        result = one.results[-1]
        told = {"processor_share": result.get("processor_share"), "probes": result.get("probes", {})}
        one.noise.append({**gate.finish(before, result), **told})


def disturbance(one: Launched, noise: NoiseSpec) -> str:
    """Say that a profile was measured amid noise or by slow launches; empty if none of its launches was.

    A host that computed faster than when its peaks were found is told too: it is the peaks that were disturbed then.
    """
    made = len(one.results)
    disturbed = [number for number in range(made) if one.is_disturbed(number)]
    slowest = {name: min(reading["host_speed"].get(name, 1.0) for reading in one.noise) for name in SLOW_HOST}
    fastest = max(reading["host_speed"].get(CONVOLUTION, 1.0) for reading in one.noise)
    said = []
    if disturbed:
        latencies = [result["latency_ms"] for result in one.results]
        apart = max(latencies) / min(latencies)
        reasons = [
            *(SLOW_WORDS[name].format(slowest[name]) for name in SLOW_HOST if slowest[name] < SLOW_HOST[name]),
            describe(noise, [one.noise[number] for number in disturbed]),
            f"latencies up to {apart:.2g} times the least" if apart > SLOW else "",
        ]
        given = ", ".join(reason for reason in reasons if reason)
        said.append(f"{len(disturbed)} of {made} launches were disturbed ({given})")
    if fastest * SLOW_HOST[CONVOLUTION] > 1:
        said.append(
            f"the host computed at {fastest:.2g} times the rate that it had when its peaks were found, so that these "
            "are too low (find them anew)"
        )
    return f"{'; '.join(said)}: {NOT_FIRM}" if said else ""


def launch_scaling(requests: Mapping[str, ProfileRequest], plan: ProfilingSpec, scratch: Path) -> dict[str, Scaling]:
    """Measure how each variant's time follows threads and batch, in one process each; one that fails is left out."""
    found: dict[str, Scaling] = {}
    for name, request in requests.items():
        try:
            asked = ScalingRequest(asdict(request) | {"duration_s": plan.duration_s / 2}, plan.batch)
            found[name] = Scaling.of(run_child(asked, scratch, plan.timeout_s, "profiling.timeout_s"), plan.batch)
        except OvlabError as error:
            log.warning("%s: scaling was not measured: %s", name, error)
    return found


def require_profilable(model: Path) -> None:
    """Refuse what surely cannot be profiled before a process is started for it.

    Parameters
    ----------
    model : Path
        An IR.

    Raises
    ------
    OvlabError
        If it is no readable IR, an input's shape is dynamic, or there are no multiply-accumulates in it.
    UnavailableError
        If it does not fit into this host's memory twice: no fault of the experiment.
    """
    ir = read_ir(model)
    try:
        fix_shapes(ir)
    except OvlabError as error:
        raise OvlabError(f"{model}: {error}") from None
    if not any(one["macs"] for one in operations_of(ir)):
        raise OvlabError(f"{model}: {NO_MACS}")
    needed, available = TWICE * footprint(ir).total, available_memory()
    if needed > available:
        raise UnavailableError(
            f"{model}: takes an estimated {needed / 1e9:.3g} GB of memory to profile (twice, with counters and "
            f"without), but {available / 1e9:.3g} GB is available"
        )
