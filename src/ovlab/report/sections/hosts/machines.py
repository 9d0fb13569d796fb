"""The hosts: what each of them is, and how much of the experiment was measured there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ovlab.records import Record
from ovlab.report.format import MISSING, Estimate
from ovlab.report.section import ReportContext
from ovlab.report.table import Column, Entry, Table

STATUSES = ("ok", "unavailable", "failed")


def machines_table(report: ReportContext) -> Table:
    """Make the table of hosts: a row each, with what its records say of the machines that measured."""
    columns = [
        Column("host", "host"),
        Column("node", "node"),
        Column("cpu_model", "CPU", width=r"0.25\linewidth"),
        Column("usable_cores", "cores"),
        Column("memory_gb", "memory, GB"),
        Column("os", "system", width=r"0.2\linewidth"),
        Column("openvino", "OpenVINO"),
        Column("ok", "cells measured", numeric=True, whole=True),
        Column("unavailable", "unavailable", numeric=True, whole=True),
        Column("failed", "failed", numeric=True, whole=True),
    ]
    known = {host: own.found_by_host() for host, own in report.records.by_host().items()}
    rows: list[list[Entry]] = []
    for host in report.hosts:
        cells = report.frame[report.frame["host"] == host]
        counts = [Estimate.of(int((cells["status"] == status).sum())) for status in STATUSES]
        rows.append([host, *_facts(known.get(host, [])), *counts])
    caption = (
        "The hosts as their measurements found them; several values where machines of one host differ. Cells: of this "
        "experiment."
    )
    return Table("hosts", caption, columns, rows, made_from=("session",))


def _facts(records: list[Record]) -> list[Entry]:
    environments = [record.environment for record in records]
    return [
        _values(record.data.get("host", {}).get("node") for record in records),
        _values(one.get("cpu", {}).get("model") for one in environments),
        _values(one.get("cpu", {}).get("usable_cores") for one in environments),
        _values(one.get("memory_gb") for one in environments),
        _values(one.get("os") for one in environments),
        _values(one.get("packages", {}).get("openvino") for one in environments),
    ]


def _values(found: Iterable[Any]) -> str:
    return "; ".join(dict.fromkeys(str(one) for one in found if one)) or MISSING
