"""Results: every measured cell, as tables and figures."""

from __future__ import annotations

from collections.abc import Sequence

from ovlab.report.section import ReportContext, Section
from ovlab.report.sections.results.figures import latency_figures, speedup_figure
from ovlab.report.sections.results.requests import requests_figure
from ovlab.report.sections.results.tables import accuracy_table, costs_table, headline_table, speedup_table
from ovlab.report.style import Plot
from ovlab.report.table import Table


class Results(Section):
    """Latency, throughput, speed-up, accuracy and costs of each cell."""

    anchor = "results"
    title = "Results"
    question = "How fast, how accurate and how costly is each cell?"

    def tables(self, report: ReportContext) -> list[Table]:
        """Make the tables of cells; speed-ups and accuracies by themselves are for papers, not for the page."""
        return [
            headline_table(report.ok, report.reference),
            speedup_table(report.ok, report.reference),
            accuracy_table(report.frame, report.reference),
            costs_table(report.ok),
        ]

    def figures(self, report: ReportContext) -> list[Plot]:
        """Draw speed-ups, throughput over requests in flight, and the distributions of latency."""
        single = [speedup_figure(report.placed_ok, report.reference), requests_figure(report.placed_ok)]
        return [plot for plot in single if plot is not None] + latency_figures(report.ok, report.records)

    def is_shown(self, report: ReportContext, tables: Sequence[Table], figures: Sequence[Plot]) -> bool:  # noqa: ARG002
        """Show it where anything was measured."""
        return not report.ok.empty
