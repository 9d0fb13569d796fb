"""Claims: verdicts on made-up results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from report_factory import Maker, Recipe, context_of

from ovlab.records import Record
from ovlab.report.format import Estimate
from ovlab.report.sections.claims import Claims
from ovlab.report.sections.independent import independent_difference, independent_ratio
from ovlab.specs import ClaimSpec, ReportSettings

ARTICLE = yaml.safe_load((Path(__file__).parents[3] / "conf" / "claims" / "article.yaml").read_text(encoding="utf-8"))
FASTER: dict[str, Any] = {
    "text": "INT8 pays",
    "left": {"measure": "throughput_fps", "where": {"precision": "int8", "device": "cpu"}},
    "relation": "at_least",
    "right": {"cell": {"precision": "fp32"}, "times": 1.3},
}


def rows_of_claim(make: Maker, recipe: Recipe, claim: dict[str, Any], **record_fields: Any) -> list[tuple[str, ...]]:
    """Return (model, measured, verdict) of every row that the claim gives."""
    settings, records = make(recipe)
    plain = settings.plain()
    plain["experiment"]["claims"] = {"one": claim}
    for name, value in record_fields.items():
        setattr(records, name, value)
    (table,) = Claims().tables(context_of(ReportSettings.model_validate(plain), records))
    return [tuple(str(entry) for entry in row[1:]) for row in table.rows]


def changed(claim: dict[str, Any], **parts: Any) -> dict[str, Any]:
    return claim | parts


@pytest.mark.parametrize(("times", "verdict"), [(1.3, "holds"), (2.5, "does not hold"), (2.315, "not distinguishable")])
def test_a_ratio_within_a_session_is_paired_by_rounds(make: Maker, times: float, verdict: str) -> None:
    claim = changed(FASTER, right={"cell": {"precision": "fp32"}, "times": times})
    ((model, measured, found),) = rows_of_claim(make, Recipe(), claim)
    assert (model, found) == ("net", verdict)
    # Launches are made up to be 2.31 times as fast, give or take thousandths.
    assert measured.startswith("2.31")
    assert measured.endswith("] fp32’s throughput (offline)")
    assert "] fp32’s throughput (single_stream); 2.31" in measured


def test_one_launch_tells_nothing(make: Maker) -> None:
    assert rows_of_claim(make, Recipe(launches=1), FASTER)[0][2] == "not distinguishable"


@pytest.mark.parametrize(
    ("within", "verdict"), [(0.9, "holds"), (0.05, "does not hold"), (0.57, "not distinguishable")]
)
def test_equal_is_within_a_difference_that_counts_as_none(make: Maker, within: float, verdict: str) -> None:
    """Latency is made up to be 1 / 2.31 = 0.433 of FP32's, with intervals of 2 %."""
    claim = {
        "text": "As fast",
        "left": {"measure": "latency_ms_p50", "where": {"precision": "int8", "scenario": "offline"}},
        "relation": "equals",
        "within": within,
        "right": {"cell": {"precision": "fp32"}},
    }
    assert rows_of_claim(make, Recipe(), claim)[0][2] == verdict


@pytest.mark.parametrize(
    ("plus", "verdict"), [(-0.02, "holds"), (0.01, "does not hold"), (-0.004, "not distinguishable")]
)
def test_accuracy_is_compared_by_its_difference_paired_with_the_reference(
    make: Maker, plus: float, verdict: str
) -> None:
    claim = {
        "text": "It costs little",
        "left": {"measure": "accuracy", "where": {"precision": "int8", "scenario": "offline"}},
        "relation": "at_least",
        "right": {"cell": {"precision": "fp32"}, "plus": plus},
    }
    ((_, measured, found),) = rows_of_claim(make, Recipe(), claim)
    assert (measured, found) == ("−0.40 points [−1.20, 0.40] from fp32", verdict)


@pytest.mark.parametrize(("limit", "verdict"), [(3.0, "holds"), (1.0, "does not hold"), (1.82, "not distinguishable")])
def test_a_number_with_its_unit(make: Maker, limit: float, verdict: str) -> None:
    claim = {
        "text": "Quick enough",
        "left": {"measure": "latency_ms_p50", "where": {"precision": "int8", "scenario": "single_stream"}},
        "relation": "at_most",
        "right": {"value": limit, "unit": "ms"},
    }
    assert rows_of_claim(make, Recipe(), claim)[0][1:] == ("1.82 ms [1.78, 1.85]", verdict)


def test_cases_that_part_are_counted(make: Maker) -> None:
    claim = {
        "text": "All are quick",
        "left": {"measure": "latency_ms_p50", "where": {"scenario": "offline"}},
        "relation": "at_most",
        "right": {"value": 3},
    }
    verdict = rows_of_claim(make, Recipe(), claim)[0][2]
    assert verdict == "holds in 1 and does not hold in 2 of 3 cases"


@pytest.mark.parametrize(
    ("recipe", "where", "right", "reason"),
    [
        (Recipe(), {"device": "gpu"}, {"precision": "fp32"}, "no device gpu in this experiment"),
        (Recipe(precisions=["fp32"]), {"precision": "int8"}, {}, "no precision int8 in this experiment"),
        (Recipe(), {"precision": "int8"}, {"precision": "bf16"}, "no bf16 in this experiment"),
        (
            Recipe(devices=["cpu", "gpu"], absent={"gpu": "GPU is not on this host (found: CPU)"}),
            {"device": "cpu"},
            {"device": "gpu"},
            "GPU is not on this host (found: CPU)",
        ),
        (Recipe(failed={"cpu": "it broke."}), {}, {}, "it broke"),
    ],
)
def test_why_a_claim_was_not_rows_of_claim(make: Maker, recipe: Recipe, where: Any, right: Any, reason: str) -> None:
    claim = changed(FASTER, left={"measure": "throughput_fps", "where": where}, right={"cell": right})
    assert rows_of_claim(make, recipe, claim) == [("net", "–", f"not tested: {reason}")]


def test_a_claim_appears_only_under_models_that_it_speaks_of(make: Maker) -> None:
    claim = changed(FASTER, left={"measure": "throughput_fps", "where": {"model": "mobile*", "precision": "int8"}})
    rows = rows_of_claim(make, Recipe(models=["net", "mobilenet"], scenarios=["offline"]), claim)
    assert [row[0] for row in rows] == ["mobilenet"]


def profile(layers: float, floating: list[dict[str, Any]]) -> Record:
    shares = {name: {"value": value, "low": value - 0.02, "high": value + 0.02} for name, value in SHARES.items()}
    of = {"value": layers, "whole": 12.0}
    variant = {
        "status": "ok",
        "executed_precision": "i8",
        "coverage": {"shares": {"layers": of, "time": of, "macs": of}, "floating": floating},
        "verdict": {"shares": shares, "largest": "compute", "level": "L3"},
    }
    return Record("profile", {"model_name": "net", "device_name": "cpu"}, data={"variants": {"int8": variant}})


SHARES = {"compute": 0.65, "bandwidth": 0.03, "overhead": 0.05, "conversions": 0.02, "remainder": 0.25}
SOFTMAX = {"layer": "prob", "type": "Softmax", "precision": "f32", "why": "Softmax is a type that is not quantised"}


@pytest.mark.parametrize(
    ("share", "floating", "verdict", "words"),
    [
        (0.75, [SOFTMAX], "holds", "; in floating point: prob in f32, Softmax is a type that is not quantised"),
        (1.0, [], "does not hold", ""),
    ],
)
def test_layers_in_floating_point_are_named(
    make: Maker, share: float, floating: list[dict[str, Any]], verdict: str, words: str
) -> None:
    claim = ARTICLE["mixed_precision"] | {"left": {"measure": "int8_layer_share", "where": {"precision": "int8"}}}
    profiles = {("net", "cpu", "here"): profile(share, floating)}
    ((_, measured, found),) = rows_of_claim(make, Recipe(scenarios=["offline"]), claim, profiles=profiles)
    assert found == verdict
    assert measured == f"{'75.0' if share < 1 else '100'} % of 12 timed layers{words}"


def test_the_open_question_is_answered_by_the_profile(make: Maker) -> None:
    question = ARTICLE["bandwidth_or_compute"] | {"left": {"measure": "compute_time_share", "where": {"device": "cpu"}}}
    recipe = Recipe(scenarios=["offline"])
    ((_, measured, answer),) = rows_of_claim(
        make, recipe, question, profiles={("net", "cpu", "here"): profile(1.0, [])}
    )
    assert measured == "65 % [63, 67] (int8)"
    assert answer == "int8: arithmetic (arithmetic 65 %, bandwidth of L3 3 %)"
    ((_, _, unknown),) = rows_of_claim(make, recipe, question)
    assert unknown == "not tested: time explained by arithmetic is not known"


def test_the_article_is_shipped_as_claims() -> None:
    claims = {name: ClaimSpec.model_validate(one) for name, one in ARTICLE.items()}
    assert len(claims) == 6
    assert claims["int8_on_cpu"].right is not None
    assert claims["int8_on_cpu"].right.times == 1.3


def test_independent_values_have_wider_intervals_than_either() -> None:
    ratio = independent_ratio(Estimate(2.0, 1.9, 2.1), Estimate(1.0, 0.95, 1.05))
    assert ratio.value == 2.0
    assert ratio.low is not None
    assert ratio.high is not None
    assert 1.85 < ratio.low < 1.9 - 0.02
    assert 2.1 + 0.02 < ratio.high < 2.16
    difference = independent_difference(Estimate(0.8, 0.77, 0.83), Estimate(0.7, 0.66, 0.74))
    assert difference.low == pytest.approx(0.05)
    assert difference.high == pytest.approx(0.15)
    assert independent_ratio(Estimate(2.0), Estimate(1.0, 0.9, 1.1)) == Estimate(2.0)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"right": {"value": 5, "unit": "s"}}, "right.unit: 's', expected 'images/s', that of throughput_fps"),
        ({"right": {"value": 5, "cell": {}}}, "expected either it or cell"),
        ({"right": {"cell": {}, "plus": 0.1}}, "right.plus: throughput_fps is no share, expected times"),
        ({"right": None}, "relation: expected together with right"),
        ({"left": {"measure": "accuracy"}}, "right.times: accuracy is a share, expected plus"),
        ({"left": {"measure": "througput"}}, "througput"),
    ],
)
def test_bad_claims_are_refused(parts: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ClaimSpec.model_validate(FASTER | parts)
