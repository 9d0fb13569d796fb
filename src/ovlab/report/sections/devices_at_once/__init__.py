"""Several devices at once, against the same devices alone."""

from __future__ import annotations

from ovlab.report.section import Finding, ReportContext, Section
from ovlab.report.sections.devices_at_once.comparison import members_sentences, members_table
from ovlab.report.table import Table


class SeveralDevices(Section):
    """What ``MULTI`` makes of its members."""

    anchor = "members-section"
    title = "Several devices at once"
    question = "How much of the sum of its members does a device like MULTI reach?"

    def tables(self, report: ReportContext) -> list[Table]:
        """Make the table that compares devices at once with the sum of them alone."""
        return [members_table(report.settings, report.ok)]

    def findings(self, report: ReportContext) -> list[Finding]:
        """Say how much of the sum of its members each such device reaches."""
        sentences = members_sentences(report.settings, report.ok)
        return [Finding("Devices at once", sentences)] if sentences else []
