"""The noise gate: wait for a quiet host before a round, and note how quiet it was during each launch."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from time import sleep
from typing import TYPE_CHECKING, Any

from ovlab.measure.host.noise_bounds import between, beyond, describe
from ovlab.measure.host.sensors import (
    Counters,
    difference,
    kernel_ms,
    power_settings,
    read_counters,
    temperature_c,
)

if TYPE_CHECKING:
    from ovlab.measure.parent.launches import Launch
    from ovlab.specs import NoiseSpec

log = logging.getLogger("ovlab.measure")
# The kernel counts processor time in ticks of 10 ms: shorter looks would see nothing but whole ticks.
PROBE_S = 0.3
POLL_S = 1.0
SAID_EVERY_S = 15.0


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

    def close_round(self) -> None:
        """Time the calibration kernel behind a round too."""
        self.kernels_ms.append(kernel_ms())

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
            What the launch reported of its timed part: page faults, preemptions and clock.

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
        """Complete the launches' readings by what only the whole session shows, and name those beyond a bound.

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
