"""Cells, and patterns that choose among them."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import NamedTuple

from ovlab.specs.base import Spec


class Cell(NamedTuple):
    """One row of the results, by the names of its conf files."""

    model: str
    precision: str
    device: str
    scenario: str


class CellPattern(Spec):
    """Cells that match all the given names. A name may hold ``*``."""

    model: str = "*"
    precision: str = "*"
    device: str = "*"
    scenario: str = "*"

    def matches(self, cell: Cell) -> bool:
        """Say whether a cell is one of them."""
        return all(fnmatchcase(getattr(cell, axis), getattr(self, axis)) for axis in Cell._fields)
