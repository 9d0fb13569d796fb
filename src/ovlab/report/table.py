"""A table, built once: written as CSV (raw), LaTeX and Markdown, and shown on the page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import pandas as pd

from ovlab.report.format import MISSING, Estimate, Shown, show

Entry = str | Estimate


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
    """

    name: str
    caption: str
    columns: list[Column]
    rows: list[list[Entry]]
    grouped: int = 0
    stacked: bool = False
    whole: Table | None = None

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
        return pd.DataFrame(data)
