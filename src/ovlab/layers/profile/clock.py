"""How a variant's time follows the clock: a cross-check of what is said to limit it, where the clock can be set.

Arithmetic and caches run at the processor's clock, DRAM does not. Of the time ``t`` at the full clock a share ``f``
follows it: with arithmetic ``c`` times as slow it takes ``t (1 + f (c - 1))``. By how much arithmetic was slower is
measured by the probe between the turns (`ovlab.layers.child.probe`), not taken from the limit: turbo clocks lie above
and below it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ovlab.errors import OvlabError, UnavailableError
from ovlab.layers.child.probe import CONVOLUTION, mean_rate
from ovlab.layers.launches import run_child
from ovlab.layers.profile.launching import Launched
from ovlab.layers.request import ProfileRequest
from ovlab.measure.host.clock_limit import CPUFREQ, lowered_clock
from ovlab.measure.host.exclusive import clock_note
from ovlab.specs import ProfilingSpec

log = logging.getLogger("ovlab.layers")
ENOUGH = 1.1
"""A clock that makes arithmetic less than so many times slower tells nothing: it would divide by noise."""


@dataclass(frozen=True)
class AtLowerClock:
    """What a variant took at a lower clock, over what it took before.

    Attributes
    ----------
    slowdown : float
        Of arithmetic, as the probe measured it.
    time : float
        Of the latency without counters.
    """

    slowdown: float
    time: float

    @property
    def follows(self) -> float:
        """Share of the time that follows the clock: near 1 for arithmetic and caches, near 0 for DRAM."""
        return (self.time - 1) / (self.slowdown - 1)

    def plain(self) -> dict[str, float]:
        """Return it as a record holds it."""
        return {"slowdown": self.slowdown, "time": self.time, "follows": self.follows}


def launch_at_lower_clock(
    requests: Mapping[str, ProfileRequest],
    launched: Mapping[str, Launched],
    plan: ProfilingSpec,
    scratch: Path,
    root: Path = CPUFREQ,
) -> tuple[dict[str, AtLowerClock], str]:
    """Run a further launch of each variant with the clock limited to `plan.lower_clock`, and put the limit back.

    Parameters
    ----------
    requests : mapping
        What a launch of each variant has to do.
    launched : mapping
        What their launches at the full clock gave.
    plan : ProfilingSpec
        How far to lower it.
    scratch : Path
        Folder for what is passed to launches and back.
    root : Path
        Folder of the kernel's policies.

    Returns
    -------
    dict of AtLowerClock
        By the names of `requests`; those that failed are left out.
    str
        Why there is nothing to compare with; empty where there is.
    """
    try:
        return _launched(requests, launched, plan, scratch, root), ""
    except UnavailableError as error:
        log.warning("no cross-check at a lower clock: %s", error)
        return {}, str(error)


def _launched(
    requests: Mapping[str, ProfileRequest],
    launched: Mapping[str, Launched],
    plan: ProfilingSpec,
    scratch: Path,
    root: Path,
) -> dict[str, AtLowerClock]:
    able = {name: one for name, one in requests.items() if not launched[name].error}
    others = sorted({one.device for one in able.values()} - {"CPU"})
    if others:
        raise UnavailableError(f"it is the CPU's clock that can be lowered, not that of {', '.join(others)}")
    slower: dict[str, dict[str, Any]] = {}
    with lowered_clock(plan.lower_clock, clock_note(), root):
        for name, request in able.items():
            try:
                slower[name] = run_child(request, scratch, plan.timeout_s, "profiling.timeout_s")
            except OvlabError as error:
                log.warning("%s: was not profiled at a lower clock: %s", name, error)
    found = {name: _compared(launched[name].results, result) for name, result in slower.items()}
    told = {name: one for name, one in found.items() if one is not None and one.slowdown >= ENOUGH}
    if found and not told:
        raise UnavailableError("arithmetic was hardly slower at the lower limit, so that nothing follows from it")
    return told


def _compared(before: list[dict[str, Any]], slower: dict[str, Any]) -> AtLowerClock | None:
    rates = [rate for one in before if (rate := mean_rate(one["probes"], CONVOLUTION)) is not None]
    low = mean_rate(slower["probes"], CONVOLUTION)
    if not rates or low is None:
        return None
    latency = float(np.median([one["latency_ms"] for one in before]))
    return AtLowerClock(float(np.median(rates)) / low, slower["latency_ms"] / latency)
