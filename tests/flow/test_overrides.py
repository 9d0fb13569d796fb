"""Overrides as they arrive from a command line, quoted or not."""

from __future__ import annotations

from typing import Any

import pytest
from snakemake.cli import parse_config

from ovlab.errors import OvlabError
from ovlab_flow import load_grid
from ovlab_flow.command_line import as_lines
from ovlab_flow.overrides import ADVICE, parse_overrides

LISTS = ["experiment.devices=[cpu,auto]", "experiment.exclude=[{device: cpu}]", "seed=3"]


@pytest.mark.parametrize(
    ("typed", "lines"),
    [
        ("[seed=3]", ["seed=3"]),
        ("seed=3", ["seed=3"]),
        ("[experiment.devices=[cpu,auto]]", ["experiment.devices=[cpu,auto]"]),
        (f"[{','.join(LISTS)}]", LISTS),
        (f"[ {' , '.join(LISTS)} ]", LISTS),
        ('["experiment.devices=[cpu,auto]","seed=3"]', ["experiment.devices=[cpu,auto]", "seed=3"]),
        ('["experiment.devices=[cpu,auto]",seed=3]', ["experiment.devices=[cpu,auto]", "seed=3"]),
        ("[experiment.title='a b',model.mean=[1,2],seed=3]", ["experiment.title='a b'", "model.mean=[1,2]", "seed=3"]),
        ("[experiment.exclude=[{model: a, device: b}],~model.licence]", None),
        ("{seed: 3, results: elsewhere}", ["seed=3", "results=elsewhere"]),
        ("{experiment.devices: [cpu, auto], model.homepage: null}", None),
        ("[]", []),
        ("", []),
    ],
)
def test_what_is_typed_is_read_as_what_it_means(typed: str, lines: list[str] | None) -> None:
    found = as_lines(parse_config([f"overrides={typed}"])["overrides"])
    if lines is not None:
        assert found == lines
    assert len(parse_overrides(found)) == len(found)


@pytest.mark.parametrize("key", sorted(ADVICE))
def test_what_is_chosen_elsewhere_is_answered_with_where(key: str) -> None:
    with pytest.raises(OvlabError) as caught:
        parse_overrides([f"{key}=x"])
    assert str(caught.value) == f"override '{key}=x': {ADVICE[key]}"


@pytest.mark.parametrize(
    ("overrides", "check"),
    [
        ("[model.dataset=digits,experiment.models=[digits_cnn]]", lambda grid: set(grid.report.datasets) == {"digits"}),
        ("[experiment.devices=[cpu,auto]]", lambda grid: set(grid.report.devices) == {"cpu", "auto"}),
        ("[experiment.scenarios=[offline]]", lambda grid: set(grid.report.scenarios) == {"offline"}),
    ],
)
def test_the_advice_works(overrides: str, check: Any) -> None:
    lines = as_lines(parse_config([f"overrides={overrides}"])["overrides"])
    grid = load_grid("quickstart", overrides=["experiment.precisions=[fp32]", *lines])
    assert check(grid)
