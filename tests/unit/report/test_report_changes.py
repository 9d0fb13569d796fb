"""Against an earlier run: what changed, cell by cell, and what that is due to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from report_factory import Maker, Recipe, context_of, make_tables

from ovlab.csv_files import write_csv
from ovlab.errors import OvlabError
from ovlab.records import write_record
from ovlab.report import Records, results_frame
from ovlab.report.sections.changes import Changes
from ovlab.report.sections.changes.comparison import compare_rows
from ovlab.specs import BaselineSpec, Cell, ReportSettings

CELL = Cell("net", "int8", "cpu", "offline")


def row(speed: tuple[float, float, float] | None = (100, 99, 101), **more: Any) -> dict[str, Any]:
    speeds = dict(zip(("", "_low", "_high"), speed, strict=True)) if speed else {}
    accuracy = {"accuracy": 0.7, "accuracy_low": 0.67, "accuracy_high": 0.73, "samples": 1000, "metric": "top-1"}
    return {"status": "ok"} | accuracy | {f"throughput_fps{end}": value for end, value in speeds.items()} | more


@pytest.mark.parametrize(
    ("speed", "verdict"),
    [
        ((100, 99, 101), "no change"),
        ((103, 102, 104), "no change"),
        ((120, 118, 122), "faster"),
        ((80, 79, 81), "slower"),
        ((94, 92, 96), "not distinguishable"),
        ((100, 80, 120), "not distinguishable"),
        (None, "not known"),
    ],
)
def test_speeds_are_told_apart_only_beyond_margin_and_interval(speed: Any, verdict: str) -> None:
    change = compare_rows(CELL, row(), row(speed), BaselineSpec())
    assert change is not None
    assert (change.speed_verdict, change.regressed) == (verdict, verdict == "slower")


@pytest.mark.parametrize(
    ("now", "margin", "verdict"),
    [
        ({}, 0.0, "no change"),
        ({"accuracy": 0.6, "accuracy_low": 0.57, "accuracy_high": 0.63}, 0.0, "lower"),
        ({"accuracy": 0.8, "accuracy_low": 0.77, "accuracy_high": 0.83}, 0.0, "higher"),
        ({"accuracy": 0.699}, 0.0, "not distinguishable"),
        ({"accuracy": 0.699}, 0.002, "no change"),
        ({"samples": 500}, 0.0, "other images"),
        ({"accuracy": None}, 0.0, "not known"),
    ],
)
def test_accuracies(now: dict[str, Any], margin: float, verdict: str) -> None:
    change = compare_rows(CELL, row(), row(**now), BaselineSpec(accuracy_margin=margin))
    assert change is not None
    assert (change.accuracy_verdict, change.regressed) == (verdict, verdict == "lower")


def test_a_cell_that_fails_now_has_regressed_and_one_that_failed_then_is_no_change() -> None:
    change = compare_rows(CELL, row(), {"status": "failed"}, BaselineSpec())
    assert change is not None
    assert (change.status, change.regressed) == ("ok → failed", True)
    assert compare_rows(CELL, {"status": "failed"}, row(), BaselineSpec()) is None


def earlier(make: Maker, recipe: Recipe, folder: Path, **facts: str) -> ReportSettings:
    """Leave the tables of an earlier report in a folder; return settings that compare with it."""
    settings, records = make(recipe)
    tables = folder / settings.name / "report" / "tables"
    tables.mkdir(parents=True)
    write_csv(tables / "results.csv", results_frame(settings, records))
    environment = make_tables(settings, records)["environment"].raw().set_index("property")["value"]
    for name, value in facts.items():
        environment[name.replace("_", " ")] = value
    write_csv(tables / "environment.csv", environment.reset_index())
    return settings.model_copy(update={"baseline": BaselineSpec(results=str(folder))})


def test_the_report_tells_regressions_versions_and_hosts(make: Maker, tmp_path: Path) -> None:
    settings = earlier(make, Recipe(), tmp_path / "then", openvino="2025.4.1", CPU_model="Another CPU")
    _, records = make(Recipe(latency_ms=6.0))
    context = context_of(settings, records)
    tables = {table.name: table for table in context.tables_of(Changes())}
    assert len(tables["changes"].rows) == 6
    assert {entry for table_row in tables["changes"].rows for entry in table_row[6:7]} == {"slower"}
    assert ["openvino", "2025.4.1", "2026.4.1"] in tables["circumstances"].rows
    assert ["CPU model", "Another CPU", "Test CPU"] in tables["circumstances"].rows
    (finding,) = Changes().findings(context)
    assert finding.sentences[0] == "Of 6 cells measured then, 6 regressions."
    assert finding.sentences[1].startswith("net fp32 cpu single_stream (slower), ")
    assert finding.sentences[-1] == "The earlier run was made on another host: its speeds differ for that reason too."


def test_nothing_changed(make: Maker, tmp_path: Path) -> None:
    settings = earlier(make, Recipe(), tmp_path / "then")
    context = context_of(settings, make(Recipe())[1])
    (finding,) = Changes().findings(context)
    assert finding.sentences == ["Of 6 cells measured then, 0 regressions."]
    tables = Changes().tables(context)
    assert [len(table.rows) for table in tables] == [6, 0]
    assert Changes().is_shown(context, tables, [])


def test_hashes_that_differ_are_told_where_the_sessions_are_kept(make: Maker, tmp_path: Path) -> None:
    settings = earlier(make, Recipe(scenarios=["offline"]), tmp_path / "then")
    _, records = make(Recipe(scenarios=["offline"]))
    ((names, session),) = records.sessions.items()
    session.inputs = {"int8/model.bin": "a" * 64}
    place = tmp_path / "then" / settings.name / "sessions" / Path(names[-1], *names[:-1]) / "session.json"
    place.parent.mkdir(parents=True)
    write_record(place, session)
    session.inputs = {"int8/model.bin": "b" * 64}
    rows = {table.name: table for table in Changes().tables(context_of(settings, records))}["circumstances"].rows
    assert rows == [["net int8/model.bin", "a" * 12, "b" * 12]]


def test_without_an_earlier_run_there_is_no_section(make: Maker) -> None:
    context = context_of(*make(Recipe()))
    tables = Changes().tables(context)
    assert not Changes().is_shown(context, tables, [])
    assert Changes().findings(context) == []


def without_results(folder: Path) -> None:
    (folder / "results.csv").unlink()


def no_table(folder: Path) -> None:
    (folder / "results.csv").write_bytes(b"\xff\xfe\x00")


def other_columns(folder: Path) -> None:
    write_csv(folder / "environment.csv", pd.DataFrame({"name": ["a"], "value": ["b"]}))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (without_results, "results.csv, expected a folder of results with a report in it"),
        (no_table, "results.csv: cannot be read"),
        (other_columns, "environment.csv: no column property"),
    ],
)
def test_an_earlier_report_that_is_none(make: Maker, tmp_path: Path, spoil: Any, message: str) -> None:
    settings = earlier(make, Recipe(), tmp_path / "then")
    spoil(tmp_path / "then" / settings.name / "report" / "tables")
    records: Records = make(Recipe())[1]
    with pytest.raises(OvlabError, match=message):
        Changes().tables(context_of(settings, records))
