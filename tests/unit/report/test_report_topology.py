"""The executed graph: what the page's script draws it from, files for other programs, and the picture in a browser."""

from __future__ import annotations

import hashlib
import html
import json
import re
import shutil
import subprocess
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import networkx as nx
import pandas as pd
import pydot
import pytest
from layers_factory import add_profile
from report_factory import Recipe, make_records, make_settings

from ovlab.report import Records, report
from ovlab.report.sections.layers import topology
from ovlab.report.sections.layers.topology.files import dot_text, json_text
from ovlab.report.sections.layers.topology.graph import Graph, graphs_of
from ovlab.report.sections.layers.topology.payload import payload_text
from ovlab.specs import ReportSettings
from ovlab.text import visible

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((path for name in BROWSERS if (path := shutil.which(name))), None)


@pytest.fixture
def made(tmp_path: Path) -> tuple[ReportSettings, Records]:
    recipe = Recipe(scenarios=["single_stream"])
    folder = tmp_path / "profile"
    folder.mkdir()
    return make_settings(recipe), add_profile(make_records(recipe, tmp_path), folder)


@pytest.fixture
def graphs(made: tuple[ReportSettings, Records]) -> dict[str, Graph]:
    return {one.precision: one for one in graphs_of(*made, "net", "cpu", "here")}


def with_names(graph: Graph, name: str) -> Graph:
    return replace(graph, nodes=graph.nodes.assign(node=name))


def test_edges_go_from_what_is_taken_to_what_takes_it(graphs: dict[str, Graph]) -> None:
    assert list(graphs) == ["fp32", "int8"]
    names = list(graphs["int8"].nodes["node"])
    assert [(names[one], names[other]) for one, other in graphs["int8"].edges] == [
        ("conv", "r"),
        ("r", "head"),
        ("head", "soft"),
    ]


def test_speedups_are_those_of_the_layers_in_both_directions(graphs: dict[str, Graph]) -> None:
    forth, back = graphs["int8"].against["fp32"], graphs["fp32"].against["int8"]
    conv, inserted, head, soft = forth
    assert inserted is None
    assert conv == pytest.approx(191 / 26.5, rel=0.01)
    assert head is not None and head < 1
    assert soft == 1.0
    assert back == [pytest.approx(1 / one) for one in forth if one is not None]


def test_json_is_read_by_others_and_holds_every_column(graphs: dict[str, Graph]) -> None:
    graph = graphs["int8"]
    read = nx.node_link_graph(json.loads(json_text(graph)), edges="edges")
    assert read.is_directed() and list(read.edges) == graph.edges
    assert read.graph == {"model": "net", "device": "cpu", "host": "here", "precision": "int8"}
    first, inserted = read.nodes[0], read.nodes[1]
    assert (first["node"], first["executed_precision"], first["macs"]) == ("conv", "i8", 10_000_000)
    assert set(graph.nodes.columns) - {"precision", "order", "inputs"} <= set(first)
    assert inserted["intensity"] is None and inserted["speedup_against_fp32"] is None


@pytest.mark.filterwarnings("ignore:.* deprecated - use")  # pydot's own use of pyparsing
@pytest.mark.parametrize("name", ["conv", 'a "quoted" \\name\nof two lines', "a\x1bb\u202e", "a -> b; { c"])
def test_dot_is_read_by_others_whatever_the_names(name: str, graphs: dict[str, Graph]) -> None:
    (read,) = pydot.graph_from_dot_data(dot_text(with_names(graphs["int8"], name))) or [None]
    assert read is not None
    edges = {(int(one.get_source()), int(one.get_destination())) for one in read.get_edges()}
    assert edges == set(graphs["int8"].edges)
    labels = {int(one.get_name()): one.get_label() for one in read.get_nodes() if one.get_name().isdigit()}
    assert labels.keys() == {0, 1, 2, 3}
    written = re.sub(r"\\(.)", lambda found: {"n": "\n"}.get(found[1], found[1]), labels[0][1:-1])
    assert visible(name) in written


@pytest.mark.parametrize("name", ["</script><script>alert(1)</script>", "<!--", "&amp;", "a\x1bb\u202e"])
def test_no_name_leaves_its_place_on_the_page(name: str, graphs: dict[str, Graph]) -> None:
    text = payload_text(name, [with_names(graphs["int8"], name)])
    assert not set("<>&\x1b\u202e") & set(text)
    words = json.loads(text)["words"]
    assert any("script" in one or one in {"<!--", "&amp;", r"a\x1bb\u202e"} for one in words)


def test_hundreds_of_nodes_stay_small(graphs: dict[str, Graph]) -> None:
    one = graphs["fp32"].nodes
    nodes = pd.concat([one.assign(node=one["node"] + f"/block{number}/convolution") for number in range(200)])
    edges = [(at, at + 1) for at in range(len(nodes) - 1)]
    many = Graph("net", "cpu", "here", "fp32", nodes, edges, {"int8": [1.5] * len(nodes)})
    assert len(nodes) == 600
    parts = sum(len(topology._text(name)) for name in topology.PARTS.values())
    assert len(payload_text("net", [many])) + parts < 400_000


def test_files_lie_beside_the_page_and_go_with_profiles(made: tuple[ReportSettings, Records], tmp_path: Path) -> None:
    settings, records = made
    page = tmp_path / "report" / "index.html"
    report(settings, records, page)
    names = {f"topology_net_cpu_{precision}.{ending}" for precision in ("fp32", "int8") for ending in ("json", "dot")}
    assert {one.name for one in (tmp_path / "report/graphs").iterdir()} == names
    assert all(f'href="graphs/{name}"' in page.read_text(encoding="utf-8") for name in names)
    records.profiles.clear()
    report(settings, records, page)
    assert not list((tmp_path / "report/graphs").iterdir())
    assert 'class="topology"' not in page.read_text(encoding="utf-8")


def test_without_profiles_the_page_has_no_script_for_pictures(made: tuple[ReportSettings, Records]) -> None:
    settings, records = made
    assert topology.topology_context(settings, records)["topology_parts"]
    records.profiles.clear()
    assert topology.topology_context(settings, records) == {"topologies": [], "topology_parts": {}}
    assert topology.topology_files(settings, records) == {}


def test_the_library_is_as_it_was_distributed_and_has_its_licence() -> None:
    folder = resources.files(topology.__name__)
    library = folder.joinpath("dagre.min.js").read_bytes()
    assert hashlib.sha256(library).hexdigest() == "8dc1f3ff6e696c0c10c4da609e9784640f42cc042cb1e98d9c803e6275fd84a3"
    assert b"</script" not in library
    licence = folder.joinpath("dagre.LICENSE.txt").read_text(encoding="utf-8")
    assert "Permission is hereby granted, free of charge" in licence


ASKED = """
<script>addEventListener("load", async () => {
  const pause = () => new Promise((done) => setTimeout(done, 200));
  const root = document.querySelector(".topology");
  root.scrollIntoView();
  for (let i = 0; i < 40 && !root.querySelector(".t-node"); i++) await pause();
  const found = { errors: window.failed ?? [], drawn: root.querySelectorAll(".t-node").length };
  const canvas = root.querySelector(".t-view"), [variant, colour] = root.querySelectorAll("select");
  const change = (one, value) => { one.value = value; one.dispatchEvent(new Event("change")); };
  const press = (key) => canvas.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  const row = () => root.querySelector(".t-row h5").textContent + " " + root.querySelector(".t-row p").textContent;
  const fills = () => [...root.querySelectorAll(".t-node rect")].map((one) => one.getAttribute("fill"));
  const lines = root.querySelectorAll(".t-edge").length;
  Object.assign(found, { lines, colours: [...colour.options].map((one) => one.value) });
  change(variant, "1");
  found.second = root.querySelectorAll(".t-node").length;
  found.inserted = root.querySelectorAll(".t-inserted").length;
  press("ArrowDown"); press("ArrowDown"); found.byKeys = row();
  root.querySelectorAll(".t-node")[2].dispatchEvent(new MouseEvent("click")); found.byClick = row();
  press("End"); found.last = row();
  change(variant, "0"); found.kept = row();
  press("Escape"); found.none = root.querySelectorAll(".t-chosen").length;
  const before = fills(); change(colour, "against int8"); found.recoloured = before.join() !== fills().join();
  found.ratio = root.querySelector(".t-node .t-right").textContent;
  const search = root.querySelector("input"); search.value = "HEAD"; search.dispatchEvent(new Event("input"));
  found.count = root.querySelector(".t-count").textContent;
  const place = () => root.querySelector(".t-view > g").getAttribute("transform");
  const at = place(); press("+"); found.zoomed = at !== place();
  document.body.textContent = "FOUND" + JSON.stringify(found) + "END";
});</script>
"""
WATCHED = '<script>window.failed = []; addEventListener("error", (event) => failed.push(event.message));</script>'


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium to look at the page with")
def test_the_picture_in_a_browser(made: tuple[ReportSettings, Records], tmp_path: Path) -> None:
    page = tmp_path / "report" / "index.html"
    report(*made, page)
    text = page.read_text(encoding="utf-8").replace("<head>", f"<head>{WATCHED}").replace("</body>", f"{ASKED}</body>")
    page.write_text(text, encoding="utf-8")
    found = asked_in_browser(page, tmp_path)
    assert found["errors"] == []
    assert (found["drawn"], found["lines"], found["second"], found["inserted"]) == (3, 2, 4, 1)
    assert found["colours"] == ["precision", "time", "roof", "against int8"]
    assert (found["byKeys"], found["byClick"]) == ("Reorder r", "Convolution head")
    assert (found["last"], found["kept"], found["none"]) == ("Softmax soft", "Softmax soft", 0)
    assert found["recoloured"] and found["zoomed"]
    assert found["ratio"] == "0.139 ×"
    assert found["count"] == "1 of 3 nodes"


def asked_in_browser(page: Path, folder: Path) -> dict[str, Any]:
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'browser'}"]
    command = [str(CHROMIUM), *options, "--virtual-time-budget=20000", "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    text = html.unescape(done.stdout)
    return dict(json.loads(text[text.index("FOUND") + 5 : text.index("END</body>")]))
