"""Tables: raw in CSV, safe in LaTeX and Markdown, with units in the headers."""

from __future__ import annotations

import re
from itertools import pairwise

import pandas as pd
import pytest
from report_factory import Maker, Recipe, make_records, make_settings, make_tables

from ovlab.report import results_frame
from ovlab.report.page import shown_table
from ovlab.report.sections.results.tables import speedup_definition
from ovlab.report.table import Table
from ovlab.report.table_files import to_latex, to_markdown

HOSTILE = Recipe(
    models=["net_1%$#", "a&b|c"],
    devices=["cpu", "gpu", "multi", "gpu_0"],
    failed={"gpu_0": r"it \broke{ & 100 % | <b>"},
)
NAMES = ("headline", "speedup", "accuracy", "unavailable", "environment", "spread", "variants", "members")


def tables(make: Maker, recipe: Recipe) -> dict[str, Table]:
    settings, records = make(recipe)
    return make_tables(settings, records)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Table]:
    """Tables full of signs that mean something to LaTeX and Markdown. Read-only."""
    folder = tmp_path_factory.mktemp("sessions")
    return tables(lambda recipe: (make_settings(recipe), make_records(recipe, folder)), HOSTILE)


@pytest.mark.parametrize("name", NAMES)
def test_latex_is_balanced_and_has_as_many_entries_as_columns(hostile: dict[str, Table], name: str) -> None:
    text = to_latex(hostile[name])
    plain = re.sub(r"\\[\\%&$#_{}]", lambda match: r"\\" if match.group() == r"\\" else "", text)
    assert plain.count("{") == plain.count("}")
    assert plain.count("$") % 2 == 0
    begins, ends = (re.findall(rf"\\{word}\{{(\w+)\}}", text) for word in ("begin", "end"))
    assert begins == ends[::-1] and begins in (["table", "tabular"], ["longtable"])
    columns = re.search(r"begin\{(?:tabular|longtable)\}\{@\{\}(.*)@\{\}\}", text)
    assert columns is not None
    count = len(re.sub(r"p\{[^}]*\}", "p", re.sub(r"S\[table-format=\+?\d+\.\d+\]", "S", columns.group(1))))
    body = re.sub(r" % run \w+", "", plain[plain.index("toprule") :])
    rows = [line for line in body.splitlines() if line.rstrip("*").endswith(r"\\") and "multicolumn" not in line]
    assert rows
    assert {line.count("&") for line in rows} == {count - 1}


@pytest.mark.parametrize("name", NAMES)
def test_latex_has_caption_and_label_and_needs_booktabs_and_siunitx_alone(hostile: dict[str, Table], name: str) -> None:
    text = to_latex(hostile[name])
    assert rf"\label{{tab:{name}}}" in text
    assert r"\caption{" in text
    known = {"begin", "end", "centering", "caption", "label", "scriptsize", "tiny", "setlength", "tabcolsep", "times"}
    known |= {"toprule", "midrule", "bottomrule", "addlinespace", "multicolumn", "textbf", "linewidth", "usepackage"}
    known |= {
        "begingroup",
        "endgroup",
        "endfirsthead",
        "endhead",
        "endfoot",
        "hfuzz",
        "LTcapwidth",
    }  # longer than a page
    known |= {"par", "smallskip", "texttt"}  # the runs
    known |= {"sloppy", "allowbreak"}  # names without spaces
    known |= {"textbackslash", "textless", "textgreater", "textbar", "textasciitilde", "textasciicircum"}
    assert set(re.findall(r"\\([A-Za-z]+)", text)) <= known


@pytest.mark.parametrize("name", NAMES)
def test_markdown_rows_have_as_many_cells_as_columns(hostile: dict[str, Table], name: str) -> None:
    table = hostile[name]
    lines = [line for line in to_markdown(table).splitlines() if line.startswith("|")]
    assert len(lines) == len(table.rows) + 2
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {len(table.columns) + 1}


def test_units_are_in_the_headers(make: Maker) -> None:
    made = tables(make, Recipe())["headline"]
    latex, markdown = to_latex(made), to_markdown(made)
    for unit in ("ms", "images/s", "points", "MB"):
        assert f"({unit})" in latex
        assert f"({unit})" in markdown
    counts = {"launches", "timed_inferences"}
    assert all(column.unit for column in made.columns if column.numeric and column.key not in counts)


def test_csv_is_raw(make: Maker) -> None:
    settings, records = make(Recipe(latency_ms=4.123456789))
    frame = results_frame(settings, records)
    raw = make_tables(settings, records)["headline"].raw()
    assert raw["latency_ms_p50"].max() == 4.123456789
    merged = raw.merge(frame, on=["model", "device", "scenario", "precision"], suffixes=("", "_frame"))
    for column in ("speedup", "speedup_low", "accuracy", "accuracy_delta_high", "throughput_fps"):
        pd.testing.assert_series_equal(merged[column], merged[f"{column}_frame"].astype(float), check_names=False)


def test_accuracy_has_one_row_a_variant(make: Maker) -> None:
    made = tables(make, Recipe(models=["a", "b"], devices=["cpu", "gpu"]))["accuracy"]
    assert len(made.rows) == 6


def test_unmeasured_cells_are_gathered_by_reason(make: Maker) -> None:
    recipe = Recipe(devices=["gpu", "npu"], absent={"gpu": "no GPU", "npu": "no NPU"})
    made = tables(make, recipe)["unavailable"]
    assert made.whole is not None
    assert len(made.whole.raw()) == 12
    assert made.rows == [
        ["unavailable", f"no {name.upper()}", "net", name, "single_stream, offline", "fp32, fp16, int8"]
        for name in ("gpu", "npu")
    ]


def test_rows_of_a_group_are_together(make: Maker) -> None:
    made = tables(make, Recipe(models=["a", "b"], devices=["cpu", "gpu"]))["headline"]
    groups = [names for names, _ in made.groups()]
    assert len(set(groups)) == len(groups) == 8
    assert all(first != second for first, second in pairwise(groups))


def test_decimal_points_come_under_each_other(make: Maker) -> None:
    shown = shown_table(tables(make, Recipe(speedups={"int8": (12.3456, 12.3, 12.4)}))["headline"])
    column = [one.key for one in shown.columns].index("speedup")
    cells = [row.cells[column] for group in shown.groups for row in group.rows]
    behind = {len((cell.text + cell.pad).partition(".")[2]) for cell in cells}
    assert len(behind) == 1
    assert len({cell.pad for cell in cells}) > 1


def test_a_servers_speedup_is_the_ratio_of_its_highest_rates() -> None:
    assert speedup_definition(pd.DataFrame({"max_rate": [None, 300.0]})).count("highest rates") == 1
    for frame in (pd.DataFrame({"max_rate": [None, None]}), pd.DataFrame({"latency_ms_p50": [1.0]})):
        assert speedup_definition(frame) == "ratio of throughputs in the same round"
