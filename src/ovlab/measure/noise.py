"""The noise gate: wait for a quiet host, note how quiet it was, and say which launches were measured amid noise."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from time import sleep
from typing import TYPE_CHECKING, Any

from ovlab.measure.sensors import (
    Counters,
    difference,
    kernel_ms,
    power_settings,
    read_counters,
    temperature_c,
)

if TYPE_CHECKING:
    from ovlab.measure.rounds import Launch
    from ovlab.specs import NoiseSpec

log = logging.getLogger("ovlab.measure")
# The kernel counts processor time in ticks of 10 ms: shorter looks would see nothing but whole ticks.
PROBE_S = 0.3
POLL_S = 1.0
SAID_EVERY_S = 15.0
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


@dataclass
class NoiseGate:
    """Watches over one session. The host is read before and after launches, never during one.

    Attributes
    ----------
    spec : NoiseSpec
        The bounds.
    kernels_ms : list of float
        The calibration kernel's time before each round, and after the last.
    waits : list of dict
        Round, seconds and cause of each time that the session waited.
    """

    spec: NoiseSpec
    kernels_ms: list[float] = field(default_factory=list)
    waits: list[dict[str, Any]] = field(default_factory=list)
    _noisy: bool = True  # what was last seen; nothing was yet, so the first round looks

    @classmethod
    def after(cls, spec: NoiseSpec, waited_s: float) -> NoiseGate:
        """Make the gate of a later part of a session that has waited for so many seconds already."""
        return cls(spec.model_copy(update={"wait_s": max(0.0, spec.wait_s - waited_s)}))

    @property
    def waited_s(self) -> float:
        """Seconds waited so far."""
        return math.fsum(one["seconds"] for one in self.waits)

    def before_round(self, number: int) -> None:
        """Time the calibration kernel, and wait while the host is not quiet.

        A host that was quiet during the last round is not looked at again, so that a quiet session loses no time.
        """
        self.kernels_ms.append(kernel_ms())
        noisy, self._noisy = self._noisy, False
        if not noisy and not beyond(self.spec, {"kernel_slowdown": self._slowdown()}):
            return
        found = self._look(PROBE_S)
        if beyond(self.spec, found):
            self._wait(number, found)

    def _wait(self, number: int, found: dict[str, float | None]) -> None:
        cause, seconds, said = describe(self.spec, [found]), 0.0, -math.inf
        left = self.spec.wait_s - self.waited_s
        while seconds < left and beyond(self.spec, found):
            if seconds - said >= SAID_EVERY_S:
                said = seconds
                log.info("waiting for a quiet host, at most %.0f s: %s", left - seconds, describe(self.spec, [found]))
            pause = min(POLL_S, left - seconds)
            self.kernels_ms[-1] = kernel_ms()
            found = self._look(pause)
            seconds += pause
        if seconds > 0:
            self.waits.append({"round": number, "seconds": seconds, "cause": cause})
        if beyond(self.spec, found):
            log.info("measuring although the host is not quiet: %s", describe(self.spec, [found]))

    def _look(self, seconds: float) -> dict[str, float | None]:
        """Sleep, and tell what others did meanwhile."""
        before = read_counters()
        sleep(seconds)
        found = between(before, read_counters())
        return found | {"temperature_c": temperature_c(), "kernel_slowdown": self._slowdown()}

    def _slowdown(self) -> float:
        return self.kernels_ms[-1] / min(self.kernels_ms) - 1

    def start(self) -> Counters:
        """Read the counters, to be handed to `finish` after the launch."""
        return read_counters()

    def finish(self, before: Counters, result: Mapping[str, Any]) -> dict[str, float | None]:
        """Tell how quiet the host was during a launch.

        Parameters
        ----------
        before : Counters
            What `start` gave.
        result : mapping
            What the launch told of itself: of its timed part, page faults, preemptions and clock.

        Returns
        -------
        dict
            ``other_load``, ``steal`` (shares), ``launch_minor_faults``, ``launch_major_faults``, ``throttling``
            (counts, whole launch), ``temperature_c`` (at its end); ``major_faults``, ``minor_faults``,
            ``preemptions`` (counts) and ``clock_mhz`` of the timed part. None where the host does not tell.
        """
        after = read_counters()
        found = between(before, after) | {"temperature_c": temperature_c()}
        for name in ("minor_faults", "major_faults"):
            found[f"launch_{name}"] = difference(getattr(before, name), getattr(after, name))
        for name in ("minor_faults", "major_faults", "preemptions", "clock_mhz"):
            found[name] = result.get(name)
        self._noisy = self._noisy or bool(beyond(self.spec, found))
        return found

    def conclude(self, launches: Iterable[Launch]) -> None:
        """Complete the launches' readings by what only the whole session tells, and name those beyond a bound.

        Adds ``kernel_slowdown`` (the larger of before and after the round), ``clock_drop`` and the list ``beyond``.
        """
        self.kernels_ms.append(kernel_ms())
        launches = list(launches)
        best = min(self.kernels_ms)
        clocks = [clock for one in launches if (clock := one.result["noise"]["clock_mhz"])]
        for one in launches:
            found = one.result["noise"]
            around = self.kernels_ms[one.round - 1 : one.round + 1]
            found["kernel_slowdown"] = max(around) / best - 1
            clock = found["clock_mhz"]
            found["clock_drop"] = 1 - clock / max(clocks) if clock else None
            found["beyond"] = beyond(self.spec, found)

    def record(self) -> dict[str, Any]:
        """Return what belongs to the session as a whole: the host's settings, the kernel's times, the waits."""
        return {
            "host": power_settings(),
            "kernel_ms": self.kernels_ms,
            "waited_s": self.waited_s,
            "waits": self.waits,
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
