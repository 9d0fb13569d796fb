"""What is not comparable, or no results, is refused in a line."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from merged import OTHER, SMALL, complaint, tables_of
from report_factory import SHA, Recipe
from result_folders import EXPERIMENT, Made, write_results

from ovlab.errors import OvlabError
from ovlab.merge.merging import Results, merge
from ovlab.records import Record


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
