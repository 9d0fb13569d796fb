"""Shares of time: parts are never negative, add up, and use the level that holds the working set."""

from __future__ import annotations

import numpy as np
import pytest
from profile_factory import PEAKS, node, operation, profile

from ovlab.layers.peaks.machine import Peaks
from ovlab.layers.profile.table import COLUMNS, node_table
from ovlab.layers.profile.totals import complaints, control_totals
from ovlab.layers.roofline.shares import MIXED, PARTS, parts_of, verdict


def parts(time: float, **about: object) -> dict[str, float]:
    made = profile([node("a", time, **about)], [operation("a")])  # type: ignore[arg-type]
    found = parts_of(made.nodes[0], np.array([time]), PEAKS, "L3")
    return {name: float(one[0]) for name, one in found.items()}


def test_parts_of_a_node() -> None:
    # 20 M operations at 200 GOP/s take 100 us, 30 MB at 100 GB/s take 300 us; arithmetic hides 100 of them.
    found = parts(400.0, sizes=(1e7, 1e7, 1e7))
    assert found == pytest.approx({"compute": 100, "bandwidth": 200, "overhead": 2, "conversions": 0, "remainder": 98})


@pytest.mark.parametrize("time", [0.0, 1.0, 100.5, 101.0, 5000.0])
@pytest.mark.parametrize("layers", [None, []])
@pytest.mark.parametrize("size", [0.0, 1e5, 1e8, None])
def test_parts_are_never_negative_and_add_up(time: float, layers: list[str] | None, size: float | None) -> None:
    nodes = [node("b"), node("a", time, layers=layers, sizes=(size, size, size))]
    made = profile(nodes, [operation("a"), operation("b")])
    found = parts_of(made.nodes[1], np.array([time]), PEAKS, "L3")
    assert min(float(one[0]) for one in found.values()) >= 0
    assert sum(float(one[0]) for one in found.values()) == pytest.approx(time)


def test_a_type_without_a_peak_explains_nothing() -> None:
    assert parts(400.0, precision="f64")["compute"] == 0


def test_the_level_is_the_smallest_that_holds_the_working_set() -> None:
    for weights, level in ((1e6, "L2"), (1e7, "L3"), (1e9, "DRAM")):
        made = profile([node("a", sizes=(weights, 1e5, 1e5))], [operation("a")])
        assert verdict(made, PEAKS).level == level


def test_shares_add_up_to_one_and_have_intervals() -> None:
    made = profile(
        [node("a", [150.0, 152.0, 149.0]), node("r", [30.0, 31.0, 30.0], layers=[], kind="Reorder")], [operation("a")]
    )
    found = verdict(made, PEAKS)
    assert sum(one.value or 0 for one in found.shares.values()) == pytest.approx(1)
    compute = found.shares["compute"]
    assert compute.low is not None and compute.value is not None and compute.high is not None
    assert compute.low < compute.value < compute.high
    assert found.largest == "compute"
    assert found.shares["conversions"].value == pytest.approx(30 / 180)


def test_a_verdict_that_flips_between_launches_is_mixed() -> None:
    made = profile(
        [node("a", [150.0, 150.0, 150.0]), node("r", [90.0, 120.0, 80.0], layers=[], kind="Reorder")], [operation("a")]
    )
    assert verdict(made, PEAKS).largest == MIXED


def test_without_peaks_nothing_is_explained() -> None:
    found = verdict(profile([node("a")], [operation("a")]), Peaks())
    assert found.shares["remainder"].value == 1 and found.level == "" and found.from_dram.value is None


def test_totals_that_close_and_totals_that_do_not() -> None:
    fine = control_totals(profile([node("a")], [operation("a")]))
    assert fine["macs_over_model"].value == 1 and complaints(fine) == []
    lost = control_totals(profile([node("a")], [operation("a"), operation("b")], latency=[0.4] * 3))
    first, second = complaints(lost)
    assert "10000000 of 20000000 multiply-accumulates" in first and "50.0 % of the latency" in second


def test_the_table_has_a_meaning_for_each_column_and_knows_the_roof() -> None:
    made = profile([node("a", 200.0), node("p", 10.0, kind="Pooling")], [operation("a"), operation("p", "MaxPool", 0)])
    frame = node_table("fp32", made, PEAKS)
    assert list(frame.columns) == list(COLUMNS)
    first = frame.iloc[0]
    # 20 M operations in 200 us; 300 kB lie in L2, so that its slope allows more than the peak.
    assert (first["gops"], first["roof_gops"], first["roof_share"]) == pytest.approx((100, 200, 0.5))
    assert first["intensity"] == pytest.approx(20e6 / 3e5) and first["gbps"] == pytest.approx(1.5)
    assert np.isnan(frame.iloc[1]["gops"]) and np.isnan(frame.iloc[1]["roof_share"])
    assert frame["share"].sum() == pytest.approx(1)
    assert frame[[f"{name}_us" for name in PARTS]].sum(axis=1).to_list() == pytest.approx(frame["time_us"].to_list())
