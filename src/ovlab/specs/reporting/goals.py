"""Goals: the limits within which an experiment looks for the best variant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, NamedTuple, get_args

from pydantic import Field, model_validator

from ovlab.specs.base import Spec
from ovlab.specs.reporting.cells import CellPattern
from ovlab.specs.reporting.measures import LessIsBetter, MoreIsBetter

Value = Annotated[float, Field(ge=-1e12, le=1e12)]


class Limit(NamedTuple):
    """One limit of a goal: a measure, the value that it may reach, and whether it must stay below that."""

    measure: str
    value: float
    at_most: bool


class GoalSpec(Spec):
    """A goal (an entry of ``experiment.goals``): the report names the best variant within its limits.

    Attributes
    ----------
    title : str
        What the limits are for.
    where : CellPattern
        The cells that it looks at.
    at_most, at_least : dict of float
        Limits by column of the results, in its unit; ``accuracy_drop: 0.01`` is one point below the reference.
    prefer : str
        The column that decides among variants within the limits.
    """

    title: str = ""
    where: CellPattern = CellPattern()
    at_most: dict[LessIsBetter, Value] = {}
    at_least: dict[MoreIsBetter, Value] = {}
    prefer: LessIsBetter | MoreIsBetter = "latency_ms_p50"

    @model_validator(mode="after")
    def _has_limits(self) -> GoalSpec:
        if not self.at_most and not self.at_least:
            raise ValueError("at_most: empty, expected a limit there or in at_least, such as latency_ms_p50: 5")
        return self

    @property
    def less_is_better(self) -> bool:
        """Whether the preferred measure is better when it is smaller."""
        return self.prefer in get_args(LessIsBetter)

    def limits(self) -> Iterator[Limit]:
        """Yield the limits in their order."""
        yield from (Limit(name, value, True) for name, value in self.at_most.items())
        yield from (Limit(name, value, False) for name, value in self.at_least.items())
