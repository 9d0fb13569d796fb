"""Merging: two folders of results make one report of two hosts, and what is wrong is one line."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from report_factory import SHA, Recipe
from result_folders import EXPERIMENT, Made, write_results

from ovlab.csv_files import read_csv
from ovlab.errors import OvlabError
from ovlab.merge import merging
from ovlab.merge.merging import Results, merge
from ovlab.merge.reading import MERGED, open_part
from ovlab.records import Record, read_record, write_record
from ovlab.report import Records, report, results_frame
from ovlab.report.results import rows_of
from ovlab.report.sections import SECTIONS
from ovlab.report.sections.findings import Findings
from ovlab.report.sections.merged import MergedResults
from ovlab.report.sections.results import Results as AllResults

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


@pytest.fixture(autouse=True)
def short(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write what this is about, and no figures, which take longest, but where a test looks at the whole."""
    if "whole" not in request.node.name:
        sections = [one for one in SECTIONS if isinstance(one, MergedResults | AllResults | Findings)]
        monkeypatch.setattr(merging, "report", partial(report, sections=sections))
        monkeypatch.setattr(AllResults, "figures", lambda *_: [])


@pytest.fixture
def pair(tmp_path: Path) -> list[Path]:
    """Two folders of one machine, measured with other settings."""
    second = Made(Recipe(scenarios=["single_stream"], precisions=["fp32", "int8"], latency_ms=5.0))
    second.settings = {"measurement": {"duration_s": 3.0}}
    return [write_results(tmp_path / "a", Made(SMALL)), write_results(tmp_path / "b", second)]


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


@pytest.mark.parametrize(
    ("made", "what", "marked"),
    [
        (Made(SMALL, environment={"packages": {"openvino": "2025.4"}}), "openvino", ["fp32", "int8"]),
        (Made(SMALL, environment={"os": "Linux-other"}), "OS", ["fp32", "int8"]),
        (Made(SMALL, settings={"seed": 7}), "seed", ["fp32", "int8"]),
        (
            Made(SMALL, settings={"precisions": {"int8": {"quantization": {"subset": 10}}}}),
            "precision int8: quantization.subset",
            ["int8"],
        ),
        (
            Made(SMALL, settings={"scenarios": {"single_stream": {"threads": 1}}}),
            "scenario single_stream: threads",
            ["fp32", "int8"],
        ),
        (Made(SMALL, settings={"devices": {"cpu": {"device": "CPU.0"}}}), "device cpu: device", ["fp32", "int8"]),
        (Made(SMALL, settings={"validation": {"device": "GPU"}}), "validation.device", ["fp32", "int8"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_differs_is_marked(made: Made, what: str, marked: list[str], tmp_path: Path) -> None:
    folders = [write_results(tmp_path / "a", Made(SMALL)), write_results(tmp_path / "b", made)]
    page = merge([Results(folders[0], "x"), Results(folders[1], "y")], tmp_path)
    results, differences = tables_of(page, "results", "differences")
    assert set(differences["what"]) == {what}
    assert results[results["differs"] == what][["host", "precision"]].to_numpy().tolist() == [["y", p] for p in marked]
    assert set(results["differs"]) <= {"", what}


def test_the_marked_are_the_few(tmp_path: Path) -> None:
    """Of three hosts, the one that differs, though it comes first."""
    made = [Made(SMALL, environment={"packages": {"openvino": version}}) for version in ("1", "2", "2")]
    folders = [write_results(tmp_path / name, one) for name, one in zip("abc", made, strict=True)]
    page = merge([Results(one, f"h{one.name}") for one in folders], tmp_path)
    results, differences = tables_of(page, "results", "differences")
    assert set(results[results["differs"] == "openvino"]["host"]) == {"ha"}
    assert differences["hosts"].tolist() == ["hb, hc", "ha"]


def _validation(limit: str) -> Any:
    def change(record: Record) -> None:
        if record.kind == "accuracy":
            record.data["images_digest"] = limit

    return change


def _metric(record: Record) -> None:
    if record.kind == "accuracy":
        record.data["metric"] = "mAP"


def _archive(record: Record) -> None:
    if "data.zip" in record.inputs:
        record.inputs["data.zip"] = OTHER


def _imported(record: Record) -> None:
    """A variant that others made: the model's own file is the same."""
    if record.kind == "variant" and record.settings["precision_name"] == "fp32":
        record.inputs["net.onnx"] = OTHER


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (Made(SMALL, model_sha256=OTHER), ["model net: SHA-256 of net.onnx", SHA, OTHER]),
        (Made(SMALL, change=_imported), ["model net in fp32: SHA-256 of net.onnx", SHA, OTHER]),
        (Made(SMALL, change=_archive), ["data set data: SHA-256 of data.zip", SHA, OTHER]),
        (Made(SMALL, change=_validation("ffff0000")), ["model net in", "validated images", "d1635700", "ffff0000"]),
        (Made(SMALL, change=_metric), ["model net in", "metric", "top-1", "mAP"]),
        (
            Made(SMALL, settings={"models": {"net": {"preprocess": {"mean": [1, 2, 3]}}}}),
            ["model net: preprocess.mean", "[0.0]", "[1.0, 2.0, 3.0]"],
        ),
        (
            Made(SMALL, settings={"datasets": {"data": {"splits": {"validation": {"portion": [0, 0.5]}}}}}),
            ["data set data: splits.validation.portion", "[0.0, 1.0]", "[0.0, 0.5]"],
        ),
        (Made(SMALL, settings={"reference": "int8"}), ["reference", "fp32", "int8"]),
    ],
    ids=["model", "imported", "data", "images", "metric", "preprocessing", "split", "reference"],
)
def test_what_is_not_comparable_is_refused_with_both_values(made: Made, told: list[str], tmp_path: Path) -> None:
    folders = [write_results(tmp_path / "a", Made(SMALL)), write_results(tmp_path / "b", made)]
    text = complaint(folders, tmp_path / "into")
    assert text.startswith("not comparable: ")
    for part in [*told, str(folders[0]), str(folders[1])]:
        assert part in text


def test_every_pair_is_compared(tmp_path: Path) -> None:
    """The first has not got the model that the second and the third hold differently."""
    other = Recipe(models=["other"], precisions=["fp32"], scenarios=["offline"])
    made = [Made(SMALL), Made(other), Made(other, model_sha256=OTHER)]
    folders = [write_results(tmp_path / name, one) for name, one in zip("abc", made, strict=True)]
    assert "model other: SHA-256 of net.onnx" in complaint(folders, tmp_path / "into")


def test_descriptions_forbid_nothing(tmp_path: Path) -> None:
    made = Made(
        SMALL, settings={"models": {"net": {"description": "x", "licence": "other", "homepage": "https://x.org"}}}
    )
    folders = [write_results(tmp_path / "a", Made(SMALL)), write_results(tmp_path / "b", made)]
    page = merge([Results(one) for one in folders], tmp_path)
    assert tables_of(page, "differences")[0].empty


def test_cells_measured_twice_are_told_to_agree_or_not(tmp_path: Path) -> None:
    def slower(record: Record) -> None:
        if record.kind == "session":
            for name, value in record.data["rows"]["int8"]["values"]["throughput"].items():
                if name != "unit":
                    record.data["rows"]["int8"]["values"]["throughput"][name] = value * 0.9

    folders = [write_results(tmp_path / "a", Made(SMALL)), write_results(tmp_path / "b", Made(SMALL, change=slower))]
    page = merge([Results(one, f"h{one.name}") for one in folders], tmp_path)
    (twice,) = tables_of(page, "measured_twice")
    assert twice[["precision", "host", "other_host", "verdict"]].to_numpy().tolist() == [
        ["fp32", "ha", "hb", "agree"],
        ["int8", "ha", "hb", "differ"],
    ]
    text = page.read_text(encoding="utf-8")
    assert "2 pairs of cells measured twice on one machine: 1 of 2 with intervals agree" in text


@pytest.mark.parametrize(
    "made",
    [
        Made(SMALL, settings={"measurement": {"duration_s": 9.0}}),
        Made(SMALL, environment={"cpu": {"model": "Another CPU"}}),
        Made(SMALL, environment={"packages": {"openvino": "2025.4"}}),
    ],
    ids=["settings", "machine", "software"],
)
def test_what_was_measured_otherwise_is_no_repetition(made: Made, tmp_path: Path) -> None:
    folders = [write_results(tmp_path / "a", Made(SMALL)), write_results(tmp_path / "b", made)]
    page = merge([Results(one) for one in folders], tmp_path)
    assert tables_of(page, "measured_twice")[0].empty


def test_nodes_of_other_names_are_other_machines(tmp_path: Path) -> None:
    def on(node: str) -> Any:
        return lambda record: record.data.setdefault("host", {}).update(node=node)

    made = [Made(SMALL, change=on(name)) for name in ("n1", "n2", "n1")]
    folders = [write_results(tmp_path / name, one) for name, one in zip("abc", made, strict=True)]
    page = merge([Results(one) for one in folders], tmp_path)
    twice, hosts = tables_of(page, "measured_twice", "merged")
    assert hosts["host"].tolist() == ["n1-a", "n2", "n1-c"]
    assert set(zip(twice["host"], twice["other_host"], strict=True)) == {("n1-a", "n1-c")}


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


def test_what_is_no_results_is_said_in_a_line(pair: list[Path], tmp_path: Path) -> None:
    into, (a, b) = tmp_path / "into", pair
    empty, file = tmp_path / "empty", tmp_path / "file.zip"
    empty.mkdir()
    file.write_bytes(b"no archive")
    assert "expected two or more" in complaint([a], into)
    assert "no such folder or bundle; did you mean" in complaint([a, tmp_path / "emty"], into)
    assert "no folder of results and no bundle" in complaint([a, empty], into)
    assert str(file) in complaint([a, file], into)
    for part in (b / EXPERIMENT, b / EXPERIMENT / "report"):
        assert f"is a part of a folder of results, expected the whole: {b}" in complaint([a, part], into)
    assert "no experiment 'tset' in it; there is test" in complaint([a, b], into, experiment="tset")
    assert "are the same results" in complaint([a, a], into)
    assert "are the same results" in complaint([a, tmp_path / "b" / ".." / "a"], into)
    shutil.copytree(b, tmp_path / "copy")
    assert "both hold the measurement" in complaint([b, tmp_path / "copy"], into)


def test_labels_that_cannot_be_are_said_in_a_line(pair: list[Path], tmp_path: Path) -> None:
    into, (a, b) = tmp_path / "into", pair
    assert "'x': given to 2 of the results" in complaint([f"x={a}", f"x={b}"], into)
    for wrong in ("", "-x", "a b ", "1e3", "null", "x" * 101, "a:b"):
        assert complaint([f"{wrong}={a}", b], into).startswith(f"host {wrong!r}: ")
    assert complaint([a, b], into, name="../x").startswith("host '../x'")


def test_other_experiments_are_chosen_or_refused(pair: list[Path], tmp_path: Path) -> None:
    into, (a, b) = tmp_path / "into", pair
    write_results(b, Made(SMALL, experiment="another"))
    assert "holds several experiments (another, test); say which" in complaint([a, b], into)
    other = write_results(tmp_path / "c", Made(SMALL, experiment="another"))
    assert "not comparable: experiment is test" in complaint([a, other], into)
    assert merge([Results(a), Results(b)], into, experiment="test").is_file()


def test_what_another_version_wrote_is_said_in_a_line(pair: list[Path], tmp_path: Path) -> None:
    into, (a, b) = tmp_path / "into", pair
    report = b / EXPERIMENT / "report"
    settings, listed = (report / name for name in ("settings.json", "records.txt"))
    kept, lines = settings.read_text(), listed.read_text()
    settings.write_text(kept.replace('"seed":', '"seeds":'))
    text = complaint([a, b], into)
    assert "seeds: unknown key" in text and "another version of ovlab" in text
    settings.unlink()
    assert "missing: an older version of ovlab made this report" in complaint([a, b], into)
    settings.write_text(kept)
    listed.write_text(lines.replace("/sessions/here/", "/sessions/"))
    assert "keeps no record there" in complaint([a, b], into)
    listed.write_text(f"{lines}results/../../x/variants/../../../variant.json\n")
    assert "keeps no record there" in complaint([a, b], into)
    listed.write_text(lines)
    record = next(b.glob("test/sessions/**/session.json"))
    record.write_text(record.read_text().replace("ovlab/session/1", "ovlab/session/0"))
    assert "is 'ovlab/session/0', expected 'ovlab/session/1': another version of ovlab wrote it" in complaint(
        [a, b], into
    )
    listed.unlink()
    assert "never came to its report" in complaint([a, b], into)


def test_a_merged_report_is_not_merged_again_nor_written_over_results(pair: list[Path], tmp_path: Path) -> None:
    a, b = pair
    merge([Results(a), Results(b)], tmp_path / "into")
    assert merge([Results(a), Results(b)], tmp_path / "into").is_file(), "it may be made anew"
    with pytest.raises(OvlabError, match="test_merged is a merged report; merge the results that it was made from"):
        merge([Results(a), Results(tmp_path / "into")], tmp_path / "more")
    with pytest.raises(OvlabError, match="holds results that are not a merged report's"):
        merge([Results(a), Results(b)], a, name=EXPERIMENT)
