"""Tables as files: CSV, LaTeX, Markdown, Typst."""

from __future__ import annotations

import json
from pathlib import Path

from ovlab.csv_files import write_csv
from ovlab.files import write_text
from ovlab.report.format import MISSING, Estimate, Shown, escape_latex, escape_markdown, one_line, shown_text
from ovlab.report.table import Column, Entry, Table

SUFFIXES = ("csv", "tex", "md", "typ")


def write_table(table: Table, folder: Path) -> None:
    """Write a table as CSV, LaTeX, Markdown and Typst into a folder, atomically.

    The CSV file holds all rows and columns where the table is a part of a larger one (:attr:`Table.whole`).
    """
    write_csv(folder / f"{table.name}.csv", (table.whole or table).raw())
    write_text(folder / f"{table.name}.tex", to_latex(table))
    write_text(folder / f"{table.name}.md", to_markdown(table))
    write_text(folder / f"{table.name}.typ", to_typst(table))


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
    """Return the table as a LaTeX float that needs the packages booktabs and siunitx and no edit."""
    columns = table.columns[table.grouped :]
    rows = [row for _, rows in table.groups() for row in rows]
    kinds = [_latex_kind(column, [row[i] for row in rows], stacked=table.stacked) for i, column in enumerate(columns)]
    aligned = [kind.startswith("S") for kind in kinds]
    # What is no number stands in braces in a column of siunitx.
    titles, units = (
        " & ".join(f"{{{text}}}" if own and text else text for text, own in zip(texts, aligned, strict=True))
        for texts in (
            [escape_latex(column.title) for column in columns],
            [f"({escape_latex(column.unit)})" if column.unit else "" for column in columns],
        )
    )
    body: list[str] = []
    runs = iter(table.runs)
    for names, group in table.groups():
        if names:
            heading = " / ".join(escape_latex(str(name)) for name in names)
            body += [r"\addlinespace"] * bool(body)
            # A long one (a reason) may wrap; a box of fixed width would stretch a narrow table.
            kind = "l" if len(heading) <= 60 else r"p{0.9\linewidth}"
            body.append(rf"\multicolumn{{{len(columns)}}}{{@{{}}{kind}@{{}}}}{{\textbf{{{heading}}}}} \\")
        for row in group:
            lines = _latex_rows(columns, row, aligned, stacked=table.stacked)
            # A comment, so that each number can be traced from where it stands in the paper.
            run = next(runs, "")
            body += [*lines[:-1], f"{lines[-1]} % run {run}" if run else lines[-1]]
    return "\n".join(
        [
            r"% Needs \usepackage{booktabs} and \usepackage{siunitx}. Written by ovlab.",
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{escape_latex(table.caption)}}}",
            rf"\label{{tab:{table.name}}}",
            r"\scriptsize",
            r"\setlength{\tabcolsep}{3pt}",
            rf"\begin{{tabular}}{{@{{}}{''.join(kinds) or 'l'}@{{}}}}",
            r"\toprule",
            titles + r" \\",
            *([units + r" \\"] if any(column.unit for column in columns) else []),
            r"\midrule",
            *(body or [rf"\multicolumn{{{max(1, len(columns))}}}{{@{{}}l@{{}}}}{{none}} \\"]),
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def _latex_kind(column: Column, entries: list[Entry], *, stacked: bool) -> str:
    """Return the column's kind: ``S`` of siunitx, which aligns decimal points, where numbers stand alone in it."""
    if not column.numeric:
        return f"p{{{column.width}}}" if column.width else "l"
    shown = [column.shown(entry) for entry in entries]
    numbers = [one.value for one in shown if one.value != MISSING]
    if not numbers or any("e" in number for number in numbers) or (not stacked and any(one.low for one in shown)):
        return "r"
    sign = "+" if any(number[0] in "+-" for number in numbers) else ""
    before = max(len(number.lstrip("+-").partition(".")[0]) for number in numbers)
    behind = max(len(number.partition(".")[2]) for number in numbers)
    return f"S[table-format={sign}{before}.{behind}]"


def to_typst(table: Table) -> str:
    """Return the table as a Typst figure with the label ``<tab:NAME>``."""
    columns = table.columns
    aligned = ", ".join("right" if column.numeric else "left" for column in columns)
    lines = [", ".join(_typst(column.header) for column in columns)]
    lines += [
        ", ".join(
            _typst(shown_text(column.shown(entry)) if isinstance(entry, Estimate) else entry)
            for column, entry in zip(columns, row, strict=True)
        )
        for row in table.rows
    ]
    head, *body = lines
    return "\n".join(
        [
            "#figure(",
            f"  caption: {_typst(table.caption)},",
            "  table(",
            f"    columns: {len(columns)}, align: ({aligned},), stroke: none,",
            f"    table.hline(), table.header({head}), table.hline(stroke: 0.5pt),",
            *(f"    {line}," for line in body),
            "    table.hline(),",
            "  ),",
            f") <tab:{table.name}>",
            "",
        ]
    )


def _typst(text: str) -> str:
    """Return text as a string of Typst, in which nothing is markup."""
    return json.dumps(one_line(text), ensure_ascii=False)


def _latex_rows(columns: list[Column], row: list[Entry], aligned: list[bool], *, stacked: bool) -> list[str]:
    """Return the row of a cell, and where intervals are stacked a row of these below it."""
    entries = list(zip(columns, row, aligned, strict=True))
    if not stacked:
        return [" & ".join(_latex_entry(column, entry, own) for column, entry, own in entries) + r" \\"]
    values = " & ".join(_latex_entry(column, entry, own, interval=False) for column, entry, own in entries)
    bounds = [_latex_interval(column.shown(entry)) for column, entry, _ in entries]
    if not any(bounds):
        return [values + r" \\"]
    return [values + r" \\*", " & ".join(rf"{{\tiny {one}}}" if one else "" for one in bounds) + r" \\"]


def _latex_entry(column: Column, entry: Entry, aligned: bool, *, interval: bool = True) -> str:
    if not isinstance(entry, Estimate):
        return escape_latex(entry)
    shown = column.shown(entry)
    if shown.value == MISSING:
        return f"{{{escape_latex(MISSING)}}}"
    if aligned:
        return shown.value
    bounds = _latex_interval(shown) if interval else ""
    return f"${_latex_number(shown.value)}$" + (rf"\,{bounds}" if bounds else "")


def _latex_interval(shown: Shown) -> str:
    return f"$[{_latex_number(shown.low)}, {_latex_number(shown.high)}]$" if shown.low else ""


def _latex_number(text: str) -> str:
    mantissa, _, exponent = text.partition("e")
    return rf"{mantissa}\times 10^{{{int(exponent)}}}" if exponent else text
