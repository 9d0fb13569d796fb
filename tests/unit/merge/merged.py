"""What the tests of merging have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from report_factory import Recipe

from ovlab.csv_files import read_csv
from ovlab.errors import OvlabError
from ovlab.merge.merging import Results, merge
from ovlab.records import read_record, write_record

OTHER = "cd" * 32
SMALL = Recipe(scenarios=["single_stream"], precisions=["fp32", "int8"])


def tables_of(page: Path, *names: str) -> list[pd.DataFrame]:
    return [read_csv(page.parent / "tables" / f"{name}.csv").astype(object).fillna("") for name in names]


def complaint(results: list[str | Path], into: Path, **options: Any) -> str:
    with pytest.raises(OvlabError) as caught:
        merge([Results.of(str(one)) for one in results], into, **options)
    text = str(caught.value)
    assert "\n" not in text
    assert not list(into.rglob("index.html")), "nothing is written"
    return text


def rewrite(folder: Path, pattern: str, change: Any) -> None:
    for path in sorted(folder.glob(pattern)):
        record = read_record(path)
        change(record)
        write_record(path, record)
