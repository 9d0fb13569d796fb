"""Columns that several tables share, and tables that are columns of the results."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ovlab.records import Kind
from ovlab.report.format import MISSING, Estimate
from ovlab.report.table import Column, Entry, Runs, Table

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
RUNS: dict[Kind, str] = {"session": "run_id", "accuracy": "accuracy_run_id", "variant": "variant_run_id"}
"""The columns of the results that name the runs of a row, by the kind of record."""
CELL: tuple[Kind, ...] = ("session", "accuracy", "variant")
"""What a cell's row of the results comes from."""
CI = "Brackets: 95 % confidence interval"


def results_table(
    name: str,
    caption: str,
    columns: list[Column],
    frame: pd.DataFrame,
    *,
    grouped: int = 0,
    unique: bool = False,
    made_from: tuple[Kind, ...] = ("session",),
) -> Table:
    """Make a table of columns of the results.

    Parameters
    ----------
    frame : DataFrame
        Rows of the results.
    unique : bool
        Whether rows that are alike in the shown columns are shown once.
    made_from : tuple of str
        The kinds of records that its columns come from.
    """
    made = [([_entry(column, row) for column in columns], _runs(row, made_from)) for row in frame.to_dict("records")]
    if unique:
        first: dict[tuple[Entry, ...], tuple[list[Entry], Runs]] = {}
        for row, own in made:
            first.setdefault(tuple(row), (row, own))
        made = list(first.values())
    made = _gathered(made, grouped)
    return Table(name, caption, columns, [row for row, _ in made], grouped, runs=[own for _, own in made])


def _runs(row: dict[Any, Any], kinds: tuple[Kind, ...]) -> Runs:
    found = [row.get(RUNS[kind]) for kind in kinds]
    return tuple(dict.fromkeys(run for run in found if isinstance(run, str) and run))


def _gathered(rows: list[tuple[list[Entry], Runs]], grouped: int) -> list[tuple[list[Entry], Runs]]:
    """Bring the rows of a group together, groups in the order of their first row."""
    first: dict[tuple[Entry, ...], int] = {}
    for number, (row, _) in enumerate(rows):
        for part in range(1, grouped + 1):
            first.setdefault(tuple(row[:part]), number)
    return sorted(rows, key=lambda one: [first[tuple(one[0][:part])] for part in range(1, grouped + 1)])


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
    runs: dict[tuple[Entry, ...], Runs] = {}
    for (*names, precision), own in zip(cells.rows, cells.runs, strict=True):
        precisions.setdefault(tuple(names), []).append(str(precision))
        runs[tuple(names)] = runs.get(tuple(names), ()) + own
    scenarios: dict[tuple[Entry, ...], list[str]] = {}
    gathered: dict[tuple[Entry, ...], Runs] = {}
    for (*names, scenario), group in precisions.items():
        place = (*names, ", ".join(group))
        scenarios.setdefault(place, []).append(str(scenario))
        gathered[place] = tuple(dict.fromkeys(gathered.get(place, ()) + runs[*names, scenario]))
    rows: list[list[Entry]] = [
        [status, reason, model, device, host, ", ".join(group), names]
        for (status, reason, model, device, host, names), group in scenarios.items()
    ]
    columns = [*REASON, *AXES[:3], Column("scenarios", "scenarios"), Column("precisions", "precisions")]
    return Table(cells.name, cells.caption, columns, rows, cells.grouped, whole=cells, runs=list(gathered.values()))
