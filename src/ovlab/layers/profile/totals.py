"""Control totals: whether the parts of a profile add up to what was measured without it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ovlab.layers.profile.model import Profile
from ovlab.layers.spread import spread
from ovlab.records import Quantity

SHOWN = 3
LATENCY_BOUNDS = (0.92, 1.02)
"""Between these the sum of the nodes' times over the latency without counters is in order: what is left goes to what
lies between the nodes, and counters are cut to whole microseconds."""


def control_totals(profile: Profile) -> dict[str, Quantity]:
    """Return the totals.

    Returns
    -------
    dict of Quantity
        ``macs`` and ``mapped_macs`` (counts), ``mac_operations`` and ``mapped_mac_operations`` (counts),
        ``macs_over_model`` (mapped over all: 1 in order), ``node_time`` and ``latency`` (ms), ``time_over_latency``
        (fraction), ``counted_over_latency`` (latency with counters over that without).
    """
    operations = {one.name for one in profile.operations if one.macs}
    named = [name for node in profile.nodes for name in node.layers if name in operations]
    mapped = sum(node.macs for node in profile.nodes)
    sums = profile.totals_us / 1e3
    latency = profile.typical_latency_ms
    with_counters = profile.counted_latency_ms / profile.latency_ms
    return {
        "macs": Quantity(profile.macs, "count"),
        "mapped_macs": Quantity(mapped, "count"),
        "mac_operations": Quantity(len(operations), "count"),
        "mapped_mac_operations": Quantity(len(named), "count"),
        "macs_over_model": Quantity(mapped / profile.macs, "fraction"),
        "node_time": spread(profile.total_us / 1e3, sums, "ms", 0.0),
        "latency": spread(latency, profile.latency_ms, "ms", 0.0),
        "time_over_latency": spread(profile.total_us / 1e3 / latency, sums / profile.latency_ms, "fraction", 0.0),
        "counted_over_latency": spread(float(np.median(with_counters)), with_counters, "fraction", 0.0),
    }


def complaints(totals: dict[str, Quantity], missing: Sequence[str] = ()) -> list[str]:
    """Say which totals do not close, and which operations no node names; nothing where all do."""
    found = []
    more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
    names = f"; fused away or folded: {', '.join(missing[:SHOWN])}{more}" if missing else ""
    ratio = totals["macs_over_model"].value or 0.0
    if ratio != 1.0:
        found.append(
            f"{totals['mapped_macs'].value:.0f} of {totals['macs'].value:.0f} multiply-accumulates of the model are "
            f"found among the executed nodes ({100 * ratio:.1f} %, expected 100){names}"
        )
    share = totals["time_over_latency"].value or 0.0
    low, high = LATENCY_BOUNDS
    if not low <= share <= high:
        found.append(
            f"the nodes' times add up to {100 * share:.1f} % of the latency without counters (expected {100 * low:.0f} "
            f"to {100 * high:.0f})"
        )
    return found
