"""INT8 coverage: shares with their denominators, and why layers stayed in floating point."""

from __future__ import annotations

import pytest
from profile_factory import PEAKS, node, operation, profile

from ovlab.errors import OvlabError
from ovlab.layers.profile.analysis import analyse
from ovlab.layers.roofline.coverage import Choices, coverage

SCOPE = {"names": ["scoped"], "types": ["MatMul"], "patterns": ["head/.*"]}
RECORD = {"quantization": {"ignored_scope": SCOPE}}, {"accuracy_control": {"reverted": ["back"]}}


def test_shares_name_their_denominators() -> None:
    nodes = [
        node("a", 60.0, precision="i8"),
        node("b", 30.0),
        node("p", 5.0, kind="Pooling", precision="i8"),
        node("r", 5.0, layers=[], kind="Reorder", precision="i8"),
        node("view", 0.0, kind="Reshape"),
    ]
    operations = [operation("a", macs=300), operation("b", macs=100), operation("p", "MaxPool", 0)]
    found = coverage(profile(nodes, operations), Choices())
    expected = {"macs": 0.75, "time": 0.7, "layers": 2 / 3, "mac_layers": 0.5, "nodes": 0.6}
    assert {name: one.value for name, one in found.shares.items()} == pytest.approx(expected)
    assert found.shares["macs"].of == "multiply-accumulates of the model"
    assert found.floating == []  # a variant in floating point has nothing to explain


@pytest.mark.parametrize(
    ("name", "kind", "quantised", "why"),
    [
        ("scoped", "Convolution", False, "in the ignored scope"),
        ("head/1", "Convolution", False, "in the ignored scope"),
        ("product", "MatMul", False, "in the ignored scope"),
        ("back", "Convolution", False, "given back by accuracy control"),
        ("soft", "SoftMax", False, "SoftMax is a type that is not quantised"),
        ("plain", "Convolution", False, "no FakeQuantize on its inputs in the IR"),
        ("asked", "Convolution", True, "the device chose so: its inputs are quantised in the IR"),
        ("fq", "FakeQuantize", False, "quantises: takes floating point by its nature"),
    ],
)
def test_why_a_layer_stayed_in_floating_point(name: str, kind: str, quantised: bool, why: str) -> None:
    made = profile([node("a", precision="i8"), node(name)], [operation("a"), operation(name, kind, 0, quantised)])
    (left,) = coverage(made, Choices.of(*RECORD)).floating
    assert (left.layer, left.why, left.share) == (name, why, 0.5)


def test_layers_that_no_node_names_are_listed() -> None:
    made = profile([node("a")], [operation("a"), operation("folded")])
    assert coverage(made, Choices()).missing == ["folded"]
    (complaint,) = analyse(made, Choices(), PEAKS).complaints
    assert complaint.endswith("(50.0 %, expected 100); fused away or folded: folded")


def test_a_model_without_arithmetic_and_names_that_do_not_map() -> None:
    with pytest.raises(OvlabError, match="no multiply-accumulates to count"):
        profile([node("a")], [operation("a", "MaxPool", 0)])
    with pytest.raises(OvlabError, match="none of the 1 executed nodes names a layer of the model that multiplies"):
        profile([node("x")], [operation("a")])


@pytest.mark.parametrize(("quantisers", "why"), [(38, ["no FakeQuantize on its inputs in the IR"]), (0, [])])
def test_a_variant_that_others_made_is_quantised_if_its_graph_is(quantisers: int, why: list[str]) -> None:
    made = profile([node("a", 60.0, precision="i8"), node("b", 30.0)], [operation("a"), operation("b")])
    imported = {"imported": {"quantisation": {"quantisers": quantisers, "weights": 2, "layers": 2}}}
    assert [one.why for one in coverage(made, Choices.of({}, imported)).floating] == why
    assert Choices.of({}, imported).imported and not Choices.of({}, {}).imported
