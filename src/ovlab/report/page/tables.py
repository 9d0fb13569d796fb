"""Tables as the page shows them: numbers aligned at their points, each row knowing the cell that it speaks of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ovlab.report.columns import AXES, PRECISION
from ovlab.report.format import MISSING, Estimate, interval_text, typographic
from ovlab.report.table import RUN, Column, Entry, Runs, Table, common

CellNumbers = Mapping[tuple[str, ...], int]
"""Number of each cell of the results by its names, in the order of :data:`CELL`."""
CELL = tuple(column.key for column in (*AXES, PRECISION))


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table on the page.

    Attributes
    ----------
    text, interval : str
        The number and, below it, its interval; or plain text.
    pad : str
        What is missing behind the number so that the column's decimal points come under each other.
    raw : str
        The number as rows are sorted by it; empty where there is none.
    is_run : bool
        Whether the text is the id of a run of this report.
    """

    text: str
    interval: str = ""
    pad: str = ""
    numeric: bool = False
    raw: str = ""
    is_run: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A row; `cell` is the number of the cell of the results that it speaks of, `runs` what only it comes from."""

    cells: list[Cell]
    cell: int | None = None
    runs: Runs = ()


@dataclass(frozen=True, slots=True)
class Group:
    """Rows under a common heading; `runs` is what all of them come from, and not all of the table."""

    names: list[str]
    rows: list[Row]
    runs: Runs = ()


@dataclass(frozen=True, slots=True)
class ShownTable:
    """A table as the page shows it.

    Attributes
    ----------
    grouped : list of Column
        The columns whose entries are headings of groups.
    runs : tuple of str
        What all rows come from.
    """

    name: str
    caption: str
    columns: list[Column]
    groups: list[Group]
    grouped: list[Column] = field(default_factory=list)
    runs: Runs = ()

    @property
    def groups_differ(self) -> bool:
        """Whether groups have runs of their own."""
        return any(group.runs for group in self.groups)

    @property
    def rows_differ(self) -> bool:
        """Whether rows have runs of their own."""
        return any(row.runs for group in self.groups for row in group.rows)

    @property
    def has_cells(self) -> bool:
        """Whether each row speaks of a cell of the results: its record, shown by a click, names the runs too."""
        return all(row.cell is not None for group in self.groups for row in group.rows)


def shown_table(table: Table, numbers: CellNumbers | None = None) -> ShownTable:
    """Turn a table's entries into text, numbers aligned at their decimal points.

    Parameters
    ----------
    table : Table
        The table.
    numbers : mapping, optional
        Numbers of the results' cells, for tables that have a row for each of them.
    """
    columns = table.columns[table.grouped :]
    groups = [([str(name) for name in names], rows) for names, rows in table.groups()]
    everything = [row for _, rows in groups for row in rows]
    tails = [
        max((_tail(column, row[i]) for row in everything), key=len, default="") for i, column in enumerate(columns)
    ]

    # Rows that have a column of it name their run themselves.
    named = any(column.key == RUN for column in table.columns)
    runs = iter([] if named else table.runs)
    shared = () if named else table.shared_runs()

    def shown_group(names: list[str], rows: list[list[Entry]]) -> Group:
        own = [next(runs, ()) for _ in rows]
        # Under a heading; without one it is the table that they share.
        of_group = tuple(run for run in common(own) if run not in shared) if names else ()
        told = {*shared, *of_group}
        return Group(
            names,
            [
                shown_row(names, row, tuple(one for one in run if one not in told))
                for row, run in zip(rows, own, strict=True)
            ],
            of_group,
        )

    def shown_row(names: list[str], row: list[Entry], runs: Runs) -> Row:
        cells = [_cell(column, entry, tail) for column, entry, tail in zip(columns, row, tails, strict=True)]
        return Row(cells, _number([*names, *row], table.columns, numbers or {}), runs)

    return ShownTable(
        table.name,
        table.caption,
        columns,
        [shown_group(names, rows) for names, rows in groups],
        table.columns[: table.grouped],
        shared,
    )


def _number(row: list[Entry], columns: list[Column], numbers: CellNumbers) -> int | None:
    named = {column.key: str(entry) for column, entry in zip(columns, row, strict=True) if not column.numeric}
    # Without a column of hosts there is one host.
    return numbers.get(tuple(named.get(key, "") for key in CELL))


def _tail(column: Column, entry: Entry) -> str:
    """Return a number's part from its decimal point on."""
    text = column.shown(entry).value if column.numeric else ""
    return text[text.index(".") :] if "." in text and "e" not in text else ""


def _cell(column: Column, entry: Entry, tail: str) -> Cell:
    if not column.numeric or not isinstance(entry, Estimate):
        return Cell(str(entry), numeric=column.numeric, is_run=column.key == RUN)
    shown = column.shown(entry)
    pad = "" if shown.value == MISSING or "e" in shown.value else tail[len(_tail(column, entry)) :]
    raw = "" if entry.value is None else f"{entry.value:.7g}"
    return Cell(typographic(shown.value), interval_text(shown), pad, numeric=True, raw=raw)
