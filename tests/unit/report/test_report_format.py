"""Numbers as text: digits follow the interval, and escaping leaves nothing active."""

from __future__ import annotations

import math
import re

import pandas as pd
import pytest

from ovlab.report.format import (
    Estimate,
    counted,
    escape_latex,
    escape_markdown,
    estimate_text,
    joined,
    show,
    significant,
    typographic,
)


@pytest.mark.parametrize(
    ("estimate", "expected"),
    [
        (Estimate(2.3127, 2.2787, 2.3467), "2.31 [2.28, 2.35]"),
        (Estimate(4.2, 4.186, 4.214), "4.200 [4.186, 4.214]"),
        (Estimate(19.4, 7.35, 51.2), "19 [7, 51]"),
        (Estimate(81300.8, 79675, 82927), "81301 [79675, 82927]"),
        (Estimate(0.0123, 0.012054, 0.012546), "0.0123 [0.0121, 0.0125]"),
        (Estimate(1.37, 0.0065, 289.3), "1.4 [0.006, 289]"),
        (Estimate(1.0, 0.9936, 1.0), "1.000 [0.994, 1.000]"),
        (Estimate(1234.5678), "1235"),
        (Estimate(0.27), "0.270"),
        (Estimate(1.0, 1.0, 1.0), "1"),
        (Estimate(None), "–"),
    ],
)
def test_digits_follow_the_nearer_bound(estimate: Estimate, expected: str) -> None:
    assert estimate_text(estimate) == expected


def test_an_exact_number_has_no_more_digits_than_are_of_use() -> None:
    written = [show(Estimate(value, value, value)).value for value in (1.0, 0.0, 2.5, 0.789415, 0.000399148, 1.17952)]
    assert written == ["1", "0", "2.5", "0.789", "3.99e-04", "1.18"]
    assert show(Estimate(0.789415, 0.789415, 0.789415), signed=True).value == "+0.789"


def test_more_certain_numbers_get_more_digits() -> None:
    digits = [len(show(Estimate(2.34567, 2.34567 - half, 2.34567 + half)).value) for half in (1, 0.1, 0.01, 0.001)]
    assert digits == sorted(digits)
    assert digits[0] < digits[-1]


def test_a_field_may_be_used_to_more_decimals() -> None:
    assert show(Estimate(-0.4, -2.1, 1.3), least=2).value == "-0.40"


def test_signs_are_shown_where_asked_and_zero_has_none() -> None:
    assert estimate_text(Estimate(-0.17, -0.94, 0.47), signed=True, least=2) == "−0.17 [−0.94, +0.47]"
    assert show(Estimate(-0.0001, -0.6, 0.6), signed=True).value == "0.0"


def test_half_an_interval_is_none() -> None:
    assert Estimate.of(1.5, 1.4, math.nan) == Estimate(1.5)
    assert Estimate.of(pd.NA) == Estimate(None)
    assert Estimate.of(math.inf) == Estimate(None)


def test_an_unknown_interval_excludes_nothing() -> None:
    assert Estimate(2.0).contains(1)
    assert not Estimate(2.0, 1.9, 2.1).contains(1)


def test_small_numbers_are_written_in_powers_of_ten() -> None:
    assert typographic(significant(1.23e-5)) == "1.23×10⁻⁵"
    assert typographic(significant(-0.5, 1)) == "−0.5"


HOSTILE = "a_b & 50 % $x$ #1 {y} ~^ \\input{/etc/passwd} <b> | end\nnew"


def test_latex_is_escaped() -> None:
    escaped = escape_latex(HOSTILE)
    assert "\n" not in escaped
    # Without our own replacements, no active character is left.
    plain = re.sub(r"\\(?:text[a-z]+\{\}|[&%$#_{}])", "", escaped)
    assert not set(plain) & set("\\&%$#_{}~^<>|")


def test_markdown_is_escaped() -> None:
    escaped = escape_markdown(HOSTILE)
    assert "<b>" not in escaped
    assert "\n" not in escaped
    assert re.search(r"(?<!\\)\|", escaped) is None


def test_sentences_join_and_count() -> None:
    assert joined(["a", "b", "c"]) == "a, b and c"
    assert joined(["a"]) == "a"
    assert joined([]) == ""
    assert counted(1, "launch") == "1 launch"
    assert counted(3, "launch") == "3 launches"
    assert counted(2, "cell") == "2 cells"
