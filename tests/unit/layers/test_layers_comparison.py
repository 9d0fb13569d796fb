"""Two variants layer by layer: nodes are matched by layers, and the parts of the difference add up to it."""

from __future__ import annotations

import pytest
from profile_factory import PEAKS, node, operation, profile

from ovlab.layers.profile.model import Profile
from ovlab.layers.roofline.comparison import BY_LAYERS, compare, matched

OPERATIONS = [operation("c1"), operation("c2"), operation("c3"), operation("pool", "MaxPool", 0)]


@pytest.fixture
def fp32() -> Profile:
    nodes = [
        node("c1", [400.0, 410.0, 402.0], layers=["c1", "relu1"]),
        node("c2", [200.0, 201.0, 199.0]),
        node("c3", [100.0, 101.0, 99.0]),
        node("pool", 20.0, kind="Pooling"),
        node("r", 10.0, layers=[], kind="Reorder"),
    ]
    return profile(nodes, OPERATIONS)


@pytest.fixture
def int8() -> Profile:
    nodes = [
        node("q", 5.0, layers=["fq"], kind="FakeQuantize"),
        node("c1_pool", [120.0, 118.0, 121.0], layers=["c1", "relu1", "fq1"], precision="i8"),
        node("c2", [230.0, 231.0, 229.0], precision="i8"),
        node("c3", [101.0, 100.0, 99.0]),
        node("pool", 15.0, kind="Pooling", precision="i8"),
        node("r1", 30.0, layers=[], kind="Reorder"),
    ]
    return profile(nodes, OPERATIONS)


def test_nodes_are_matched_by_the_layers_that_they_share(fp32: Profile, int8: Profile) -> None:
    pairs = matched(fp32, int8)
    assert [pair.layers for pair in pairs] == [("c1", "relu1"), ("c2",), ("c3",), ("pool",)]
    assert [pair.kind for pair in pairs] == ["gained", "lost", "same_type", "other_layers"]


def test_nodes_that_are_joined_otherwise_are_one_pair() -> None:
    first = profile([node("a"), node("b"), node("c")], [operation(name) for name in "abc"])
    second = profile([node("ab", layers=["a", "b"]), node("bc", layers=["b", "c"])], [operation(n) for n in "abc"])
    (pair,) = matched(first, second)
    assert (len(pair.first), len(pair.second), pair.layers) == (3, 2, ("a", "b", "c"))


def test_parts_add_up_to_the_difference(fp32: Profile, int8: Profile) -> None:
    found = compare(fp32, int8, PEAKS)
    assert found.saved_ms.value == pytest.approx(fp32.typical_latency_ms - int8.typical_latency_ms)
    for parts in (found.by_layers, found.by_cause):
        assert sum(one.value or 0 for one in parts.values()) == pytest.approx(found.saved_ms.value)
    layers = {name: one.value for name, one in found.by_layers.items()}
    assert list(layers) == list(BY_LAYERS)
    assert layers["gained"] == pytest.approx(0.282) and layers["lost"] == pytest.approx(-0.030)
    assert layers["conversions"] == pytest.approx(-0.020) and layers["unmatched"] == pytest.approx(-0.005)
    gained = found.by_layers["gained"]
    assert gained.low is not None and gained.high is not None and gained.low < 0.282 < gained.high


def test_the_speedup_of_a_layer_has_an_interval(fp32: Profile, int8: Profile) -> None:
    first = compare(fp32, int8, PEAKS).pairs[0]
    assert first.layers == ("c1", "relu1")
    assert first.speedup is not None and first.speedup.value == pytest.approx(400 / 120, rel=0.03)
    assert first.speedup.low is not None and first.speedup.low > 3


def test_a_layer_below_what_counters_resolve_has_no_speedup() -> None:
    first = profile([node("a"), node("b", 0.0)], [operation("a"), operation("b")])
    second = profile([node("a"), node("b", 5.0)], [operation("a"), operation("b")])
    assert [pair.speedup is None for pair in matched(first, second)] == [False, True]


def test_a_variant_against_itself_differs_in_nothing(fp32: Profile) -> None:
    found = compare(fp32, fp32, PEAKS)
    assert found.saved_ms.value == 0 and found.speedup.value == 1
    assert {one.value for one in (*found.by_layers.values(), *found.by_cause.values())} == {0}
