"""Every number of the report leads to the record of the run that it comes from: in each table, file and macro."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
import yaml
from layers_factory import add_profile
from report_factory import Recipe, make_records, make_settings, require_runs

from ovlab.report import Records, report
from ovlab.report.page import ShownSection
from ovlab.report.table import Table
from ovlab.report.table_files import to_latex, to_markdown, to_typst
from ovlab.report.trace import Tracer

RUN = r"r[0-9a-f]{11}"


def numbered(records: Records) -> Records:
    """Give each record a run of its own."""
    for number, record in enumerate(records.of_all_hosts()):
        record.run_id = f"r{number:011x}"
        record.data["host"] = {"name": "here", "node": "node-7"}
    return records


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[ShownSection], Records, Path]:
    """A report of much that a report can have, and its records. Read-only."""
    place = tmp_path_factory.mktemp("runs")
    recipe = Recipe(
        models=["net", "other"],
        devices=["cpu", "gpu", "npu"],
        absent={"npu": "NPU is not here"},
        failed={"gpu": "it broke"},
        comparisons=True,
        noise={},
    )
    records = numbered(add_profile(make_records(recipe, place / "sessions"), place / "profile"))
    shown = report(make_settings(recipe), records, place / "report" / "index.html")
    return shown, records, place / "report"


def tables_of(shown: list[ShownSection]) -> list[Table]:
    return [table for section in shown for table in section.tables if table.rows]


class Links(HTMLParser):
    """Reads of each table with its caption the runs that it links to, and of each target of a link its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: dict[str, set[str]] = {}
        self.texts: dict[str, str] = {}
        self.depth, self.table, self.target = 0, "", ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        if tag == "section":
            self.table = ""
        if name := known.get("data-name"):
            self.table = name
            self.tables[name] = set()
        if tag == "a" and known.get("class") == "run" and self.table:
            self.tables[self.table].add(str(known["href"]))
        if tag == "div":
            self.depth += bool(self.target)
            if str(known.get("id", "")).startswith("run-"):
                self.target, self.depth = f"#{known['id']}", 1
                self.texts[self.target] = ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "div" and self.target:
            self.depth -= 1
            self.target = self.target if self.depth else ""

    def handle_data(self, data: str) -> None:
        if self.target:
            self.texts[self.target] += data


def test_each_table_of_the_page_leads_to_its_records(made: tuple[list[ShownSection], Records, Path]) -> None:
    shown, records, folder = made
    read = Links((folder / "index.html").read_text(encoding="utf-8"))
    assert set(read.texts) == {f"#run-{one.run_id}" for one in records.of_all_hosts()}
    looked_at = 0
    for table in tables_of(shown):
        require_runs(table, records)
        if table.name in read.tables:
            assert read.tables[table.name] == {f"#run-{run}" for run in table.all_runs()}, table.name
            looked_at += 1
    assert looked_at > 20


def test_a_record_says_what_its_numbers_were_made_from(made: tuple[list[ShownSection], Records, Path]) -> None:
    _, records, folder = made
    texts = Links((folder / "index.html").read_text(encoding="utf-8")).texts
    for record in records.of_all_hosts():
        text = texts[f"#run-{record.run_id}"]
        host = ["node-7", "Test CPU", "openvino 2026.4.1", "0" * 40, record.created]
        hashes = [*record.inputs.values(), *record.files.values()]
        hashes += [one["sha256"] for one in record.data.get("files", [])]
        settings = [json.dumps(value) for name, value in record.settings.items() if name.endswith("_name")]
        for part in [*host, *hashes, *settings]:
            assert part in text, (record.kind, part)


def test_each_file_of_a_table_names_the_runs_of_each_row(made: tuple[list[ShownSection], Records, Path]) -> None:
    shown, records, folder = made
    known = {one.run_id for one in records.of_all_hosts()}
    for table in tables_of(shown):
        wanted = [set(runs) for runs in table.runs]
        for suffix in ("tex", "md", "typ"):
            text = (folder / "tables" / f"{table.name}.{suffix}").read_text(encoding="utf-8")
            found = [set(one.split()) for one in re.findall(rf"run ((?:{RUN} ?)+)$", text, re.MULTILINE)]
            assert found == wanted, (table.name, suffix)
        column = pd.read_csv(folder / "tables" / f"{table.name}.csv", dtype=str)["run_id"]
        assert all(set(runs.split()) <= known for runs in column), table.name
        assert table.whole is not None or [set(runs.split()) for runs in column] == wanted


def test_few_runs_are_named_below_a_table() -> None:
    few = Table("t", "What.", [], [[], []], runs=[("r00000000001",), ("r00000000002",)])
    for text in (to_latex(few), to_markdown(few), to_typst(few)):
        assert re.search("Runs: .*r00000000001.*, .*r00000000002", text)
    many = Table("t", "What.", [], [[]], runs=[tuple(f"r{n:011x}" for n in range(4))])
    for text in (to_latex(many), to_markdown(many), to_typst(many)):
        assert "Run" not in text.replace("run r", "")


def test_a_strangers_run_ends_no_comment() -> None:
    table = Table("t", "What.", [], [[]], runs=[("a\n\\input{x} --> */", "b", "c", "d")])
    for text in (to_latex(table), to_markdown(table), to_typst(table)):
        (line,) = (one for one in text.splitlines() if "run a" in one)
        assert re.search(r"run a-input-x- b c d$|run a-input-x-[-.\w]* b c d$", line), line


def test_each_number_by_name_has_its_run(made: tuple[list[ShownSection], Records, Path]) -> None:
    _, records, folder = made
    of_kind = {one.run_id: one.kind for one in records.of_all_hosts()}
    kinds = {"accuracy": "accuracy", "accuracy-difference": "accuracy", "size": "variant"}
    tex = (folder / "paper" / "numbers.tex").read_text(encoding="utf-8")
    macros = re.findall(rf"\\ovlab@put{{(?:value|interval)}}{{(\S+?)}}{{.*}}% run ({RUN})$", tex, re.MULTILINE)
    assert len(macros) == tex.count(r"\ovlab@put{") > 20
    typst = (folder / "paper" / "numbers.typ").read_text(encoding="utf-8")
    entries = re.findall(rf'^  "(\S+)": ".*", // run ({RUN})$', typst, re.MULTILINE)
    assert len(entries) == typst.count('": "') == len(macros)
    tree = yaml.safe_load((folder / "paper" / "numbers.yml").read_text(encoding="utf-8"))["ovlab"]
    for name, run in macros:
        model, precision, device, scenario, quantity = name.split("/")
        assert of_kind[run] == kinds.get(quantity, "session"), name
        assert tree[model][precision][device][scenario][f"{quantity}-run"] == run
        assert (name, run) in entries


def test_rows_find_the_runs_that_are_called_as_they_are(made: tuple[list[ShownSection], Records, Path]) -> None:
    shown, records, _ = made
    tables = {table.name: table for table in tables_of(shown)}
    sessions = {names: one.run_id for names, one in records.sessions.items()}
    noise = tables["noise"]
    own = [(str(model), str(device), str(scenario), "here") for model, device, scenario, *_ in noise.rows]
    assert noise.runs == [(sessions[names],) for names in own]
    assert set(tables["verdicts"].runs) == {(records.profiles["net", "cpu", "here"].run_id,)}
    assert set(tables["peaks"].runs) == {(records.peaks["cpu", "here"].run_id,)}
    assert Tracer(Records()).traced(Table("t", "", [], [[]], made_from=("session",))).runs == [()]
