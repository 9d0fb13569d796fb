"""Measuring: how it was done, how steadily, and amid what noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ovlab.report.section import Finding, ReportContext, Section
from ovlab.report.sections.measuring.method import method
from ovlab.report.sections.measuring.noise import noise_paragraphs, noise_sentences, noise_table
from ovlab.report.sections.measuring.spread import spread_sentences, spread_table
from ovlab.report.style import Plot
from ovlab.report.table import Table


class Measuring(Section):
    """The method in words, the spread of launches, and how quiet the host was."""

    anchor = "measuring"
    title = "Measuring"
    question = "How was it measured, and how quiet was the host?"

    def tables(self, report: ReportContext) -> list[Table]:
        """Make the tables of spread and noise."""
        return [spread_table(report.ok), noise_table(report.records)]

    def findings(self, report: ReportContext) -> list[Finding]:
        """Say how steady the launches were, and which cells were measured amid noise."""
        found = {"Steadiness": spread_sentences(report.placed_ok), "Noise": noise_sentences(report.placed)}
        return [Finding(subject, sentences) for subject, sentences in found.items() if sentences]

    def context(self, report: ReportContext) -> dict[str, Any]:
        """Gather what all sections say of the method."""
        paragraphs = method(report.settings, report.ok)
        paragraphs += [text for section in report.sections for text in section.method(report)]
        return {"paragraphs": paragraphs + noise_paragraphs(report.settings.measurement.noise, report.records)}

    def is_shown(self, report: ReportContext, tables: Sequence[Table], figures: Sequence[Plot]) -> bool:  # noqa: ARG002
        """Show it always: the method is set before anything is measured."""
        return True
