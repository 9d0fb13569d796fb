"""The experiment's claims, tested on what was measured here."""

from __future__ import annotations

from ovlab.report.columns import CELL
from ovlab.report.section import ReportContext, Section
from ovlab.report.sections.claims.testing import Results, Tested, examine
from ovlab.report.table import Column, Entry, Table

CAPTION = (
    "Claims tested with what was measured here. A claim holds, or does not, if the whole 95 % interval (in brackets) "
    "says so; else it is not distinguishable."
)


class Claims(Section):
    """Each claim that the experiment lists, with what was measured here."""

    anchor = "claims-section"
    title = "Claims"
    question = "Does what was claimed hold here?"

    def tables(self, report: ReportContext) -> list[Table]:
        """Test the claims."""
        return [claims_table(tested_claims(report))]


def tested_claims(report: ReportContext) -> list[Tested]:
    """Test every claim on every model that it speaks of."""
    results = Results(report)
    experiment = report.settings.experiment
    return [
        found
        for claim in experiment.claims.values()
        for model in experiment.models
        if (found := examine(claim, model, results, report.reference)) is not None
    ]


def claims_table(tested: list[Tested]) -> Table:
    """Make the table: a row for each claim and model."""
    rows: list[list[Entry]] = [
        [
            f"{one.claim.text} ({one.claim.by})" if one.claim.by else one.claim.text,
            one.model,
            "; ".join(dict.fromkeys(case.text for case in one.cases)) or "–",
            one.verdict,
        ]
        for one in tested
    ]
    columns = [
        Column("claim", "claim", width=r"0.25\linewidth"),
        Column("model", "model"),
        Column("measured", "measured here", width=r"0.35\linewidth"),
        Column("verdict", "verdict", width=r"0.2\linewidth"),
    ]
    return Table("claims", CAPTION, columns, rows, grouped=1, made_from=CELL)
