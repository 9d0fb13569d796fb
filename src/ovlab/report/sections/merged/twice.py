"""Cells that were measured twice: on one machine, with one software, in one way."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ovlab.records import Record
from ovlab.report.columns import PRECISION, THROUGHPUT
from ovlab.report.format import Estimate
from ovlab.report.section import ReportContext
from ovlab.report.sections.independent import independent_ratio
from ovlab.report.table import Column, Entry, Table
from ovlab.specs import Cell

AGREE, DIFFER, UNKNOWN = "agree", "differ", "not known"
OWN = ("host_name", "expect", "precisions", "seed")
"""Keys of a session's settings that may differ: its host, what was measured beside, and the order of launches."""


@dataclass(frozen=True)
class Repeated:
    """A cell that two of the merged results hold.

    Attributes
    ----------
    cell : Cell
        As the first has it.
    other : str
        The host's name in the other one.
    values : tuple of Estimate
        Throughput in both, in images/s; of a server its highest rate.
    verdict : str
        `AGREE`: the interval of their ratio holds 1; `DIFFER`: it does not; `UNKNOWN`: one has no interval.
    """

    cell: Cell
    other: str
    values: tuple[Estimate, Estimate]
    verdict: str


def measured_twice(report: ReportContext) -> list[Repeated]:
    """Find the cells that were measured twice, each with the first measurement of it.

    The interval of the ratio follows from those of both values, which rest on launches, as of independent ones
    (`ovlab.report.sections.independent`). Simulated with normal launches and with such of which 4 in 54 are slow, 0.3
    to 4 % of equal ones are said to differ (2 to 20 launches each).
    """
    first: dict[str, tuple[Cell, dict[Any, Any], Record]] = {}
    found = []
    for row in report.ok.to_dict("records"):
        cell = Cell.of(row)
        session = report.records.sessions.get((cell.model, cell.device, cell.scenario, cell.host))
        if session is None:
            continue
        earlier, own, record = first.setdefault(_identity(cell, session), (cell, row, session))
        if record is not session and _may_be_one_machine(record, session):
            values = (_speed(own), _speed(row))
            found.append(Repeated(earlier, cell.host, values, _verdict(*values)))
    return found


def _identity(cell: Cell, session: Record) -> str:
    """Return what two measurements of one cell have in common, as text."""
    settings = {key: value for key, value in session.settings.items() if key not in OWN}
    own = (session.settings.get("precisions") or {}).get(cell.precision)
    inputs = {name: sha256 for name, sha256 in session.inputs.items() if name.startswith(f"{cell.precision}/")}
    machine = {key: value for key, value in session.environment.items() if key != "git_commit"}
    return json.dumps([cell[:-1], settings, own, inputs, machine], sort_keys=True, ensure_ascii=False)


def _may_be_one_machine(one: Record, other: Record) -> bool:
    """Tell whether two sessions on equal machines may have been on the same: only names can tell, where recorded."""
    nodes = {str(node) for session in (one, other) for node in _node(session)}
    return len(nodes) < 2


def _node(session: Record) -> Iterator[object]:
    place = session.data.get("host")
    if isinstance(place, Mapping) and place.get("node"):
        yield place["node"]


def _speed(row: Mapping[Any, Any]) -> Estimate:
    highest = Estimate.of_row(row, "max_rate")
    return highest if highest.value is not None else Estimate.of_row(row, "throughput_fps")


def _verdict(one: Estimate, other: Estimate) -> str:
    ratio = independent_ratio(other, one)
    if ratio.low is None or ratio.high is None:
        return UNKNOWN
    return AGREE if ratio.low <= 1 <= ratio.high else DIFFER


def twice_table(found: Sequence[Repeated]) -> Table:
    """Make the table of repetitions: both values side by side, and whether they agree."""
    columns = [
        *(Column(axis, axis) for axis in ("model", "device", "scenario")),
        PRECISION,
        Column("host", "one"),
        THROUGHPUT,
        Column("other_host", "other"),
        Column("other_throughput_fps", "throughput", "images/s", numeric=True, interval=True),
        Column("verdict", "within their intervals"),
    ]
    rows: list[list[Entry]] = [
        [
            one.cell.model,
            one.cell.device,
            one.cell.scenario,
            one.cell.precision,
            one.cell.host,
            one.values[0],
            one.other,
            one.values[1],
            one.verdict,
        ]
        for one in found
    ]
    caption = (
        "Cells measured twice on one machine (or on equal ones, where the records name none) with the same settings, "
        "software and IR. They differ where the 95 % interval of the ratio of two independent values leaves out 1; of "
        "equal ones, up to one in twenty does so by chance. Brackets: 95 % confidence interval, from launches."
    )
    return Table("measured_twice", caption, columns, rows, made_from=("session",))
