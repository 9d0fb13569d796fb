"""What changed against an earlier run, cell by cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ovlab.report.format import Estimate
from ovlab.report.sections.independent import independent_difference, independent_ratio
from ovlab.specs import Cell
from ovlab.specs.reporting.baseline import BaselineSpec

SLOWER, FASTER, LOWER, HIGHER = "slower", "faster", "lower", "higher"
SAME, OPEN, OTHER_IMAGES, UNKNOWN = "no change", "not distinguishable", "other images", "not known"


@dataclass(frozen=True)
class Change:
    """A cell that both runs have.

    Attributes
    ----------
    cell : Cell
        Its names.
    status : str
        ``ok``, or what became of it: ``ok → failed``.
    speed : Estimate
        Throughput now over throughput then.
    speed_verdict : str
        `FASTER`, `SLOWER`, `SAME`, `OPEN` or `UNKNOWN`.
    accuracy : Estimate
        Accuracy now less accuracy then, a fraction.
    accuracy_verdict : str
        `HIGHER`, `LOWER`, `SAME`, `OPEN`, `OTHER_IMAGES` or `UNKNOWN`.
    earlier_run : str
        The run that it was measured in then, where that is known.
    """

    cell: Cell
    status: str
    speed: Estimate
    speed_verdict: str
    accuracy: Estimate
    accuracy_verdict: str
    earlier_run: str = ""

    @property
    def regressed(self) -> bool:
        """Whether the cell is slower, less accurate, or not measured any more."""
        return self.speed_verdict == SLOWER or self.accuracy_verdict == LOWER or self.status != "ok"


def compare_rows(cell: Cell, then: Mapping[Any, Any], now: Mapping[Any, Any], plan: BaselineSpec) -> Change | None:
    """Compare a cell of two runs.

    Parameters
    ----------
    cell : Cell
        Its names.
    then, now : mapping
        Its rows of either results.
    plan : BaselineSpec
        What counts as unchanged.

    Returns
    -------
    Change or None
        None if the cell was not measured then.
    """
    if then["status"] != "ok":
        return None
    if now["status"] != "ok":
        nothing = Estimate(None)
        return Change(cell, f"ok → {now['status']}", nothing, UNKNOWN, nothing, UNKNOWN)
    speed = independent_ratio(*(Estimate.of_row(row, "throughput_fps") for row in (now, then)))
    speed_verdict = _speed_verdict(speed, plan.speed_margin)
    first, second = (Estimate.of_row(row, "accuracy") for row in (now, then))
    if then.get("samples") != now.get("samples") or then.get("metric") != now.get("metric"):
        return Change(cell, "ok", speed, speed_verdict, Estimate(None), OTHER_IMAGES)
    accuracy = independent_difference(first, second)
    return Change(cell, "ok", speed, speed_verdict, accuracy, _accuracy_verdict(accuracy, plan.accuracy_margin))


def _speed_verdict(ratio: Estimate, margin: float) -> str:
    if ratio.value is None:
        return UNKNOWN
    if ratio.low is None or ratio.high is None:
        return OPEN
    if ratio.high < 1 - margin:
        return SLOWER
    if ratio.low > 1 + margin:
        return FASTER
    return SAME if 1 - margin <= ratio.low and ratio.high <= 1 + margin else OPEN


def _accuracy_verdict(difference: Estimate, margin: float) -> str:
    if difference.value is None:
        return UNKNOWN
    if abs(difference.value) <= margin:
        return SAME  # the images are alike, so that equal values need no interval
    if difference.low is None or difference.high is None:
        return OPEN
    return LOWER if difference.high < -margin else HIGHER if difference.low > margin else OPEN
