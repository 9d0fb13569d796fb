"""The article's claims, tested on what was measured here."""

from __future__ import annotations

from collections.abc import Sequence

from ovlab.report.section import ReportContext, Section
from ovlab.report.sections.claims.claims import claims_table
from ovlab.report.style import Plot
from ovlab.report.table import Table


class Claims(Section):
    """Each claim of the article that this lab goes back to, with what was measured here."""

    anchor = "claims-section"
    title = "The article’s claims"
    question = "Does what an article of 2019 claimed hold here?"

    def tables(self, report: ReportContext) -> list[Table]:
        """Test the claims."""
        return [claims_table(report.settings, report.records, report.frame)]

    def is_shown(self, report: ReportContext, tables: Sequence[Table], figures: Sequence[Plot]) -> bool:  # noqa: ARG002
        """Show it where anything was measured."""
        return not report.ok.empty
