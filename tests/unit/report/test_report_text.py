"""Names, reasons and titles that hold what spreadsheets, terminals and typesetters would obey."""

from __future__ import annotations

from pathlib import Path

import pytest
from report_factory import Maker, Recipe, make_records, make_settings

from ovlab.csv_files import read_csv
from ovlab.errors import OvlabError
from ovlab.records import write_record
from ovlab.report import report
from ovlab.report.records import Records
from ovlab.specs import ReportSettings
from ovlab.text import visible
from ovlab.verdict import conclude

REASON = '=HYPERLINK("http://x") \x1b[2J\x00\u202egnp.exe\u200b $\\input{x}$ {% raw %} <script>alert(1)</script>'
SIGNS = "\x1b\x00\u202e\u200b"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ReportSettings, Records]:
    """A report of two devices of which one failed, in a folder. Read-only."""
    folder = tmp_path_factory.mktemp("text")
    recipe = Recipe(devices=["cpu", "gpu"], scenarios=["offline"], failed={"gpu": REASON}, title=REASON)
    settings, records = make_settings(recipe), make_records(recipe, folder / "sessions")
    report(settings, records, folder / "report" / "index.html")
    return folder / "report", settings, records


def test_no_file_of_the_report_holds_what_cannot_be_seen(written: tuple[Path, ReportSettings, Records]) -> None:
    paths = [path for path in written[0].rglob("*") if path.suffix in {".html", ".csv", ".tex", ".md", ".svg", ".json"}]
    assert {path.suffix for path in paths} == {".html", ".csv", ".tex", ".md", ".svg", ".json"}
    for path in paths:
        assert not set(SIGNS) & set(path.read_text(encoding="utf-8")), path


def test_the_page_shows_it_as_text(written: tuple[Path, ReportSettings, Records]) -> None:
    page = (written[0] / "index.html").read_text(encoding="utf-8")
    assert page.count("<script>") == 1  # the page's own
    assert r"\x1b[2J\x00\u202egnp.exe\u200b $\input{x}$ {% raw %} &lt;script&gt;" in page


def test_no_cell_of_a_table_begins_a_formula(written: tuple[Path, ReportSettings, Records]) -> None:
    results = (written[0] / "tables/results.csv").read_text(encoding="utf-8")
    assert ",=HYPERLINK" not in results and ',"=HYPERLINK' not in results
    frame = read_csv(written[0] / "tables/results.csv")
    assert set(frame[frame["status"] == "failed"]["reason"]) == {visible(REASON)}


def test_typeset_tables_show_it(written: tuple[Path, ReportSettings, Records]) -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in (written[0] / "tables").glob("*.tex"))
    assert r"\textbackslash{}x1b[2J" in text and r"\input{x}" not in text
    text = "".join(path.read_text(encoding="utf-8") for path in (written[0] / "tables").glob("*.md"))
    assert r"\\x1b[2J" in text


def test_the_last_words_show_it(written: tuple[Path, ReportSettings, Records], tmp_path: Path) -> None:
    _, _, records = written
    folder = tmp_path / "results"
    paths = []
    for names, record in records.sessions.items():
        paths.append(folder.joinpath("x", "sessions", *names, "session.json"))
        write_record(paths[-1], record)
    summary = tmp_path / "failures.txt"
    with pytest.raises(OvlabError, match="3 failed"):
        conclude(written[0] / "tables/results.csv", paths, tmp_path / "verdict.txt", summary, folder)
    text = summary.read_text(encoding="utf-8")
    assert f"failed: {visible(REASON)}\n" in text
    assert "log: " in text  # the step where it arose is found by its reason
    assert not set(SIGNS) & set(text)


def test_a_name_that_pandas_would_take_for_nothing(make: Maker, tmp_path: Path) -> None:
    settings, records = make(Recipe(models=["NA"], scenarios=["offline"], failed={"cpu": "broken"}))
    report(settings, records, tmp_path / "index.html")
    with pytest.raises(OvlabError, match="failed"):
        conclude(tmp_path / "tables/results.csv", [], tmp_path / "v.txt", tmp_path / "f.txt", tmp_path)
    assert "NA/fp32/cpu/offline" in (tmp_path / "f.txt").read_text(encoding="utf-8")
