"""Odd and broken files of strangers, in a folder of their own beside the repository: what is read on the screen."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from strangers import FAILED, OK, STRANGERS, Stranger
from workflow_runs import TINY, command, copy_workflow

from ovlab.records import read_record

pytestmark = pytest.mark.timeout(2500)  # three minutes where nothing else runs
NAMES = [one.name for one in STRANGERS]
SUBSET = 7


def write_yaml(path: Path, content: dict[str, Any], header: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(header + yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")


def write(one: Stranger, files: Path, conf: Path) -> bool:
    """Write a stranger's files and YAML, and tell whether the model is to be quantised."""
    (files / one.name).mkdir(parents=True)
    made = one.make(files / one.name)
    write_yaml(conf / f"model/{one.name}.yaml", made.model | {"dataset": one.name})
    write_yaml(conf / f"dataset/{one.name}.yaml", made.dataset)
    if made.int8 is not None:
        own = {"precision": {"quantization": made.int8}}
        write_yaml(conf / f"model_precision/{one.name}-int8.yaml", own, "# @package _global_\n")
    return made.int8 is not None


@dataclass(frozen=True)
class Screen:
    """What the run left: its folder, what stood in the terminal, and the results by model and precision."""

    folder: Path
    output: str
    results: pd.DataFrame

    def cell(self, name: str, precision: str) -> pd.Series[Any]:
        return self.results.set_index(["model", "precision"]).loc[(name, precision)]


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Screen:
    """One experiment of all strangers; its folder of YAML has a space and an accent in its name."""
    folder = copy_workflow(tmp_path_factory.mktemp("run"))
    place = tmp_path_factory.mktemp("theirs") / "Daten für später"
    conf = place / "conf"
    quantised = {one.name for one in STRANGERS if write(one, place / "files", conf)}
    precision = yaml.safe_load((folder / "conf/precision/int8.yaml").read_text(encoding="utf-8"))
    write_yaml(conf / "precision/int8.yaml", precision | {"quantization": {"subset": SUBSET}})
    experiment = {
        "title": "Strangers",
        "models": NAMES,
        "precisions": ["fp32", "int8"],
        "devices": ["cpu"],
        "scenarios": ["single_stream"],
        "exclude": [{"model": name, "precision": "int8"} for name in NAMES if name not in quantised],
        "profile": False,
    }
    write_yaml(conf / "experiment/strangers.yaml", {"experiment": experiment}, "# @package _global_\n")
    measuring = tuple(one for one in TINY if one.startswith("measurement."))
    done = subprocess.run(
        command(experiment="strangers", extra_conf=str(conf), overrides=measuring),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=2400,
        check=False,
    )
    table = folder / "results/strangers/report/tables/results.csv"
    assert table.is_file(), done.stdout[-5000:]
    assert done.returncode == 1  # some cannot work
    return Screen(folder, done.stdout, pd.read_csv(table))


@pytest.mark.parametrize("one", STRANGERS, ids=NAMES)
def test_a_strangers_file(screen: Screen, one: Stranger) -> None:
    cell = screen.cell(one.name, one.precision)
    reason = cell["reason"] if isinstance(cell["reason"], str) else ""
    assert cell["status"] == one.status, reason
    assert re.search(one.reads, reason), reason
    if one.status == FAILED:
        # What the table says stood on the screen too.
        told = reason.removeprefix("variant: ")
        assert f"failed: {told}" in screen.output
    assert "results/sources" not in reason
    if one.accuracy is not None:
        assert cell["accuracy"] == one.accuracy


def test_no_traceback_stands_on_the_screen(screen: Screen) -> None:
    assert "Traceback" not in screen.output


def test_a_precision_in_a_folder_with_a_space_and_an_accent_counts(screen: Screen) -> None:
    name = next(one.name for one in STRANGERS if one.precision == "int8")
    (path,) = screen.folder.glob(f"results/variants/{name}/int8/*/variant.json")
    assert read_record(path, "variant").settings["quantization"]["subset"] == SUBSET


def test_there_are_strangers_of_both_kinds() -> None:
    assert {one.status for one in STRANGERS} == {OK, FAILED}
