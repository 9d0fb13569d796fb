"""The answer: for each model one sentence, and the figure that shows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ovlab.report.section import ReportContext, Section
from ovlab.report.sections.answer.best import answers
from ovlab.report.sections.answer.figure import tradeoff_figure
from ovlab.report.style import Plot
from ovlab.report.table import Table


class Answer(Section):
    """What a reader with one minute takes along."""

    anchor = "answer"
    title = "In short"
    question = "Which variant is best, and what does it cost?"

    def figures(self, report: ReportContext) -> list[Plot]:
        """Draw accuracy against latency."""
        plot = tradeoff_figure(report.settings, report.ok)
        return [] if plot is None else [plot]

    def context(self, report: ReportContext) -> dict[str, Any]:
        """Say for each model which variant is best."""
        return {"answers": answers(report.settings, report.ok, report.records)}

    def is_shown(self, report: ReportContext, tables: Sequence[Table], figures: Sequence[Plot]) -> bool:  # noqa: ARG002
        """Show it always: that nothing was measured is an answer too."""
        return True
