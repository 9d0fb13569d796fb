"""Merging: two folders of results make one report of two hosts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from merged import OTHER, rewrite, tables_of
from report_factory import Recipe
from result_folders import Made, write_results

from ovlab.bundle.layout import MERGED
from ovlab.merge.merging import Results, merge
from ovlab.merge.reading import open_part
from ovlab.records import Record
from ovlab.report import Records, results_frame
from ovlab.report.results import rows_of


def test_two_folders_of_one_machine_make_two_hosts(pair: list[Path], tmp_path: Path) -> None:
    page = merge([Results(one) for one in pair], tmp_path / "into")
    assert page == tmp_path / "into/test_merged/report/index.html"
    results, hosts, differences = tables_of(page, "results", "merged", "differences")
    assert results["host"].tolist() == ["Test-a", "Test-b"] * 2
    assert (results["experiment"] == "test_merged").all() and (results["status"] == "ok").all()
    by_host = results[results["precision"] == "fp32"].set_index("host")["latency_ms_p50"]
    assert by_host.to_dict() == {"Test-a": pytest.approx(4.2), "Test-b": pytest.approx(5.0)}
    assert hosts["results"].tolist() == [str(one) for one in pair]
    runs = [set(one.split()) for one in differences.pop("run_id")]
    for own, (_, rows) in zip(runs, results.groupby("host"), strict=True):  # of each value those of its hosts
        assert set(rows["run_id"]) <= own and not own & {*results["run_id"]} - {*rows["run_id"]}
    assert differences.to_numpy().tolist() == [
        ["measurement.duration_s", "all cells", 2.0, "Test-a"],
        ["measurement.duration_s", "all cells", 3.0, "Test-b"],
    ]
    assert results.groupby("host")["differs"].unique().map(list).to_dict() == {
        "Test-a": [""],
        "Test-b": ["measurement.duration_s"],
    }
    text = page.read_text(encoding="utf-8")
    assert "Results of 2 hosts are merged" in text and "Merged results" in text
    assert {"numbers.tex", "setup.tex"} <= {path.name for path in (page.parent / "paper").iterdir()}
    origins = json.loads((tmp_path / "into/test_merged" / MERGED).read_text(encoding="utf-8"))["origins"]
    assert [one["host"] for one in origins] == ["Test-a", "Test-b"]


def test_the_report_is_whole_with_figures(pair: list[Path], tmp_path: Path) -> None:
    page = merge([Results(one) for one in pair], tmp_path / "into")
    assert {"speedup.svg", "speedup.pdf"} <= {path.name for path in (page.parent / "figures").iterdir()}


def test_a_merge_needs_no_model_and_writes_into_no_source(pair: list[Path], tmp_path: Path) -> None:
    for path in pair[1].rglob("*"):
        assert path.name not in {"model.bin", "model.xml", "net.onnx"}
    before = {path: path.read_bytes() for one in pair for path in one.rglob("*.json") if path.name[0] != "."}
    merge([Results(one) for one in pair], tmp_path / "into")
    assert before == {path: path.read_bytes() for one in pair for path in one.rglob("*.json") if path.name[0] != "."}


def test_rows_are_those_that_pandas_would_make(pair: list[Path], tmp_path: Path) -> None:
    with open_part(pair[0]) as part:
        frame = results_frame(part.settings, Records.at(part.found))
    for rows in (frame, frame[frame["precision"] == "int8"], frame[:0]):
        assert repr(rows_of(rows)) == repr(rows.to_dict("records"))


def test_labels_are_given(pair: list[Path], tmp_path: Path) -> None:
    page = merge([Results.of(f"lab_a={pair[0]}"), Results.of(f"lab_b={pair[1]}")], tmp_path, name="both")
    (results,) = tables_of(page, "results")
    assert page.parts[-3] == "both"
    assert set(results["host"]) == {"lab_a", "lab_b"}


def test_each_host_has_its_own_cells_and_no_others(tmp_path: Path) -> None:
    first = Made(
        Recipe(models=["net"], precisions=["fp32", "int8"], devices=["cpu"], scenarios=["offline"]), host="one"
    )
    first.settings = {"experiment": {"exclude": [{"precision": "int8", "device": "cpu"}]}}
    second = Made(Recipe(models=["more", "net"], precisions=["fp32"], devices=["gpu"]), host="two")
    folders = [write_results(tmp_path / made.host, made) for made in (first, second)]
    page = merge([Results(one) for one in folders], tmp_path / "into")
    (results,) = tables_of(page, "results")
    cells = set(results[["model", "precision", "device", "scenario", "host"]].itertuples(index=False, name=None))
    assert cells == {("net", "fp32", "cpu", "offline", "one")} | {
        (model, "fp32", "gpu", scenario, "two")
        for model in ("more", "net")
        for scenario in ("single_stream", "offline")
    }
    assert (results["status"] == "ok").all()


def test_accuracy_is_that_of_the_hosts_own_variant(pair: list[Path], tmp_path: Path) -> None:
    def otherwise(record: Record) -> None:
        record.files["model.bin"] = OTHER

    def worse(record: Record) -> None:
        record.values["accuracy"] = record.values["accuracy"].__class__(0.5, "fraction", 0.4, 0.6)

    rewrite(pair[1], "variants/net/int8/*/variant.json", otherwise)
    rewrite(pair[1], "accuracy/net/int8/*/accuracy.json", worse)
    page = merge([Results.of(f"x={pair[0]}"), Results.of(f"y={pair[1]}")], tmp_path)
    results, accuracies, differences = tables_of(page, "results", "accuracy", "differences")
    int8 = results[results["precision"] == "int8"].set_index("host")
    assert int8["accuracy"].to_dict() == {"x": pytest.approx(0.606), "y": 0.5}
    assert int8["differs"].to_dict() == {"x": "", "y": "IR; measurement.duration_s"}
    assert accuracies.set_index(["precision", "host"])["accuracy"]["int8", "y"] == 0.5
    assert differences[differences["what"] == "IR"]["concerns"].unique().tolist() == ["net int8"]


def test_what_never_finished_is_reported_as_missing(pair: list[Path], tmp_path: Path) -> None:
    session = next(pair[1].glob("test/sessions/**/session.json"))
    session.unlink()
    page = merge([Results(pair[0], "x"), Results(pair[1], "y")], tmp_path)
    (results,) = tables_of(page, "results")
    assert set(results[results["status"] == "failed"]["host"]) == {"y"}
    assert results[results["host"] == "y"]["reason"].str.contains("missing; the step that makes it has not run").all()


def test_the_reason_of_a_failed_step_that_was_put_aside_is_told(pair: list[Path], tmp_path: Path) -> None:
    session = next(pair[1].glob("test/sessions/**/session.json"))

    def fail(record: Record) -> None:
        record.status, record.reason, record.files, record.data = "failed", "it melted", {}, {}

    rewrite(pair[1], str(session.relative_to(pair[1])), fail)
    session.rename(session.with_name("session.failed.json"))
    page = merge([Results(pair[0], "x"), Results(pair[1], "y")], tmp_path)
    (results,) = tables_of(page, "results")
    assert set(results[results["host"] == "y"]["reason"]) == {"benchmark: it melted"}


def test_changed_samples_are_no_result(pair: list[Path], tmp_path: Path) -> None:
    samples = next(pair[1].glob("test/sessions/**/samples.parquet"))
    samples.write_bytes(samples.read_bytes() + b" ")
    page = merge([Results(pair[0], "x"), Results(pair[1], "y")], tmp_path)
    (results,) = tables_of(page, "results")
    assert results[results["host"] == "y"]["reason"].str.contains("was changed after it was made").all()
