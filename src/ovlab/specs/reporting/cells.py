"""Cells, and patterns that choose among them."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from ovlab.specs.base import Spec
from ovlab.specs.host import HERE


class Cell(NamedTuple):
    """One row of the results, by the names of its conf files."""

    model: str
    precision: str
    device: str
    scenario: str
    host: str = HERE

    @classmethod
    def of(cls, row: Mapping[Any, Any]) -> Cell:
        """Return the cell of a row of the results; one from before there were hosts is that of this machine."""
        return cls(*(str(row[axis]) for axis in cls._fields if axis in row or axis != "host"))

    @property
    def words(self) -> tuple[str, ...]:
        """Its names as lists and sentences have them: nothing is said of the host that asks for nothing."""
        return self if self.host != HERE else self[:-1]


class CellPattern(Spec):
    """Cells that match all the given names. A name may hold ``*``."""

    model: str = "*"
    precision: str = "*"
    device: str = "*"
    scenario: str = "*"
    host: str = "*"

    def matches(self, cell: Cell) -> bool:
        """Say whether a cell is one of them."""
        return all(fnmatchcase(getattr(cell, axis), getattr(self, axis)) for axis in Cell._fields)
