"""Tables for LaTeX, with booktabs and siunitx and no edit."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass

from ovlab.report.format import MISSING, Estimate, Shown, escape_latex
from ovlab.report.table import Column, Entry, Table, run_words

BREAKABLE, ALLOWED = re.compile(r"(?<=\w)(/|\\_|\.(?=[A-Za-z]))(?=\w)"), r"\1\\allowbreak{}"
"""Where a name may be broken: behind what separates its parts."""
LINE = 132
"""Letters of LaTeX's script size across the text of an A4 page; a wider table is set in its tiny size."""
GAP = 1.6
"""Width of the space between two columns, in letters."""
SMALL = (r"\scriptsize", r"\setlength{\tabcolsep}{3pt}")
SMALLER = (r"\tiny", r"\setlength{\tabcolsep}{1.5pt}")
MOST_LINES = 56
"""Lines of a table that fit on a page; a longer one goes over several."""


@dataclass(frozen=True, slots=True)
class _Frame:
    """What a table stands in: how its columns are aligned, its header, its rows."""

    table: Table
    kinds: list[str]
    head: list[str]
    body: list[str]
    size: tuple[str, ...]

    @property
    def columns(self) -> str:
        return rf"{{@{{}}{''.join(self.kinds) or 'l'}@{{}}}}"

    @property
    def caption(self) -> str:
        return rf"\caption{{{escape_latex(self.table.caption)}}}"

    @property
    def note(self) -> list[str]:
        """Which runs the numbers come from, where these are few; comments name those of each row."""
        runs = self.table.told_runs()
        words = ", ".join(rf"\texttt{{{escape_latex(run)}}}" for run in runs)
        return [rf"\par\smallskip{{\tiny {'Runs' if len(runs) > 1 else 'Run'}: {words}.\par}}"] if runs else []

    @property
    def label(self) -> str:
        return rf"\label{{tab:{self.table.name}}}"


def to_latex(table: Table) -> str:
    """Return the table as a LaTeX float, or where it is longer than a page as a ``longtable``."""
    columns = table.columns[table.grouped :]
    rows = [row for _, rows in table.groups() for row in rows]
    entries = [[row[i] for row in rows] for i in range(len(columns))]
    kinds = [_kind(column, own, stacked=table.stacked) for column, own in zip(columns, entries, strict=True)]
    aligned = [kind.startswith("S") for kind in kinds]
    titles = [_title(column, own, stacked=table.stacked) for column, own in zip(columns, entries, strict=True)]
    size = SMALL if letters_across(table) <= LINE else SMALLER
    body = _body(table, columns, aligned) or [rf"\multicolumn{{{max(1, len(columns))}}}{{@{{}}l@{{}}}}{{none}} \\"]
    frame = _Frame(table, kinds, _head(titles, aligned), body, size)
    return "\n".join(_long(frame) if len(body) > MOST_LINES else _float(frame))


def letters_across(table: Table) -> float:
    """Return about how wide a table is, in letters: without the columns that name its groups."""
    columns = table.columns[table.grouped :]
    entries = [[row[table.grouped + i] for row in table.rows] for i in range(len(columns))]
    titles = [_title(column, own, stacked=table.stacked) for column, own in zip(columns, entries, strict=True)]
    widths = [_width(*one, stacked=table.stacked) for one in zip(columns, entries, titles, strict=True)]
    return sum(widths) + GAP * (len(columns) - 1)


def _float(frame: _Frame) -> list[str]:
    return [
        r"% Needs \usepackage{booktabs} and \usepackage{siunitx}. Written by ovlab.",
        r"\begin{table}",
        r"\centering",
        frame.caption,
        frame.label,
        *frame.size,
        rf"\begin{{tabular}}{frame.columns}",
        r"\toprule",
        *frame.head,
        r"\midrule",
        *frame.body,
        r"\bottomrule",
        r"\end{tabular}",
        *frame.note,
        r"\end{table}",
        "",
    ]


def _long(frame: _Frame) -> list[str]:
    top = [r"\toprule", *frame.head, r"\midrule"]
    return [
        r"% Needs \usepackage{booktabs,longtable} and \usepackage{siunitx}. Written by ovlab.",
        r"\begingroup",
        r"\setlength{\LTcapwidth}{\linewidth}",
        r"\hfuzz=0.2pt",  # what siunitx rounds by in a longtable
        *frame.size,
        rf"\begin{{longtable}}{frame.columns}",
        rf"{frame.caption}{frame.label} \\",
        *top,
        r"\endfirsthead",
        *top,
        r"\endhead",
        r"\bottomrule",
        r"\endfoot",
        *frame.body,
        r"\end{longtable}",
        *frame.note,
        r"\endgroup",
        "",
    ]


def _body(table: Table, columns: list[Column], aligned: list[bool]) -> list[str]:
    body: list[str] = []
    runs = iter(table.runs)
    for names, group in table.groups():
        if names:
            heading = " / ".join(escape_latex(str(name)) for name in names)
            body += [r"\addlinespace"] * bool(body)
            # A long one (a reason) may wrap; a box of fixed width would stretch a narrow table.
            kind = "l" if len(heading) <= 60 else r"p{0.9\linewidth}"
            body.append(rf"\multicolumn{{{len(columns)}}}{{@{{}}{kind}@{{}}}}{{\textbf{{{heading}}}}} \\*")
        for row in group:
            lines = _rows(columns, row, aligned, stacked=table.stacked)
            # A comment, so that each number can be traced from where it stands in the paper.
            run = run_words(next(runs, ()))
            body += [*lines[:-1], f"{lines[-1]} % run {run}" if run else lines[-1]]
    return body


def _title(column: Column, entries: list[Entry], *, stacked: bool) -> list[str]:
    """Return the lines of a header: so many that it is no wider than what is below it, the unit last."""
    content = round(_share(column) * LINE) or max(
        (_letters(column, one, stacked=stacked) for one in entries), default=0
    )
    longest = max(map(len, re.split(r"[ -]", column.title)))
    lines = textwrap.wrap(column.title, max(1, content, longest + 1))
    unit = f"({column.unit})".replace("/", "/ ").split() if len(column.unit) > 10 else [f"({column.unit})"]
    return [*(lines or [""]), *(unit if column.unit else [])]


def _width(column: Column, entries: list[Entry], title: list[str], *, stacked: bool) -> float:
    """Return about how wide a column is, in letters."""
    return _share(column) * LINE or float(
        max([*map(len, title), *(_letters(column, entry, stacked=stacked) for entry in entries)])
    )


def _share(column: Column) -> float:
    """Return which share of the line a column of running text takes, 0 for others."""
    share = re.match(r"[\d.]+", column.width)
    return float(share[0]) if share is not None else 0.0


def _letters(column: Column, entry: Entry, *, stacked: bool) -> int:
    """Return about how wide an entry is, in letters; bounds below their value are set smaller."""
    if not isinstance(entry, Estimate):
        return 0 if column.width else len(entry)
    shown = column.shown(entry)
    bounds = len(shown.low) + len(shown.high) + 4 if shown.low else 0
    return max(len(shown.value), round(0.85 * bounds)) if stacked else len(shown.value) + bounds


def _head(titles: list[list[str]], aligned: list[bool]) -> list[str]:
    """Return the lines of the header, its titles ending in the same line."""
    height = max(map(len, titles), default=0)
    padded = [[""] * (height - len(lines)) + lines for lines in titles]
    # What is no number stands in braces in a column of siunitx.
    braced = [
        [
            f"{{{escape_latex(one)}}}" if own and one else escape_latex(one)
            for one, own in zip(line, aligned, strict=True)
        ]
        for line in zip(*padded, strict=True)
    ]
    return [" & ".join(line) + r" \\" for line in braced]


def _kind(column: Column, entries: list[Entry], *, stacked: bool) -> str:
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


def _rows(columns: list[Column], row: list[Entry], aligned: list[bool], *, stacked: bool) -> list[str]:
    """Return the row of a cell, and where intervals are stacked a row of these below it."""
    entries = list(zip(columns, row, aligned, strict=True))
    if not stacked:
        return [" & ".join(_entry(column, entry, own) for column, entry, own in entries) + r" \\"]
    values = " & ".join(_entry(column, entry, own, interval=False) for column, entry, own in entries)
    bounds = [_interval(column.shown(entry)) for column, entry, _ in entries]
    if not any(bounds):
        return [values + r" \\"]
    return [values + r" \\*", " & ".join(rf"{{\tiny {one}}}" if one else "" for one in bounds) + r" \\"]


def _entry(column: Column, entry: Entry, aligned: bool, *, interval: bool = True) -> str:
    if not isinstance(entry, Estimate):
        # Running text may be broken within long names, which have no spaces.
        text = escape_latex(entry)
        return rf"\sloppy {BREAKABLE.sub(ALLOWED, text)}" if column.width else text
    shown = column.shown(entry)
    if shown.value == MISSING:
        return f"{{{escape_latex(MISSING)}}}"
    if aligned:
        return shown.value
    bounds = _interval(shown) if interval else ""
    return f"${_number(shown.value)}$" + (rf"\,{bounds}" if bounds else "")


def _interval(shown: Shown) -> str:
    return f"$[{_number(shown.low)}, {_number(shown.high)}]$" if shown.low else ""


def _number(text: str) -> str:
    mantissa, _, exponent = text.partition("e")
    return rf"{mantissa}\times 10^{{{int(exponent)}}}" if exponent else text
