"""How quiet a host must be: readings against their bounds, and what to say of those that are beyond."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ovlab.measure.host.sensors import Counters, difference

if TYPE_CHECKING:
    from ovlab.measure.parent.launches import Launch
    from ovlab.specs import NoiseSpec

# What the reason of a marked row begins with.
NOISY = "noisy: "


def _percent(value: float) -> str:
    return f"{100 * value:.3g} %"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of reading that has a bound: what it is called, and how a value of it is written."""

    title: str
    text: Callable[[float], str]


# By the name of the bound in NoiseSpec and of the reading in a launch's `noise`.
KINDS = {
    "other_load": Kind("load of other processes", _percent),
    "steal": Kind("time stolen by the hypervisor", _percent),
    "kernel_slowdown": Kind("slowdown of the calibration kernel", _percent),
    "clock_drop": Kind("drop of the clock", _percent),
    "temperature_c": Kind("temperature", "{:.3g} °C".format),
    "throttling": Kind("throttling events", "{:.0f}".format),
    "major_faults": Kind("major page faults", "{:.0f}".format),
}


def between(before: Counters, after: Counters) -> dict[str, float | None]:
    """Tell what happened between two readings of the counters.

    Parameters
    ----------
    before, after : Counters
        Of the same host.

    Returns
    -------
    dict
        ``other_load``: processor time in use less our own, over all cores' time. ``steal``: stolen time over the time
        in use and stolen. ``throttling``: number of events.
    """
    busy, total = difference(before.busy_s, after.busy_s), difference(before.total_s, after.total_s)
    own, steal = difference(before.own_s, after.own_s), difference(before.steal_s, after.steal_s)
    other = None
    if busy is not None and own is not None and total:
        # Below zero by rounding only: both are counted in ticks on some kernels.
        other = max(busy - own, 0.0) / total
    stolen = None
    if steal is not None and busy is not None:
        stolen = steal / (busy + steal) if busy + steal > 0 else 0.0
    return {"other_load": other, "steal": stolen, "throttling": difference(before.throttling, after.throttling)}


def beyond(spec: NoiseSpec, found: Mapping[str, float | None]) -> list[str]:
    """Name the readings that are beyond their bounds."""
    pairs = ((name, found.get(name), getattr(spec, name)) for name in KINDS)
    return [name for name, value, bound in pairs if value is not None and bound is not None and value > bound]


def describe(spec: NoiseSpec, readings: Iterable[Mapping[str, float | None]]) -> str:
    """Say which bounds were exceeded, and how far at worst."""
    worst: dict[str, float] = {}
    for found in readings:
        for name in beyond(spec, found):
            worst[name] = max(worst.get(name, -math.inf), float(found[name] or 0))
    parts = (
        f"{kind.title} up to {kind.text(worst[name])} (bound {kind.text(getattr(spec, name))})"
        for name, kind in KINDS.items()
        if name in worst
    )
    return ", ".join(parts)


def complaint(spec: NoiseSpec, launches: Iterable[Launch]) -> str:
    """Say that a row was measured amid noise; empty if no more of its launches than tolerated were.

    Parameters
    ----------
    spec : NoiseSpec
        The bounds and the tolerated share.
    launches : iterable of Launch
        The row's launches, after `NoiseGate.conclude`.
    """
    readings = [one.result["noise"] for one in launches]
    noisy = [found for found in readings if found["beyond"]]
    if len(noisy) <= spec.tolerated * len(readings):
        return ""
    return f"{NOISY}{len(noisy)} of {len(readings)} launches with {describe(spec, noisy)}"
