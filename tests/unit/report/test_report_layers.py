"""The section on layers: verdicts, coverage, advice, parts of a speed-up, the roofline, and what claims take of it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from layers_factory import add_profile
from report_factory import Recipe, context_of, make_plots, make_records, make_settings, make_tables, page_of

from ovlab.errors import OvlabError
from ovlab.report import Records, results_frame
from ovlab.report.sections.findings import general_findings
from ovlab.report.sections.layers.words import limit_sentences, method_sentences
from ovlab.report.style import save
from ovlab.specs import ReportSettings


@pytest.fixture
def made(tmp_path: Path) -> tuple[ReportSettings, Records]:
    recipe = Recipe(scenarios=["single_stream"])
    folder = tmp_path / "profile"
    folder.mkdir()
    return make_settings(recipe), add_profile(make_records(recipe, tmp_path), folder)


def rows(table: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = table.raw().to_dict("records")
    return found


def test_verdicts_and_totals(made: tuple[ReportSettings, Records]) -> None:
    tables = make_tables(*made)
    first, second = rows(tables["verdicts"])
    assert (first["precision"], first["largest"], first["executed_precision"]) == ("fp32", "compute", "f32")
    shares = ("compute", "bandwidth", "overhead", "conversions", "remainder")
    assert sum(first[name] for name in shares) == pytest.approx(1)
    assert second["conversions"] == pytest.approx(8 / (26.5 + 8 + 112 + 5))
    checks = rows(tables["verdict_checks"])[0]
    assert (checks["one_thread"], checks["batch_time"]) == (1.9, 0.8)
    totals = rows(tables["profile_totals"])[1]
    assert totals["macs_over_model"] == 1 and totals["time_over_latency"] == pytest.approx(0.95, abs=0.01)
    assert totals["remark"] == "–"
    assert rows(tables["coverage"])[1]["int8_macs"] == 0.5


def test_a_profile_that_was_slow_as_a_whole_is_told(made: tuple[ReportSettings, Records]) -> None:
    settings, records = made
    variants = records.profiles["net", "cpu", "here"].data["variants"]
    session = records.sessions["net", "cpu", "single_stream", "here"]
    session.settings["scenario"] = {"mode": "synchronous", "performance_hint": "LATENCY", "batch": 1, "threads": None}
    for name, one in variants.items():
        if one["status"] == "ok":
            times = {"fp32": 1 / 1.6, "int8": 1.0}
            latency = one["totals"]["latency"]["value"] * times[name]
            session.data["rows"][name]["values"]["latency_p50"]["value"] = latency
    variants["int8"]["disturbed"] = "2 of 6 launches were disturbed (load of other processes up to 57 %)"
    first, second = (one["remark"] for one in rows(make_tables(settings, records)["profile_totals"]))
    assert first == (
        "its latency without counters is 1.6 times that of its session: the host was slower while layers were profiled"
    )
    assert second == "2 of 6 launches were disturbed (load of other processes up to 57 %)"
    # No share of it is stated as firm: neither the verdict, nor the sentence, nor the advice.
    tables = make_tables(settings, records)
    assert [one["largest"] for one in rows(tables["verdicts"])] == ["compute (not firm)", "compute (not firm)"]
    assert {one["advice"].endswith("(by the numbers of a disturbed host)") for one in rows(tables["advice"])} == {True}
    (sentence,) = limit_sentences(settings, records)
    assert sentence.startswith("net on cpu: what limits fp32 is not firm (arithmetic 65 %, bandwidth of L2 ")
    assert "is limited by" not in sentence
    session.settings["scenario"]["threads"] = 1  # another load is no measure of it
    tables = make_tables(settings, records)
    assert rows(tables["profile_totals"])[0]["remark"] == "–"
    assert rows(tables["verdicts"])[0]["largest"] == "compute"


def test_the_cross_check_at_a_lower_clock(made: tuple[ReportSettings, Records]) -> None:
    settings, records = made
    data = records.profiles["net", "cpu", "here"].data
    assert "follows_clock" not in rows(make_tables(settings, records)["verdict_checks"])[0]
    data["variants"]["int8"]["lower_clock"] = {"slowdown": 1.4, "time": 1.3, "follows": 0.75}
    data["lower_clock"] = {"asked": 0.7, "reason": ""}
    table = make_tables(settings, records)["verdict_checks"]
    first, second = (one["follows_clock"] for one in rows(table))
    assert pd.isna(first) and second == 0.75 and "when the clock was lowered" in table.caption
    assert "lowered to" not in method_sentences(settings, records)[0]
    data["lower_clock"]["reason"] = "the kernel offers no limit"
    said = "The clock was to be lowered to 70 % as a cross-check, and was not: the kernel offers no limit."
    assert said in method_sentences(settings, records)[0]


def test_layers_left_in_floating_point_and_advice(made: tuple[ReportSettings, Records]) -> None:
    tables = make_tables(*made)
    left = rows(tables["floating_layers"])
    assert [(one["layer"], one["why"]) for one in left] == [
        ("head", "in the ignored scope"),
        ("soft", "Softmax is a type that is not quantised"),
    ]
    advice = {one["precision"]: one["advice"] for one in rows(tables["advice"])}
    assert "Try BF16" in advice["fp32"] and "1 layer in FP32 (in the ignored scope)" in advice["int8"]


def test_parts_of_the_speedup_add_up(made: tuple[ReportSettings, Records]) -> None:
    tables = make_tables(*made)
    for name in ("speedup_by_layers", "speedup_by_cause"):
        (row,) = rows(tables[name])
        assert (row["second"], row["first"]) == ("int8", "fp32")
        ends = ("saved_ms", "_low", "_high", "speedup", "second", "first", "model", "device", "run_id")
        parts = [value for key, value in row.items() if not key.endswith(ends)]
        assert sum(parts) == pytest.approx(row["saved_ms"])
    assert rows(tables["speedup_by_layers"])[0]["conversions_ms"] == pytest.approx(-0.008)


def test_nodes_and_pairs_are_short_on_the_page_and_whole_in_the_file(made: tuple[ReportSettings, Records]) -> None:
    tables = make_tables(*made)
    assert tables["nodes"].whole is not None and len(tables["nodes"].whole.rows) == 7
    pairs = rows(tables["layer_speedups"])
    assert [one["layers"] for one in pairs] == ["conv", "soft", "head"]
    assert pairs[0]["speedup"] == pytest.approx(191 / 26.5, rel=0.02) and pairs[0]["speedup_low"] > 6
    conversions = rows(tables["conversions"])
    assert [(one["conversion"], one["nodes"]) for one in conversions] == [("u8 acdb to f32 acdb", 1)]
    peaks = {one["peak"]: one for one in rows(tables["peaks"])}
    assert peaks["arithmetic in f32"]["reached"] == 0.8 and peaks["bandwidth of L3"]["value"] == 100
    assert {"clock", "overhead of a node"} <= peaks.keys() and "a remark." in tables["peaks"].caption


def test_the_roofline_has_a_panel_for_each_variant(made: tuple[ReportSettings, Records], tmp_path: Path) -> None:
    plot = make_plots(*made)["roofline_net_cpu"]
    titles = [axes.get_title() for axes in plot.figure.axes if axes.get_title()]
    assert titles == ["fp32 (98 %)", "int8 (91 %)"]
    assert plot.figure.axes[0].get_xscale() == plot.figure.axes[0].get_yscale() == "log"
    text = save(plot, tmp_path)
    told = re.findall(r"<title>(.*?)</title>", text, re.DOTALL)
    assert told[0].startswith("conv, FP32\n") and all("GOP/s at" in one and "% of the time" in one for one in told)
    assert len(told) == sum(len(one.get_offsets()) for axes in plot.figure.axes for one in axes.collections)
    assert "bandwidth of" in text and "INT8" in text and (tmp_path / "roofline_net_cpu.pdf").stat().st_size > 1000


def test_results_take_precision_and_share_from_the_profile(made: tuple[ReportSettings, Records]) -> None:
    frame = results_frame(*made).set_index("precision")
    assert frame.loc["int8", "executed_precision"] == "i8+f32" or frame.loc["int8", "executed_precision"] == "f32+i8"
    assert frame.loc["int8", "int8_time_share"] == pytest.approx(26.5 / 151.5)
    assert frame.loc["fp32", "int8_time_share"] == 0
    assert pd.isna(frame.loc["fp16", "int8_time_share"])  # its profile failed: what the session says stands
    assert frame.loc["fp16", "executed_precision"] == "f32"


def test_claims_name_the_layers_and_answer_the_open_question(made: tuple[ReportSettings, Records]) -> None:
    settings, records = made
    claims: dict[str, Any] = {
        "layers": {"text": "not all", "left": {"measure": "int8_layer_share", "where": {"precision": "int8"}}}
        | {"relation": "at_most", "right": {"value": 0.999, "unit": "fraction"}},
        "limit": {"text": "what limits", "left": {"measure": "compute_time_share", "where": {"precision": "fp32"}}},
    }
    plain = settings.plain()
    plain["experiment"]["claims"] = claims
    found = {one["claim"]: one for one in rows(make_tables(ReportSettings.model_validate(plain), records)["claims"])}
    assert (
        "of 3 timed layers; in floating point: head in f32, in the ignored scope and soft in f32"
        in (found["not all"]["measured"])
    )
    assert found["not all"]["verdict"] == "holds"
    assert found["what limits"]["verdict"] == "fp32: arithmetic (arithmetic 65 %, bandwidth of L2 0 %)"


def test_the_page_says_what_limits_and_what_was_not_profiled(made: tuple[ReportSettings, Records]) -> None:
    settings, records = made
    page = page_of(settings, records)
    assert "What limits it" in page and "Where the speed-up comes from" in page
    assert "net in fp16 on cpu was not profiled: it broke." in page
    (finding,) = [one for one in general_findings(context_of(settings, records)) if one.subject == "Limits"]
    assert finding.sentences[0].startswith(
        "net on cpu: fp32 is limited by arithmetic (arithmetic 65 %, bandwidth of L2"
    )


def test_without_profiles_there_is_no_section(tmp_path: Path) -> None:
    recipe = Recipe()
    settings, records = make_settings(recipe), make_records(recipe, tmp_path)
    assert 'id="layers-section"' not in page_of(settings, records)
    assert not any(name.startswith("roofline") for name in make_plots(settings, records))
    claims = {one["claim"] for one in rows(make_tables(settings, records)["claims"])}
    assert not any(claim.startswith("Left open") for claim in claims)


def test_a_failed_profile_and_a_damaged_file(made: tuple[ReportSettings, Records], tmp_path: Path) -> None:
    settings, records = made
    whole = records.profiles["net", "cpu", "here"]
    records.profiles["net", "cpu", "here"] = replace(whole, status="failed", reason="no counters", data={})
    page = page_of(settings, records)
    assert "net on cpu was not profiled: no counters." in page
    records.profiles["net", "cpu", "here"] = whole
    (tmp_path / "profile" / "nodes.parquet").write_bytes(b"damaged")
    with pytest.raises(OvlabError, match=r"nodes\.parquet: cannot be read as nodes of a profile"):
        make_tables(settings, records)
