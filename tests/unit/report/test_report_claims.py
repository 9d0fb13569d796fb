"""The article's claims: verdicts on made-up results."""

from __future__ import annotations

from typing import Any

import pytest
from report_factory import Maker, Recipe, make_tables

CPU, LAYERS, GPU, MULTI = (
    "INT8 on the CPU is at least 1.3 times as fast as FP32",
    "Not all layers become INT8",
    "INT8 on the GPU is no faster than FP16",
    "MULTI is no faster than its members together",
)


def verdicts(make: Maker, recipe: Recipe) -> dict[str, tuple[str, str]]:
    settings, records = make(recipe)
    table = make_tables(settings, records)["claims"]
    return {str(claim): (str(measured), str(verdict)) for claim, _, measured, verdict in table.rows}


@pytest.mark.parametrize(
    ("speedup", "verdict"),
    [
        ((2.31, 2.28, 2.35), "holds"),
        ((1.31, 1.30, 1.33), "holds"),
        ((1.1, 1.05, 1.15), "does not hold"),
        ((1.3, 1.2, 1.4), "undecided: the interval leaves both possible"),
    ],
)
def test_int8_on_the_cpu(make: Maker, speedup: Any, verdict: str) -> None:
    measured, found = verdicts(make, Recipe(speedups={"int8": speedup}))[CPU]
    assert found == verdict
    assert measured.startswith(str(speedup[0]))
    assert "] × (single_stream)" in measured
    assert measured.endswith("] × (offline)")


def test_one_launch_tells_nothing(make: Maker) -> None:
    assert verdicts(make, Recipe(launches=1))[CPU][1] == "undecided: the interval leaves both possible"


def test_layers_in_floating_point_are_counted_once(make: Maker) -> None:
    measured, verdict = verdicts(make, Recipe())[LAYERS]
    assert measured == (
        "1 of 6 executed layers in floating point (1 Softmax); 100.0 % of the multiply-accumulates in INT8"
    )
    assert verdict == "holds"


def test_what_is_not_there_is_said(make: Maker) -> None:
    found = verdicts(make, Recipe(devices=["cpu", "gpu"], absent={"gpu": "GPU is not on this host (found: CPU)"}))
    assert found[GPU][1] == "could not be tested here: GPU is not on this host (found: CPU)"
    assert found[MULTI][1] == "could not be tested here: no MULTI in this experiment"
    assert verdicts(make, Recipe(precisions=["fp32"]))[CPU][1] == "could not be tested here: no comparable precisions"


def test_int8_on_the_gpu_against_fp16_in_the_same_rounds(make: Maker) -> None:
    measured, verdict = verdicts(make, Recipe(devices=["gpu"], scenarios=["offline"]))[GPU]
    assert verdict == "does not hold"  # INT8 is made up to be 2.31 times as fast
    assert measured.startswith("2.3")
    assert measured.endswith("× fp16 (offline)")


def test_multi_against_the_sum_of_its_members(make: Maker) -> None:
    measured, verdict = verdicts(make, Recipe(devices=["cpu", "gpu", "multi"], precisions=["int8"]))[MULTI]
    assert verdict == "holds"  # every device is made up to be as fast: together they could be twice that
    assert "images/s for CPU + GPU" in measured
