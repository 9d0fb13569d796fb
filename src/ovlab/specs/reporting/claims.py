"""Claims: what an experiment is to test, as a relation between two sides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from ovlab.specs.base import Spec
from ovlab.specs.reporting.cells import Cell, CellPattern
from ovlab.specs.reporting.measures import MEASURES, LessIsBetter, MoreIsBetter, Neither

Number = Annotated[float, Field(ge=-1e12, le=1e12)]


class ClaimSide(Spec):
    """The left side of a claim: a measure, and the cells whose values it speaks of, each a case of its own.

    Attributes
    ----------
    measure : str
        A column of the results, or ``accuracy_drop``.
    where : CellPattern
        The cells.
    """

    measure: LessIsBetter | MoreIsBetter | Neither
    where: CellPattern = CellPattern()


class OtherCell(Spec):
    """The cell on the right side, on the same host: the left one's, but for what is named here."""

    model: str | None = None
    precision: str | None = None
    device: str | None = None
    scenario: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _is_of_the_same_host(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and "host" in data:
            raise ValueError("host: no ratio crosses hosts; the other cell is on the host of the left one")
        return data

    def of(self, cell: Cell) -> Cell:
        """Return the cell that is compared with one of the left side."""
        named = {axis: name for axis, name in self.plain().items() if name is not None}
        return cell._replace(**named)


class OtherSide(Spec):
    """The right side of a claim: a number in the measure's unit, or another cell.

    Attributes
    ----------
    value : float, optional
        The number.
    unit : str, optional
        Its unit, for the reader: checked against the measure's.
    cell : OtherCell, optional
        The other cell, whose measure is the left side's.
    times : float
        Factor to the other cell's value: 1.3 for "1.3 times as fast".
    plus : float
        Added to the other cell's value, for shares: 0.01 is one point.
    """

    value: Number | None = None
    unit: str | None = None
    cell: OtherCell | None = None
    times: Annotated[float, Field(gt=0, le=1e6)] = 1.0
    plus: Annotated[float, Field(ge=-1, le=1)] = 0.0

    @model_validator(mode="after")
    def _is_one_of_both(self) -> OtherSide:
        if (self.value is None) == (self.cell is None):
            raise ValueError("value: expected either it or cell")
        if self.value is not None and (self.times != 1 or self.plus):
            raise ValueError("times: is of another cell, expected none beside value")
        return self


class ClaimSpec(Spec):
    """A claim (an entry of ``experiment.claims``), or without a relation a question: what was measured is shown.

    Attributes
    ----------
    text : str
        What is claimed, in words.
    by : str
        Who claims it.
    left, right
        What is compared.
    relation : {"at_least", "at_most", "equals"}, optional
        How the left side is said to be.
    within : float
        For ``equals``: the difference that counts as none, as a fraction of the right side (0.05: 5 %), in shares
        as a difference (0.01: one point).
    """

    text: str
    by: str = ""
    left: ClaimSide
    relation: Literal["at_least", "at_most", "equals"] | None = None
    right: OtherSide | None = None
    within: Annotated[float, Field(gt=0, lt=1)] = 0.05

    @model_validator(mode="after")
    def _sides_fit(self) -> ClaimSpec:
        if (self.relation is None) != (self.right is None):
            raise ValueError("relation: expected together with right, or neither for a question")
        measure = MEASURES[self.left.measure]
        if self.right is None:
            return self
        if self.right.unit is not None and self.right.unit != measure.unit:
            raise ValueError(f"right.unit: {self.right.unit!r}, expected {measure.unit!r}, that of {self.left.measure}")
        if measure.is_fraction and self.right.times != 1:
            raise ValueError(f"right.times: {self.left.measure} is a share, expected plus (0.01: one point)")
        if not measure.is_fraction and self.right.plus:
            raise ValueError(f"right.plus: {self.left.measure} is no share, expected times")
        return self
