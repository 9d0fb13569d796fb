"""A machine's peaks as the roofline uses them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ovlab.records import Record

DRAM = "DRAM"
AMID_LOAD = ": every window was disturbed by other load"
"""What the remark on such a peak ends with."""


@dataclass(frozen=True)
class Peaks:
    """The peaks of one device; what is not known is not in there.

    Attributes
    ----------
    arithmetic : dict
        Operations per second (two a multiply-accumulate) by element type.
    kernels : dict
        With which kernel, by element type.
    bandwidth : dict
        Bytes per second, read and written, by level (``L1``, ``L2``, ``L3``, ``DRAM``).
    caches : dict
        Bytes of all threads' caches together, by level.
    node_overhead_us : float
        What a node costs that has next to nothing to compute.
    threads : int
        With so many threads.
    disturbed : tuple of str
        Peaks of which every window was disturbed by other load, so that they may be too low.
    probe : dict
        Operations per second of the models that profiles are checked by (`ovlab.layers.child.probe`), by name.
    kernel_ms : float or None
        The least time of the calibration kernel (`ovlab.measure.host.sensors.kernel_ms`) when they were found.
    """

    arithmetic: dict[str, float] = field(default_factory=dict)
    kernels: dict[str, str] = field(default_factory=dict)
    bandwidth: dict[str, float] = field(default_factory=dict)
    caches: dict[str, int] = field(default_factory=dict)
    node_overhead_us: float = 0.0
    threads: int = 1
    disturbed: tuple[str, ...] = ()
    probe: dict[str, float] = field(default_factory=dict)
    kernel_ms: float | None = None

    @classmethod
    def of(cls, record: Record) -> Peaks:
        """Take the peaks from their record."""

        # What vector units do in a type that tiles have too (i8_vnni) is no roof: the device takes the tiles.
        def named(prefix: str) -> dict[str, float]:
            return {
                name.removeprefix(prefix): 1e9 * quantity.value
                for name, quantity in record.values.items()
                if name.startswith(prefix) and quantity.value is not None and name.count("_") == 1
            }

        threads = int(record.value("threads") or 1)
        sharing: Mapping[str, int] = record.data.get("sharing", {})
        caches = {
            level: size * max(1, -(-threads // sharing.get(level, 1)))
            for level, size in record.data.get("caches", {}).items()
        }
        return cls(
            named("arithmetic_"),
            dict(record.data.get("kernels", {})),
            named("bandwidth_"),
            caches,
            record.value("node_overhead") or 0.0,
            threads,
            tuple(one.removesuffix(AMID_LOAD) for one in record.data.get("remarks", []) if one.endswith(AMID_LOAD)),
            {
                name.removeprefix("probe_"): 1e9 * quantity.value
                for name, quantity in record.values.items()
                if name.startswith("probe_") and quantity.value is not None
            },
            record.value("calibration_kernel"),
        )

    def level_of(self, working_set: float) -> str:
        """Return the smallest level of cache that holds so many bytes, ``DRAM`` where none does; empty if unknown."""
        if not self.bandwidth:
            return ""
        for level in sorted(self.caches):
            if level in self.bandwidth and working_set <= self.caches[level]:
                return level
        return DRAM if DRAM in self.bandwidth else ""

    def roof(self, element_type: str, intensity: float, level: str) -> float | None:
        """Return the operations per second that a node can reach at most; None where its type has no peak.

        Parameters
        ----------
        element_type : str
            Of its arithmetic.
        intensity : float
            Operations a byte.
        level : str
            Where its bytes come from.
        """
        peak = self.arithmetic.get(element_type)
        if peak is None:
            return None
        bandwidth = self.bandwidth.get(level)
        return peak if bandwidth is None else min(peak, bandwidth * intensity)
