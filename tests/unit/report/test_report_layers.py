"""The section on layers: verdicts, coverage, advice, parts of a speed-up, the roofline, and what claims take of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from profile_factory import PEAKS, node, operation, profile
from report_factory import Recipe, context_of, make_plots, make_records, make_settings, make_tables, page_of, record

from ovlab.errors import OvlabError
from ovlab.layers.profile.analysis import PAIR_COLUMNS, analyse, compare_all, pair_rows, plain_comparison
from ovlab.layers.profile.table import launch_table, node_table, write_tables
from ovlab.layers.roofline.coverage import Choices
from ovlab.records import Quantity, Record
from ovlab.report import Records, results_frame
from ovlab.report.sections.findings import general_findings
from ovlab.report.style import save
from ovlab.specs import ReportSettings

OPERATIONS = [operation("conv"), operation("head"), operation("soft", "Softmax", 0)]
SLOW, FAST = [190.0, 192.0, 191.0], [26.0, 27.0, 26.5]


def profiles() -> dict[str, Any]:
    """FP32 at its roof; INT8 with one layer left in floating point, and a conversion before it."""
    before = [node("conv", SLOW), node("head", 110.0), node("soft", 5.0, kind="Softmax")]
    after = [
        node("conv", FAST, precision="i8"),
        node("r", 8.0, layers=[], kind="Reorder", forms=("u8 acdb", "f32 acdb")),
        node("head", 112.0),
        node("soft", 5.0, kind="Softmax"),
    ]
    return {"fp32": profile(before, OPERATIONS), "int8": profile(after, OPERATIONS)}


def add_profile(records: Records, folder: Path) -> Records:
    """Add what the steps leave of peaks and of a profile of ``net`` on ``cpu``."""
    found = profiles()
    comparisons = compare_all(found, PEAKS, ["fp32"])
    data: dict[str, Any] = {"variants": {}, "comparisons": [], "compared_with": ["fp32"]}
    for name, one in found.items():
        scope = {"names": ["head"]} if name == "int8" else {}
        choices = Choices.of({"quantization": {"ignored_scope": scope} if scope else None}, {})
        analysis = analyse(one, choices, PEAKS, ["avx512_vnni"], comparisons.get(("fp32", name)))
        noise = [{"other_load": 0.0, "beyond": []}] * 3
        data["variants"][name] = {"status": "ok", "reason": "", **analysis.plain(), "noise": noise}
        data["variants"][name]["scaling"] = {"one_thread": 1.9, "batch": 4, "batch_time": 0.8}
    data["variants"]["fp16"] = {"status": "failed", "reason": "it broke"}
    rows = [row for names, one in comparisons.items() for row in pair_rows(*names, one)]
    data["comparisons"] = [plain_comparison(*names, one) for names, one in comparisons.items()]
    nodes = pd.concat([node_table(name, one, PEAKS) for name, one in found.items()])
    write_tables(nodes, launch_table("fp32", found["fp32"]), folder)
    pd.DataFrame(rows, columns=list(PAIR_COLUMNS)).to_csv(folder / "comparisons.csv", index=False)
    names = {"model_name": "net", "device_name": "cpu", "profiling": {"launches": 3}}
    records.profiles["net", "cpu"] = record("profile", names, data=data)
    records.profile_folders["net", "cpu"] = folder
    records.peaks["cpu"] = peaks_record()
    return records


def peaks_record() -> Record:
    values = {f"arithmetic_{name}": Quantity(one / 1e9, "GOP/s") for name, one in PEAKS.arithmetic.items()}
    values |= {f"bandwidth_{name}": Quantity(one / 1e9, "GB/s") for name, one in PEAKS.bandwidth.items()}
    values |= {"theoretical_f32": Quantity(250.0, "GOP/s"), "reached_f32": Quantity(0.8, "fraction")}
    values |= {"clock": Quantity(3.7, "GHz"), "node_overhead": Quantity(2.0, "us"), "threads": Quantity(2, "count")}
    data = {"kernels": PEAKS.kernels, "remarks": ["a remark"], "caches": {"L2": 1 << 20, "L3": 32 << 20}}
    return record("peaks", {"device_name": "cpu"}, values=values, data=data | {"sharing": {"L2": 1, "L3": 2}})


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
    assert (first["one_thread"], first["batch_time"]) == (1.9, 0.8)
    totals = rows(tables["profile_totals"])[1]
    assert totals["macs_over_model"] == 1 and totals["time_over_latency"] == pytest.approx(0.95, abs=0.01)
    assert totals["int8_macs"] == 0.5 and totals["remark"] == "–"


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
        ends = ("saved_ms", "_low", "_high", "speedup", "second", "first", "model", "device")
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
    assert [axes.get_title() for axes in plot.figure.axes if axes.get_title()] == ["fp32", "int8"]
    assert plot.figure.axes[0].get_xscale() == plot.figure.axes[0].get_yscale() == "log"
    text = save(plot, tmp_path)
    assert "bandwidth of" in text and "INT8" in text and (tmp_path / "roofline_net_cpu.pdf").stat().st_size > 1000


def test_results_take_precision_and_share_from_the_profile(made: tuple[ReportSettings, Records]) -> None:
    frame = results_frame(*made).set_index("precision")
    assert frame.loc["int8", "executed_precision"] == "i8+f32" or frame.loc["int8", "executed_precision"] == "f32+i8"
    assert frame.loc["int8", "int8_time_share"] == pytest.approx(26.5 / 151.5)
    assert frame.loc["fp32", "int8_time_share"] == 0
    assert pd.isna(frame.loc["fp16", "int8_time_share"])  # its profile failed: what the session says stands
    assert frame.loc["fp16", "executed_precision"] == "f32"


def test_claims_name_the_layers_and_answer_the_open_question(made: tuple[ReportSettings, Records]) -> None:
    claims = {one["claim"]: one for one in rows(make_tables(*made)["claims"])}
    layers = claims["Not all layers become INT8"]
    assert (
        "2 of 3 timed layers in floating point (head in f32, in the ignored scope and soft in f32" in layers["measured"]
    )
    assert "in INT8 50.0 % of the multiply-accumulates and 17.5 % of the time" in layers["measured"]
    assert layers["verdict"] == "holds"
    limit = claims["Left open: is the limit memory bandwidth or compute?"]
    assert "fp32: compute 65 %, bandwidth of L2 0 %" in limit["measured"] and limit["verdict"] == "compute"


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
    whole = records.profiles["net", "cpu"]
    records.profiles["net", "cpu"] = replace(whole, status="failed", reason="no counters", data={})
    page = page_of(settings, records)
    assert "net on cpu was not profiled: no counters." in page
    records.profiles["net", "cpu"] = whole
    (tmp_path / "profile" / "nodes.parquet").write_bytes(b"damaged")
    with pytest.raises(OvlabError, match=r"nodes\.parquet: cannot be read as nodes of a profile"):
        make_tables(settings, records)
