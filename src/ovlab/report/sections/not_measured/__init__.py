"""Unavailable and failed: cells that were not measured."""

from __future__ import annotations

import pandas as pd

from ovlab.report.columns import AXES, PRECISION, REASON, condensed, results_table
from ovlab.report.format import capitalised, counted, joined
from ovlab.report.section import Finding, ReportContext, Section
from ovlab.report.table import Table


class NotMeasured(Section):
    """Which cells were not measured, and why."""

    anchor = "not-measured"
    title = "Unavailable and failed"
    question = "What was not measured, and why?"

    def tables(self, report: ReportContext) -> list[Table]:
        """Make the table of these cells, each reason once; its CSV file has one row a cell."""
        return [condensed(unavailable_table(report.frame))]

    def findings(self, report: ReportContext) -> list[Finding]:
        """Say how many cells are unavailable or failed, by reason."""
        found = {status: reason_sentences(report.frame, status) for status in ("unavailable", "failed")}
        return [Finding(status.capitalize(), sentences) for status, sentences in found.items() if sentences]


def unavailable_table(frame: pd.DataFrame) -> Table:
    """Make the table of cells that were not measured, by reason: one row a cell."""
    columns = [*REASON, *AXES, PRECISION]
    rest = frame[frame["status"] != "ok"]
    return results_table("unavailable", "Cells that were not measured, and why.", columns, rest, grouped=2)


def reason_sentences(frame: pd.DataFrame, status: str) -> list[str]:
    """Say for each reason how many cells of a status there are, and on which devices."""
    sentences = []
    rest = frame[frame["status"] == status]
    for reason, rows in rest.groupby("reason", sort=False):
        devices = joined([str(one) for one in rows["device"].unique()])
        sentences.append(f"{capitalised(counted(len(rows), 'cell'))} on {devices}: {str(reason).rstrip('.')}.")
    return sentences
