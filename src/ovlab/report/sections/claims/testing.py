"""Claims tested on the results: each case with what was measured and a verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ovlab.report.format import Estimate, joined
from ovlab.report.records import Records
from ovlab.report.results import rows_of
from ovlab.report.section import ReportContext
from ovlab.report.sections.claims.layers import layer_words, limit_words
from ovlab.report.sections.independent import independent_difference, independent_ratio
from ovlab.report.sections.measured import measured, value_text
from ovlab.specs import Cell, ClaimSpec
from ovlab.specs.reporting.claims import OtherSide
from ovlab.specs.reporting.measures import MEASURES
from ovlab.stats.launches import ratio_interval

HOLDS, FAILS, OPEN = "holds", "does not hold", "not distinguishable"
PAIRED = {"throughput_fps", "max_rate"}
"""Measured in the same rounds for all variants of a session, so that ratios are formed within a round."""
ANY_BUT_MODEL = {axis: "*" for axis in Cell._fields if axis != "model"}


@dataclass(frozen=True)
class Case:
    """One test of a claim.

    Attributes
    ----------
    cell : Cell
        The left side's cell.
    text : str
        What was measured.
    verdict : str
        `HOLDS`, `FAILS`, `OPEN`; for a question its answer in words, empty where the value says all.
    """

    cell: Cell
    text: str
    verdict: str


@dataclass(frozen=True)
class Tested:
    """A claim with its cases for one model; without any, `reason` says why it was not tested."""

    claim: ClaimSpec
    model: str
    cases: tuple[Case, ...] = ()
    reason: str = ""

    @property
    def verdict(self) -> str:
        """One word where all cases agree, else how many of each; for a question the answers."""
        if not self.cases:
            return f"not tested: {self.reason}"
        counts = Counter(case.verdict for case in self.cases)
        if self.claim.relation is None:
            return joined([word for word in counts if word]) or "a question"
        found = [f"{word} in {counts[word]}" for word in (HOLDS, FAILS, OPEN) if counts[word]]
        return self.cases[0].verdict if len(found) == 1 else f"{joined(found)} of {len(self.cases)} cases"


class Results:
    """The rows of the results by cell, with the launches that ratios are paired by."""

    def __init__(self, report: ReportContext) -> None:
        self.records: Records = report.records
        self.rows: dict[Cell, Mapping[Any, Any]] = {Cell.of(row): row for row in rows_of(report.frame)}

    def why_unknown(self, cell: Cell, measure: str, name: str) -> str:
        """Say why a cell has no such value; nothing where it has one."""
        row = self.rows.get(cell)
        if row is None:
            return f"no {name} in this experiment"
        if row["status"] != "ok":
            return str(row["reason"]).rstrip(".")
        if measured(row, measure).value is None:
            return f"{MEASURES[measure].title}{f' of {name}' if name else ''} is not known"
        return ""

    def ratio(self, measure: str, left: Cell, right: Cell) -> Estimate:
        """Return the left cell's measure over the right one's.

        Within one session, of what was measured in the same rounds: the interval of the ratios of the rounds. Else the
        two are taken for independent: the relative half-widths are added in quadrature, on either side.
        """
        if measure in PAIRED and left._replace(precision="") == right._replace(precision=""):
            paired = self._paired(left, right)
            if paired.value is not None:
                return paired
        return independent_ratio(*(measured(self.rows[cell], measure) for cell in (left, right)))

    def difference(self, measure: str, left: Cell, right: Cell, reference: str) -> Estimate:
        """Return the left cell's share less the right one's: paired over images against the reference."""
        if measure == "accuracy" and right == left._replace(precision=reference):
            return Estimate.of_row(self.rows[left], "accuracy_delta")
        return independent_difference(*(measured(self.rows[cell], measure) for cell in (left, right)))

    def _paired(self, left: Cell, right: Cell) -> Estimate:
        session = self.records.sessions.get((left.model, left.device, left.scenario, left.host))
        launches = session.data.get("launches", {}) if session is not None else {}
        own, other = (_by_round(launches.get(cell.precision, [])) for cell in (left, right))
        shared = sorted(own.keys() & other.keys())
        if not shared:
            return Estimate(None)
        ratio = ratio_interval([own[n] for n in shared], [other[n] for n in shared])
        return Estimate.of(ratio.value, ratio.low, ratio.high)


def examine(claim: ClaimSpec, model: str, results: Results, reference: str) -> Tested | None:
    """Test a claim on a model.

    Returns
    -------
    Tested or None
        None if the claim does not speak of the model.
    """
    cells = [cell for cell in results.rows if cell.model == model and claim.left.where.matches(cell)]
    if not cells:
        return _not_selected(claim, model, results)
    cases, reasons = [], []
    for cell in cells:
        found = _case(claim, cell, results, reference, _named(cell, cells))
        if isinstance(found, Case):
            cases.append(found)
        else:
            reasons.append(found)
    if cases:
        return Tested(claim, model, tuple(cases))
    return Tested(claim, model, reason=joined(list(dict.fromkeys(reasons))))


def _not_selected(claim: ClaimSpec, model: str, results: Results) -> Tested | None:
    """Say which of a claim's names the experiment has not got, if the claim speaks of the model at all."""
    of_model = [cell for cell in results.rows if cell.model == model]
    if not any(claim.left.where.model_copy(update=ANY_BUT_MODEL).matches(cell) for cell in of_model):
        return None
    where = claim.left.where
    for axis in ANY_BUT_MODEL:
        pattern = where.model_copy(update={name: "*" for name in Cell._fields if name != axis})
        if not any(pattern.matches(cell) for cell in of_model):
            return Tested(claim, model, reason=f"no {axis} {getattr(where, axis)} in this experiment")
    return Tested(claim, model, reason="this experiment has no such cell")


def _case(claim: ClaimSpec, cell: Cell, results: Results, reference: str, name: str) -> Case | str:
    """Test one case, called `name` among others; a text says why it cannot be."""
    measure, right = claim.left.measure, claim.right
    if why := results.why_unknown(cell, measure, ""):
        return why
    if right is not None and right.cell is not None:
        other = right.cell.of(cell)
        if why := results.why_unknown(other, measure, _difference_in_names(cell, other)):
            return why
        return _against_cell(claim, cell, other, results, reference, name)
    own = measured(results.rows[cell], measure)
    text = f"{value_text(measure, own)}{layer_words(results.records, cell, measure)}{name}"
    if right is None or right.value is None:
        return Case(cell, text, limit_words(results.records, cell, measure))
    return Case(cell, text, _verdict(claim, own, right.value))


def _against_cell(claim: ClaimSpec, cell: Cell, other: Cell, results: Results, reference: str, name: str) -> Case:
    measure, right = claim.left.measure, claim.right or OtherSide(value=0)
    beside = _difference_in_names(cell, other)
    if MEASURES[measure].is_fraction:
        difference = results.difference(measure, cell, other, reference)
        text = f"{value_text('accuracy_drop', difference)} from {beside}{name}"
        return Case(cell, text, _verdict(claim, difference, right.plus))
    ratio = results.ratio(measure, cell, other)
    text = f"{value_text('speedup', ratio)} {beside}’s {MEASURES[measure].title}{name}"
    return Case(cell, text, _verdict(claim, ratio, right.times))


def _verdict(claim: ClaimSpec, found: Estimate, bound: float) -> str:
    low, high = found.low, found.high
    if low is None or high is None:
        return OPEN
    if claim.relation == "at_least":
        return HOLDS if low >= bound else FAILS if high < bound else OPEN
    if claim.relation == "at_most":
        return HOLDS if high <= bound else FAILS if low > bound else OPEN
    width = claim.within if MEASURES[claim.left.measure].is_fraction else claim.within * abs(bound)
    if bound - width <= low and high <= bound + width:
        return HOLDS
    return FAILS if high < bound - width or low > bound + width else OPEN


def _named(cell: Cell, cells: Sequence[Cell]) -> str:
    """Name a case among the others: by the axes in which they differ."""
    varying = [axis for axis in Cell._fields if len({getattr(one, axis) for one in cells}) > 1]
    return f" ({', '.join(getattr(cell, axis) for axis in varying)})" if varying else ""


def _difference_in_names(cell: Cell, other: Cell) -> str:
    names = [getattr(other, axis) for axis in Cell._fields if getattr(other, axis) != getattr(cell, axis)]
    return " ".join(names) or "itself"


def _by_round(launches: list[dict[str, float]]) -> dict[int, float]:
    # A server's throughput is its declared rate; what it can do is the highest one.
    found = {int(launch["round"]): launch.get("max_rate", launch["throughput_fps"]) for launch in launches}
    return {number: float(speed) for number, speed in found.items() if speed is not None}
