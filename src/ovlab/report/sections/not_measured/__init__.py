"""Failures: cells that were not measured although their device is here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from ovlab.report.columns import AXES, CELL, PRECISION, REASON, condensed, results_table
from ovlab.report.format import capitalised, counted, joined
from ovlab.report.results import absent_devices
from ovlab.report.section import Finding, ReportContext, Section
from ovlab.report.style import Plot
from ovlab.report.table import Table


class NotMeasured(Section):
    """Which cells were not measured, and why."""

    anchor = "not-measured"
    title = "Failures"
    question = "What was not measured although its device is here, and why?"

    def tables(self, report: ReportContext) -> list[Table]:
        """Make the tables of these cells, each reason once; their CSV files have one row a cell.

        The page shows those whose device is here; the section on devices has a line on the others.
        """
        here = report.frame[~report.placed["device"].isin(absent_devices(report.placed))]
        failures = replace(unavailable_table(here), name="failures")
        return [condensed(failures), condensed(unavailable_table(report.frame))]

    def findings(self, report: ReportContext) -> list[Finding]:
        """Say how many cells failed or are unavailable, by reason."""
        here = report.placed[~report.placed["device"].isin(absent_devices(report.placed))]
        found = {status: reason_sentences(here, status) for status in ("unavailable", "failed")}
        return [Finding(status.capitalize(), sentences) for status, sentences in found.items() if sentences]

    def is_shown(self, report: ReportContext, tables: Sequence[Table], figures: Sequence[Plot]) -> bool:  # noqa: ARG002
        """Show it where a cell is missing whose device is here."""
        return bool(tables[0].rows)


def unavailable_table(frame: pd.DataFrame) -> Table:
    """Make the table of cells that were not measured, by reason: one row a cell."""
    columns = [*REASON, *AXES, PRECISION]
    rest = frame[frame["status"] != "ok"]
    return results_table(
        "unavailable", "Cells that were not measured, and why.", columns, rest, grouped=2, made_from=CELL
    )


def reason_sentences(frame: pd.DataFrame, status: str) -> list[str]:
    """Say for each reason how many cells of a status there are, and on which devices."""
    sentences = []
    rest = frame[frame["status"] == status]
    for reason, rows in rest.groupby("reason", sort=False):
        devices = joined([str(one) for one in rows["device"].unique()])
        sentences.append(f"{capitalised(counted(len(rows), 'cell'))} on {devices}: {str(reason).rstrip('.')}.")
    return sentences
