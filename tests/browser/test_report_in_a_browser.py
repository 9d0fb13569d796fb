"""The report's page as a reader gets it: seen, clicked, copied, printed, read out, in a real browser."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from chromium import Browser
from report_factory import Recipe, make_records, make_settings

from ovlab.report import report
from ovlab.report.section import ReportContext
from ovlab.report.sections.results import Results
from ovlab.report.style import Plot

EVIL = '<script>alert("1")</script>'
FORMULA = "=1+1"
LATEX_NAME = "a_b&c%"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with names that would harm where they are not escaped, an absent device and a failed one. Read-only."""
    place = tmp_path_factory.mktemp("page")
    recipe = Recipe(
        models=[LATEX_NAME, FORMULA, EVIL],
        precisions=["fp32", "default", "int8"],
        devices=["cpu", "gpu", "npu"],
        absent={"gpu": "GPU is not on this host"},
        failed={"npu": EVIL},
        comparisons=True,
        noise={},
        title=EVIL,
    )
    records = make_records(recipe, place / "sessions")
    for number, record in enumerate(records.everything()):
        record.run_id = f"{number:012x}"
    report(make_settings(recipe), records, place / "report" / "index.html")
    return place / "report"


@pytest.fixture
def page(tab: Browser, folder: Path) -> Browser:
    tab.open(folder / "index.html")
    tab.keep_copies()
    return tab


def asked_for(tab: Browser) -> list[str]:
    return [address for address in tab.requests if not address.startswith("data:")]


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1440, 768, 390])
def test_it_is_shown_without_a_problem_and_asks_for_nothing(tab: Browser, folder: Path, width: int, dark: bool) -> None:
    tab.open(folder / "index.html", width=width, dark=dark)
    assert tab.run("document.documentElement.scrollWidth") == width  # nothing sticks out at the side
    assert tab.problems == []
    assert asked_for(tab) == [(folder / "index.html").as_uri()]


def test_the_answer_and_its_figure_are_on_the_first_screen(page: Browser) -> None:
    assert "times as fast as fp32" in page.run("document.querySelector('#answer dd').textContent")
    assert page.run("document.querySelector('#answer svg').getBoundingClientRect().bottom") <= 900


def test_it_follows_the_dark_scheme_and_the_switch(tab: Browser, folder: Path) -> None:
    paper = "getComputedStyle(document.body).backgroundColor"
    tab.open(folder / "index.html", dark=True)
    dark = tab.run(paper)
    tab.open(folder / "index.html")
    light = tab.run(paper)
    assert light == "rgb(255, 255, 255)" != dark
    seen = []
    for _ in range(3):  # light, dark, and back to the system's
        tab.run("document.querySelector('#controls button:last-child').click()")
        seen.append(tab.run(paper))
    assert seen == [light, dark, light]


def column(tab: Browser, table: str, title: str) -> list[str]:
    """Return what is shown in a column, top to bottom."""
    found: list[str] = tab.run(
        f"(() => {{ const grid = grids.find((one) => one.name === '{table}');"
        f" const place = grid.headers.findIndex((one, number) => grid.title(number).startsWith('{title}'));"
        " return [...grid.table.querySelectorAll('tbody tr:not(.group)')].filter((row) => row.offsetHeight)"
        " .map((row) => (row.cells[place].querySelector('.v') || row.cells[place]).textContent); })()"
    )
    return found


def sort_by(tab: Browser, table: str, title: str) -> None:
    tab.run(
        f"[...document.querySelectorAll('#{table} .sort')].find((one) => one.textContent.startsWith('{title}')).click()"
    )


def test_a_click_on_a_header_sorts_and_a_third_one_restores(page: Browser) -> None:
    before = column(page, "headline", "latency p50")
    sort_by(page, "headline", "latency p50")
    rising = column(page, "headline", "latency p50")
    assert [float(one) for one in rising] == sorted(float(one) for one in before)
    assert page.run("document.querySelector('#headline [aria-sort]').getAttribute('aria-sort')") == "ascending"
    assert set(column(page, "headline", "model")) == {LATEX_NAME, FORMULA, EVIL}  # the groups' names are columns now
    sort_by(page, "headline", "latency p50")
    assert column(page, "headline", "latency p50") == sorted(rising, key=float, reverse=True)
    sort_by(page, "headline", "latency p50")
    assert column(page, "headline", "latency p50") == before


def test_filtering_keeps_the_rows_that_have_all_words(page: Browser) -> None:
    page.run("document.querySelector('.table[data-name=headline] input[type=search]').focus()")
    for text, left in (("int8", 6), ("INT8 offline", 3), ("no such", 0), ("", 18)):
        page.run(
            "(() => { const field = document.activeElement;"
            f" field.value = {text!r}; field.dispatchEvent(new Event('input')); }})()"
        )
        assert len(column(page, "headline", "precision")) == left
        told = page.run("document.querySelector('.table[data-name=headline] .count').textContent")
        assert told == (f"{left} of 18 rows" if text else "")


def test_a_hidden_column_is_neither_shown_nor_copied(page: Browser) -> None:
    page.run(
        "[...document.querySelectorAll('.table[data-name=headline] .items label')]"
        ".find((one) => one.textContent.includes('throughput')).querySelector('input').click()"
    )
    assert page.run("[...document.querySelectorAll('#headline thead th')].filter((one) => one.offsetWidth).length") == (
        page.run("document.querySelector('#headline .group th').colSpan")
    )
    assert "throughput" not in copied_table(page, "headline", "csv").partition("\n")[0]


def copied_table(tab: Browser, table: str, form: str) -> str:
    tab.run(f"document.querySelector('.table[data-name={table}] [data-format={form}]').click()")
    return tab.copied()


def test_what_is_copied_is_what_the_results_say(page: Browser, folder: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(copied_table(page, "headline", "csv"))))
    results = pd.read_csv(folder / "tables" / "results.csv")
    results = results[results["status"] == "ok"]
    assert len(rows) == len(results) == 18
    names = ["model", "precision", "device", "scenario"]
    cells = {tuple(known[names]): known for _, known in results.iterrows()}
    for row in rows:
        known = cells[tuple(row[name] for name in names)]
        for title, name, factor in (
            ("latency p50 (ms)", "latency_ms_p50", 1),
            ("throughput (images/s)", "throughput_fps", 1),
            ("accuracy (%)", "accuracy", 100),
        ):
            for ending, bound in (("", ""), (", low", "_low"), (", high", "_high")):
                text = row[title + ending]
                places = len(text.partition(".")[2])
                assert float(text) == pytest.approx(factor * known[name + bound], abs=0.51 * 10**-places)


def test_names_are_harmless_in_what_is_copied(page: Browser) -> None:
    text = copied_table(page, "headline", "csv")
    models = {row["model"] for row in csv.DictReader(io.StringIO(text))}
    assert models == {LATEX_NAME, f"'{FORMULA}", EVIL}
    latex = copied_table(page, "headline", "latex")
    assert r"a\_b\&c\%" in latex and r"\textless{}script\textgreater{}" in latex
    lines = [line.replace(r"\&", "") for line in latex.splitlines() if line.endswith(r"\\")]
    assert len(lines) == 19 and len({line.count("&") for line in lines}) == 1
    markdown = copied_table(page, "headline", "markdown")
    assert "&lt;script&gt;" in markdown and len({line.count(" | ") for line in markdown.splitlines()}) == 1
    assert page.run("document.querySelector('.told').textContent") == "Table as Markdown copied"


@pytest.mark.parametrize("way", ["click", "enter"])
def test_a_row_shows_the_full_record_and_how_to_make_it_anew(page: Browser, folder: Path, way: str) -> None:
    if way == "click":
        page.click("#headline tr[data-cell] td.n")
    else:
        page.run("document.querySelector('#headline tr[data-cell] button').focus()")
        page.press("Enter")
    assert page.run("document.querySelector('dialog').open")
    text = page.run("document.querySelector('dialog').textContent")
    known = pd.read_csv(folder / "tables" / "results.csv").iloc[0]
    for part in (LATEX_NAME, "fp32", known["run_id"], "session.json", "INFERENCE_PRECISION_HINT", "Test CPU"):
        assert part in text
    command = page.run("document.querySelector('dialog pre').textContent")
    assert command.startswith("snakemake ") and command.endswith("--config experiment=test")
    page.run("[...document.querySelectorAll('dialog button')].find((one) => one.textContent.includes('JSON')).click()")
    record: dict[str, Any] = json.loads(page.copied())
    assert record["latency_ms_p50"] == pytest.approx(known["latency_ms_p50"])
    assert record["session"]["run"] == known["run_id"]
    assert record["environment"]["cpu"]["model"] == "Test CPU"
    page.press("Escape")
    assert not page.run("document.querySelector('dialog').open")


def test_figures_tell_their_numbers_to_pointer_and_keyboard(page: Browser) -> None:
    marks = page.run("document.querySelectorAll('#figure-1 .mark').length")
    assert marks == 9  # three precisions of three models on one device
    page.run("document.querySelector('#figure-1 .mark').focus()")
    first = page.run("document.querySelector('.tip.seen').textContent")
    assert first.startswith("fp32 on cpu\nmedian latency ") and " ms [" in first
    page.press("ArrowRight")
    assert page.run("document.querySelector('.tip.seen').textContent").startswith("default on cpu")
    assert page.run("document.querySelectorAll('#figure-1 .mark[tabindex=\"0\"]').length") == 1
    page.run("document.activeElement.blur()")
    page.click("#figure-2 .mark")
    assert "times" in page.run("document.querySelector('.tip.seen').textContent")


def test_a_figure_is_saved_as_a_file_of_its_own(page: Browser) -> None:
    page.run(
        "URL.createObjectURL = (blob) => { window.saved = blob; return 'blob:none'; };"
        "document.querySelector('#figure-1 a[download$=\".svg\"]').click()"
    )
    text = page.run("window.saved.text()")
    assert "var(--" not in text and "<title>fp32 on cpu" in text
    assert page.run(
        "window.saved.text().then((text) => new DOMParser().parseFromString(text, 'image/svg+xml')"
        ".querySelector('parsererror, :not(svg *):not(svg)') === null)"
    )


def test_the_contents_follow_the_reader(page: Browser) -> None:
    page.run("document.getElementById('measuring').scrollIntoView(); new Promise((done) => setTimeout(done, 300))")
    assert page.run("document.querySelector('#contents [aria-current]').hash") == "#measuring"
    assert page.run("document.getElementById('contents').getBoundingClientRect().top") >= 0


def test_folds_open_by_a_control_and_for_the_printer(page: Browser, tmp_path: Path) -> None:
    unfolded = "[...document.querySelectorAll('main .fold')].filter((one) => one.open).length"
    everything = page.run("document.querySelectorAll('main .fold').length")
    assert page.run(unfolded) == 0 < everything
    page.run("document.querySelector('#controls button').click()")
    assert page.run(unfolded) == everything
    page.run("document.querySelector('#controls button').click()")
    page.print(tmp_path / "page.pdf")
    assert page.run(unfolded) == 0
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")


def test_without_scripts_there_are_plain_tables_and_everything_can_be_read(tab: Browser, folder: Path) -> None:
    tab.open(folder / "index.html", script=False)
    assert tab.problems == []
    assert tab.run("document.querySelectorAll('.sort, .tools, dialog').length") == 0
    assert tab.run("document.querySelectorAll('#headline tr[data-cell]').length") == 18
    assert tab.run("document.getElementById('contents').open")
    assert tab.run("document.querySelectorAll('#figure-1 .mark title').length") == 9
    tab.run("document.querySelector('main .fold').open = true")
    assert tab.run("document.querySelector('main .fold table').offsetHeight") > 0


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1440, 390])
def test_nothing_keeps_people_out(tab: Browser, folder: Path, axe: str, width: int, dark: bool) -> None:
    tab.open(folder / "index.html", width=width, dark=dark)
    tab.run("for (const one of document.querySelectorAll('main .fold')) one.open = true; 0")
    tab.run(f"{axe}; 0")
    found = tab.run(
        "axe.run(document, {resultTypes: ['violations']}).then(({violations}) => violations.map((one) => "
        "[one.id, one.impact, one.nodes.slice(0, 3).map((node) => node.html.slice(0, 200))]))"
    )
    assert [one for one in found if one[1] in {"serious", "critical"}] == []
    tab.run("document.querySelector('#headline tr[data-cell] button').click()")
    found = tab.run(
        "axe.run('dialog', {resultTypes: ['violations']}).then(({violations}) => violations.map((one) => "
        "[one.id, one.impact, one.nodes.slice(0, 3).map((node) => node.html.slice(0, 200))]))"
    )
    assert [one for one in found if one[1] in {"serious", "critical"}] == []


class OnlyTables(Results):
    """The section of results without its figures, which take longest."""

    def figures(self, report: ReportContext) -> list[Plot]:
        return []


def test_of_a_long_table_some_rows_are_shown_and_all_are_sorted_copied_and_printed(
    tab: Browser, tmp_path: Path
) -> None:
    recipe = Recipe(models=[f"net_{number}" for number in range(12)], devices=["cpu", "gpu"], samples=5, launches=2)
    records = make_records(recipe, tmp_path / "sessions")
    report(make_settings(recipe), records, tmp_path / "index.html", [OnlyTables()])
    tab.open(tmp_path / "index.html")
    tab.keep_copies()
    rows = "document.querySelectorAll('#headline tbody tr:not(.group)').length"
    more = "document.querySelector('.table[data-name=headline] .more')"
    assert tab.run(rows) == 120 and tab.run(f"{more}.textContent") == "Show all 144 rows"
    sort_by(tab, "headline", "model")
    sort_by(tab, "headline", "model")
    assert column(tab, "headline", "model")[:3] == ["net_11"] * 3  # of all rows, not of those that were shown
    assert len(copied_table(tab, "headline", "csv").splitlines()) == 1 + 144
    tab.run("window.printed = 0; addEventListener('beforeprint', () => { window.printed = " + rows + "; }); 0")
    tab.print(tmp_path / "page.pdf")
    assert tab.run("window.printed") == 144 and tab.run(rows) == 120
    tab.run(f"{more}.click()")
    assert tab.run(rows) == 144 and tab.run(f"{more}.hidden")
    tab.run("grids.find((one) => one.name === 'headline').filter('net_3 gpu')")
    assert tab.run(rows) == 6 and tab.run(f"{more}.hidden")
    tab.click("#headline tr[data-cell] td.n")
    assert "net_3" in tab.run("document.querySelector('dialog').textContent")
    assert tab.problems == []


def test_a_run_leads_to_its_record(page: Browser) -> None:
    assert page.run("document.querySelector('#headline th.from').classList.contains('hide')")  # a click shows them all
    for table in ("headline", "significance", "variants"):
        link = f"[...document.querySelectorAll('[data-name={table}] a.run')].find((one) => one.checkVisibility())"
        run = page.run(f"{link}.textContent")
        page.run(f"{link}.click(); new Promise((done) => setTimeout(done, 300))")
        record = f"document.getElementById('run-{run}')"
        assert page.run(f"{record}.checkVisibility({{contentVisibilityAuto: true}})"), table
        assert "Test CPU" in page.run(f"{record}.textContent")
        page.run("for (const one of document.querySelectorAll('details[open]')) one.open = false; 0")
    # Sorted rows keep the run of their group, and what is copied has it.
    page.run(
        "window.grid = grids.find((one) => one.name === 'speedup') ?? grids.find((one) => one.name === 'headline'); 0"
    )
    page.run("grid.sort({column: 0, falling: false}); 0")
    assert "run of the group" in page.run("grid.csv().split('\\r\\n')[0]")
