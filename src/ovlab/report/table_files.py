"""Tables as files: CSV, LaTeX, Markdown."""

from __future__ import annotations

from pathlib import Path

from ovlab.csv_files import write_csv
from ovlab.files import write_text
from ovlab.report.format import MISSING, Estimate, Shown, escape_latex, escape_markdown, shown_text
from ovlab.report.table import Column, Entry, Table

SUFFIXES = ("csv", "tex", "md")


def write_table(table: Table, folder: Path) -> None:
    """Write a table as CSV, LaTeX and Markdown into a folder, atomically.

    The CSV file holds all rows and columns where the table is a part of a larger one (:attr:`Table.whole`).
    """
    write_csv(folder / f"{table.name}.csv", (table.whole or table).raw())
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
