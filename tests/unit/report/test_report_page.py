"""The whole report: every file, self-contained, escaped, and readable where much is missing."""

from __future__ import annotations

import json
import re
import shlex
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from report_factory import Maker, Recipe, make_records, make_settings

from ovlab.errors import OvlabError
from ovlab.files import sha256_of
from ovlab.records import Kind, write_record
from ovlab.report import Records, read_reported, report
from ovlab.report.section import Finding, ReportContext, Section
from ovlab.report.sections import SECTIONS
from ovlab.report.table import Column, Table

TABLES = (
    "headline",
    "speedup",
    "accuracy",
    "claims",
    "unavailable",
    "failures",
    "members",
    "remarks",
    "environment",
    "runs",
)
TABLES += ("noise", "devices", "spread", "variants", "costs", "server", "sweep", "significance", "power", "classes")
TABLES += ("distance", "layers", "verdicts", "verdict_checks", "advice", "profile_totals", "coverage")
TABLES += (
    "floating_layers",
    "speedup_by_layers",
    "speedup_by_cause",
    "layer_speedups",
    "conversions",
    "nodes",
    "peaks",
)
VOID = {"meta", "br", "link", "img", "hr", "input"}


class Page(HTMLParser):
    """Collects what a browser would load, and checks that elements nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.loaded += [value or "" for name, value in attrs if name in {"src", "href", "xlink:href", "action"}]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def write(make: Maker, recipe: Recipe, folder: Path) -> str:
    settings, records = make(recipe)
    report(settings, records, folder / "index.html")
    return (folder / "index.html").read_text()


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a report with nothing special in it. Read-only."""
    folder = tmp_path_factory.mktemp("plain")
    write(
        lambda recipe: (make_settings(recipe), make_records(recipe, folder / "sessions")), Recipe(), folder / "report"
    )
    return folder / "report"


def test_all_files_are_there(plain: Path) -> None:
    found = {str(path.relative_to(plain)) for path in plain.rglob("*.*")}
    endings = (".svg", ".pdf", ".png", "-column.pdf", "-text.pdf")
    figures = {f"figures/{name}{end}" for name in ("speedup", "accuracy_latency", "latency_net") for end in endings}
    tables = {f"tables/{name}.{suffix}" for name in TABLES for suffix in ("csv", "tex", "md", "typ")}
    data = {"tables/results.csv", "tables/results.parquet", "tables/results_columns.csv"}
    paper = {f"paper/numbers.{suffix}" for suffix in ("tex", "typ", "yml")}
    paper |= {f"paper/{name}" for name in ("setup.tex", "setup.md", "setup.typ", "references.bib")}
    paper |= {f"paper/example.{suffix}" for suffix in ("tex", "typ", "qmd")}
    assert found == {"index.html", "files.json", "settings.json", *data} | figures | tables | paper


def test_the_page_needs_no_other_file(plain: Path) -> None:
    text = (plain / "index.html").read_text()
    page = Page(text)
    assert not {"link", "img", "iframe"} & set(page.tags)
    # Two scripts, both in the page itself: what they need, and what they do.
    assert page.tags.count("script") == 2 and "<script src" not in text
    # What can be followed lies in the page or beside it, and is there.
    beside = [one for one in page.loaded if not one.startswith(("#", "data:application/pdf;base64,"))]
    assert beside and all((plain / one).is_file() for one in beside)
    assert "default-src 'none'" in text
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)
    assert page.tags.count("svg") == 3


def test_elements_nest_and_ids_are_unique(make: Maker, tmp_path: Path) -> None:
    page = Page(write(make, Recipe(models=["a", "b"]), tmp_path))
    assert page.open == []
    assert len(set(page.ids)) == len(page.ids)
    assert {address[1:] for address in page.loaded if address.startswith("#")} <= set(page.ids)


def test_markup_in_names_and_reasons_is_text(make: Maker, tmp_path: Path) -> None:
    evil = "<img src=x onerror=alert(1)>&{{ 7 * 7 }}"
    recipe = Recipe(title=evil, models=["<i>net</i>$_1"], devices=["cpu", "gpu"], failed={"gpu": evil})
    text = write(make, recipe, tmp_path)
    assert "<img" not in text
    assert "<i>" not in text
    assert "{{ 7 * 7 }}" in text
    assert "&lt;i&gt;net&lt;/i&gt;$_1" in text


def test_the_page_says_what_was_measured(make: Maker, tmp_path: Path) -> None:
    text = write(make, Recipe(devices=["cpu", "gpu"], absent={"gpu": "GPU is not here"}), tmp_path)
    for part in (
        "12 cells: 6 ok, 6 unavailable, 0 failed",
        "2026-01-02",
        "Test CPU · 2 cores · Linux-test · OpenVINO 2026.4.1 · NNCF 3.4.0",
        "GPU is not here",
        "5 launches a cell, 30 in all, with 1800 timed inferences",
        "ab" * 32,
        "1: broken_1.jpg",
        "1.20×10⁻⁵",
        "INFERENCE_PRECISION_HINT",
        "max_launches: 5",
    ):
        assert part in text


def test_an_empty_experiment_has_a_page_and_no_figure(make: Maker, tmp_path: Path) -> None:
    text = write(make, Recipe(absent={"cpu": "no CPU"}), tmp_path)
    assert "No cell was measured" in text
    assert "no CPU" in text
    assert "<figure" not in text
    assert not (tmp_path / "figures").exists()
    assert (tmp_path / "tables" / "headline.csv").exists()


def test_missing_records_are_failures_not_errors(make: Maker, tmp_path: Path) -> None:
    settings, records = make(Recipe())
    records.sessions.clear()
    records.variants.clear()
    report(settings, records, tmp_path / "index.html")
    frame = pd.read_csv(tmp_path / "tables" / "results.csv")
    assert set(frame["status"]) == {"failed"}
    assert "its record is missing" in (tmp_path / "index.html").read_text()


def test_without_any_record_there_is_a_clear_error_and_no_file(make: Maker, tmp_path: Path) -> None:
    settings, _ = make(Recipe())
    with pytest.raises(OvlabError, match=r"index\.html: no record of experiment test was given, expected those of its"):
        report(settings, Records(), tmp_path / "report" / "index.html")
    assert not (tmp_path / "report").exists()


def test_without_samples_there_is_no_distribution(make: Maker, tmp_path: Path) -> None:
    settings, records = make(Recipe())
    records.folders.clear()
    report(settings, records, tmp_path / "index.html")
    assert not list((tmp_path / "figures").glob("latency_*"))
    assert (tmp_path / "figures" / "speedup.svg").exists()


def test_broken_samples_are_named(make: Maker, tmp_path: Path) -> None:
    settings, records = make(Recipe())
    path = next(iter(records.folders.values())) / "samples.parquet"
    path.write_bytes(b"not parquet")
    with pytest.raises(OvlabError, match=r"samples\.parquet: cannot be read"):
        report(settings, records, tmp_path / "index.html")


def test_the_same_records_give_the_same_files(make: Maker, tmp_path: Path) -> None:
    settings, records = make(Recipe())
    for name in ("one", "other"):
        report(settings, records, tmp_path / name / "index.html")
    first, second = (
        {path.name: path.read_bytes() for path in (tmp_path / name).rglob("*.*") if path.is_file()}
        for name in ("one", "other")
    )
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []


def test_files_of_an_earlier_report_go_and_files_of_others_stay(make: Maker, tmp_path: Path) -> None:
    write(make, Recipe(models=["gone"], comparisons=True, scenarios=["offline"]), tmp_path)
    assert (tmp_path / "figures" / "latency_gone.svg").exists()
    (tmp_path / "figures" / "mine.svg").write_text("")
    (tmp_path / "tables" / "mine.csv").write_text("")
    write(make, Recipe(models=["net"], scenarios=["offline"]), tmp_path)
    assert not list((tmp_path / "figures").glob("*_gone.*"))
    assert (tmp_path / "figures" / "mine.svg").exists() and (tmp_path / "tables" / "mine.csv").exists()


@pytest.mark.parametrize("listing", ["", "[]", '{"files": ["../../precious.txt", "index.html"]}'])
def test_a_list_of_files_that_is_not_ours_removes_nothing(make: Maker, tmp_path: Path, listing: str) -> None:
    folder = tmp_path / "experiment" / "report"
    folder.mkdir(parents=True)
    (tmp_path / "precious.txt").write_text("")
    (folder / "files.json").write_text(listing)
    write(make, Recipe(absent={"cpu": "no CPU"}), folder)
    assert (tmp_path / "precious.txt").exists() and (folder / "index.html").exists()


def test_the_contents_list_every_section_that_is_shown(plain: Path) -> None:
    text = (plain / "index.html").read_text()
    contents = re.findall(r'<li><a href="#([^"]+)"', text)
    assert contents == re.findall(r'<section id="([^"]+)"', text)
    assert contents[:2] == ["answer", "results"] and "server-section" not in contents


def test_a_section_of_ones_own_needs_no_template(make: Maker, tmp_path: Path) -> None:
    class Own(Section):
        anchor, title, question = "own", "My section", "What is mine?"

        def tables(self, report: ReportContext) -> list[Table]:
            return [Table("own_table", "Mine.", [Column("model", "model")], [[one] for one in report.ok["model"]])]

        def findings(self, report: ReportContext) -> list[Finding]:
            return [Finding("Mine", [f"{len(report.ok)} rows."])]

    settings, records = make(Recipe(scenarios=["offline"]))
    report(settings, records, tmp_path / "index.html", (*SECTIONS, Own()))
    text = (tmp_path / "index.html").read_text()
    for part in ('<a href="#own" title="What is mine?">My section</a>', '<table id="own_table" ', "3 rows."):
        assert part in text
    assert len(pd.read_csv(tmp_path / "tables" / "own_table.csv")) == 3


def test_records_that_cannot_be_relied_on_fail_their_cells_alone(make: Maker, tmp_path: Path) -> None:
    settings, records = make(Recipe(models=["a", "b"], scenarios=["offline"]))
    places: dict[Kind, list[Path]] = {"variant": [], "accuracy": [], "session": []}
    for kind, found in (("variant", records.variants), ("accuracy", records.accuracies), ("session", records.sessions)):
        for names, record in found.items():
            folders = (*names, "digest") if kind != "session" else (names[-1], *names[:-1])  # the host comes first
            path = tmp_path.joinpath(kind, *folders, f"{kind}.json")
            path.parent.mkdir(parents=True)
            (path.parent / "data.bin").write_bytes(b"data")
            record.files = {"data.bin": sha256_of(path.parent / "data.bin")}
            write_record(path, record)
            places[record.kind].append(path)
    assert places["accuracy"][0].parts[-4:-2] == ("a", "fp32")
    places["accuracy"][0].write_text("{")  # a fp32
    (places["variant"][4].parent / "data.bin").write_bytes(b"DATA")  # b fp16
    (places["session"][1].parent / "data.bin").unlink()  # b
    kinds = {kind: [read_reported(path, kind) for path in paths] for kind, paths in places.items()}
    again = Records.of([], kinds["variant"], kinds["accuracy"], kinds["session"])
    report(settings, again, tmp_path / "index.html", SECTIONS[:1])
    frame = pd.read_csv(tmp_path / "tables" / "results.csv").set_index(["model", "precision"])
    assert frame["status"].to_dict() == {
        ("a", "fp32"): "failed",
        ("a", "fp16"): "ok",
        ("a", "int8"): "ok",
        **{("b", name): "failed" for name in ("fp32", "fp16", "int8")},
    }
    assert "accuracy.json: not a record" in frame.loc[("a", "fp32"), "reason"]
    assert "data.bin: cannot be read" in frame.loc[("b", "fp32"), "reason"]
    kinds["session"] = list(records.sessions.values())
    report(settings, Records.of([], kinds["variant"], kinds["accuracy"], kinds["session"]), tmp_path / "index.html", ())
    frame = pd.read_csv(tmp_path / "tables" / "results.csv").set_index(["model", "precision"])
    assert "data.bin: was changed after it was made" in frame.loc[("b", "fp16"), "reason"]


def test_numbers_can_be_traced_to_their_runs(make: Maker, tmp_path: Path) -> None:
    settings, records = make(Recipe(models=["a", "b"], scenarios=["offline"]))
    for number, (names, session) in enumerate(records.sessions.items()):
        session.run_id = f"{number}" * 12
        records.accuracies[names[0], "int8"].run_id = f"{number + 5}" * 12
    given = settings.model_copy(update={"options": ("extra_conf=my conf", 'overrides=["seed=3"]')})
    report(given, records, tmp_path / "index.html")
    frame = pd.read_csv(tmp_path / "tables" / "results.csv", dtype=str).set_index(["model", "precision"])
    assert frame.loc[("b", "int8"), ["run_id", "accuracy_run_id"]].tolist() == ["1" * 12, "6" * 12]
    assert frame.loc[("b", "fp32"), "variant_run_id"] == "0123456789ab"
    # Beside each row of a table, each number by name, and in the record that a row shows.
    table = (tmp_path / "tables" / "speedup.tex").read_text()
    assert table.count(r"\\ % run 000000000000") == table.count(r"\\ % run 111111111111") == 3
    assert (tmp_path / "tables" / "accuracy.tex").read_text().count("% run 666666666666 0123456789ab") == 1
    assert set(pd.read_csv(tmp_path / "tables" / "headline.csv", dtype=str)["run_id"]) == {
        f"{one} {other}"
        for one, other in (
            ("0" * 12, "0123456789ab"),
            ("0" * 12, "555555555555 0123456789ab"),
            ("1" * 12, "0123456789ab"),
            ("1" * 12, "666666666666 0123456789ab"),
        )
    }
    for name, sign in (("numbers.tex", "%"), ("numbers.typ", " //")):
        text = (tmp_path / "paper" / name).read_text()
        assert re.search(rf"b/int8/cpu/offline/latency\b.*{sign} run 111111111111", text)
        assert re.search(rf"b/int8/cpu/offline/accuracy\b.*{sign} run 666666666666", text)
    runs = pd.read_csv(tmp_path / "tables" / "runs.csv", dtype=str)
    assert set(frame["run_id"]) | set(frame["accuracy_run_id"]) <= set(runs["run_id"])
    assert len(runs) == 1 + 6 + 6 + 2
    # The command that makes it anew has what the run was given.
    text = (tmp_path / "index.html").read_text()
    data = json.loads(text.split('id="data">', 1)[1].split("</script>", 1)[0])
    command = data["sessions"]['["a","cpu","offline","here"]']["command"]
    assert shlex.split(command)[-3:] == ["experiment=test", "extra_conf=my conf", 'overrides=["seed=3"]']
