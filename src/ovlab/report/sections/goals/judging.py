"""Which variants are within a goal's limits, how surely, and which of them is best."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ovlab.report.format import Estimate
from ovlab.report.sections.measured import measured, value_text
from ovlab.specs import HERE, Cell, GoalSpec, Limit
from ovlab.specs.reporting.measures import MEASURES

SURELY, PROBABLY, BEYOND = "surely", "probably", "beyond"


@dataclass(frozen=True, slots=True)
class Check:
    """A limit beside what was measured."""

    limit: Limit
    found: Estimate

    @property
    def state(self) -> str:
        """``surely`` or ``probably`` within the limit, or ``beyond`` it.

        Surely is what the whole 95 % interval says, or a value that is exact. The value alone says probably.
        """
        value = self.found.value
        if value is None or not self._within(value):
            return BEYOND
        if self.found.exact:
            return SURELY
        worst = self.found.high if self.limit.at_most else self.found.low
        return SURELY if worst is not None and self._within(worst) else PROBABLY

    @property
    def excess(self) -> float:
        """How far the value is beyond the limit, relative to it; infinite where there is no value."""
        if self.found.value is None:
            return float("inf")
        beyond = (self.found.value - self.limit.value) * (1 if self.limit.at_most else -1)
        if beyond <= 0:
            return 0.0
        return beyond / abs(self.limit.value) if self.limit.value else float("inf")

    def text(self) -> str:
        """Return what was measured and what was asked: ``latency p50 4.2 ms [4.1, 4.3] (at most 5)``."""
        measure = MEASURES[self.limit.measure]
        asked = f"{self.limit.value * measure.scale:g}"
        bound = f"({'at most' if self.limit.at_most else 'at least'} {asked})"
        return f"{measure.title} {value_text(self.limit.measure, self.found)} {bound}"

    def _within(self, number: float) -> bool:
        return number <= self.limit.value if self.limit.at_most else number >= self.limit.value


@dataclass(frozen=True, slots=True)
class Candidate:
    """A measured cell with its checks, and its value of the preferred measure."""

    cell: Cell
    checks: tuple[Check, ...]
    preferred: Estimate

    @property
    def state(self) -> str:
        """The least sure state of its checks."""
        states = {check.state for check in self.checks}
        return next(state for state in (BEYOND, PROBABLY, SURELY) if state in states)

    @property
    def excess(self) -> tuple[float, float]:
        """The largest excess, and their sum where these are equal."""
        return max(check.excess for check in self.checks), sum(check.excess for check in self.checks)

    @property
    def name(self) -> str:
        """The cell as a sentence names it, within its model."""
        return f"{self.cell.precision} on {self.cell.device} ({self.cell.scenario})"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of a goal for one model.

    Attributes
    ----------
    goal : GoalSpec
        The goal.
    model : str
        The model.
    best : Candidate, optional
        The best by value of those within the limits; None where there is none.
    surest : Candidate, optional
        The best of those surely within, where `best` is only probably so.
    rival : Candidate, optional
        Next to `best` in the preferred measure, if their intervals leave open which is better.
    closest : Candidate, optional
        Where none is within the limits, the one that misses by least.
    reason : str
        Why nothing could be judged, where nothing was measured.
    host : str
        The host that it was judged on.
    """

    goal: GoalSpec
    model: str
    best: Candidate | None = None
    surest: Candidate | None = None
    rival: Candidate | None = None
    closest: Candidate | None = None
    reason: str = ""
    host: str = HERE


def judge(goal: GoalSpec, model: str, rows: Iterable[Mapping[Any, Any]]) -> Judgement | None:
    """Find the best variant of a model within a goal's limits.

    Parameters
    ----------
    goal : GoalSpec
        The goal.
    model : str
        The model.
    rows : iterable of mapping
        The results' rows.

    Returns
    -------
    Judgement or None
        None if the goal does not look at the model.
    """
    looked_at = [(cell, row) for row in rows if (cell := Cell.of(row)).model == model and goal.where.matches(cell)]
    if not looked_at:
        return None
    candidates = [_candidate(goal, cell, row) for cell, row in looked_at if row["status"] == "ok"]
    if not candidates:
        reasons = dict.fromkeys(str(row["reason"]) for _, row in looked_at)
        return Judgement(goal, model, reason="; ".join(reasons))
    within = sorted((one for one in candidates if one.state != BEYOND), key=lambda one: _rank(goal, one))
    if not within:
        return Judgement(goal, model, closest=min(candidates, key=lambda one: one.excess))
    best = within[0]
    sure = next((one for one in within if one.state == SURELY), None) if best.state != SURELY else None
    rival = within[1] if len(within) > 1 and _overlap(best.preferred, within[1].preferred) else None
    return Judgement(goal, model, best, sure, rival)


def _candidate(goal: GoalSpec, cell: Cell, row: Mapping[Any, Any]) -> Candidate:
    checks = tuple(Check(limit, measured(row, limit.measure)) for limit in goal.limits())
    return Candidate(cell, checks, measured(row, goal.prefer))


def _rank(goal: GoalSpec, one: Candidate) -> float:
    value = one.preferred.value
    return float("inf") if value is None else value if goal.less_is_better else -value


def _overlap(one: Estimate, other: Estimate) -> bool:
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return True
    return one.low <= other.high and other.low <= one.high
