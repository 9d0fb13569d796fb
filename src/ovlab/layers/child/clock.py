"""The processor's clock, from a chain of multiplications of which each needs the result of the one before.

A product of numbers in double precision cannot be reordered, so that one multiplication takes the unit's latency: a
fixed number of cycles on a given kind of CPU [1]_. It is a scalar chain on one core: with wide vectors or tiles on all
cores a CPU may run at a lower clock.

References
----------
.. [1] A. Fog, "Instruction tables", 2025: MULSD, latency.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ovlab.layers.child.windows import Watched

CPUINFO = Path("/proc/cpuinfo")
FREQUENCY = Path("/sys/devices/system/cpu/cpu0/cpufreq")
SHORT, LONG = 1_000, 11_000
"""Lengths of two chains: their difference has no call in it. Both fit the first cache."""
AMD_ZEN, INTEL_SKYLAKE = 23, 85
"""First family of AMD's Zen, and first model of Intel's family 6 with the latency of Skylake's servers."""
INTEL_CLIENT_SKYLAKE = (78, 94)


def latency_cycles(path: Path = CPUINFO) -> int | None:
    """Return the cycles of one multiplication in double precision on this CPU; None where that is not known."""
    try:
        first = path.read_text(encoding="utf-8", errors="replace").split("\n\n")[0]
    except OSError:
        return None
    fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in first.splitlines())}
    try:
        vendor, family, model = fields["vendor_id"], int(fields["cpu family"]), int(fields["model"])
    except (KeyError, ValueError):
        return None
    if vendor == "AuthenticAMD" and family >= AMD_ZEN:
        return 3
    if vendor == "GenuineIntel" and family == 6 and (model in INTEL_CLIENT_SKYLAKE or model >= INTEL_SKYLAKE):
        return 4
    return None


def frequency_control(folder: Path = FREQUENCY) -> dict[str, Any]:
    """Tell whether the clock could be set here, and between what; virtual machines mostly have no such files.

    Returns
    -------
    dict
        ``settable`` (whether this process may write ``scaling_max_freq`` of the first core), ``lowest_ghz`` and
        ``highest_ghz`` (None where the kernel does not tell).
    """

    def ghz(name: str) -> float | None:
        try:
            return int((folder / name).read_text(encoding="ascii")) / 1e6
        except (OSError, ValueError):
            return None

    limit = folder / "scaling_max_freq"
    settable = limit.is_file() and os.access(limit, os.W_OK)
    return {"settable": settable, "lowest_ghz": ghz("cpuinfo_min_freq"), "highest_ghz": ghz("cpuinfo_max_freq")}


def clock_windows(windows: int, window_s: float) -> Iterator[dict[str, Any]]:
    """Measure the clock in windows.

    Yields
    ------
    dict
        ``kind`` (``clock``), ``value`` in Hz, ``other_load`` and ``steal``. None at all where the latency is not known.
    """
    cycles = latency_cycles()
    chains = [np.full(size, 1.0 + 1e-9) for size in (SHORT, LONG)]
    for _ in range(windows if cycles else 0):
        best = [float("inf")] * 2
        with Watched() as watched:
            stop = time.perf_counter() + window_s
            while time.perf_counter() < stop:
                for number, chain in enumerate(chains):
                    started = time.perf_counter()
                    np.multiply.reduce(chain)
                    best[number] = min(best[number], time.perf_counter() - started)
        value = (cycles or 0) * (LONG - SHORT) / (best[1] - best[0]) if best[1] > best[0] else None
        yield {"kind": "clock", "value": value} | watched.noise
