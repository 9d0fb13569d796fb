"""What the report writes for papers: it compiles as it is, and its numbers are those of the results."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from layers_factory import add_profile
from report_factory import Recipe, make_records, make_settings

from ovlab.report import report

NAMES = ["a_b&c%", "a_b-c%", "=1+1", "<script>ж→₁"]
KEYS = {"latency": "latency_ms_p50", "throughput": "throughput_fps", "speedup": "speedup", "size": "model_size_mb"}
KEYS |= {"accuracy": "accuracy", "accuracy-difference": "accuracy_delta"}
KEYS |= {"latency-p99": "latency_ms_p99", "speedup-over-default": "speedup_over_default"}
OVER = {"fp32": (0.6, 0.55, 0.66), "default": (1.0, 1.0, 1.0), "int8": (1.7654, 1.6543, 1.8765)}
PERCENT = {"accuracy", "accuracy-difference"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with names that LaTeX would choke on. Read-only."""
    place = tmp_path_factory.mktemp("paper")
    recipe = Recipe(models=NAMES, precisions=["fp32", "default", "int8"], comparisons=True, noise={}, over_default=OVER)
    records = make_records(recipe, place / "sessions")
    layered = add_profile(make_records(Recipe(), place / "other"), place / "profile")
    records.peaks = layered.peaks
    for name in ("net", NAMES[0]):
        records.profiles[name, "cpu", "here"] = layered.profiles["net", "cpu", "here"]
        records.profile_folders[name, "cpu", "here"] = layered.profile_folders["net", "cpu", "here"]
    report(make_settings(recipe), records, place / "report" / "index.html")
    return place / "report"


def numbers(folder: Path, kind: str) -> dict[str, str]:
    text = (folder / "paper" / "numbers.tex").read_text(encoding="utf-8")
    return dict(re.findall(rf"\\ovlab@put\{{{kind}\}}\{{([^}}]+)\}}\{{([^}}]+)\}}", text))


def test_every_number_is_that_of_the_results_as_far_as_it_is_shown(folder: Path) -> None:
    values, intervals = numbers(folder, "value"), numbers(folder, "interval")
    results = pd.read_csv(folder / "tables" / "results.csv")
    # Names that differ only in signs that cannot stand in a key are told apart by a number.
    keys = ["a_b-c-", "a_b-c--2", "-1-1", "-script----"]
    models = dict(zip(keys, ["a_b&c%", "a_b-c%", "'=1+1", "<script>ж→₁"], strict=True))
    cells = {(row["model"], row["precision"], row["scenario"]): row for _, row in results.iterrows()}
    assert len(values) == 4 * 3 * 2 * 8
    for name, text in values.items():
        place, _, quantity = name.rpartition("/")
        model, precision, _, scenario = place.removesuffix("-2").split("/")
        key = "a_b-c--2" if place.endswith("-2") else model
        row, factor = cells[models[key], precision, scenario], 100 if quantity in PERCENT else 1
        shown = [(text, KEYS[quantity])]
        if name in intervals:
            low, high = intervals[name].strip("[]").split(", ")
            shown += [(low, f"{KEYS[quantity]}_low"), (high, f"{KEYS[quantity]}_high")]
        for one, column in shown:
            places = len(one.partition(".")[2])
            assert float(one) == pytest.approx(factor * row[column], abs=0.51 * 10**-places), (name, column)


def test_typst_and_quarto_have_the_same_numbers(folder: Path) -> None:
    values = {name: text.replace("-", "−") for name, text in numbers(folder, "value").items()}
    typst = (folder / "paper" / "numbers.typ").read_text(encoding="utf-8")
    found = {json.loads(name): json.loads(text) for name, text in re.findall(r'  ("[^"]*"): ("[^"]*"),', typst)}
    assert {name: text for name, text in found.items() if not name.endswith("-interval")} == values
    tree = yaml.safe_load((folder / "paper" / "numbers.yml").read_text(encoding="utf-8"))["ovlab"]
    for name, text in values.items():
        place = tree
        for part in name.replace(".", "-").split("/"):
            place = place[part]
        assert place == text


def test_what_the_set_up_cites_is_among_the_references(folder: Path) -> None:
    text = (folder / "paper" / "setup.tex").read_text(encoding="utf-8")
    cited = set(re.findall(r"\\cite\{(\w+)\}", text))
    entries = set(re.findall(r"^@\w+\{(\w+),", (folder / "paper" / "references.bib").read_text(), re.MULTILINE))
    assert cited == entries >= {"openvino", "nncf", "kalibera2013", "wilson1927", "tango1998"}
    for part in ("Test CPU (2 usable cores)", "OpenVINO 2026.4.1", "seed 0", r"a\_b\&c\%"):
        assert part in text
    assert set(re.findall(r"\[@(\w+)\]", (folder / "paper" / "setup.md").read_text())) == cited


def test_typst_tables_are_strings_in_which_nothing_is_markup(folder: Path) -> None:
    text = (folder / "tables" / "accuracy.typ").read_text(encoding="utf-8")
    assert text.startswith("#figure(") and text.rstrip().endswith("<tab:accuracy>")
    for name in NAMES:
        assert json.dumps(name, ensure_ascii=False) in text


@pytest.mark.parametrize("missing", [False, True])
def test_the_example_compiles_as_it_is(folder: Path, tmp_path: Path, missing: bool) -> None:
    if shutil.which("pdflatex") is None:
        pytest.skip("no pdflatex here (Debian: texlive-latex-recommended, texlive-science)")
    if subprocess.run(["kpsewhich", "siunitx.sty"], capture_output=True, check=False).returncode != 0:
        pytest.skip("LaTeX has no siunitx here (Debian: texlive-science)")
    shutil.copytree(folder, tmp_path / "report")
    paper = tmp_path / "report" / "paper"
    example = paper / "example.tex"
    tables = "".join(rf"\input{{../tables/{path.stem}}}" for path in sorted((folder / "tables").glob("*.tex")))
    extra = r"\ovlab{no/such/number}" if missing else rf"\clearpage {tables}"
    example.write_text(example.read_text().replace(r"\bibliographystyle", extra + r" \bibliographystyle"))
    latex = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "example"]
    first = subprocess.run(latex, cwd=paper, capture_output=True, text=True, errors="replace", check=False)
    if missing:  # a number that is gone stops the paper, instead of standing there stale
        assert first.returncode != 0 and "no number is called no/such/number" in first.stdout
        return
    assert first.returncode == 0, first.stdout[-2000:]
    subprocess.run(["bibtex", "example"], cwd=paper, capture_output=True, check=True)
    for _ in range(2):
        last = subprocess.run(latex, cwd=paper, capture_output=True, text=True, errors="replace", check=True)
    assert not re.findall(r"Overfull.*|.*too large for page.*", last.stdout)
    assert "undefined" not in last.stdout and (paper / "example.pdf").stat().st_size > 10_000


def test_the_typst_example_and_every_table_compile(folder: Path, tmp_path: Path) -> None:
    typst = pytest.importorskip("typst", reason="no Typst here (pip install typst)")
    shutil.copytree(folder, tmp_path / "report")
    example = tmp_path / "report" / "paper" / "example.typ"
    text = example.read_text(encoding="utf-8")
    included = [f'#include "../tables/{path.name}"\n' for path in (folder / "tables").glob("*.typ")]
    for line in included:
        text = text.replace(line, "")
    example.write_text(text.replace("#bibliography", f"{''.join(included)}#bibliography"), encoding="utf-8")
    pages = typst.compile(str(example), root=str(tmp_path / "report"))
    assert pages.startswith(b"%PDF") and len(pages) > 50_000


def test_what_the_quarto_example_takes_is_there(folder: Path) -> None:
    text = (folder / "paper" / "example.qmd").read_text(encoding="utf-8")
    taken = re.findall(r"\{\{< include (\S+) >\}\}", text) + re.findall(r"\]\((\S+)\)", text)
    assert len(taken) >= 5 and all((folder / "paper" / name).is_file() for name in taken)
    tree = yaml.safe_load((folder / "paper" / "numbers.yml").read_text(encoding="utf-8"))
    variables = re.findall(r"\{\{< var (\S+) >\}\}", text)
    assert len(variables) == 2
    for name in variables:
        place: Any = tree
        for part in name.split("."):
            place = place[part]
        assert isinstance(place, str)
