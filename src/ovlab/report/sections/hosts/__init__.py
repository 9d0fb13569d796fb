"""Hosts: what each precision gains on each host, which claims hold where, and whether the hosts' peaks explain it."""

from __future__ import annotations

from collections.abc import Sequence

from ovlab.report.section import Finding, ReportContext, Section
from ovlab.report.sections.hosts.claims import claims_by_host, parting_claims
from ovlab.report.sections.hosts.machines import machines_table
from ovlab.report.sections.hosts.peaks import gains, gains_table, peaks_sentences
from ovlab.report.sections.hosts.speedups import speedup_sentences, speedups_figure, speedups_table
from ovlab.report.style import Plot
from ovlab.report.table import Table

__all__ = ["Hosts"]


class Hosts(Section):
    """The hosts beside each other: ratios of each, and never one between two."""

    anchor = "hosts-section"
    title = "Hosts"
    question = "Does the same hold on each host, and do their peaks explain it?"

    def tables(self, report: ReportContext) -> list[Table]:
        """Make the tables; none where there is one host."""
        if not _several(report):
            return []
        return [
            speedups_table(report),
            claims_by_host(report),
            gains_table(gains(report)),
            machines_table(report),
        ]

    def figures(self, report: ReportContext) -> list[Plot]:
        """Draw the speed-ups by host."""
        plot = speedups_figure(report) if _several(report) else None
        return [] if plot is None else [plot]

    def findings(self, report: ReportContext) -> list[Finding]:
        """Say what differs from host to host."""
        if not _several(report):
            return []
        sentences = [*speedup_sentences(report), *parting_claims(report), *peaks_sentences(gains(report))]
        return [Finding(self.title, sentences)] if sentences else []

    def is_shown(self, report: ReportContext, tables: Sequence[Table], figures: Sequence[Plot]) -> bool:  # noqa: ARG002
        """Show it where there are several hosts, even where only one could be measured."""
        return _several(report)


def _several(report: ReportContext) -> bool:
    return len(report.hosts) > 1
