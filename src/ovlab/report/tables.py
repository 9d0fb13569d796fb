"""Tables: built once from the results, written as CSV (raw), LaTeX and Markdown, and shown on the page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd

from ovlab.files import write_atomically, write_text
from ovlab.report.format import (
    MISSING,
    Estimate,
    Shown,
    escape_latex,
    escape_markdown,
    show,
    shown_text,
)

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
        return show(entry.scaled(self.scale), signed=self.signed, least=self.least)


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
    """

    name: str
    caption: str
    columns: list[Column]
    rows: list[list[Entry]]
    grouped: int = 0
    stacked: bool = False

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


# What the tables share. Keys are columns of results.csv.
AXES = [Column("model", "model"), Column("device", "device"), Column("scenario", "scenario")]
PRECISION = Column("precision", "precision")
EXECUTED = Column("executed_precision", "executed in")
DEVICES = Column("execution_devices", "executed on")
LATENCY = Column("latency_ms_p50", "latency p50", "ms", numeric=True, interval=True)
P90 = Column("latency_ms_p90", "p90", "ms", numeric=True)
P99 = Column("latency_ms_p99", "p99", "ms", numeric=True)
THROUGHPUT = Column("throughput_fps", "throughput", "images/s", numeric=True, interval=True)
SPEEDUP = Column("speedup", "speed-up", "×", numeric=True, interval=True, least=1)
OVER_DEFAULT = Column("speedup_over_default", "over default", "×", numeric=True, interval=True, least=1)
ACCURACY = Column("accuracy", "accuracy", "%", numeric=True, interval=True, scale=100, least=2)
DELTA = Column("accuracy_delta", "difference", "points", numeric=True, interval=True, scale=100, signed=True, least=2)
SIZE = Column("model_size_mb", "size", "MB", numeric=True)
MEMORY = Column("peak_rss_mb", "peak memory", "MB", numeric=True)
LAUNCHES = Column("launches", "launches", numeric=True, whole=True)
INFERENCES = Column("timed_inferences", "timed inferences", numeric=True, whole=True)
BETWEEN = Column("spread_between_launches", "between launches", "%", numeric=True, scale=100)
SLOWEST = Column("slowest_over_best", "slowest launch / best", "×", numeric=True)
WITHIN = Column("spread_within_launches", "within a launch", "%", numeric=True, scale=100)
REASON = [Column("status", "status"), Column("reason", "reason", width=r"0.3\linewidth")]
UNMEASURED = "Cells that were not measured, and why."
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


def headline_table(ok: pd.DataFrame, reference: str) -> Table:
    """Make the main table: one row a cell that was measured."""
    columns = [*AXES, PRECISION, EXECUTED, DEVICES, LATENCY, P90, P99, THROUGHPUT, *speedup_columns(ok)]
    columns += [ACCURACY, DELTA, SIZE]
    caption = (
        f"Latency, throughput, speed-up and accuracy of each cell. Speed-up and difference are against {reference}; "
        "over default: against what the device does by itself. "
        f"{CI}; none where it is not known. MB: 10⁶ bytes."
    )
    return replace(results_table("headline", caption, [*columns, MEMORY], ok, grouped=3), stacked=True)


def speedup_columns(ok: pd.DataFrame) -> list[Column]:
    """Return the columns of speed-ups: over the device's default only where that is not the reference by name."""
    over_default = ok["speedup_over_default"].notna() & (ok["speedup_over_default"] != ok["speedup"])
    return [SPEEDUP, OVER_DEFAULT] if over_default.any() else [SPEEDUP]


def speedup_definition(ok: pd.DataFrame) -> str:
    """Say what is compared, in words: a server's throughput is what is offered, so its highest rate is taken."""
    servers = "max_rate" in ok and ok["max_rate"].notna().any()
    return f"ratio of throughputs{' (of servers: highest rates)' if servers else ''} in the same round"


def speedup_table(ok: pd.DataFrame, reference: str) -> Table:
    """Make the table of speed-ups."""
    columns = [*AXES, PRECISION, EXECUTED, LATENCY, THROUGHPUT, *speedup_columns(ok), LAUNCHES]
    caption = (
        f"Speed-up against {reference}: {speedup_definition(ok)}; over default: against what the device does by "
        f"itself. {CI}, from launches."
    )
    return results_table("speedup", caption, columns, ok, grouped=3)


def accuracy_table(frame: pd.DataFrame, reference: str) -> Table:
    """Make the table of accuracies: one row a variant."""
    columns = [
        AXES[0],
        PRECISION,
        Column("dataset", "data set"),
        Column("metric", "metric"),
        ACCURACY,
        DELTA,
        Column("agreement", "agreement", "%", numeric=True, scale=100),
        Column("samples", "images", numeric=True, whole=True),
        SIZE,
    ]
    known = frame[frame["accuracy"].notna()]
    caption = f"Accuracy, and its difference to {reference} on the same images (paired). {CI}."
    return results_table("accuracy", caption, columns, known, grouped=1, unique=True)


def unavailable_table(frame: pd.DataFrame) -> Table:
    """Make the table of cells that were not measured, by reason: one row a cell."""
    columns = [*REASON, *AXES, PRECISION]
    rest = frame[frame["status"] != "ok"]
    return results_table("unavailable", UNMEASURED, columns, rest, grouped=2)


def condensed(unavailable: Table) -> Table:
    """Put the cells that were not measured together where whole scenarios and precisions share a reason."""
    precisions: dict[tuple[Entry, ...], list[str]] = {}
    for *names, precision in unavailable.rows:
        precisions.setdefault(tuple(names), []).append(str(precision))
    scenarios: dict[tuple[Entry, ...], list[str]] = {}
    for (*names, scenario), group in precisions.items():
        scenarios.setdefault((*names, ", ".join(group)), []).append(str(scenario))
    rows: list[list[Entry]] = [
        [status, reason, model, device, ", ".join(group), names]
        for (status, reason, model, device, names), group in scenarios.items()
    ]
    columns = [*REASON, *AXES[:2], Column("scenarios", "scenarios"), Column("precisions", "precisions")]
    return Table(unavailable.name, unavailable.caption, columns, rows, unavailable.grouped)


def spread_table(ok: pd.DataFrame) -> Table:
    """Make the table of spreads between and within launches."""
    columns = [*AXES, PRECISION, LAUNCHES, INFERENCES, BETWEEN, SLOWEST, WITHIN]
    caption = (
        "Spread of latency as coefficient of variation: between the launches' means (what the samples inside do "
        "not explain), and of the samples inside a launch. Slowest launch: its median over the best one's."
    )
    return results_table("spread", caption, columns, ok, grouped=3)


def environment_table(environment: list[tuple[str, str]]) -> Table:
    """Make the table of the environment from its properties and their values."""
    columns = [Column("property", "property"), Column("value", "value", width=r"0.7\linewidth")]
    rows: list[list[Entry]] = [[name, value] for name, value in environment]
    return Table("environment", "The machine and the software that the results were made with.", columns, rows)


def write_table(table: Table, folder: Path, detailed: Table | None = None) -> None:
    """Write a table as CSV, LaTeX and Markdown into a folder, atomically.

    Parameters
    ----------
    detailed : Table, optional
        What the CSV file gets where `table` is a condensed view.
    """
    raw = (detailed or table).raw()
    write_atomically(folder / f"{table.name}.csv", lambda path: raw.to_csv(path, index=False))
    write_text(folder / f"{table.name}.tex", to_latex(table))
    write_text(folder / f"{table.name}.md", to_markdown(table))


def to_markdown(table: Table) -> str:
    """Return the table in GitHub's Markdown, with its caption below."""
    rule = ["---:" if column.numeric else "---" for column in table.columns]
    lines = [[escape_markdown(column.header) for column in table.columns], rule]
    lines += [
        [
            shown_text(column.shown(entry)) if isinstance(entry, Estimate) else escape_markdown(entry)
            for column, entry in zip(table.columns, row, strict=True)
        ]
        for row in table.rows
    ]
    body = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"{body}\n\n{escape_markdown(table.caption)}\n"


def to_latex(table: Table) -> str:
    """Return the table as a LaTeX float that needs the package booktabs and nothing else."""
    columns = table.columns[table.grouped :]
    kinds = "".join(f"p{{{column.width}}}" if column.width else "r" if column.numeric else "l" for column in columns)
    titles = " & ".join(escape_latex(column.title) for column in columns)
    units = " & ".join(f"({escape_latex(column.unit)})" if column.unit else "" for column in columns)
    body: list[str] = []
    for names, rows in table.groups():
        if names:
            heading = " / ".join(escape_latex(str(name)) for name in names)
            body += [r"\addlinespace"] * bool(body)
            # A long one (a reason) may wrap; a box of fixed width would stretch a narrow table.
            kind = "l" if len(heading) <= 60 else r"p{0.9\linewidth}"
            body.append(rf"\multicolumn{{{len(columns)}}}{{@{{}}{kind}@{{}}}}{{\textbf{{{heading}}}}} \\")
        for row in rows:
            body += _latex_rows(columns, row, stacked=table.stacked)
    return "\n".join(
        [
            r"% Needs \usepackage{booktabs}. Written by ovlab.",
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{escape_latex(table.caption)}}}",
            rf"\label{{tab:{table.name}}}",
            r"\scriptsize",
            r"\setlength{\tabcolsep}{3pt}",
            rf"\begin{{tabular}}{{@{{}}{kinds}@{{}}}}",
            r"\toprule",
            titles + r" \\",
            *([units + r" \\"] if any(column.unit for column in columns) else []),
            r"\midrule",
            *(body or [rf"\multicolumn{{{len(columns)}}}{{@{{}}l@{{}}}}{{none}} \\"]),
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def _latex_rows(columns: list[Column], row: list[Entry], *, stacked: bool) -> list[str]:
    """Return the row of a cell, and where intervals are stacked a row of these below it."""
    entries = list(zip(columns, row, strict=True))
    if not stacked:
        return [" & ".join(_latex_entry(column, entry) for column, entry in entries) + r" \\"]
    values = " & ".join(_latex_entry(column, entry, interval=False) for column, entry in entries)
    bounds = [_latex_interval(column.shown(entry)) for column, entry in entries]
    if not any(bounds):
        return [values + r" \\"]
    return [values + r" \\*", " & ".join(rf"{{\tiny {one}}}" if one else "" for one in bounds) + r" \\"]


def _latex_entry(column: Column, entry: Entry, *, interval: bool = True) -> str:
    if not isinstance(entry, Estimate):
        return escape_latex(entry)
    shown = column.shown(entry)
    if shown.value == MISSING:
        return escape_latex(MISSING)
    bounds = _latex_interval(shown) if interval else ""
    return f"${_latex_number(shown.value)}$" + (rf"\,{bounds}" if bounds else "")


def _latex_interval(shown: Shown) -> str:
    return f"$[{_latex_number(shown.low)}, {_latex_number(shown.high)}]$" if shown.low else ""


def _latex_number(text: str) -> str:
    mantissa, _, exponent = text.partition("e")
    return rf"{mantissa}\times 10^{{{int(exponent)}}}" if exponent else text
