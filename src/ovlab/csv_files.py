"""CSV files that spreadsheets open without harm, and the way back."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from ovlab.files import write_atomically
from ovlab.text import visible

# Spreadsheets take a cell that begins so for a formula, the wide forms of East Asian keyboards included; a number is
# none. Apostrophes in front are counted too, so that what is put there can be told from what was there.
_FORMULA = re.compile(r"'*[=+\-@\t\n＝＋－＠]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def harmless(cell: str) -> str:
    """Return a cell's text as it stands in a CSV file.

    What cannot be seen becomes escapes (:func:`ovlab.text.visible`). Text that a spreadsheet would take for a formula
    gets an apostrophe in front, which spreadsheets know as the mark of text.
    """
    text = visible(cell)
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def original(cell: str) -> str:
    """Return the text that :func:`harmless` was given (invisible signs stay escapes)."""
    is_marked = cell.startswith("'") and _FORMULA.match(cell) and not _NUMBER.fullmatch(cell)
    return cell[1:] if is_marked else cell


def write_csv(path: Path, frame: pd.DataFrame) -> None:
    """Write a table as CSV, atomically: numbers raw, text harmless, what is missing empty.

    Parameters
    ----------
    path : Path
        The file.
    frame : DataFrame
        Its index is not written.
    """
    safe = frame.assign(**{name: frame[name].map(_harmless) for name in _text_columns(frame)})
    write_atomically(path, lambda partial: safe.to_csv(partial, index=False))


def read_csv(path: Path) -> pd.DataFrame:
    """Read such a file back: an empty cell is missing, names such as ``NA`` or ``null`` are names.

    Raises
    ------
    OSError, ValueError
        If there is no such file, or it is no CSV.
    """
    frame = pd.read_csv(path, keep_default_na=False, na_values=[""])
    return frame.assign(**{name: frame[name].map(_original) for name in _text_columns(frame)})


def _text_columns(frame: pd.DataFrame) -> list[str]:
    return [str(name) for name in frame.select_dtypes(include=["object", "string"]).columns]


def _harmless(cell: object) -> object:
    return harmless(cell) if isinstance(cell, str) else cell


def _original(cell: object) -> object:
    return original(cell) if isinstance(cell, str) else cell
