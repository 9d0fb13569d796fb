"""Calibration: what accuracy control gave back, and how accuracy varies with the calibration images."""

from __future__ import annotations

from typing import Any

from ovlab.report.section import ReportContext, Section
from ovlab.report.sections.calibration.tables import control_table, ledger_table, missed_targets, seeds_table
from ovlab.report.table import Table


class Calibration(Section):
    """Accuracy control and repeated calibrations."""

    anchor = "calibration"
    title = "Calibration"
    question = "Was the accuracy target met, and is the accuracy luck?"

    def tables(self, report: ReportContext) -> list[Table]:
        """Make the tables that have rows: few experiments have any."""
        made = [make(report.settings, report.records) for make in (control_table, ledger_table, seeds_table)]
        return [table for table in made if table.rows]

    def context(self, report: ReportContext) -> dict[str, Any]:
        """Return the targets that were missed."""
        return {"missed": missed_targets(report.settings, report.records)}
