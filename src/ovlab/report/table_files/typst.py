"""Tables for Typst: figures with labels, groups under headings, numbers that are not broken."""

from __future__ import annotations

import json
import re

from ovlab.report.format import Estimate, interval_text, one_line, typographic
from ovlab.report.table import Column, Entry, Table, run_words
from ovlab.report.table_files.latex import letters_across

NO_BREAK, BREAK = "\u00a0", "\u200b"
BREAKABLE = re.compile(r"(?<=\w[/_.])(?=\w)")
"""Where a name may be broken: behind what separates its parts."""
LINE = 454.0
"""Width in points of the text of an A4 page with Typst's own margins."""
LETTER = 0.52
"""Width of a letter over the size of the text."""
LARGEST, LEAST = 8.0, 4.5
"""Sizes of a table's text in points: that of a narrow one, and of one that is as wide as can be read."""
MOST_ROWS = 30
"""Rows of a table that stay together; a longer one goes over several pages."""


def to_typst(table: Table) -> str:
    """Return the table as a Typst figure with the label ``<tab:NAME>``; a comment ends each row: its runs."""
    columns = table.columns[table.grouped :]
    widths = ", ".join(_share(column) for column in columns) or "auto"
    aligned = ", ".join("right" if column.numeric else "left" for column in columns) or "left"
    head = ", ".join(_text(column.header) for column in columns)
    caption = " ".join(filter(None, [table.caption, note_of_runs(table)]))
    figure = [
        "#figure(",
        "  kind: table,",
        f"  caption: {_text(caption)},",
        "  {",
        f"    set text(size: {_size(table)}pt)",
        "    set par(justify: false)",
        r'    show regex("\[[^\[\]]+, [^\[\]]+\]"): set text(size: 0.85em)',
        "    table(",
        f"    columns: ({widths},), align: ({aligned},), stroke: none, inset: (x: 0.3em, y: 0.28em),",
        f"    table.hline(), table.header({head}), table.hline(stroke: 0.5pt),",
        *_rows(table, len(columns)),
        "    table.hline(),",
        "    )",
        "  },",
        f") <tab:{table.name}>",
    ]
    if len(table.rows) <= MOST_ROWS:
        return "\n".join([*figure, ""])
    return "\n".join(["#[", "#show figure: set block(breakable: true)", *figure, "]", ""])


def note_of_runs(table: Table) -> str:
    """Name the runs that a table's numbers come from, where these are few; comments name those of each row."""
    runs = table.told_runs()
    return f"{'Runs' if len(runs) > 1 else 'Run'}: {', '.join(runs)}." if runs else ""


def _rows(table: Table, columns: int) -> list[str]:
    runs = iter(table.runs)
    lines = []
    for names, rows in table.groups():
        if names:
            heading = _text(" / ".join(str(name) for name in names))
            lines.append(f"    table.cell(colspan: {columns}, align: left, strong({heading})),")
        for row in rows:
            entries = zip(table.columns[table.grouped :], row, strict=True)
            shown = ", ".join(_entry(column, entry, stacked=table.stacked) for column, entry in entries)
            comment = run_words(next(runs, ()))
            lines.append(f"    {shown}," + (f" // run {comment}" if comment else ""))
    return lines


def _entry(column: Column, entry: Entry, *, stacked: bool) -> str:
    if not isinstance(entry, Estimate):
        # Running text may be broken within long names, which have no spaces.
        return _text(BREAKABLE.sub(BREAK, entry) if column.width else entry)
    shown = column.shown(entry)
    interval = interval_text(shown)
    if not interval:
        return json.dumps(typographic(shown.value), ensure_ascii=False)
    # An interval is not broken, and stands below its value where the table is wide.
    parts = [typographic(shown.value), interval.replace(" ", NO_BREAK)]
    return json.dumps(("\n" if stacked else NO_BREAK).join(parts), ensure_ascii=False)


def _share(column: Column) -> str:
    """Return the width of a column: of running text a share of the line, of others what they need."""
    share = re.match(r"[\d.]+", column.width)
    return f"{100 * float(share[0]):g}%" if share is not None else "auto"


def _size(table: Table) -> str:
    fitting = LINE / (LETTER * max(1.0, letters_across(table)))
    return f"{max(LEAST, min(LARGEST, fitting)):.1f}"


def _text(text: str) -> str:
    """Return text as a string of Typst, in which nothing is markup."""
    return json.dumps(one_line(text), ensure_ascii=False)
