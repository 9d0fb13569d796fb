"""Remarks: what readers should know of cells that were measured all the same."""

from __future__ import annotations

import pandas as pd

from ovlab.report.columns import AXES, CELL, PRECISION, condensed, results_table
from ovlab.report.results import ALSO, NOISY
from ovlab.report.section import ReportContext, Section
from ovlab.report.table import Column, Table

CAPTION = "Cells that were measured, but not quite as one would expect, and how."


class Remarks(Section):
    """Cells that were measured, but not quite as one would expect."""

    anchor = "remarks-section"
    title = "Remarks"
    question = "What is to be known of cells that were measured all the same?"

    def tables(self, report: ReportContext) -> list[Table]:
        """Make the table of remarks, each once; its CSV file has one row a cell."""
        return [condensed_remarks(remarks_table(report.ok))]


def remarks_table(ok: pd.DataFrame) -> Table:
    """Make the table of the measured cells that carry a reason, by reason: one row a cell."""
    columns = [Column("status", "status"), Column("reason", "remark", width=r"0.4\linewidth"), *AXES, PRECISION]
    remarked = ok.assign(reason=ok["reason"].fillna("").map(_beside_noise))
    return results_table("remarks", CAPTION, columns, remarked[remarked["reason"] != ""], grouped=2, made_from=CELL)


def _beside_noise(reason: str) -> str:
    # The report has a section on noise.
    return reason.partition(ALSO)[2] if reason.startswith(NOISY) else reason


def condensed_remarks(remarks: Table) -> Table:
    """Put together the cells that share a remark, without the status, which is ok for all."""
    short = condensed(remarks)
    columns = [remarks.columns[1], *short.columns[2:]]
    return Table(
        remarks.name, remarks.caption, columns, [row[1:] for row in short.rows], 1, whole=remarks, runs=short.runs
    )
