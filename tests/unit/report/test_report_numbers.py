"""Every number that is shown, in HTML, LaTeX, Markdown, Typst, sentences and figures, is that of the CSV files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from layers_factory import add_profile
from report_factory import Recipe, make_records, make_settings

from ovlab.report import report
from ovlab.report.page import ShownSection
from ovlab.report.table import Column, Table

MODELS = ["net", "a_b&c%", "=1+1"]
POWERS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
NUMBER = r"[−+-]?\d+(?:\.\d+)?(?:×10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)?"
TRIPLE = re.compile(
    rf"(?<![\w.])({NUMBER})(?: ?(?:%|ms|MB|points|times as fast as \w+|times|images/s|×))? \[({NUMBER}), ({NUMBER})\]"
)
Shown = tuple[str, tuple[str, str] | None]
"""A number as text, and its bounds."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[ShownSection], Path]:
    """A report of much that a report can have. Read-only."""
    place = tmp_path_factory.mktemp("numbers")
    recipe = Recipe(
        models=MODELS,
        precisions=["fp32", "default", "int8"],
        devices=["cpu", "gpu", "npu"],
        absent={"npu": "NPU is not here"},
        speedups={"int8": (2.3456, 2.2345, 2.4567), "default": (1.00234, 0.99, 1.0123)},
        over_default={"int8": (1.7654, 1.6543, 1.8765), "fp32": (0.6, 0.55, 0.66), "default": (1.0, 1.0, 1.0)},
        deltas={"int8": (-0.0123456, -0.02345, -0.0034567), "default": (0.0, -0.0064, 0.0064)},
        comparisons=True,
        noise={},
    )
    records = add_profile(make_records(recipe, place / "sessions"), place / "profile")
    shown = report(make_settings(recipe), records, place / "report" / "index.html")
    return shown, place / "report"


def tables_of(shown: list[ShownSection]) -> list[Table]:
    return [table for section in shown for table in section.tables if table.rows]


def value_of(text: str) -> tuple[float, float]:
    """Return a shown number, and the step of its last digit."""
    mantissa, _, power = text.replace("−", "-").replace(r"\times 10^", "×10").partition("×10")
    exponent = int(power.strip("{}").translate(POWERS)) if power else 0
    return float(mantissa) * 10.0**exponent, 10.0 ** (exponent - len(mantissa.partition(".")[2]))


def is_shown_by(text: str, number: float) -> bool:
    """Tell whether a text is a number, rounded to the text's last digit."""
    value, step = value_of(text)
    return abs(value - number) <= 0.5 * step * (1 + 1e-9) + 1e-12 * abs(number)


def assert_row(table: Table, shown: list[Shown | str], known: dict[str, Any]) -> None:
    """Compare a row that was read with the raw one of the CSV file."""
    for column, entry in zip(table.columns, shown, strict=True):
        place = f"{table.name}, {column.key}: {entry} is not {known.get(column.key)}"
        if not column.numeric:
            continue
        text, bounds = entry if isinstance(entry, tuple) else (entry, None)
        raw = known[column.key]
        if text == "–":
            assert pd.isna(raw), place
            continue
        assert is_shown_by(text, raw * column.scale), place
        assert not column.signed or text[0] in "+−-" or value_of(text)[0] == 0, place
        ends = [known.get(f"{column.key}_{end}") for end in ("low", "high")]
        if bounds is None:
            assert not column.interval or any(pd.isna(one) for one in ends) or ends[0] == ends[1], place
        else:
            for bound, end in zip(bounds, ends, strict=True):
                assert is_shown_by(bound, end * column.scale), place


def assert_table(table: Table, rows: list[list[Shown | str]], folder: Path) -> None:
    """Compare a table that was read with its CSV file, which may have more rows."""
    known = pd.read_csv(folder / "tables" / f"{table.name}.csv").to_dict("records")
    assert len(rows) == len(table.rows), table.name
    if table.whole is None:
        assert len(known) == len(rows), table.name
        for row, raw in zip(rows, known, strict=True):
            assert_row(table, row, raw)
        return
    numeric = [column for column in table.columns if column.numeric and column.key in known[0]]
    for row in rows:
        own = [entry for column, entry in zip(table.columns, row, strict=True) if column in numeric]
        assert not numeric or any(fits(numeric, own, raw) for raw in known), (table.name, row)


def fits(columns: list[Column], row: list[Shown | str], raw: dict[str, Any]) -> bool:
    try:
        assert_row(Table("part", "", columns, []), row, raw)
    except (AssertionError, TypeError):
        return False
    return True


class PageTables(HTMLParser):
    """Reads the tables of a page: rows with the names of their groups, numbers with their bounds."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[Shown | str]]] = {}
        self.rows: list[list[Shown | str]] | None = None
        self.names: list[str] = []
        self.cell: dict[str, str] | None = None
        self.inside = ""
        self.heading = False
        self.head = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        kind = known.get("class") or ""
        if tag == "table" and known.get("id"):
            self.rows = self.tables.setdefault(str(known["id"]), [])
            self.names = []
        if self.rows is None:
            return
        if tag in {"thead", "tbody"}:
            self.head = tag == "thead"
            self.names = []
        elif tag == "tr" and not self.head:
            self.heading = kind == "group"
            if not self.heading:
                self.rows.append(list(self.names))
        elif tag in {"td", "th"} and not self.head and kind != "from":
            self.cell = {"": "", "v": "", "ci": ""}
        elif tag == "span":
            self.inside = kind
            if kind == "name":
                self.names.append("")

    def handle_data(self, data: str) -> None:
        if self.heading and self.inside == "name":
            self.names[-1] += data
        elif self.cell is not None:
            self.cell[self.inside if self.inside in self.cell else ""] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "span":
            self.inside = ""
        elif tag == "table":
            self.rows = None
        elif tag in {"td", "th"} and self.cell is not None:
            cell, self.cell = self.cell, None
            if self.rows is not None and not self.heading:
                self.rows[-1].append(number(f"{cell['v']} {cell['ci']}".strip()) if cell["v"] else cell[""])


def number(text: str) -> Shown:
    value, _, bounds = text.partition(" [")
    low, _, high = bounds.rstrip("]").partition(", ")
    return value, (low, high) if bounds else None


def latex_rows(text: str) -> Iterator[list[Shown | str]]:
    """Yield the rows of a LaTeX table, without the names of their groups; stacked bounds with their values."""
    long = r"\endfoot" in text
    body = text[text.index(r"\endfoot" if long else r"\midrule") : text.index(r"\end{" if long else r"\bottomrule")]
    lines = [re.sub(r"\s*\\\\\*?( % run [\w ]+)?$", "", line) for line in body.splitlines()[1:]]
    rows: list[list[Shown | str]] = []
    for line in lines:
        if line.startswith((r"\multicolumn", r"\addlinespace")):
            continue
        entries = re.split(r"(?<!\\) & | & ", f" {line} ")
        parts = [
            re.sub(r"[${}]|\\tiny|\\,", " ", one.replace(r"\times 10^{", "×10").replace("--", "–")) for one in entries
        ]
        cells = [" ".join(part.split()) for part in parts]
        if rows and all(not cell or cell.startswith("[") for cell in cells) and any(cells):
            rows[-1] = [
                (was[0], number(f"{was[0]} {cell}")[1]) if cell else was
                for was, cell in zip(rows[-1], cells, strict=True)
            ]
        else:
            rows.append([number(cell) for cell in cells])
    yield from rows


def test_tables_of_the_page(made: tuple[list[ShownSection], Path]) -> None:
    shown, folder = made
    read = PageTables((folder / "index.html").read_text(encoding="utf-8")).tables
    compared = 0
    for table in tables_of(shown):
        if table.name in read:
            assert_table(table, read[table.name], folder)
            compared += sum(column.numeric for column in table.columns) * len(table.rows)
    assert compared > 500


def test_tables_for_latex(made: tuple[list[ShownSection], Path]) -> None:
    shown, folder = made
    for table in tables_of(shown):
        rows = list(latex_rows((folder / "tables" / f"{table.name}.tex").read_text(encoding="utf-8")))
        assert_table(table, [["", *[""] * (table.grouped - 1), *row] if table.grouped else row for row in rows], folder)


def test_tables_for_markdown_and_typst(made: tuple[list[ShownSection], Path]) -> None:
    shown, folder = made
    for table in tables_of(shown):
        markdown = (folder / "tables" / f"{table.name}.md").read_text(encoding="utf-8")
        lines = [line for line in markdown.splitlines() if line.startswith("| ")][2:]
        rows = [[number(cell.strip()) for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
        assert_table(table, rows, folder)  # type: ignore[arg-type]
        typst = (folder / "tables" / f"{table.name}.typ").read_text(encoding="utf-8")
        lines = [line.partition(" // run ")[0].strip() for line in typst.splitlines() if line.startswith('    "')]
        found = [json.loads(f"[{line.rstrip(',')}]") for line in lines]
        names = [""] * table.grouped
        texts = [[re.sub(r"[\n\u00a0]", " ", cell) for cell in row] for row in found]
        assert_table(table, [[*names, *(number(cell) for cell in row)] for row in texts], folder)


def triples(frame: pd.DataFrame) -> list[tuple[float, float, float]]:
    """Return every estimate of the results in every unit in which sentences speak of it."""
    found = []
    names = [name for name in frame.columns if {f"{name}_low", f"{name}_high"} <= set(frame.columns)]
    for row in frame.to_dict("records"):
        for name in names:
            one = tuple(float(row[f"{name}{end}"]) for end in ("", "_low", "_high"))
            found += [one, tuple(100 * part for part in one)]
            found.append((-100 * one[0], -100 * one[2], -100 * one[1]))  # a drop is a difference the other way round
    return found


def assert_known(text: str, known: list[tuple[float, float, float]]) -> int:
    found = TRIPLE.findall(text)
    for shown in found:
        assert any(all(map(is_shown_by, shown, one)) for one in known), (shown, text)
    return len(found)


def test_sentences(made: tuple[list[ShownSection], Path]) -> None:
    _, folder = made
    text = (folder / "index.html").read_text(encoding="utf-8").replace("\u00a0", " ")
    results = pd.read_csv(folder / "tables" / "results.csv")
    said = 0
    for model in MODELS:
        own = triples(results[results["model"].isin([model, f"'{model}"])])
        name = model.replace("&", "&amp;")
        blocks = re.findall(rf"<div><dt>{re.escape(name)} <.*?</dd></div>", text, re.DOTALL)
        blocks += re.findall(rf"<h3>{re.escape(name)}.*?</dl>", text, re.DOTALL)
        assert len(blocks) >= 2
        said += sum(assert_known(re.sub(r"<[^>]*>", "", block), own) for block in blocks)
    assert said > 30


def test_figures(made: tuple[list[ShownSection], Path]) -> None:
    shown, folder = made
    known = triples(pd.read_csv(folder / "tables" / "results.csv"))
    told: dict[str, list[str]] = {}
    for path in (folder / "figures").glob("*.svg"):
        told[path.stem] = re.findall(r"<title>(.*?)</title>", path.read_text(encoding="utf-8"), re.DOTALL)
        assert told[path.stem], f"{path.name} tells no number"
    for name in ("accuracy_latency", "speedup", "latency_net"):
        assert sum(assert_known(text, known) for text in told[name]) >= len(told[name])
    # What stands above a bar is what its tooltip, the tables and the sentences say.
    (plot,) = (one.plot for section in shown for one in section.figures if one.plot.name == "speedup")
    above = [text.get_text() for axes in plot.figure.axes for text in axes.texts]
    said = [found[0] for text in told["speedup"] for found in TRIPLE.findall(text)]
    assert above and sorted(above) == sorted(said)


def test_a_wrong_number_is_seen() -> None:
    assert is_shown_by("2.35", 2.3456) and not is_shown_by("2.34", 2.3456)
    assert is_shown_by("−1.2×10⁻⁵", -1.24e-5) and not is_shown_by("−1.2×10⁻⁵", -1.26e-5)
    assert assert_known("3.45 [3.31, 3.59] times", [(3.4512, 3.3099, 3.5901)]) == 1
    with pytest.raises(AssertionError):
        assert_known("3.45 [3.31, 3.59] times", [(3.4512, 3.3199, 3.5901)])
