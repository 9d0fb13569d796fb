"""The points of sweeps: as rows, and as a table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from ovlab.report.columns import AXES, P90, P95, P99, PRECISION, results_table
from ovlab.report.format import MISSING, Estimate
from ovlab.report.records import Records
from ovlab.report.table import Column, Entry, Table

P50 = Column("latency_ms_p50", "latency p50", "ms", numeric=True)
CHOSEN = "chosen"
FINALIST = "finalist"


def sweep_points(records: Records) -> pd.DataFrame:
    """Return the points of all sweeps: a row for each session, variant, point and stage."""
    rows = [
        dict(zip(("model", "device", "scenario", "host"), names, strict=True)) | row | {"run_id": session.run_id}
        for names, session in records.sessions.items()
        for row in session.data.get("sweep", [])
    ]
    frame = pd.DataFrame(rows)
    for name in ("infer_requests", "streams"):
        if name in frame:
            frame[name] = [_asked(value) for value in frame[name]]
    return frame


def _asked(value: Any) -> str:
    known = value is not None and value == value  # noqa: PLR0124  (NaN, as pandas writes None among numbers)
    if not known:
        return "hint"
    return str(int(value)) if isinstance(value, float) else str(value)


def sweep_table(points: pd.DataFrame) -> Table:
    """Make the table of sweeps.

    Parameters
    ----------
    points : DataFrame
        As of :func:`sweep_points`.
    """
    columns = [
        *AXES,
        PRECISION,
        Column("stage", "stage"),
        Column("batch", "batch", numeric=True, whole=True),
        Column("infer_requests", "requests"),
        Column("streams", "streams"),
        Column("executed_infer_requests", "requests, executed", numeric=True, whole=True),
        Column("executed_streams", "streams, executed", numeric=True, whole=True),
        Column("throughput_fps", "throughput", "images/s", numeric=True),
        P50,
        P90,
        P95,
        P99,
        Column("launches", "launches", numeric=True, whole=True),
        Column("noisy_launches", "noisy", numeric=True, whole=True),
        Column("choice", "choice"),
        Column("error", "error", width=r"0.2\linewidth"),
    ]
    shown = points.copy()
    if not shown.empty:
        shown["choice"] = [CHOSEN if chosen else "" for chosen in shown["chosen"]]
    caption = (
        "Points of the sweeps: what was asked for (hint: what the performance hint leads to), what was executed, and "
        "the launches that the points were chosen by. The values of the results come from further launches."
    )
    return results_table("sweep", caption, columns, shown, grouped=5)


def finalists(table: Table) -> Table:
    """Leave out what is too long to read: the coarse pass, and columns that say nothing of the finalists."""
    stage = [column.key for column in table.columns].index("stage")
    found = [(row, own) for row, own in zip(table.rows, table.runs, strict=True) if row[stage] == FINALIST]
    rows = [row for row, _ in found]
    telling = [
        number
        for number, column in enumerate(table.columns)
        if column.key != "stage" and (number < table.grouped or any(_says(row[number]) for row in rows))
    ]
    kept: list[list[Entry]] = [[row[number] for number in telling] for row in rows]
    caption = f"{table.caption} Here: the finalists; sweep.csv has every point."
    columns, runs = [table.columns[number] for number in telling], [own for _, own in found]
    return replace(table, whole=table, caption=caption, columns=columns, rows=kept, runs=runs)


def _says(entry: Entry) -> bool:
    return entry.value is not None if isinstance(entry, Estimate) else entry not in ("", MISSING)
