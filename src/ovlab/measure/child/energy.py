"""Energy, where the processor's own counters (RAPL) are readable; otherwise none, never an estimate.

Linux shows them as ``/sys/class/powercap/intel-rapl:N`` (also for AMD): ``name`` (``package-0``, ``psys``),
``energy_uj`` (a counter in microjoules), ``max_energy_range_uj`` (where it begins anew) [1]_. Since 2020 only root may
read them, unless the administrator allows it. Virtual machines have none.

References
----------
.. [1] Linux kernel documentation, "Power Capping Framework", ``Documentation/power/powercap/powercap.rst``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DOMAINS = ("package", "psys")


@dataclass(frozen=True)
class Counter:
    """One counter: its domain, its file, and its range in microjoules."""

    domain: str
    path: Path
    range_uj: int


class EnergyMeter:
    """Energy of the processor packages and, where there is one, of the whole platform (``psys``), from now on.

    Parameters
    ----------
    root : Path
        Folder of the powercap framework.
    """

    def __init__(self, root: Path) -> None:
        self._counters = _counters(root)
        self._start = [_read(counter.path) for counter in self._counters]

    def joules(self) -> dict[str, float]:
        """Return the energy since the beginning by domain (``package``: all sockets together), in J.

        A counter that is smaller than before has begun anew, once: it holds 65 kJ or more, minutes at full power. A
        domain with an unreadable counter is left out.
        """
        sums: dict[str, float] = {}
        unreadable = set()
        for counter, before in zip(self._counters, self._start, strict=True):
            now = _read(counter.path)
            if before is None or now is None:
                unreadable.add(counter.domain)
                continue
            spent = now - before if now >= before else now - before + counter.range_uj
            sums[counter.domain] = sums.get(counter.domain, 0.0) + spent / 1e6
        return {domain: joules for domain, joules in sums.items() if domain not in unreadable}


def _counters(root: Path) -> list[Counter]:
    found = []
    # Not "intel-rapl:0:0" (cores, graphics: parts of the package; memory: none of it), and not "intel-rapl-mmio:0",
    # which is the same package once more.
    for zone in sorted(root.glob("intel-rapl:*")):
        if zone.name.count(":") != 1:
            continue
        try:
            name = (zone / "name").read_text(encoding="ascii").strip()
            range_uj = int((zone / "max_energy_range_uj").read_text(encoding="ascii"))
        except (OSError, ValueError):
            continue
        domain = name.split("-", maxsplit=1)[0]
        if domain in DOMAINS:
            found.append(Counter(domain, zone / "energy_uj", range_uj))
    return found


def _read(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
