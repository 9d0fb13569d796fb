"""What a merged report knows of where its results come from, and in what they differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from ovlab.specs import Cell


@dataclass(frozen=True)
class Origin:
    """Where a host's results come from.

    Attributes
    ----------
    host : str
        What it is called in the merged report.
    was : str
        What it was called there.
    results : str
        The folder or bundle, as it was given.
    experiment : str
        The experiment.
    bundle : str
        SHA-256 of the bundle's manifest, which stands for everything in it; empty for a folder.
    """

    host: str
    was: str
    results: str
    experiment: str
    bundle: str = ""


@dataclass(frozen=True)
class Difference:
    """Something in which the merged results differ, although they may stand beside each other.

    Attributes
    ----------
    what : str
        A package, a key of the settings, a file.
    values : dict of str
        What it is, by host.
    concerns : dict of str
        Names of the cells that it matters for, by axis (``precision: int8``); empty for all.
    """

    what: str
    values: dict[str, str]
    concerns: dict[str, str] = field(default_factory=dict)

    @property
    def common(self) -> str:
        """The value that most hosts have; of those that equally many have, the one that comes first."""
        return Counter(self.values.values()).most_common(1)[0][0]

    def marks(self, cell: Cell) -> bool:
        """Tell whether a cell was made otherwise than those of most hosts."""
        concerned = all(getattr(cell, axis) == name for axis, name in self.concerns.items())
        return concerned and self.values.get(cell.host, self.common) != self.common

    def hosts_by_value(self) -> dict[str, list[str]]:
        """Return the hosts that have each value, the common one first."""
        found: dict[str, list[str]] = {self.common: []}
        for host, value in self.values.items():
            found.setdefault(value, []).append(host)
        return found


@dataclass(frozen=True)
class Merged:
    """Where merged results come from, and in what they differ."""

    origins: tuple[Origin, ...]
    differences: tuple[Difference, ...] = ()

    def marks(self, cell: Cell) -> list[str]:
        """Name that in which a cell was made otherwise than those of most hosts."""
        return list(dict.fromkeys(one.what for one in self.differences if one.marks(cell)))


def differing(what: str, values: dict[str, str], **concerns: str) -> Iterable[Difference]:
    """Yield the difference, if the hosts' values do differ."""
    if len(set(values.values())) > 1:
        yield Difference(what, values, concerns)
