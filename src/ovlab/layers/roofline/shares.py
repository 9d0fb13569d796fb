"""The roofline as shares of time: what arithmetic, bandwidth, overhead and conversions explain of each node [1]_.

Of a node's time `t` the arithmetic explains `c = min(t, operations / peak)`. Moving its bytes takes
`m = bytes / bandwidth`; as both go on at once, bandwidth explains what arithmetic cannot hide,
`min(t - c, max(0, m - c))`. Of what is left a node's own overhead explains at most what a node costs that has next to
nothing to compute. The time of a node that converts between types or layouts is a part of its own. All the rest is the
remainder. So the parts of a node are never negative and add up to its time.

References
----------
.. [1] S. Williams, A. Waterman and D. Patterson, "Roofline: An Insightful Visual Performance Model for Multicore
   Architectures", Communications of the ACM 52 (2009) 65-76.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ovlab.layers.peaks.machine import DRAM, Peaks
from ovlab.layers.profile.model import Node, Profile
from ovlab.layers.spread import spread
from ovlab.records import Quantity

PARTS = ("compute", "bandwidth", "overhead", "conversions", "remainder")
MIXED = "mixed"
FloatArray = NDArray[np.float64]


def level_of(profile: Profile, peaks: Peaks) -> str:
    """Return the level of cache that holds what a variant goes through in an inference; empty where not known."""
    return peaks.level_of(profile.working_set)


def parts_of(node: Node, times_us: FloatArray, peaks: Peaks, level: str) -> dict[str, FloatArray]:
    """Take a node's time apart.

    Parameters
    ----------
    node : Node
        Its arithmetic and its bytes.
    times_us : ndarray, shape (n,)
        Its times, in microseconds.
    peaks : Peaks
        The machine's.
    level : str
        Where its bytes come from.

    Returns
    -------
    dict of ndarray, each of shape (n,)
        By the names of `PARTS`, in microseconds.
    """
    nothing = np.zeros_like(times_us)
    if node.is_inserted:
        return dict.fromkeys(PARTS, nothing) | {"conversions": times_us}
    peak, bandwidth = peaks.arithmetic.get(node.precision), peaks.bandwidth.get(level)
    arithmetic = 2e6 * node.macs / peak if peak else 0.0
    moving = 1e6 * node.bytes / bandwidth if bandwidth and node.bytes is not None else 0.0
    compute = np.minimum(times_us, arithmetic)
    rest = times_us - compute
    moved = np.minimum(rest, np.maximum(0.0, moving - compute))
    rest = rest - moved
    overhead = np.minimum(rest, peaks.node_overhead_us)
    parts = (compute, moved, overhead, nothing, rest - overhead)
    return dict(zip(PARTS, parts, strict=True))


def part_times(profile: Profile, peaks: Peaks, level: str) -> tuple[dict[str, float], dict[str, FloatArray]]:
    """Add up the parts of all nodes: of their typical times, and in each launch, in microseconds."""
    typical = dict.fromkeys(PARTS, 0.0)
    repeats = {name: np.zeros(profile.times_us.shape[1]) for name in PARTS}
    for node in profile.nodes:
        one, each = (parts_of(node, times, peaks, level) for times in (np.array([node.time_us]), node.times_us))
        for name in PARTS:
            typical[name] += float(one[name][0])
            repeats[name] = repeats[name] + each[name]
    return typical, repeats


@dataclass(frozen=True)
class Verdict:
    """What limits a variant.

    Attributes
    ----------
    shares : dict of Quantity
        Of the nodes' time by the names of `PARTS`, fractions that add up to 1.
    largest : str
        The largest of them, ``mixed`` where launches do not agree on it or the first two are within their
        uncertainty.
    level : str
        The cache level that holds the working set; empty where no bandwidth is known.
    working_set : float
        In bytes.
    from_dram : Quantity
        The share that bandwidth would explain if all bytes came from DRAM: a bound, not what happens in a hot loop.
    """

    shares: dict[str, Quantity]
    largest: str
    level: str
    working_set: float
    from_dram: Quantity


def verdict(profile: Profile, peaks: Peaks) -> Verdict:
    """Say what limits a variant, as continuous shares of its nodes' time with the uncertainty of the launches."""
    level = level_of(profile, peaks)
    shares, repeats = _shares(profile, peaks, level)
    order = sorted(PARTS, key=lambda name: -(shares[name].value or 0.0))
    winners = {max(PARTS, key=lambda name: float(repeats[name][launch])) for launch in range(len(profile.latency_ms))}
    first, second = shares[order[0]], shares[order[1]]
    apart = (first.low or 0.0) > (second.high or 0.0) if first.low is not None else False
    dram = _shares(profile, peaks, DRAM)[0]["bandwidth"] if DRAM in peaks.bandwidth else Quantity(None, "fraction")
    largest = order[0] if len(winners) == 1 and apart else MIXED
    return Verdict(shares, largest, level, profile.working_set, dram)


def _shares(profile: Profile, peaks: Peaks, level: str) -> tuple[dict[str, Quantity], dict[str, FloatArray]]:
    typical, each = part_times(profile, peaks, level)
    repeats = {name: times / profile.totals_us for name, times in each.items()}
    total = profile.total_us
    return {name: spread(typical[name] / total, repeats[name], "fraction", 0.0, 1.0) for name in PARTS}, repeats
