"""The results as data: the same in CSV and Parquet, with a dictionary that cannot drift from them or from the docs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from report_factory import Maker, Recipe

from ovlab.csv_files import read_csv
from ovlab.report import results_frame
from ovlab.report.data_files import data_dictionary, write_data
from ovlab.report.result_columns import MEANINGS
from ovlab.report.results import COLUMNS, EXTRA_COLUMNS

ROOT = Path(__file__).parents[3]


@pytest.fixture
def folder(make: Maker, tmp_path: Path) -> Path:
    recipe = Recipe(models=["=1+1", "net"], devices=["cpu", "gpu"], absent={"gpu": "not here"}, comparisons=True)
    write_data(results_frame(*make(recipe)), tmp_path / "report" / "tables")
    return tmp_path / "report"


def test_every_column_has_a_meaning_and_every_meaning_a_column() -> None:
    described = [column for one in MEANINGS for column in one.columns]
    assert len(set(described)) == len(described)
    assert sorted(described) == sorted([*COLUMNS, *EXTRA_COLUMNS]), "mend src/ovlab/report/result_columns.py"


def test_the_documentation_says_the_same() -> None:
    text = (ROOT / "docs" / "results.md").read_text(encoding="utf-8").splitlines()
    rows = [line for line in text if re.match(r"\| `", line)]
    missing = [one.markdown for one in MEANINGS if one.markdown not in rows]
    assert missing == [], "put these rows into docs/results.md"
    assert len(rows) == len(MEANINGS), "docs/results.md has rows of columns that are not there"


def test_parquet_holds_what_csv_holds_with_types(folder: Path) -> None:
    csv, parquet = read_csv(folder / "tables/results.csv"), pd.read_parquet(folder / "tables/results.parquet")
    assert list(csv.columns) == list(parquet.columns) == [*COLUMNS, *EXTRA_COLUMNS]
    for name in parquet.columns:
        both = pd.DataFrame({"csv": csv[name], "parquet": parquet[name]})
        assert (both["csv"].isna() == both["parquet"].isna()).all(), name
        if pd.api.types.is_numeric_dtype(parquet[name]):
            known = both.dropna().astype(float)
            assert (known["csv"] - known["parquet"]).abs().max() == 0 or known.empty, name
        else:
            assert (both.dropna()["csv"] == both.dropna()["parquet"]).all(), name
    assert set(parquet["model"]) == {"=1+1", "net"}
    field = pq.read_schema(folder / "tables/results.parquet").field("latency_ms_p50_low")
    assert field.metadata[b"unit"] == b"ms" and b"lower bound" in field.metadata[b"meaning"]


def test_the_dictionary_tells_type_unit_and_meaning_of_each_column(folder: Path) -> None:
    told = read_csv(folder / "tables/results_columns.csv").set_index("column")
    assert list(told.index) == [*COLUMNS, *EXTRA_COLUMNS]
    assert told.loc["launches", "type"] == "integer" and told.loc["speedup", "unit"] == "ratio"
    assert told.loc["reason", "type"] == "text" and told.loc["accuracy_p", "type"] == "number"
    assert told["meaning"].str.len().min() > 5 and not told["meaning"].str.contains(r"`|\]\(").any()


def test_types_do_not_hang_on_what_was_measured(make: Maker) -> None:
    nothing = results_frame(*make(Recipe(absent={"cpu": "no CPU"})))
    something = results_frame(*make(Recipe(models=["other"], comparisons=True)))
    pd.testing.assert_frame_equal(data_dictionary(nothing), data_dictionary(something))


def test_the_example_runs(folder: Path, tmp_path: Path) -> None:
    example = ROOT / "docs" / "examples" / "read_results.py"
    figure = tmp_path / "figure.pdf"
    done = subprocess.run([sys.executable, example, folder, figure], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "speed-up" in done.stdout or "throughput" in done.stdout
    assert figure.read_bytes().startswith(b"%PDF")
