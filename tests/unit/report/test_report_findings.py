"""Findings: what is said on known numbers, and what is not."""

from __future__ import annotations

import pandas as pd
from report_factory import Maker, Recipe, context_of

from ovlab.report import results_frame
from ovlab.report.sections.findings import general_findings, model_findings


def told(make: Maker, recipe: Recipe, precision: str = "int8", model: int = 0) -> str:
    settings, records = make(recipe)
    frame = results_frame(settings, records)
    findings = model_findings(settings, frame[frame["status"] == "ok"], records)[model].findings
    return " ".join(next(one.sentences for one in findings if one.subject == precision))


def whole(make: Maker, recipe: Recipe) -> dict[str, str]:
    settings, records = make(recipe)
    return {one.subject: " ".join(one.sentences) for one in general_findings(context_of(settings, records))}


def test_a_speedup_is_told_with_its_interval(make: Maker) -> None:
    text = told(make, Recipe(speedups={"int8": (2.312, 2.281, 2.349)}))
    assert "2.31 [2.28, 2.35] times as fast as fp32 on cpu." in text


def test_a_slowdown_is_called_slower(make: Maker) -> None:
    assert "Slower: 0.62 [0.59, 0.65] times as fast as fp32" in told(
        make, Recipe(speedups={"int8": (0.62, 0.59, 0.65)})
    )


def test_an_interval_with_one_inside_is_no_difference(make: Maker) -> None:
    text = told(make, Recipe(speedups={"int8": (1.31, 0.97, 1.76)}))
    assert "No difference in speed from fp32 could be measured on cpu (1.3 [1.0, 1.8] times as fast)." in text


def test_one_launch_is_no_evidence(make: Maker) -> None:
    text = told(make, Recipe(launches=1))
    assert "2.31 times as fast as fp32 on cpu, its interval unknown after 1 launch: no evidence yet." in text
    assert "[" not in text.split(".")[0]


def test_a_loss_of_accuracy_is_told_in_points(make: Maker) -> None:
    text = told(make, Recipe(deltas={"int8": (-0.0123, -0.0185, -0.0061)}))
    assert "Top-1 accuracy is 59.77 %, 1.23 points [0.61, 1.85] below fp32’s, paired over 1000 images." in text


def test_a_metric_keeps_its_spelling(make: Maker) -> None:
    settings, records = make(Recipe(deltas={"int8": (-0.0123, -0.0185, -0.0061)}))
    frame = results_frame(settings, records).assign(metric="mAP (VOC 2007)")
    findings = model_findings(settings, frame[frame["status"] == "ok"], records)[0].findings
    sentences = [sentence for one in findings for sentence in one.sentences if "VOC" in sentence]
    assert len(sentences) >= 2
    assert not any("MAP" in sentence for sentence in sentences)


def test_a_gain_of_accuracy_is_told(make: Maker) -> None:
    assert "0.80 points [0.20, 1.40] above fp32’s" in told(make, Recipe(deltas={"int8": (0.008, 0.002, 0.014)}))


def test_no_difference_in_accuracy_says_what_is_not_excluded(make: Maker) -> None:
    text = told(make, Recipe(deltas={"int8": (-0.0017, -0.0094, 0.0047)}))
    assert "No difference in top-1 accuracy could be measured: −0.17 points [−0.94, +0.47]" in text
    assert "a loss of 0.94 points is not excluded" in text


def test_an_accuracy_difference_without_interval_is_told_as_such(make: Maker) -> None:
    assert "interval unknown" in told(make, Recipe(deltas={"int8": (-0.01, None, None)}))


def test_size_is_told_against_the_reference(make: Maker) -> None:
    assert "The model takes 1.25 MB, 0.25 times fp32’s 5.00 MB." in told(make, Recipe())


def test_what_was_executed_is_told_where_the_label_misleads(make: Maker) -> None:
    text = told(make, Recipe(), "fp16")
    assert "Executed in f32 on cpu, as fp32 is: FP16 weights only make the file smaller there." in text
    assert "Executed" not in told(make, Recipe(models=["other"]), "int8")


def test_a_mixed_execution_is_told_with_its_share(make: Maker) -> None:
    text = told(make, Recipe(precisions=["fp32", "int8_accuracy"]), "int8_accuracy")
    assert "Executed in i8+f32 on cpu: 87.0 % of the multiply-accumulates in INT8." in text


def test_other_scenarios_that_agree_are_not_repeated(make: Maker) -> None:
    text = told(make, Recipe(scenarios=["offline", "single_stream", "multi_stream"]))
    assert "The same, within the intervals, under offline and multi_stream on cpu." in text
    assert text.count("2.31") == 1


def test_other_scenarios_that_differ_are_told(make: Maker) -> None:
    settings, records = make(Recipe())
    row = records.sessions["net", "cpu", "offline", "here"].data["rows"]["int8"]
    row["values"]["speedup"] |= {"value": 1.5, "low": 1.46, "high": 1.54}
    frame = results_frame(settings, records)
    text = " ".join(model_findings(settings, frame, records)[0].findings[2].sentences)
    assert "Other loads: 1.50 [1.46, 1.54] times (offline on cpu)." in text


def test_an_absent_reference_leaves_no_speedup(make: Maker) -> None:
    settings, records = make(Recipe())
    for session in records.sessions.values():
        session.data["rows"]["int8"]["values"].pop("speedup")
    text = " ".join(model_findings(settings, results_frame(settings, records), records)[0].findings[2].sentences)
    assert "no speed-up is known, since fp32 was not measured there" in text


def test_absent_devices_and_failures_are_told_with_their_reason(make: Maker) -> None:
    recipe = Recipe(
        devices=["cpu", "gpu", "npu"], absent={"gpu": "GPU is not on this host"}, failed={"npu": "it broke"}
    )
    general = whole(make, recipe)
    assert "Unavailable" not in general  # a line in the section on devices
    assert general["Failed"] == "6 cells on npu: it broke."


def test_where_a_virtual_device_ran_is_told(make: Maker) -> None:
    assert whole(make, Recipe(devices=["cpu", "auto"]))["Executed on"] == "auto (AUTO) ran on CPU."
    assert "Executed on" not in whole(make, Recipe(models=["other"]))


def test_nothing_measured_is_nothing_told(make: Maker) -> None:
    settings, records = make(Recipe(absent={"cpu": "no CPU"}))
    frame = results_frame(settings, records)
    assert model_findings(settings, frame[frame["status"] == "ok"], records) == []
    assert list(pd.unique(frame["status"])) == ["unavailable"]
