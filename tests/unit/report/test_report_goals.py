"""Goals: the best variant within limits, how surely it is, or what misses them by least."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from report_factory import Maker, Recipe, context_of, make_tables

from ovlab.report.sections.goals import Goals
from ovlab.report.sections.goals.judging import SURELY, Judgement, judge
from ovlab.report.sections.measured import measured
from ovlab.specs import GoalSpec, ReportSettings
from ovlab.specs.reporting.measures import MEASURES, LessIsBetter, MoreIsBetter, Neither

BOTH = {"scenario": "single_stream"}


def row(precision: str, latency: tuple[float, float, float], delta: tuple[float, float, float], **more: Any) -> Any:
    names = {"model": "net", "precision": precision, "device": "cpu", "scenario": "single_stream", "status": "ok"}
    latencies = dict(zip(("", "_low", "_high"), latency, strict=True))
    deltas = dict(zip(("", "_low", "_high"), delta, strict=True))
    return (
        names
        | {f"latency_ms_p50{end}": value for end, value in latencies.items()}
        | {f"accuracy_delta{end}": value for end, value in deltas.items()}
        | more
    )


FP32 = row("fp32", (4.0, 3.9, 4.1), (0.0, 0.0, 0.0))
BF16 = row("bf16", (2.0, 1.95, 2.05), (-0.001, -0.004, 0.002))
INT8 = row("int8", (1.0, 0.97, 1.03), (-0.006, -0.013, 0.001))


def found(rows: list[Any], **goal: Any) -> Judgement:
    judgement = judge(GoalSpec.model_validate(goal), "net", rows)
    assert judgement is not None
    return judgement


def test_every_measure_of_the_spec_can_be_written() -> None:
    assert set(MEASURES) == {*get_args(LessIsBetter), *get_args(MoreIsBetter), *get_args(Neither)}


def test_the_fastest_within_all_limits_is_best() -> None:
    one = found([FP32, BF16, INT8], at_most={"latency_ms_p50": 3, "accuracy_drop": 0.02})
    assert one.best is not None
    assert (one.best.cell.precision, one.best.state) == ("int8", SURELY)
    assert one.surest is one.rival is one.closest is None


def test_an_interval_beyond_the_limit_makes_it_probable_and_names_who_surely_is_within() -> None:
    one = found([FP32, BF16, INT8], at_most={"latency_ms_p50": 3, "accuracy_drop": 0.01})
    assert one.best is not None
    assert one.surest is not None
    assert (one.best.cell.precision, one.best.state, one.surest.cell.precision) == ("int8", "probably", "bf16")


def test_a_value_beyond_the_limit_is_out_though_its_interval_reaches_in() -> None:
    one = found([BF16, INT8], at_most={"accuracy_drop": 0.005})
    assert one.best is not None
    assert one.best.cell.precision == "bf16"


def test_a_percentile_without_interval_is_probable_and_a_size_is_sure() -> None:
    known = row("int8", (1.0, 0.9, 1.1), (0.0, 0.0, 0.0), latency_ms_p99=2.0, model_size_mb=4.0)
    states = {
        name: found([known], at_most={name: 5}).best.state  # type: ignore[union-attr]
        for name in ("latency_ms_p99", "model_size_mb")
    }
    assert states == {"latency_ms_p99": "probably", "model_size_mb": "surely"}


def test_none_within_names_the_one_that_misses_by_least() -> None:
    one = found([FP32, BF16, INT8], at_most={"latency_ms_p50": 0.5, "accuracy_drop": 0.0})
    assert one.best is None
    assert one.closest is not None
    # FP32 loses nothing; the others lose something where nothing may be lost, which is infinitely beyond.
    assert one.closest.cell.precision == "fp32"
    faster = found([FP32, BF16, INT8], at_most={"latency_ms_p50": 0.5})
    assert faster.closest is not None
    assert faster.closest.cell.precision == "int8"


def test_what_is_not_known_is_not_within() -> None:
    assert found([INT8], at_most={"energy_mj_per_inference": 1e9}).best is None


def test_more_is_better_where_it_is() -> None:
    rows = [one | {"throughput_fps": value} for one, value in ((FP32, 250.0), (BF16, 500.0), (INT8, 400.0))]
    one = found(rows, at_least={"throughput_fps": 300}, prefer="throughput_fps")
    assert one.best is not None
    assert one.best.cell.precision == "bf16"


def test_overlapping_intervals_of_the_two_best_are_told() -> None:
    near = row("int8", (1.98, 1.9, 2.06), (0.0, -0.001, 0.001))
    one = found([BF16, near], at_most={"latency_ms_p50": 3})
    assert one.rival is not None
    assert one.rival.cell.precision == "bf16"


def test_a_goal_looks_only_where_it_says() -> None:
    assert (
        judge(GoalSpec.model_validate({"where": {"device": "gpu"}, "at_most": {"latency_ms_p50": 9}}), "net", [INT8])
        is None
    )
    one = found([FP32, INT8], where={"precision": "fp*"}, at_most={"latency_ms_p50": 9})
    assert one.best is not None
    assert one.best.cell.precision == "fp32"


def test_a_drop_is_the_difference_turned_round_with_its_bounds() -> None:
    drop = measured(INT8, "accuracy_drop")
    assert (drop.value, drop.low, drop.high) == (0.006, -0.001, 0.013)
    assert str(measured(FP32, "accuracy_drop").value) == "0.0"


def with_goals(make: Maker, recipe: Recipe, *goals: dict[str, Any]) -> tuple[ReportSettings, Any]:
    settings, records = make(recipe)
    plain = settings.plain()
    plain["experiment"]["goals"] = list(goals)
    return ReportSettings.model_validate(plain), records


def test_the_table_and_the_sentences_name_the_best_variant(make: Maker) -> None:
    goal = {"title": "Video", "where": BOTH, "at_most": {"latency_ms_p50": 3, "accuracy_drop": 0.01}}
    settings, records = with_goals(make, Recipe(), goal)
    table = make_tables(settings, records)["goals"]
    (title, model, verdict, variant, values, remark), *others = table.rows
    assert (title, model, verdict, variant, others) == ("Video", "net", "probably", "int8 on cpu (single_stream)", [])
    assert str(values).startswith("latency p50 1.82 ms [1.78, 1.85] (at most 3), accuracy drop ")
    assert str(values).endswith("points [−0.40, 1.20] (at most 1)")
    assert remark == "only probably for accuracy drop; no variant surely is"
    (finding,) = Goals().findings(context_of(settings, records))
    assert finding.subject == "Video"
    assert finding.sentences[0].startswith("net: int8 on cpu (single_stream), probably within the limits: latency p50 ")


def test_a_goal_that_none_reaches_and_one_that_could_not_be_tested(make: Maker) -> None:
    recipe = Recipe(devices=["cpu", "gpu"], absent={"gpu": "GPU is not on this host (found: CPU)"})
    goals = (
        {"where": BOTH | {"device": "cpu"}, "at_most": {"latency_ms_p50": 1}},
        {"where": {"device": "gpu"}, "at_most": {"latency_ms_p50": 1}},
    )
    settings, records = with_goals(make, recipe, *goals)
    first, second = Goals().findings(context_of(settings, records))
    assert first.subject == "Goal 1"
    assert first.sentences == [
        "net: no variant is within the limits; by least misses int8 on cpu (single_stream): "
        "latency p50 1.82 ms [1.78, 1.85] (at most 1)."
    ]
    assert second.sentences == ["net: not tested: GPU is not on this host (found: CPU)."]


def test_no_goals_no_section(make: Maker) -> None:
    context = context_of(*make(Recipe()))
    section = Goals()
    tables = section.tables(context)
    assert not section.is_shown(context, tables, [])
    assert section.findings(context) == []


@pytest.mark.parametrize(
    ("goal", "message"),
    [
        ({}, "at_most: empty, expected a limit"),
        ({"at_most": {"latency_p50": 3}}, "latency_p50"),
        ({"at_most": {"latency_ms_p50": "fast"}}, "valid number"),
        ({"at_least": {"accuracy": 0.9}, "prefer": "speed"}, "speed"),
    ],
)
def test_bad_goals_are_refused(goal: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GoalSpec.model_validate(goal)
