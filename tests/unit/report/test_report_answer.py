"""The answer at the head of the page: it says of the fastest variant what was measured, and no more."""

from __future__ import annotations

import pandas as pd
from report_factory import Maker, Recipe

from ovlab.report import results_frame
from ovlab.report.sections.answer.best import Answer, answers
from ovlab.report.sections.answer.figure import pareto_front
from ovlab.report.sections.devices import absent_line


def answer(make: Maker, recipe: Recipe) -> Answer:
    settings, records = make(recipe)
    frame = results_frame(settings, records)
    return answers(settings, frame[frame["status"] == "ok"], records)[0]


def test_it_leads_with_the_fastest_and_its_interval(make: Maker) -> None:
    found = answer(make, Recipe(speedups={"int8": (3.14159, 2.9, 3.3)}, deltas={"int8": (-0.004, -0.012, 0.004)}))
    assert (found.lead, found.interval) == ("int8 is 3.14 times as fast as fp32", "[2.90, 3.30]")
    assert "no difference in top-1 accuracy was seen (−0.40 points [−1.20, +0.40])" in found.rest
    assert found.scenario == "single_stream"


def test_inside_the_noise_nothing_is_called_faster(make: Maker) -> None:
    found = answer(make, Recipe(speedups={"fp16": (0.99, 0.9, 1.1), "int8": (1.05, 0.9, 1.2)}))
    assert found.lead == "No variant is measurably faster than fp32" and not found.interval


def test_without_an_interval_there_is_no_evidence(make: Maker) -> None:
    assert "no evidence yet" in answer(make, Recipe(launches=1)).rest


def test_a_measured_loss_is_said_and_the_fastest_without_one_named(make: Maker) -> None:
    deltas = {"int8": (-0.02, -0.03, -0.01), "bf16": (0.0, -0.01, 0.01)}
    found = answer(make, Recipe(precisions=["fp32", "bf16", "int8"], deltas=deltas))
    assert "; it costs top-1 accuracy: −2.0" in found.rest
    assert any(note.startswith("Without a measured loss, bf16 is the fastest: ") for note in found.notes)


def test_the_front_has_no_point_that_another_beats() -> None:
    points = pd.DataFrame({"latency_ms_p50": [1.0, 2.0, 2.0, 3.0, 4.0], "accuracy": [0.5, 0.6, 0.7, 0.7, 0.9]})
    assert list(pareto_front(points).index) == [0, 2, 4]


def test_absent_devices_take_one_line(make: Maker) -> None:
    recipe = Recipe(devices=["cpu", "gpu", "npu"], absent={"gpu": "no GPU here", "npu": "no NPU here"})
    line = absent_line(results_frame(*make(recipe)))
    assert line == "Not measured for want of the device: 12 cells (gpu: no GPU here; npu: no NPU here)."
