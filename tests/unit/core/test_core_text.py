"""Text of others where it becomes output: what cannot be seen is written as escapes, everywhere in one way."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path

import pandas as pd
import pytest

from ovlab.csv_files import harmless, original, read_csv, write_csv
from ovlab.errors import OvlabError, one_line
from ovlab.files import read_json, sha256_of_data, write_json
from ovlab.steps import start_logging
from ovlab.text import shortened, visible, visible_json, visible_line

ROOT = Path(__file__).resolve().parents[3]
UNSEEN = [
    ("\x1b[31m", r"\x1b[31m"),
    ("\0", r"\x00"),
    ("\x7f", r"\x7f"),
    ("\x9b", r"\x9b"),
    ("\r", r"\r"),
    ("\u202e", r"\u202e"),
    ("\u2066", r"\u2066"),
    ("\u200b", r"\u200b"),
    ("\u200d", r"\u200d"),
    ("\ufeff", r"\ufeff"),
    ("\u2028", r"\u2028"),
    ("\u3164", r"\u3164"),
    ("\xad", r"\xad"),
    ("\ud800", r"\ud800"),
    ("\U000e0041", r"\U000e0041"),
    ("\ue000", r"\ue000"),
]
SEEN = ["plain", "ünïcödé", "日本語", "a\xa0b", "a\u3000b", "العربية", "e\u0301", "☃", "🙂", "a\\b", "\\x1b"]


@pytest.mark.parametrize(("sign", "expected"), UNSEEN)
def test_what_cannot_be_seen_is_an_escape(sign: str, expected: str) -> None:
    assert visible(f"a{sign}b") == f"a{expected}b"
    assert visible(visible(sign)) == expected
    visible(sign).encode()


@pytest.mark.parametrize("text", SEEN)
def test_what_can_be_seen_stays(text: str) -> None:
    assert visible(text) == visible_line(text) == text


def test_line_ends_stay_where_they_may() -> None:
    assert visible("a\n\tb") == "a\n\tb"
    assert visible_line("a\n\tb\r") == r"a\n\tb\r"


@pytest.mark.parametrize("text", [*(sign for sign, _ in UNSEEN), *SEEN, "a\nb\u2028c"])
def test_json_says_the_same_and_can_be_seen(text: str, tmp_path: Path) -> None:
    data = {text: [text, 1.5, None]}
    for indent in (None, 2):
        shown = visible_json(json.dumps(data, ensure_ascii=False, indent=indent))
        assert json.loads(shown) == data
        assert visible(shown) == shown
    write_json(tmp_path / "x.json", data)
    assert read_json(tmp_path / "x.json") == data
    assert sha256_of_data(read_json(tmp_path / "x.json")) == sha256_of_data(data)


def test_an_error_is_one_line_in_which_all_can_be_seen() -> None:
    error = OvlabError("conf/a\u202eb.yaml: the server said \x1b[2J\x00\nok")
    assert str(error) == r"conf/a\u202eb.yaml: the server said \x1b[2J\x00\nok"
    assert str(OvlabError(f"again: {error}")) == f"again: {error}"
    assert one_line(RuntimeError("bad \x1b[2J\x00")) == r"bad \x1b[2J\x00"
    assert one_line(OSError(2, "No such file", "a\x1bb")) == r"a\x1bb: no such file"


def test_the_log_shows_what_it_is_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start_logging(tmp_path / "x.log")
    logging.getLogger("ovlab.test").warning("%s", "name \x1b]0;title\x07 \u202e")
    start_logging()  # closes the file
    told, written = capsys.readouterr().err, (tmp_path / "x.log").read_text(encoding="utf-8")
    assert told == "name \\x1b]0;title\\x07 \\u202e\n"
    assert written.endswith(told)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("short", "'short'"),
        (5, "5"),
        ("x" * 100, f"'{'x' * 40}'... (100 characters)"),
        ("\x1b", r"'\x1b'"),
        (list(range(1000)), "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 1... 996, 997, 998, 999]"),
    ],
)
def test_a_value_is_shown_short(value: object, expected: str) -> None:
    assert shortened(value) == expected


FORMULAS = ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "=cmd|' /C calc'!A0", "-", "--", "＝1+1", "'=1", "''=1", "'-x"]
TEXTS = ["a=b", "NA", "null", "nan", "", "1", "-1", "+1.5e-3", "-.5", "a, b", 'a "b"', "'a", "a\nb", "–", "x;=1"]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_cell_is_no_formula(text: str) -> None:
    assert harmless(text) == f"'{text}"
    assert original(harmless(text)) == text


def test_the_way_back_with_pandas_alone_is_the_one_that_the_documentation_says() -> None:
    pattern = r"^'(?='*[=+\-@\t\n＝＋－＠])"
    assert f'r"{pattern}"' in (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    for text in (*FORMULAS, *TEXTS):
        assert re.sub(pattern, "", harmless(text)) == text


@pytest.mark.parametrize("text", TEXTS)
def test_other_text_and_numbers_stay(text: str) -> None:
    assert harmless(text) == text
    assert original(text) == text


def test_a_table_goes_there_and_back(tmp_path: Path) -> None:
    texts = [*FORMULAS, *(text for text in TEXTS if text), "x\x1by", None]
    frame = pd.DataFrame(
        {
            "name": texts,
            "number": [-1.5, *[2.0] * (len(texts) - 2), None],
            "count": pd.array([-1, *[2] * (len(texts) - 2), None], "Int64"),
        }
    )
    write_csv(tmp_path / "x.csv", frame)
    lines = (tmp_path / "x.csv").read_text(encoding="utf-8")
    assert lines.startswith("name,number,count\n'=1+1,-1.5,-1\n")  # numbers are raw
    found = read_csv(tmp_path / "x.csv")
    assert found["name"].tolist()[:-1] == [visible(text) for text in texts[:-1] if text is not None]
    assert found.isna().iloc[-1].all() and not found.isna().iloc[:-1].any(axis=None)
    assert found["number"].tolist()[:2] == [-1.5, 2.0]
