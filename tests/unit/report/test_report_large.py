"""Reports of experiments with many figures, profiles and bars: what the page leaves to the files."""

from __future__ import annotations

import json
import re
from pathlib import Path

import matplotlib as mpl
import pytest
from layers_factory import add_profiles
from matplotlib.figure import Figure
from report_factory import Maker, Recipe, context_of, make_records, make_settings, make_tables, page_of

from ovlab.report.page import figures as page_figures
from ovlab.report.page.figures import ShownFigure, choose_drawn
from ovlab.report.sections.layers import profiled
from ovlab.report.sections.layers.topology import topology_context, topology_files
from ovlab.report.style import STYLE, Plot, draw_bars, new_panels
from ovlab.report.table import Column, Table
from ovlab.report.table_files import to_markdown

RECIPE = Recipe(models=["net", "other"], devices=["gpu", "cpu"], scenarios=["offline"], precisions=["fp32", "int8"])


def test_a_page_draws_the_first_figures_of_each_section(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_figures, "inline_svg", lambda text, *_: text)
    sections = [
        [ShownFigure(n, Plot(f"a{n}", "", Figure()), "x" * 30) for n in range(4)],
        [],
        [ShownFigure(9, Plot("b", "", Figure()), "x" * 30)],
    ]
    monkeypatch.setattr(page_figures, "DRAWN_BYTES", 100)
    choose_drawn(sections)
    assert [[one.drawn for one in own] for own in sections] == [[True, True, False, False], [], [True]]
    assert all("data:" not in address for _, address in sections[0][3].addresses)


def test_of_many_profiles_some_are_drawn_and_the_files_have_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = make_settings(RECIPE)
    records = add_profiles(make_records(RECIPE, tmp_path / "sessions"), RECIPE, tmp_path / "profile", 12)
    assert profiled.not_drawn(settings, records) == "" and len(profiled.drawn_profiles(settings, records)) == 4
    monkeypatch.setattr(profiled, "MOST_DRAWN", 3)
    drawn = profiled.drawn_profiles(settings, records)
    assert drawn == [("net", "gpu", "here"), ("other", "gpu", "here"), ("net", "cpu", "here")]
    assert "3 of 4 profiles" in page_of(settings, records)
    tables = make_tables(settings, records)
    for name in ("nodes", "layer_speedups"):
        whole = tables[name].whole
        assert whole is not None
        assert {tuple(row[:2]) for row in tables[name].rows} == {key[:2] for key in drawn}
        assert len({tuple(row[:2]) for row in whole.rows}) == 4
    assert len({tuple(row[:2]) for row in tables["verdicts"].rows}) == 4
    assert len(topology_context(settings, records)["topologies"]) == 3
    files = topology_files(settings, records)
    assert len(files) == 4 * 2 * 2
    graph = json.loads(files["topology_other_cpu_int8.json"])
    assert len(graph["nodes"]) == 14 and len(graph["edges"]) == 13 and graph["directed"]


def test_texts_above_narrow_bars_stand_upright(make: Maker) -> None:
    frame = context_of(*make(Recipe(speedups={"int8": (11.26, 11.21, 11.31)}))).ok
    palette = dict.fromkeys(frame["precision"].unique(), "#000000")
    for panels, rotation in ((1, 0), (4, 90)):
        with mpl.rc_context(STYLE):
            _, grid = new_panels(panels, 4, 2.0, narrow=False)
            draw_bars(grid[0], frame, "speedup", 20.0, palette=palette, along="scenario")
        texts = [text for text in grid[0].texts if text.get_text()]
        assert texts and {text.get_rotation() for text in texts} == {rotation}


def test_noise_is_told_at_the_head_of_the_page(make: Maker) -> None:
    settings, records = make(Recipe())
    head = re.compile(r'<p class="status.*?</p>', re.DOTALL)
    assert "noisy" not in head.findall(page_of(settings, records))[0]
    for session in records.sessions.values():
        session.data["rows"]["int8"]["reason"] = "noisy: 4 of 5 launches"
    assert '2 marked as <a href="#measuring">noisy</a>' in head.findall(page_of(settings, records))[0]


def test_an_interval_in_a_sentence_is_not_broken(make: Maker) -> None:
    page = page_of(*make(Recipe(comparisons=True)))
    answer = page[page.index('id="answer"') : page.index("</dl>", page.index('id="answer"'))]
    assert re.search(r"−\d\.\d+\u00a0points\u00a0\[−\d\.\d+,\u00a0", answer)
    assert not re.search(r"\d \[|\[[^\]]*, [^\]]*\]\)", re.sub(r'<span class="ci">.*?</span>', "", answer))


def test_pandoc_reads_no_name_as_a_formula_or_a_citation() -> None:
    text = to_markdown(Table("t", "c", [Column("name", "name")], [["$x$ a~b~ c^d^ @key"]]))
    assert r"| \$x\$ a\~b\~ c\^d\^ \@key |" in text
