"""Models and data: where they come from, and how each variant was made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ovlab.report.section import ReportContext, Section
from ovlab.report.sections.models.description import (
    describe_datasets,
    describe_models,
    rounding_table,
    variants_table,
)
from ovlab.report.style import Plot
from ovlab.report.table import Table


class Models(Section):
    """The models, the data sets, and the variants made of them."""

    anchor = "models"
    title = "Models and data"
    question = "Which files were used, and how was each variant made?"

    def tables(self, report: ReportContext) -> list[Table]:
        """Make the table of variants, and of those that others quantised."""
        rounding = rounding_table(report.settings, report.records)
        return [variants_table(report.settings, report.records), *([rounding] if rounding.rows else [])]

    def context(self, report: ReportContext) -> dict[str, Any]:
        """Describe models and data sets."""
        models = describe_models(report.settings, report.records)
        return {"described": models + describe_datasets(report.settings, report.records)}

    def is_shown(self, report: ReportContext, tables: Sequence[Table], figures: Sequence[Plot]) -> bool:  # noqa: ARG002
        """Show it always."""
        return True
