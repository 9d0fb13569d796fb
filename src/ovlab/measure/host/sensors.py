"""What the host reports of itself: processor time of others, clock, temperature, page faults, a calibration kernel.

Every reading is None where a host does not give it (no frequencies in a virtual machine, no ``/sys`` outside Linux);
none is estimated. Nothing here samples in the background: counters are read before and after what they are about.
"""

from __future__ import annotations

import functools
import os
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import psutil

Number = TypeVar("Number", int, float)

SYSFS = Path("/sys")
# Drivers (hwmon) and zones (thermal) whose temperatures are the processor's.
CPU_DRIVERS = {"coretemp", "k10temp", "zenpower", "cpu_thermal", "soc_thermal", "cpu0_thermal", "scpi_sensors"}
CPU_ZONES = ("x86_pkg_temp", "cpu", "soc", "tcpu")
KERNEL_REPEATS = 5
# Long enough for a clock, short enough to cost a session nothing: 7 ms a repeat on a core of 3.7 GHz.
_MODULUS = (1 << 1024) - 105
_EXPONENT = (1 << 1024) - 3


@dataclass(frozen=True, slots=True)
class Counters:
    """Counters that only grow; differences between two readings tell what happened between.

    Attributes
    ----------
    busy_s, steal_s, total_s : float or None
        Processor time of all cores since the host started: in use, given to others by the hypervisor, and in all.
    own_s : float or None
        Processor time of this process and of its children that have ended.
    minor_faults, major_faults : int or None
        Page faults of the children that have ended: served from memory, and from a disk.
    throttling : int or None
        Thermal throttling events of all cores.
    """

    busy_s: float | None = None
    steal_s: float | None = None
    total_s: float | None = None
    own_s: float | None = None
    minor_faults: int | None = None
    major_faults: int | None = None
    throttling: int | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Page faults and involuntary context switches of this process so far; None where the host does not report them."""

    minor_faults: int | None = None
    major_faults: int | None = None
    preemptions: int | None = None

    def since(self, before: Usage) -> dict[str, int | None]:
        """Return the differences to an earlier reading, by name."""
        return {name: difference(getattr(before, name), getattr(self, name)) for name in self.__slots__}


def difference(before: Number | None, after: Number | None) -> Number | None:
    """Subtract where both are known."""
    return None if before is None or after is None else after - before


def read_counters(sysfs: Path = SYSFS) -> Counters:
    """Read all counters; takes well below a millisecond on a small host.

    Parameters
    ----------
    sysfs : Path
        Root of the kernel's files.
    """
    try:
        times = psutil.cpu_times()._asdict()
    except (OSError, RuntimeError):
        times = {}
    # Linux counts the time of guests in user and nice already.
    total = sum(seconds for name, seconds in times.items() if not name.startswith("guest"))
    busy = sum(times.get(name, 0.0) for name in ("user", "nice", "system", "irq", "softirq", "interrupt", "dpc"))
    own, minor, major = _own_usage()
    return Counters(
        busy_s=busy if total else None,
        steal_s=times.get("steal"),
        total_s=total or None,
        own_s=own,
        minor_faults=minor,
        major_faults=major,
        throttling=_throttling(sysfs),
    )


def _own_usage() -> tuple[float | None, int | None, int | None]:
    try:
        import resource
    except ImportError:  # Windows forgets what its processes have used when they end
        return None, None, None
    this, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    own = sum(one.ru_utime + one.ru_stime for one in (this, children))
    return own, children.ru_minflt, children.ru_majflt


def own_usage() -> Usage:
    """Return the page faults and involuntary context switches of this process so far."""
    try:
        import resource
    except ImportError:
        return Usage()
    used = resource.getrusage(resource.RUSAGE_SELF)
    return Usage(used.ru_minflt, used.ru_majflt, used.ru_nivcsw)


def _throttling(sysfs: Path) -> int | None:
    counts = [
        _number(cpu / "thermal_throttle" / "core_throttle_count")
        for cpu in (sysfs / "devices/system/cpu").glob("cpu[0-9]*")
    ]
    known = [int(count) for count in counts if count is not None]
    return sum(known) if known else None


def clock_mhz(sysfs: Path = SYSFS) -> float | None:
    """Return the median clock of the cores that this process may use, in MHz, as the kernel last saw it.

    ``/proc/cpuinfo`` is not asked: in a virtual machine it says the nominal clock, whatever the real one is.
    """
    usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(psutil.cpu_count() or 1)
    found = (_number(sysfs / f"devices/system/cpu/cpu{cpu}/cpufreq/scaling_cur_freq") for cpu in usable)
    clocks = [khz / 1e3 for khz in found if khz]
    return statistics.median(clocks) if clocks else None


def temperature_c(sysfs: Path = SYSFS) -> float | None:
    """Return the hottest reading of the processor's sensors in degrees Celsius."""
    found = (_number(path) for path in _thermometers(sysfs))
    readings = [millidegrees / 1e3 for millidegrees in found if millidegrees is not None]
    return max(readings) if readings else None


@functools.cache
def _thermometers(sysfs: Path) -> tuple[Path, ...]:
    drivers = [
        path
        for folder in (sysfs / "class/hwmon").glob("hwmon*")
        if _text(folder / "name") in CPU_DRIVERS
        for path in folder.glob("temp*_input")
    ]
    zones = [
        folder / "temp"
        for folder in (sysfs / "class/thermal").glob("thermal_zone*")
        if (_text(folder / "type") or "").lower().startswith(CPU_ZONES)
    ]
    return tuple(sorted(drivers or zones))


def power_settings(sysfs: Path = SYSFS) -> dict[str, str | bool | None]:
    """Return how the host is set: ``governor``, ``driver`` (several joined by a comma), ``turbo``, ``smt``."""
    cpus = sysfs / "devices/system/cpu"

    def every(name: str) -> str | None:
        found = {_text(cpu / "cpufreq" / name) for cpu in cpus.glob("cpu[0-9]*")} - {None}
        return ", ".join(sorted(map(str, found))) or None

    return {
        "governor": every("scaling_governor"),
        "driver": every("scaling_driver"),
        "turbo": _turbo(cpus),
        "smt": _flag(cpus / "smt/active"),
    }


def _turbo(cpus: Path) -> bool | None:
    off = _flag(cpus / "intel_pstate/no_turbo")
    if off is not None:
        return not off
    answers: Iterator[bool | None] = map(_flag, (cpus / "cpufreq/boost", cpus / "cpu0/cpufreq/boost"))
    return next((answer for answer in answers if answer is not None), None)


def kernel_ms() -> float:
    """Time a fixed piece of work: the median of five modular exponentiations, in ms.

    Whole numbers in the cache of one core: how long it takes is a matter of that core's clock and of what else runs on
    it, not of memory, threads or the library under test.
    """
    times = []
    for _ in range(KERNEL_REPEATS):
        started = time.perf_counter()
        pow(3, _EXPONENT, _MODULUS)
        times.append(time.perf_counter() - started)
    return 1e3 * statistics.median(times)


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip() or None
    except OSError:  # not there, or not readable just now: a sensor may be asleep
        return None


def _number(path: Path) -> float | None:
    try:
        return float(_text(path) or "")
    except ValueError:
        return None


def _flag(path: Path) -> bool | None:
    number = _number(path)
    return None if number is None else number != 0
