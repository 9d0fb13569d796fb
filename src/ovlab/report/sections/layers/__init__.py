"""Layers: why a variant is as fast as it is, node by node under the machine's roofs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ovlab.report.section import Finding, ReportContext, Section
from ovlab.report.sections.layers.figure import roofline_figures
from ovlab.report.sections.layers.nodes import SHOWN_NODES, SHOWN_PAIRS, nodes_table, pairs_table
from ovlab.report.sections.layers.profiled import not_drawn
from ovlab.report.sections.layers.tables import (
    SHOWN_FLOATING,
    advice_table,
    checks_table,
    conversions_table,
    coverage_table,
    floating_table,
    parts_tables,
    peaks_table,
    totals_table,
    verdict_table,
)
from ovlab.report.sections.layers.topology import topology_context, topology_files
from ovlab.report.sections.layers.words import limit_sentences, method_sentences
from ovlab.report.style import Plot
from ovlab.report.table import Table


class Layers(Section):
    """Verdicts, advice, coverage and layers from the profiles, and the machine's peaks."""

    anchor = "layers-section"
    title = "Layers and the roofline"
    question = "Why is it faster, or not: arithmetic, bandwidth, conversions, overhead?"

    def tables(self, report: ReportContext) -> list[Table]:
        """Make the tables; those of single layers are written in full."""
        of = report.settings, report.records
        return [
            verdict_table(*of),
            advice_table(*of),
            checks_table(*of),
            totals_table(*of),
            coverage_table(*of),
            replace(floating_table(*of, SHOWN_FLOATING), whole=floating_table(*of)),
            *parts_tables(*of),
            replace(pairs_table(*of, SHOWN_PAIRS), whole=pairs_table(*of)),
            conversions_table(*of),
            replace(nodes_table(*of, SHOWN_NODES), whole=nodes_table(*of)),
            peaks_table(report.records),
        ]

    def figures(self, report: ReportContext) -> list[Plot]:
        """Draw the roofline of each model on each device."""
        return roofline_figures(report.settings, report.records)

    def files(self, report: ReportContext) -> dict[str, str]:
        """Write the executed graphs as JSON and DOT."""
        return topology_files(report.settings, report.records)

    def context(self, report: ReportContext) -> dict[str, Any]:
        """Return the executed graphs as pictures, and say which are not shown."""
        of = report.settings, report.records
        return topology_context(*of) | {"not_drawn": not_drawn(*of)}

    def findings(self, report: ReportContext) -> list[Finding]:
        """Say what limits each variant."""
        sentences = limit_sentences(report.settings, report.records)
        return [Finding("Limits", sentences)] if sentences else []

    def method(self, report: ReportContext) -> list[str]:
        """Say how layers were profiled."""
        return method_sentences(report.settings, report.records)
