"""Columns that several tables share, and tables that are columns of the results."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ovlab.report.format import MISSING, Estimate
from ovlab.report.table import Column, Entry, Table

# What the tables share. Keys are columns of results.csv.
HOST = Column("host", "host")  # left out of all tables where there is one host
AXES = [Column("model", "model"), Column("device", "device"), HOST, Column("scenario", "scenario")]
PRECISION = Column("precision", "precision")
EXECUTED = Column("executed_precision", "executed in")
DEVICES = Column("execution_devices", "executed on")
LATENCY = Column("latency_ms_p50", "latency p50", "ms", numeric=True, interval=True)
P90 = Column("latency_ms_p90", "p90", "ms", numeric=True)
P95 = Column("latency_ms_p95", "p95", "ms", numeric=True)
P99 = Column("latency_ms_p99", "p99", "ms", numeric=True)
MAXIMUM = Column("latency_ms_max", "max", "ms", numeric=True)
THROUGHPUT = Column("throughput_fps", "throughput", "images/s", numeric=True, interval=True)
SPEEDUP = Column("speedup", "speed-up", "×", numeric=True, interval=True, least=1)
OVER_DEFAULT = Column("speedup_over_default", "over default", "×", numeric=True, interval=True, least=1)
ACCURACY = Column("accuracy", "accuracy", "%", numeric=True, interval=True, scale=100, least=2)
DELTA = Column("accuracy_delta", "difference", "points", numeric=True, interval=True, scale=100, signed=True, least=2)
SIZE = Column("model_size_mb", "size", "MB", numeric=True)
MEMORY = Column("peak_rss_mb", "peak memory", "MB", numeric=True)
LAUNCHES = Column("launches", "launches", numeric=True, whole=True)
REASON = [Column("status", "status"), Column("reason", "reason", width=r"0.3\linewidth")]
CI = "Brackets: 95 % confidence interval"


def results_table(
    name: str, caption: str, columns: list[Column], frame: pd.DataFrame, *, grouped: int = 0, unique: bool = False
) -> Table:
    """Make a table of columns of the results.

    Parameters
    ----------
    frame : DataFrame
        Rows of the results.
    unique : bool
        Whether rows that are alike in the shown columns are shown once.
    """
    rows = [[_entry(column, row) for column in columns] for row in frame.to_dict("records")]
    if unique:
        rows = [list(row) for row in dict.fromkeys(tuple(row) for row in rows)]
    return Table(name, caption, columns, _gathered(rows, grouped), grouped)


def _gathered(rows: list[list[Entry]], grouped: int) -> list[list[Entry]]:
    """Bring the rows of a group together, groups in the order of their first row."""
    first: dict[tuple[Entry, ...], int] = {}
    for number, row in enumerate(rows):
        for part in range(1, grouped + 1):
            first.setdefault(tuple(row[:part]), number)
    return sorted(rows, key=lambda row: [first[tuple(row[:part])] for part in range(1, grouped + 1)])


def _entry(column: Column, row: dict[Any, Any]) -> Entry:
    if not column.numeric:
        value = row.get(column.key)
        return str(value) if isinstance(value, str) and value else MISSING
    bounds = (row.get(f"{column.key}_low"), row.get(f"{column.key}_high")) if column.interval else ()
    return Estimate.of(row.get(column.key), *bounds)


def condensed(cells: Table) -> Table:
    """Put cells together where whole scenarios and precisions share a reason; the CSV file keeps one row a cell.

    Parameters
    ----------
    cells : Table
        One row a cell: `REASON`, `AXES`, `PRECISION`.
    """
    precisions: dict[tuple[Entry, ...], list[str]] = {}
    for *names, precision in cells.rows:
        precisions.setdefault(tuple(names), []).append(str(precision))
    scenarios: dict[tuple[Entry, ...], list[str]] = {}
    for (*names, scenario), group in precisions.items():
        scenarios.setdefault((*names, ", ".join(group)), []).append(str(scenario))
    rows: list[list[Entry]] = [
        [status, reason, model, device, host, ", ".join(group), names]
        for (status, reason, model, device, host, names), group in scenarios.items()
    ]
    columns = [*REASON, *AXES[:3], Column("scenarios", "scenarios"), Column("precisions", "precisions")]
    return Table(cells.name, cells.caption, columns, rows, cells.grouped, whole=cells)
