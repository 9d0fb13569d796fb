"""The report step: one page, tables and figures from the records of an experiment."""

from __future__ import annotations

from pathlib import Path

from ovlab.files import write_atomically
from ovlab.report.results import Records, results_frame
from ovlab.specs import ReportSettings

__all__ = ["Records", "report", "results_frame"]


def report(settings: ReportSettings, records: Records, page: Path) -> None:
    frame = results_frame(settings, records)
    write_atomically(page.parent / "tables" / "results.csv", lambda path: frame.to_csv(path, index=False))
    page.write_text("x")
