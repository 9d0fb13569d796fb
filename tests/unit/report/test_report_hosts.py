"""Several hosts in one report: each number names its host, ratios are of one host, and the section that compares."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from layers_factory import add_profile
from report_factory import Maker, Recipe, context_of, make_plots, make_records, make_settings, make_tables, page_of

from ovlab.errors import OvlabError
from ovlab.records import Quantity
from ovlab.report import Records, report, results_frame
from ovlab.report.section import ReportContext
from ovlab.report.sections.hosts import Hosts
from ovlab.report.sections.hosts.peaks import gains
from ovlab.specs import ReportSettings, parse_spec
from ovlab.specs.reporting.claims import ClaimSpec

TWO = ["left", "right"]
CLAIM = {
    "text": "INT8 is at least twice as fast",
    "left": {"measure": "throughput_fps", "where": {"precision": "int8", "scenario": "offline"}},
    "relation": "at_least",
    "right": {"cell": {"precision": "fp32"}, "times": 2.0},
}
FAST = {"int8": (3.0, 2.9, 3.1)}


def recipe(**changes: Any) -> Recipe:
    own = {"speedups": FAST, "latency_ms": 9.0}
    plain = Recipe(hosts=TWO, of_host={"right": own}, cpus={"left": "Old CPU", "right": "New CPU"})
    return replace(plain, **changes)


def two(make: Maker, **experiment: Any) -> ReportContext:
    settings, records = make(recipe())
    plain = settings.plain()
    plain["experiment"] |= experiment
    return context_of(ReportSettings.model_validate(plain), records)


def test_the_results_have_a_row_a_host(make: Maker) -> None:
    frame = results_frame(*make(recipe()))
    assert len(frame) == 12
    int8 = frame[(frame["precision"] == "int8") & (frame["scenario"] == "offline")].set_index("host")
    assert int8["speedup"].to_dict() == {"left": pytest.approx(2.31), "right": 3.0}
    assert int8["latency_ms_p50"].nunique() == 2 and int8["accuracy"].nunique() == 1


def test_records_from_before_there_were_hosts_are_of_this_one(make: Maker) -> None:
    _, records = make(Recipe())
    assert records.hosts == ["here"] and all("host_name" not in one.settings for one in records.sessions.values())


@pytest.mark.parametrize("hosts", [["here"], ["left"]])
def test_nobody_asks_where_there_is_one_host(make: Maker, hosts: list[str]) -> None:
    settings, records = make(Recipe(hosts=hosts, devices=["cpu", "gpu"], absent={"gpu": "no GPU"}))
    for table in make_tables(settings, records).values():
        assert "host" not in {column.key for column in (table.whole or table).columns}
    page = page_of(settings, records)
    assert 'id="hosts-section"' not in page and " of left" not in page


def test_one_host_gives_the_page_that_there_was_without_hosts(make: Maker, tmp_path: Path) -> None:
    """Down to the records of its runs, which name it, a page is the same whatever its only host is called."""
    pages = []
    for host in ("here", "left"):
        settings, records = make_settings(Recipe(hosts=[host])), make_records(Recipe(hosts=[host]), tmp_path / host)
        text = page_of(settings, records)
        pages.append(text[text.index("<main") : text.index('id="provenance"')])
    assert pages[0].replace(str(tmp_path / "here"), "") == pages[1].replace(str(tmp_path / "left"), "")


def test_every_table_of_cells_names_the_host(make: Maker) -> None:
    settings, records = make(recipe(failed={}, devices=["cpu", "gpu"], absent={"gpu": "no GPU"}))
    tables = make_tables(settings, records)
    for name in ("headline", "speedup", "costs", "spread", "unavailable", "devices"):
        table = tables[name].whole or tables[name]
        place = [column.key for column in table.columns].index("host")
        assert {row[place] for row in table.rows} == set(TWO), name


def test_each_row_of_a_table_opens_its_own_cell(make: Maker) -> None:
    context = two(make)
    page = page_of(context.settings, context.records)
    headline = page[page.index('<table id="headline"') :]
    numbers = [int(one) for one in re.findall(r'data-cell="(\d+)"', headline[: headline.index("</table>")])]
    assert sorted(numbers) == list(range(12))
    data = json.loads(page[page.index('{"columns"') :].partition("</script>")[0])
    assert {cell["names"][2] for cell in data["cells"]} == {"cpu of left", "cpu of right"}
    for cell in data["cells"]:
        assert json.loads(cell["session"])[-1] == cell["shown"][data["columns"].index("host")]


def test_sentences_and_figures_never_put_hosts_together(make: Maker) -> None:
    context = two(make)
    page = page_of(context.settings, context.records)
    assert "single_stream, left" in page and "single_stream, right" in page
    assert "left: Old CPU" in page and "right: New CPU" in page
    (figure,) = [
        plot.figure for plot in make_plots(context.settings, context.records).values() if plot.name == "speedup"
    ]
    assert {axes.get_title() for axes in figure.axes} >= {"cpu of left", "cpu of right"}


def test_a_device_is_absent_on_the_host_that_lacks_it(make: Maker) -> None:
    absent = {"gpu": "host right: GPU is not on this host"}
    settings, records = make(recipe(devices=["cpu", "gpu"], of_host={"right": {"absent": absent}}))
    page = page_of(settings, records)
    assert "(not there: gpu of right)" in page
    assert "gpu of right: host right: GPU is not on this host" in page


def test_the_section_has_a_column_a_host(make: Maker, tmp_path: Path) -> None:
    context = two(make)
    report(context.settings, context.records, tmp_path / "index.html", [Hosts()])
    table = pd.read_csv(tmp_path / "tables" / "host_speedups.csv").set_index(["scenario", "precision"])
    assert table.loc[("offline", "int8"), "speedup_left"] == pytest.approx(2.31)
    assert table.loc[("offline", "int8"), "speedup_right_low"] == pytest.approx(2.9)
    assert "fp32" not in set(table.index.get_level_values("precision"))
    latex = (tmp_path / "tables" / "host_speedups.tex").read_text()
    assert "left" in latex and "right" in latex
    hosts = pd.read_csv(tmp_path / "tables" / "hosts.csv").set_index("host")
    assert hosts["cpu_model"].to_dict() == {"left": "Old CPU", "right": "New CPU"}
    assert hosts["node"].to_dict() == {"left": "left-node", "right": "right-node"}
    assert (tmp_path / "figures" / "host_speedups.svg").is_file()


def test_it_is_said_whether_the_hosts_agree(make: Maker) -> None:
    (finding,) = Hosts().findings(two(make))
    text = " ".join(finding.sentences)
    assert "2.31 [2.26, 2.36] times on left and 3.00 [2.90, 3.10] times on right; the intervals do not overlap" in text
    assert "net in fp16 on cpu (single_stream)" in text and "; the intervals overlap." in text


def test_claims_are_told_by_host(make: Maker) -> None:
    named = CLAIM | {"text": "Only there", "left": CLAIM["left"] | {"where": CLAIM["left"]["where"] | {"host": "r*"}}}  # type: ignore[index,operator]
    slow = recipe(of_host={"right": {"launches": 5}, "left": {"launches": 1}})
    settings, records = make(slow)
    plain = settings.plain()
    plain["experiment"]["claims"] = {"a": CLAIM, "b": named}
    context = context_of(ReportSettings.model_validate(plain), records)
    tables = {table.name: table for table in context.tables_of(Hosts())}
    assert tables["host_claims"].rows == [
        [CLAIM["text"], "net", "not distinguishable", "holds"],
        ["Only there", "net", "–", "holds"],
    ]
    (finding,) = Hosts().findings(context)
    assert f"“{CLAIM['text']}”, net: not distinguishable on left and holds on right." in finding.sentences


def test_no_claim_compares_hosts() -> None:
    across = CLAIM | {"right": {"cell": {"host": "left"}}}
    with pytest.raises(OvlabError, match=r"right\.cell: host: no ratio crosses hosts"):
        parse_spec(ClaimSpec, across, "here.yaml")


def test_goals_are_judged_on_each_host(make: Maker) -> None:
    context = two(make, goals=[{"title": "Fast", "at_most": {"latency_ms_p50": 100}}])
    (table,) = [
        table for section in [*context.sections] for table in context.tables_of(section) if table.name == "goals"
    ]
    assert [row[1:3] for row in table.rows] == [["net", "left"], ["net", "right"]]
    assert "net on left: int8 on cpu" in page_of(context.settings, context.records)


@pytest.fixture
def profiled(tmp_path: Path) -> tuple[ReportSettings, Records]:
    own = recipe(scenarios=["single_stream"])
    settings, records = make_settings(own), make_records(own, tmp_path / "sessions")
    for host in TWO:
        add_profile(records, tmp_path / f"profile {host}", host)
    return settings, records


def test_layers_are_told_by_host(profiled: tuple[ReportSettings, Records]) -> None:
    tables = make_tables(*profiled)
    for name in ("verdicts", "nodes", "peaks", "layer_speedups", "speedup_by_cause", "floating_layers"):
        table = tables[name]
        place = [column.key for column in table.columns].index("host")
        assert {row[place] for row in table.rows} == set(TWO), name
    names = {plot.name for plot in make_plots(*profiled).values()}
    assert {"roofline_net_cpu_left", "roofline_net_cpu_right"} <= names
    page = page_of(*profiled)
    assert "net on cpu of left: " in page and "net on cpu of right: " in page


@pytest.mark.parametrize(
    ("int8_peak", "words"),
    [(1600.0, "less than the 8.00 times"), (300.0, "more than the 1.50 times"), (440.0, ""), (None, "")],
)
def test_a_speedup_stands_beside_the_peaks_of_its_host(
    profiled: tuple[ReportSettings, Records], int8_peak: float | None, words: str
) -> None:
    settings, records = profiled
    peaks = records.peaks["cpu", "right"]
    peaks.values["arithmetic_f32"] = Quantity(200.0, "GOP/s")
    peaks.values["arithmetic_i8"] = Quantity(int8_peak, "GOP/s")
    for host in TWO:
        shares = records.profiles["net", "cpu", host].data["variants"]
        shares["fp32"]["mac_shares"], shares["int8"]["mac_shares"] = {"f32": 1.0}, {"i8": 1.0, "f32": 0.0}
        for pair in records.profiles["net", "cpu", host].data["comparisons"]:
            pair["speedup"] = {"value": 2.2, "low": 2.1, "high": 2.3}
    context = context_of(settings, records)
    one = {gain.variant.host: gain for gain in gains(context)}["right"]
    assert one.peaks == (None if int8_peak is None else int8_peak / 200)
    verdict = {1600.0: "less", 300.0: "more", 440.0: "as much", None: "not known"}[int8_peak]
    assert one.verdict == verdict
    base, own = (records.profiles["net", "cpu", "right"].data["variants"][name] for name in ("fp32", "int8"))
    assert one.roofline == pytest.approx(roof(base) / roof(own))
    right = [sentence for sentence in Hosts().findings(context)[0].sentences if "of right: in one stream" in sentence]
    assert [words in sentence for sentence in right] == ([True] if words else [])


def roof(data: dict[str, Any]) -> float:
    shares = data["verdict"]["shares"]
    time = data["totals"]["latency"]["value"] * data["totals"]["time_over_latency"]["value"]
    return float(time * (shares["compute"]["value"] + shares["bandwidth"]["value"]))


def test_a_host_that_measured_nothing_is_told_all_the_same(make: Maker) -> None:
    lost = {"failed": {"cpu": "host/right.yaml: expect: this machine is another one"}}
    settings, records = make(recipe(of_host={"right": lost}))
    for names, record in records.sessions.items():
        if names[-1] == "right":  # refused before it was known to be the host
            record.data.pop("host")
    context = context_of(settings, records)
    tables = {table.name: table for table in context.tables_of(Hosts())}
    assert [row[:3] for row in tables["hosts"].rows] == [["left", "left-node", "Old CPU"], ["right", "–", "–"]]
    assert [column.title for column in tables["host_speedups"].columns[-2:]] == TWO
    page = page_of(settings, records)
    assert "this machine is another one" in page and "right: not reached" in page


def test_the_environment_tells_what_differs_from_host_to_host(make: Maker) -> None:
    settings, records = make(recipe())
    rows = {str(name): value for name, value in make_tables(settings, records)["environment"].rows}
    assert rows["CPU model"] == "left: Old CPU; right: New CPU"
    assert rows["Python"] == "3.11.7"


def test_hosts_that_could_not_test_a_claim_do_not_part_on_it(make: Maker) -> None:
    settings, records = make(recipe(of_host={"right": {"failed": {"cpu": "it broke"}}}))
    plain = settings.plain()
    plain["experiment"]["claims"] = {"a": CLAIM}
    context = context_of(ReportSettings.model_validate(plain), records)
    assert not [
        sentence for finding in Hosts().findings(context) for sentence in finding.sentences if "INT8" in sentence
    ]


def test_each_panel_of_a_figure_has_what_its_host_measured(make: Maker) -> None:
    """A panel's rows are found by its device and host, not by the name that it shows of both."""
    panels = make_plots(*make(recipe()))["latency_net"].figure.axes
    assert {axes.get_title() for axes in panels} == {
        f"cpu of {host}, {scenario}" for host in TWO for scenario in ("single_stream", "offline")
    }
    assert [len(axes.lines) for axes in panels] == [3] * 4
