"""Advice: each rule cites its numbers where they carry it, and is silent where they do not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from profile_factory import PEAKS, node, operation, profile

from ovlab.layers.advice import RULES, Advice, Case, advise
from ovlab.layers.profile.model import Profile
from ovlab.layers.roofline.comparison import compare
from ovlab.layers.roofline.coverage import Choices, coverage
from ovlab.layers.roofline.shares import verdict


def case(made: Profile, *, quantised: bool = False, reference: Profile | None = None, **others: Any) -> Case:
    peaks = others.pop("peaks", PEAKS)
    against = compare(reference, made, peaks) if reference is not None else None
    found = coverage(made, Choices(quantised=quantised))
    return Case(made, found, verdict(made, peaks), peaks, against=against, quantised=quantised, **others)


def said(one: Case) -> dict[str, Advice]:
    return {advice.rule: advice for advice in advise(one)}


def test_a_variant_at_its_roof_gets_no_advice() -> None:
    made = profile([node("a", 26.0, precision="i8")], [operation("a")])
    assert said(case(made, quantised=True)) == {}


def test_a_type_with_a_higher_peak_is_named() -> None:
    made = profile([node("a", 110.0)], [operation("a")])
    found = said(case(made))["other_type_is_faster"]
    assert "FP32, whose peak here is 200 GOP/s; that of BF16 is 400 (2 times, conv_bf16 against conv_f32)" in found.text
    # At most all of its time shrinks, not only what the roof explains of it; the nodes are 95 % of the latency.
    assert found.gain == pytest.approx(0.95 * 0.5)
    fp16 = replace(PEAKS, arithmetic={"f32": 361e9, "f16": 229e9, "bf16": 2763e9})
    text = said(case(profile([node("a", 110.0, precision="f16")], [operation("a")]), peaks=fp16))[
        "other_type_is_faster"
    ].text
    assert "the peak of FP16 is 0.63 times that of FP32" in text and text.endswith("Try BF16.")


def test_int8_without_instructions_saves_memory() -> None:
    made = profile([node("a", 110.0, precision="i8")], [operation("a")])
    slow = replace(PEAKS, arithmetic={"f32": 200e9, "i8": 220e9})
    found = said(case(made, quantised=True, peaks=slow, flags=["avx2", "fma"]))["int8_without_instructions"]
    assert found.text.startswith("This CPU has no VNNI and no AMX: the peak of INT8 is 1.1 times") and found.gain == 0
    assert "int8_without_instructions" not in said(case(made, quantised=True))


def test_bytes_that_limit() -> None:
    made = profile([node("a", 300.0, sizes=(2e7, 1e6, 1e6))], [operation("a")])
    found = said(case(made))["bound_by_bandwidth"]
    assert "moving bytes from L3 (22 MB working set, 91 % of the bytes are weights): a larger batch" in found.text
    assert found.gain == pytest.approx(0.95 * 120 / 300)


def test_layers_left_in_floating_point() -> None:
    nodes = [node("a", 100.0, precision="i8"), node("b", 100.0)]
    found = said(case(profile(nodes, [operation("a"), operation("b")]), quantised=True))["left_in_floating_point"]
    assert "1 layer in FP32" in found.text and "50 % of the time: b." in found.text and "use BF16 there" in found.text
    assert found.gain == pytest.approx(0.95 * 0.5 * 0.75)
    short = profile([node("a", 100.0, precision="i8"), node("b", 5.0)], [operation("a"), operation("b")])
    assert "left_in_floating_point" not in said(case(short, quantised=True))


def test_what_others_made_has_no_scope_here() -> None:
    operations = [operation("a"), operation("b")]
    nodes = [node("a", 100.0, precision="i8"), node("b", 100.0)]
    left = said(case(profile(nodes, operations), quantised=True, imported=True))["left_in_floating_point"]
    before = profile([node("a", 100.0), node("b", [100.0, 101.0, 99.0])], operations)
    slower = [node("a", 30.0, precision="i8"), node("b", [150.0, 151.0, 149.0], precision="i8")]
    lost = said(case(profile(slower, operations), quantised=True, imported=True, reference=before))
    for text in (left.text, lost["slower_than_before"].text):
        assert "Others made this variant" in text and "scope" not in text and "preset" not in text


def test_layers_that_lost_against_the_reference() -> None:
    operations = [operation("a"), operation("b")]
    before = profile([node("a", 100.0), node("b", [100.0, 101.0, 99.0])], operations)
    nodes = [node("a", 30.0, precision="i8"), node("b", [150.0, 151.0, 149.0], precision="i8")]
    found = said(case(profile(nodes, operations), quantised=True, reference=before))["slower_than_before"]
    assert "1 layer is slower than in the reference, by 50 us together. Try the ignored scope b." in found.text
    noisy = profile([nodes[0], node("b", [90.0, 150.0, 240.0], precision="i8")], operations)
    assert "slower_than_before" not in said(case(noisy, quantised=True, reference=before))


def test_depthwise_layers_that_gain_nothing() -> None:
    operations = [operation("a"), operation("dw", "GroupConvolution", 1000)]
    before = profile([node("a", 100.0), node("dw", 50.0)], operations)
    after = profile([node("a", 30.0, precision="i8"), node("dw", 48.0, precision="i8")], operations)
    found = said(case(after, quantised=True, reference=before))["depthwise_gains_nothing"]
    assert "1 depthwise layer in INT8, 62 % of the time, run at 1 times the speed of the reference" in found.text
    gained = profile([node("a", 30.0, precision="i8"), node("dw", 20.0, precision="i8")], operations)
    assert "depthwise_gains_nothing" not in said(case(gained, quantised=True, reference=before))


def test_conversions_are_named_by_what_they_convert() -> None:
    nodes = [
        node("a", 110.0),
        node("r", 40.0, layers=[], kind="Reorder", forms=("f32 acdb", "f32 abcd")),
        node("shuffle", 5.0, kind="Transpose"),
    ]
    found = said(case(profile(nodes, [operation("a"), operation("shuffle", "Transpose", 0)])))["conversions"]
    assert "26 % of the time goes to 1 conversion that" in found.text
    assert "f32 acdb to f32 abcd, mostly beside Transpose" in found.text and "another layout" in found.text
    nodes[1] = node("r", 40.0, layers=[], kind="Reorder", forms=("u8 acdb", "f32 acdb"))
    other = said(case(profile(nodes, [operation("a"), operation("shuffle", "Transpose", 0)])))["conversions"]
    assert "execute both sides in the same type" in other.text


def test_reference_kernels_and_small_nodes() -> None:
    nodes = [node("a", 110.0), node("cat", 40.0, kind="Concatenation", kernel="ref_i8", precision="i8")]
    found = said(case(profile(nodes, [operation("a"), operation("cat", "Concat", 0)])))["reference_kernels"]
    assert "Concatenation (ref_i8)" in found.text
    small = [node("a", 110.0), *(node(f"s{i}", 4.0, kind="Eltwise", sizes=(0, 1e3, 1e3)) for i in range(20))]
    operations = [operation("a"), *(operation(f"s{i}", "Add", 0) for i in range(20))]
    assert "the overhead of 21 nodes (2 us each)" in said(case(profile(small, operations)))["small_nodes"].text


def test_no_advice_allows_more_than_the_whole_and_every_rule_is_tested() -> None:
    assert len(RULES) == 9
    made = profile([node("a", 500.0), node("r", 400.0, layers=[], kind="Reorder")], [operation("a")])
    found = advise(case(made))
    assert found and all(0 <= one.gain <= 1 for one in found)
    assert [one.gain for one in found] == sorted((one.gain for one in found), reverse=True)
