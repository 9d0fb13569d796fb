"""Tables as files: CSV, LaTeX, Markdown, Typst."""

from __future__ import annotations

import json
from pathlib import Path

from ovlab.csv_files import write_csv
from ovlab.files import write_text
from ovlab.report.format import Estimate, escape_markdown, one_line, shown_text
from ovlab.report.table import Table, run_words
from ovlab.report.table_files.latex import to_latex

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
    """Return the table in GitHub's Markdown, with its caption below, and a comment that names the runs of each row."""
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
    caption = " ".join([escape_markdown(table.caption), *([escape_markdown(note)] if (note := _note(table)) else [])])
    comments = [f"row {number}: run {run_words(runs)}" for number, runs in enumerate(table.runs, 1) if runs]
    return f"{body}\n\n{caption}\n" + ("\n<!--\n{}\n-->\n".format("\n".join(comments)) if comments else "")


def _note(table: Table) -> str:
    """Name the runs that the numbers come from, where these are few; comments name those of each row."""
    runs = table.told_runs()
    return f"{'Runs' if len(runs) > 1 else 'Run'}: {', '.join(runs)}." if runs else ""


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
    runs = table.runs or [()] * len(body)
    comments = [f" // run {run_words(own)}" if own else "" for own in runs]
    caption = " ".join(filter(None, [table.caption, _note(table)]))
    return "\n".join(
        [
            "#figure(",
            f"  caption: {_typst(caption)},",
            "  table(",
            f"    columns: {len(columns)}, align: ({aligned},), stroke: none,",
            f"    table.hline(), table.header({head}), table.hline(stroke: 0.5pt),",
            *(f"    {line},{run}" for line, run in zip(body, comments, strict=True)),
            "    table.hline(),",
            "  ),",
            f") <tab:{table.name}>",
            "",
        ]
    )


def _typst(text: str) -> str:
    """Return text as a string of Typst, in which nothing is markup."""
    return json.dumps(one_line(text), ensure_ascii=False)
