r"""Numbers by name, so that a paper never has a stale one: ``\ovlab{digits_cnn/int8/cpu/single_stream/speedup}``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import yaml

from ovlab.records import Kind
from ovlab.report.columns import ACCURACY, DELTA, LATENCY, OVER_DEFAULT, P99, RUNS, SIZE, SPEEDUP, THROUGHPUT
from ovlab.report.format import MISSING, Estimate, Shown, interval_text, typographic
from ovlab.report.results import rows_of
from ovlab.report.section import ReportContext
from ovlab.report.table import Column, run_words
from ovlab.specs import Cell

QUANTITIES = {
    "latency": LATENCY,
    "latency-p99": P99,
    "throughput": THROUGHPUT,
    "speedup": SPEEDUP,
    "speedup-over-default": OVER_DEFAULT,
    "accuracy": ACCURACY,
    "accuracy-difference": DELTA,
    "size": SIZE,
}
"""What is given of each measured cell; in the units of the report's tables."""
MADE_FROM: dict[str, Kind] = {"accuracy": "accuracy", "accuracy-difference": "accuracy", "size": "variant"}
"""The kind of record that a quantity comes from, where that is not the session's."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """Numbers by name, and the runs that they come from.

    Attributes
    ----------
    shown : dict
        Each number as it is shown, ``MODEL/PRECISION/DEVICE/SCENARIO/QUANTITY`` by name.
    runs : dict
        The run that each number comes from, by the same name.
    """

    shown: dict[str, Shown]
    runs: dict[str, str]


def headline_numbers(report: ReportContext) -> Numbers:
    """Return the numbers of each measured cell, ``MODEL/PRECISION/DEVICE/SCENARIO/QUANTITY`` by name, rounded.

    The host follows the scenario, unless it is ``here``.
    """
    found, places = Numbers({}, {}), set[str]()
    for row in rows_of(report.ok):
        place = base = "/".join(map(_safe, Cell.of(row).words))
        number = 1
        while place in places:  # names that differ in what cannot stand here
            number += 1
            place = f"{base}-{number}"
        places.add(place)
        for name, column in QUANTITIES.items():
            shown = column.shown(_estimate(column, row))
            if shown.value != MISSING:
                found.shown[f"{place}/{name}"] = shown
                found.runs[f"{place}/{name}"] = run_words((str(row[RUNS[MADE_FROM.get(name, "session")]]),))
    return found


def _estimate(column: Column, row: dict[Any, Any]) -> Estimate:
    return Estimate.of_row(row, column.key) if column.interval else Estimate.of(row.get(column.key))


def _safe(name: object) -> str:
    """Return a name as it can stand in all the languages: signs that mean something there become hyphens."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", str(name))


def numbers_tex(numbers: Numbers) -> str:
    r"""Return a file for ``\input``: ``\ovlab{NAME}``, ``\ovlabinterval{NAME}``; an unknown name stops LaTeX."""
    lines = [
        r"% Written by ovlab. \ovlab{NAME} is a number as the report shows it, \ovlabinterval{NAME} its 95 % interval.",
        r"% NAME is MODEL/PRECISION/DEVICE/SCENARIO/QUANTITY; latencies in ms, throughput in images/s, accuracy in %,",
        r"% its difference in points, sizes in MB.",
        r"\makeatletter",
        r"\newcommand*{\ovlab@get}[2]{\ifcsname ovlab@#1@#2\endcsname\ensuremath{\csname ovlab@#1@#2\endcsname}\else",
        r"  \errmessage{ovlab: no number is called \detokenize{#2}}\fi}",
        r"\newcommand*{\ovlab}[1]{\ovlab@get{value}{#1}}",
        r"\newcommand*{\ovlabinterval}[1]{\ovlab@get{interval}{#1}}",
        r"\newcommand*{\ovlab@put}[3]{\expandafter\gdef\csname ovlab@#1@#2\endcsname{#3}}",
    ]
    for name, shown in numbers.shown.items():
        lines += [f"{line}% run {numbers.runs[name]}" for line in _put(name, shown)]
    return "\n".join([*lines, r"\makeatother", ""])


def _put(name: str, shown: Shown) -> list[str]:
    value = rf"\ovlab@put{{value}}{{{name}}}{{{_tex(shown.value)}}}"
    if not shown.low:
        return [value]
    return [value, rf"\ovlab@put{{interval}}{{{name}}}{{[{_tex(shown.low)}, {_tex(shown.high)}]}}"]


def _tex(text: str) -> str:
    mantissa, _, exponent = text.partition("e")
    return rf"{mantissa}\times 10^{{{int(exponent)}}}" if exponent else text


def numbers_typ(numbers: Numbers) -> str:
    """Return a file for Typst: ``#import "numbers.typ": ovlab`` and then ``#ovlab.at("NAME")``."""
    entries = []
    for one in numbers.shown.items():
        run = numbers.runs[one[0]]
        entries += [
            f"  {json.dumps(name)}: {json.dumps(text, ensure_ascii=False)}, // run {run}"
            for name, text in _texts([one])
        ]
    return "\n".join(["// Written by ovlab: numbers as the report shows them.", "#let ovlab = (", *entries, ")", ""])


def numbers_yml(numbers: Numbers) -> str:
    """Return a file for Quarto's ``_variables.yml``: ``{{< var ovlab.MODEL.PRECISION.DEVICE.SCENARIO.QUANTITY >}}``.

    ``QUANTITY-run`` is the run that it comes from.
    """
    tree: dict[str, Any] = {}
    runs = [(f"{name}-run", run) for name, run in numbers.runs.items()]
    for name, text in [*_texts(numbers.shown.items()), *runs]:
        *path, last = name.replace(".", "-").split("/")
        place = tree
        for part in path:
            place = place.setdefault(part, {})
        place[last] = text
    dumped: str = yaml.safe_dump({"ovlab": tree}, sort_keys=False, allow_unicode=True, width=120)
    return dumped


def _texts(numbers: Iterable[tuple[str, Shown]]) -> list[tuple[str, str]]:
    """Return names and texts: each number, and its interval under ``NAME-interval``."""
    texts = []
    for name, shown in numbers:
        texts.append((name, typographic(shown.value)))
        if shown.low:
            texts.append((f"{name}-interval", interval_text(shown)))
    return texts
