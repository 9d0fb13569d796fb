"""Which runs the rows of a table come from: found by the names that a row has in common with the records."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from ovlab.records import Kind, Record
from ovlab.report.records import Records
from ovlab.report.table import Entry, Runs, Table
from ovlab.specs import HERE

AXES = ("model", "precision", "device", "scenario", "host")
Names = tuple[str | None, ...]
"""What a row or a record is called on each of the axes; None where it names nothing there."""


class Tracer:
    """Finds the runs that rows come from.

    Parameters
    ----------
    records : Records
        Of the report.
    """

    def __init__(self, records: Records) -> None:
        self.records = records
        self.known: dict[Kind, list[tuple[Names, str, bool]]] = {}
        owned = {host: {one.run_id for one in part.everything()} for host, part in records.parts.items()}
        for record in records.of_all_hosts():
            for host in _hosts(record, owned):
                self.known.setdefault(record.kind, []).append((_names(record, host), record.run_id, record.ok))
        self.runs_of = lru_cache(maxsize=None)(self._runs_of)

    def traced(self, table: Table) -> Table:
        """Return a table whose rows name the runs that they come from, and those of its CSV file too.

        A row comes from the records of the table's kinds that are called as it is, on the axes that both name. Tables
        that name their runs already, and those that come from no record, are returned as they are.
        """
        whole = self.traced(table.whole) if table.whole is not None else None
        if table.runs or not table.made_from:
            return replace(table, whole=whole)
        places = [next((n for n, column in enumerate(table.columns) if column.key == axis), None) for axis in AXES]
        runs = [self.runs_of(table.made_from, tuple(_name(row, place) for place in places)) for row in table.rows]
        return replace(table, whole=whole, runs=runs)

    def _runs_of(self, kinds: tuple[Kind, ...], names: Names) -> Runs:
        fitting = [(run, ok) for kind in kinds for own, run, ok in self.known.get(kind, []) if _fit(names, own)]
        # Numbers come from those that have some.
        measured = [run for run, ok in fitting if ok]
        return tuple(dict.fromkeys(measured or [run for run, _ in fitting]))


def _name(row: list[Entry], place: int | None) -> str | None:
    return str(row[place]) if place is not None else None


def _hosts(record: Record, owned: dict[str, set[str]]) -> list[str | None]:
    """Return the hosts that a record is of: of its own, or of all whose results have it; None for any."""
    if record.kind in {"session", "peaks", "profile"}:
        return [str(record.settings.get("host_name") or HERE)]  # those from before there were hosts name none
    return [host for host, runs in owned.items() if record.run_id in runs] or [None]


def _names(record: Record, host: str | None) -> Names:
    own = [record.settings.get(f"{axis}_name") for axis in AXES[:-1]]
    return (*(None if one is None else str(one) for one in own), host)


def _fit(row: Names, record: Names) -> bool:
    return all(one is None or other is None or one == other for one, other in zip(row, record, strict=True))
