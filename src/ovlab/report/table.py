"""A table, built once: written as CSV (raw), LaTeX and Markdown, and shown on the page."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

import pandas as pd

from ovlab.records import Kind
from ovlab.report.format import MISSING, Estimate, Shown, show

Entry = str | Estimate
Runs = tuple[str, ...]
"""The runs that something comes from, by their ids."""
MOST_TOLD = 3
"""Of how many runs a note below a table tells; a comment says of each row which are its."""
RUN = "run_id"
"""The CSV file's column of a row's runs, separated by spaces where there are several."""


@dataclass(frozen=True, slots=True)
class Column:
    r"""A column of a table.

    Attributes
    ----------
    key : str
        Its name in the CSV file: where it is one of results.csv, the same name and unit.
    title, unit : str
        Its header, with the unit that it is shown in.
    numeric : bool
        Whether its entries are estimates.
    scale : float
        From the CSV file's unit to the shown one: 100 for a fraction in %.
    interval : bool
        Whether its estimates have intervals (the CSV file then has ``_low`` and ``_high`` columns).
    signed : bool
        Whether positive numbers carry a plus sign.
    whole : bool
        Whether its numbers are counts.
    least : int
        Fewest decimals beside an interval.
    most : int, optional
        Most decimals of a number that has no interval to tell how many it deserves.
    width : str
        LaTeX: width of a column of running text, such as ``0.4\linewidth``.
    """

    key: str
    title: str
    unit: str = ""
    numeric: bool = False
    scale: float = 1.0
    interval: bool = False
    signed: bool = False
    whole: bool = False
    least: int = 0
    most: int | None = None
    width: str = ""

    @property
    def header(self) -> str:
        """The title with its unit."""
        return f"{self.title} ({self.unit})" if self.unit else self.title

    def shown(self, entry: Entry) -> Shown:
        """Return a number as text in the shown unit."""
        if not isinstance(entry, Estimate):
            return Shown(MISSING)
        if self.whole and entry.value is not None:
            return Shown(f"{entry.value:.0f}")
        return show(entry.scaled(self.scale), signed=self.signed, least=self.least, most=self.most)


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Attributes
    ----------
    name : str
        Its files' name; ``tab:NAME`` is its label in LaTeX.
    caption : str
        What it shows, with what the brackets are.
    grouped : int
        That many first columns name groups of rows.
    stacked : bool
        Whether intervals stand below their values in LaTeX, where the table is too wide otherwise.
    whole : Table, optional
        What the CSV file holds, where this table is a part of it or puts its rows together.
    made_from : tuple of str
        The kinds of records that its numbers come from: by its names each row finds its runs among them.
    runs : list of tuple of str
        The runs that each row comes from.
    """

    name: str
    caption: str
    columns: list[Column]
    rows: list[list[Entry]]
    grouped: int = 0
    stacked: bool = False
    whole: Table | None = None
    made_from: tuple[Kind, ...] = ()
    runs: list[Runs] = field(default_factory=list)

    def without(self, key: str) -> Table:
        """Return the table without a column, also in what the CSV file holds; itself where it has none of that key."""
        place = next((number for number, column in enumerate(self.columns) if column.key == key), None)
        whole = self.whole.without(key) if self.whole is not None else None
        if place is None:
            return replace(self, whole=whole)
        rows = [[*row[:place], *row[place + 1 :]] for row in self.rows]
        columns = [*self.columns[:place], *self.columns[place + 1 :]]
        return replace(self, columns=columns, rows=rows, grouped=self.grouped - (place < self.grouped), whole=whole)

    def groups(self) -> Iterator[tuple[tuple[Entry, ...], list[list[Entry]]]]:
        """Yield the groups: their names, and their rows without the columns that name the group."""
        for names, rows in groupby(self.rows, key=lambda row: tuple(row[: self.grouped])):
            yield names, [row[self.grouped :] for row in rows]

    def raw(self) -> pd.DataFrame:
        """Return the table as it goes to the CSV file: raw numbers, unrounded."""
        data: dict[str, list[Any]] = {}
        for number, column in enumerate(self.columns):
            entries = [row[number] for row in self.rows]
            if not column.numeric:
                data[column.key] = entries
                continue
            parts = ("value", "low", "high") if column.interval else ("value",)
            for part in parts:
                name = column.key if part == "value" else f"{column.key}_{part}"
                data[name] = [getattr(entry, part) if isinstance(entry, Estimate) else None for entry in entries]
        if self.runs and RUN not in data:
            data[RUN] = [" ".join(run) for run in self.runs]
        return pd.DataFrame(data)

    def shared_runs(self) -> Runs:
        """Return the runs that all rows come from."""
        return common(self.runs)

    def told_runs(self) -> Runs:
        """Return the runs for a note that readers see below the table: none where there are many."""
        found = self.all_runs()
        return found if len(found) <= MOST_TOLD else ()

    def all_runs(self) -> Runs:
        """Return the runs that any row comes from, each once."""
        return tuple(dict.fromkeys(run for own in self.runs for run in own))


def run_words(runs: Runs) -> str:
    """Name runs in a comment of any language: nothing in an id, which a stranger may have written, ends it."""
    return " ".join(re.sub(r"[^\w.-]+|--+", "-", run) for run in runs)


def common(runs: Sequence[Runs]) -> Runs:
    """Return the runs that all have, in the order of the first."""
    return tuple(run for run in runs[0] if all(run in own for own in runs)) if runs else ()
