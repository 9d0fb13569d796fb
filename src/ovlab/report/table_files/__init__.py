"""Tables as files: CSV, LaTeX, Markdown, Typst."""

from __future__ import annotations

from pathlib import Path

from ovlab.csv_files import write_csv
from ovlab.files import write_text
from ovlab.report.format import Estimate, escape_markdown, shown_text
from ovlab.report.table import Table, run_words
from ovlab.report.table_files.latex import to_latex
from ovlab.report.table_files.typst import note_of_runs, to_typst

__all__ = ["SUFFIXES", "to_latex", "to_markdown", "to_typst", "write_table"]

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
    caption = " ".join(escape_markdown(one) for one in (table.caption, note_of_runs(table)) if one)
    comments = [f"row {number}: run {run_words(runs)}" for number, runs in enumerate(table.runs, 1) if runs]
    return f"{body}\n\n{caption}\n" + ("\n<!--\n{}\n-->\n".format("\n".join(comments)) if comments else "")
