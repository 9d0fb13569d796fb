"""Provenance: the runs that the numbers come from."""

from __future__ import annotations

from typing import Any

from ovlab.records import Record
from ovlab.report.format import MISSING
from ovlab.report.section import ReportContext, Section
from ovlab.report.sections.provenance.facts import run_facts
from ovlab.report.table import Column, Entry, Table

STEPS = {
    "source": "download",
    "variant": "conversion or calibration",
    "accuracy": "validation",
    "session": "benchmark",
    "peaks": "the machine's peaks",
    "profile": "profile of layers",
}
"""What a reader calls the step that leaves a kind of record."""
COMMIT = 12
"""Digits of a commit that are shown; git takes so many for the whole."""


class Provenance(Section):
    """Which run each number comes from."""

    anchor = "provenance"
    title = "Provenance"
    question = "Which run does each number come from?"

    def tables(self, report: ReportContext) -> list[Table]:
        """Make the table of runs."""
        return [runs_table(report)]

    def context(self, report: ReportContext) -> dict[str, Any]:
        """Name the commits that the runs were made with, and tell of each run what it was made from."""
        records, several = report.records.of_all_hosts(), len(report.records.hosts) > 1
        told = [run_facts(one, f"{STEPS[one.kind]} of {_subject(one, several)}") for one in _by_step(records)]
        return {
            "records": list({one.run: one for one in told}.values()),
            "commits": list(dict.fromkeys(_commit(one) for one in records)),
        }


def runs_table(report: ReportContext) -> Table:
    """Make the table of runs: one row a record, in the order of the steps."""
    columns = [
        Column("step", "step"),
        Column("subject", "of what", width=r"0.34\linewidth"),
        Column("run_id", "run"),
        Column("status", "status"),
        Column("created", "made (UTC)"),
        Column("git_commit", "commit"),
    ]
    records = report.records.of_all_hosts()
    several = len(report.records.hosts) > 1
    ordered = _by_step(records)
    rows: list[list[Entry]] = [
        [STEPS[one.kind], _subject(one, several), one.run_id or MISSING, one.status, _second(one.created), _commit(one)]
        for one in ordered
    ]
    caption = (
        "The runs of all steps. Timings come from the benchmark’s run, accuracy from the validation’s, size from the "
        "one that made the variant: results.csv names them in run_id, accuracy_run_id and variant_run_id. A run’s "
        "record has its settings, the hashes of what went in and came out, the host, packages and the commit."
    )
    return Table("runs", caption, columns, rows, grouped=1, runs=[(one.run_id,) for one in ordered])


def _by_step(records: list[Record]) -> list[Record]:
    return [one for kind in STEPS for one in records if one.kind == kind]


def _subject(record: Record, several: bool) -> str:
    """Name what a record speaks of, as its settings do; its host where there are several."""
    names = [record.settings.get(f"{axis}_name") for axis in ("model", "precision", "device", "scenario")]
    names += [record.settings.get("host_name")] if several else []
    known = [str(name) for name in names if name]
    if seed := record.settings.get("calibration_seed"):
        known.append(f"seed {seed}")
    files = [str(one.get("name", "")) for one in record.data.get("files", [])]
    generator = record.settings.get("generator") or {}
    return ", ".join(known or files[:3] or [str(generator.get("name") or MISSING)])


def _second(created: str) -> str:
    return created[:19].replace("T", " ") or MISSING


def _commit(record: Record) -> str:
    return str(record.environment.get("git_commit") or MISSING)[:COMMIT]
