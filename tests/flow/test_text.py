"""Text is text: braces, quotes, dollars, line ends and signs that cannot be seen go through a run unchanged."""

from __future__ import annotations

import html
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from toy import write_image
from workflow_runs import ROOT

from ovlab.csv_files import read_csv
from ovlab.records import Record, read_record
from ovlab.text import visible

# Each would do something if anybody took it for more than text.
HOSTILE = (
    "{braces} {experiment} {model!r} {wildcards.model} {{x}} {0} {} 100% %s %(a)s $(touch pwned) `touch pwned` $HOME "
    "${HOME} 'single' \"double\" \\ back\\slash ; touch pwned & | > pwned <results> <b>bold</b> &amp; {{ 7*7 }} "
    "{% x %} \\textbf{x} ünïcödé 日本語 #no comment: no key, =1+1"
)
UNSEEN = "\x1b[31mred\x1b[0m \u202eturned\u202c zero\u200bwidth"
TEXT = f"{HOSTILE}\nsecond line {UNSEEN}"
# File systems and Snakemake take this as a folder; with braces it is one that Snakemake watches nothing in.
FOLDER = "a $(touch pwned) `touch pwned` 'q' \"d\" 100% $HOME & ;# é日 =1"  # " #" begins a comment in --config
BRACES = "{model} {x} <results> " + FOLDER
IMAGES = "images {name} $(x)"
CLASSES = [f"={number} {{x}} $(touch pwned) 'a' \"b\" ${{c}} | {UNSEEN} é" for number in range(10)]


def as_yaml(text: str) -> str:
    """Return text as one writes it in YAML: ``${`` would stand for another value."""
    return text.replace("${", "\\${")


def write(folder: Path, group: str, name: str, data: dict[str, Any], header: str = "") -> None:
    (folder / group).mkdir(parents=True, exist_ok=True)
    (folder / group / f"{name}.yaml").write_text(header + yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")


def write_conf(folder: Path, model: Path) -> None:
    """Write an experiment with hostile text wherever YAML takes text."""
    text = as_yaml(TEXT)
    shipped = yaml.safe_load((ROOT / "conf/model/digits_cnn.yaml").read_text(encoding="utf-8"))
    words = {"description": text, "licence": text, "homepage": text}
    files = [{"path": as_yaml(str(model)), "name": "{model} $(x) 'é' \"=.onnx"}]
    write(folder, "model", "odd", shipped | words | {"files": files, "dataset": "odd digits"})
    data = words | {"task": "classification", "format": "class_folders", "class_names": [as_yaml(c) for c in CLASSES]}
    images = {"files": [{"path": as_yaml(str(model.with_name(IMAGES)))}], "splits": {"validation": {"images": IMAGES}}}
    write(folder, "dataset", "odd digits", data | images)
    write(folder, "scenario", "quick", {"description": text, "mode": "synchronous"})
    write(folder, "device", "mine", {"description": text, "device": "CPU"})
    chosen = {"models": ["odd"], "precisions": ["fp32"], "devices": ["mine"], "scenarios": ["quick"]}
    measurement = {"launches": 1, "max_launches": 1, "duration_s": 0.1, "warm_up_s": 0, "cached_launches": 0}
    experiment = {
        "results": FOLDER,
        "experiment": {"title": text, "description": text, **chosen},
        "measurement": measurement | {"noise": {"wait_s": 0}},
        "validation": {"limit": 20},
    }
    write(folder, "experiment", "odd", experiment, "# @package _global_\n")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a finished run, whose path is hostile too, and what Snakemake said."""
    root = tmp_path_factory.mktemp("text")
    here, mirror = root / BRACES, root / f"mirror {BRACES}"
    here.mkdir()
    mirror.mkdir()
    model = here / BRACES / "{model}.onnx"
    model.parent.mkdir()
    shutil.copy(ROOT / "resources/digits_cnn.onnx", model)
    for number, name in enumerate(CLASSES):
        write_image(model.parent / IMAGES / IMAGES / name / "{image} $(x).png", np.full((64, 64, 3), number, np.uint8))
    write_conf(here / f"conf {BRACES}", model.relative_to(here))
    config = ["experiment=odd", f"extra_conf=conf {BRACES}", f"mirror={mirror}"]
    command = [sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile"), "-p", "--config", *config]
    done = subprocess.run(command, cwd=here, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300, check=False)
    output = done.stdout.decode()
    assert done.returncode == 0, output
    return here, output


def records(here: Path, name: str) -> list[Record]:
    kinds: Any = {"variant": "variant", "session": "session", "accuracy": "accuracy"}
    return [read_record(path, kinds[name]) for path in sorted((here / FOLDER).rglob(f"{name}.json"))]


def test_nothing_of_it_was_obeyed(run: tuple[Path, str]) -> None:
    here, output = run
    assert not [path for path in here.parent.rglob("*") if path.name == "pwned"]
    assert "1 ok, 0 unavailable, 0 failed" in output
    assert sorted(path.name for path in here.iterdir() if path.name != ".snakemake") == sorted(
        [FOLDER, BRACES, f"conf {BRACES}"]
    )


def test_records_have_it_unchanged(run: tuple[Path, str]) -> None:
    here, _ = run
    variants, accuracies = records(here, "variant"), records(here, "accuracy")
    assert len(variants) == len(accuracies) == 1
    model = variants[0].settings["model"]
    assert model["files"][0]["path"] == f"{BRACES}/{{model}}.onnx"
    assert model["files"][0]["name"] == "{model} $(x) 'é' \"=.onnx"
    assert variants[0].settings["dataset"]["class_names"] == CLASSES
    assert accuracies[0].settings["dataset"]["class_names"] == CLASSES


def test_the_report_shows_it(run: tuple[Path, str]) -> None:
    here, _ = run
    folder = here / FOLDER / "odd" / "report"
    page = (folder / "index.html").read_text(encoding="utf-8")
    shown = html.escape(visible(TEXT)).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")
    assert f"<h1>{shown}</h1>" in page
    assert f'<p class="lead">{shown}</p>' in page
    assert page.count(shown) >= 5  # licences and home pages are in it, too
    assert read_csv(folder / "tables/results.csv")["dataset"].tolist() == ["odd digits"]


@pytest.mark.parametrize("sign", ["\x1b", "\u202e", "\u200b"])
def test_no_output_holds_what_cannot_be_seen(run: tuple[Path, str], sign: str) -> None:
    here, output = run
    assert sign not in output
    results = here / FOLDER
    texts = [path for path in results.rglob("*") if path.suffix in {".json", ".html", ".csv", ".tex", ".md", ".log"}]
    assert len(texts) > 20
    for path in texts:
        assert sign not in path.read_text(encoding="utf-8"), path


def test_a_file_in_a_folder_with_braces_is_watched(run: tuple[Path, str]) -> None:
    here, _ = run
    config = ["experiment=odd", f"extra_conf=conf {BRACES}", f"mirror={here.parent / f'mirror {BRACES}'}"]
    command = [sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile"), "-n", "--config", *config]

    def planned() -> str:
        done = subprocess.run(command, cwd=here, capture_output=True, text=True, timeout=100, check=True)
        return done.stdout

    assert "Nothing to be done" in planned()
    os.utime(here / BRACES / "{model}.onnx", (1, 1))
    assert "download odd" in planned()
