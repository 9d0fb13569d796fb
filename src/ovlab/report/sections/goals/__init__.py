"""Goals: the best variant within the limits that the experiment sets."""

from __future__ import annotations

from dataclasses import replace

from ovlab.report.columns import CELL, HOST
from ovlab.report.format import joined
from ovlab.report.results import rows_of
from ovlab.report.section import Finding, ReportContext, Section
from ovlab.report.sections.goals.judging import BEYOND, PROBABLY, Candidate, Judgement, judge
from ovlab.report.sections.measured import value_text
from ovlab.report.table import Column, Entry, Table
from ovlab.specs.reporting.measures import MEASURES

CAPTION = (
    "The best variant within the experiment's limits. Surely: the whole 95 % interval (in brackets) is within; "
    "probably: the value is, but its interval reaches beyond or is not known."
)


class Goals(Section):
    """For each goal and model the best variant within the limits, or what misses them by least."""

    anchor = "goals-section"
    title = "Goals"
    question = "Which variant is best within the limits?"

    def tables(self, report: ReportContext) -> list[Table]:
        """Make the table of goals, where there are any."""
        return [goals_table(judgements(report))] if report.settings.experiment.goals else []

    def findings(self, report: ReportContext) -> list[Finding]:
        """Say for each goal which variant is best."""
        found: dict[str, list[str]] = {}
        for number, one in judgements(report):
            found.setdefault(_title(number, one), []).append(
                sentence(one, f"{one.model} on {one.host}" if len(report.hosts) > 1 else one.model)
            )
        return [Finding(title, sentences) for title, sentences in found.items()]


def judgements(report: ReportContext) -> list[tuple[int, Judgement]]:
    """Judge every goal, numbered from 1, for every model that it looks at, on each host."""
    rows = {host: rows_of(report.frame[report.frame["host"] == host]) for host in report.hosts}
    experiment = report.settings.experiment
    return [
        (number, replace(one, host=host))
        for number, goal in enumerate(experiment.goals, start=1)
        for model in experiment.models
        for host in report.hosts
        if (one := judge(goal, model, rows[host])) is not None
    ]


def goals_table(found: list[tuple[int, Judgement]]) -> Table:
    """Make the table: a row for each goal and model."""
    columns = [
        Column("goal", "goal"),
        Column("model", "model"),
        HOST,
        Column("verdict", "within the limits"),
        Column("variant", "best variant"),
        Column("measured", "measured", width=r"0.35\linewidth"),
        Column("remark", "remark", width=r"0.25\linewidth"),
    ]
    rows: list[list[Entry]] = [[_title(number, one), one.model, one.host, *_row(one)] for number, one in found]
    return Table("goals", CAPTION, columns, rows, grouped=1, made_from=CELL)


def sentence(one: Judgement, what: str) -> str:
    """Say in a sentence what became of a goal for a model, which is called `what`."""
    if one.reason:
        return f"{what}: not tested: {one.reason.rstrip('.')}."
    if one.best is None:
        closest = one.closest
        return f"{what}: no variant is within the limits; by least misses {_of(closest)}: {_missed(closest)}."
    text = f"{what}: {one.best.name}, {one.best.state} within the limits: {_checks(one.best)}"
    remark = _remark(one)
    return f"{text}; {remark}." if remark else f"{text}."


def _title(number: int, one: Judgement) -> str:
    return one.goal.title or f"Goal {number}"


def _row(one: Judgement) -> list[Entry]:
    if one.reason:
        return ["not tested", "–", "–", one.reason]
    if one.best is None:
        return ["none", f"closest: {_of(one.closest)}", _checks(one.closest), f"misses {_missed(one.closest)}"]
    return [one.best.state, one.best.name, _checks(one.best), _remark(one) or "–"]


def _remark(one: Judgement) -> str:
    """Say what the choice rests on: what is only probable, and who else may be the best."""
    best, parts = one.best, []
    if best is None:
        return ""
    how = MEASURES[one.goal.prefer]
    if one.goal.prefer not in {check.limit.measure for check in best.checks}:
        parts.append(f"chosen by {how.title}, {value_text(one.goal.prefer, best.preferred)}")
    if best.state == PROBABLY:
        unsure = [MEASURES[check.limit.measure].title for check in best.checks if check.state == PROBABLY]
        rest = f"{_of(one.surest)} surely is" if one.surest is not None else "no variant surely is"
        parts.append(f"only probably for {joined(unsure)}; {rest}")
    if one.rival is not None:
        value = value_text(one.goal.prefer, one.rival.preferred)
        parts.append(f"{one.rival.name} may be as good: its {how.title}, {value}, has an overlapping interval")
    return "; ".join(parts)


def _of(candidate: Candidate | None) -> str:
    return candidate.name if candidate is not None else ""


def _checks(candidate: Candidate | None) -> str:
    return ", ".join(check.text() for check in candidate.checks) if candidate is not None else ""


def _missed(candidate: Candidate | None) -> str:
    checks = candidate.checks if candidate is not None else ()
    return ", ".join(check.text() for check in checks if check.state == BEYOND)
