"""Two variants of a model, layer by layer, and the difference of their latencies taken apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ovlab.layers.peaks.machine import Peaks
from ovlab.layers.profile.model import Node, Profile
from ovlab.layers.roofline.shares import PARTS, level_of, part_times
from ovlab.layers.spread import spread
from ovlab.records import Quantity
from ovlab.stats.launches import ratio_interval

FloatArray = NDArray[np.float64]
BY_LAYERS = {
    "gained": "layers that multiply in another type, and are faster",
    "lost": "layers that multiply in another type, and are no faster",
    "same_type": "layers that multiply in the same type",
    "other_layers": "layers that multiply nothing",
    "unmatched": "layers that only one of the two has (such as quantising the input)",
    "conversions": "conversions between types and layouts that the plugin inserted",
    "outside": "time outside of nodes",
}


@dataclass(frozen=True)
class LayerPair:
    """Nodes of either variant that stand for the same layers: usually one of each, more where others are joined.

    Attributes
    ----------
    layers : tuple of str
        Names of the model's operations that they share.
    first, second : tuple of Node
        Of either variant.
    """

    layers: tuple[str, ...]
    first: tuple[Node, ...]
    second: tuple[Node, ...]

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the first's nodes."""
        return sum(node.macs for node in self.first)

    @property
    def saved_us(self) -> float:
        """Time that the second saves, in microseconds; below 0 where it takes longer."""
        return _time(self.first) - _time(self.second)

    @property
    def speedup(self) -> Quantity | None:
        """Time of the first over that of the second; None where either is below what counters resolve."""
        top, bottom = (_times(nodes) for nodes in (self.first, self.second))
        if not (top > 0).all() or not (bottom > 0).all():
            return None
        return Quantity.of(ratio_interval(top, bottom), "ratio")

    @property
    def kind(self) -> str:
        """Which part of `BY_LAYERS` it belongs to."""
        if not self.macs:
            return "other_layers"
        types = [{node.precision for node in nodes if node.macs} for nodes in (self.first, self.second)]
        if types[0] == types[1]:
            return "same_type"
        return "gained" if self.saved_us > 0 else "lost"


@dataclass(frozen=True)
class Comparison:
    """A variant (the second) against another one (the first).

    Attributes
    ----------
    speedup : Quantity
        Latency of the first over that of the second, both without counters.
    saved_ms : Quantity
        Their difference.
    by_layers, by_cause : dict of Quantity
        Parts of the difference in ms that add up to it: by the names of `BY_LAYERS`, and by those of
        `ovlab.layers.roofline.shares.PARTS` with ``outside``.
    pairs : list of LayerPair
        Layers of both, those that save most first.
    """

    speedup: Quantity
    saved_ms: Quantity
    by_layers: dict[str, Quantity]
    by_cause: dict[str, Quantity]
    pairs: list[LayerPair]


def compare(first: Profile, second: Profile, peaks: Peaks) -> Comparison:
    """Compare two variants of one model, profiled in the same rounds.

    Parameters
    ----------
    first, second : Profile
        With the same number of launches.
    peaks : Peaks
        The machine's.
    """
    pairs = matched(first, second)
    rounds = min(first.latency_ms.size, second.latency_ms.size)
    saved = first.typical_latency_ms - second.typical_latency_ms
    saved_each = first.latency_ms[:rounds] - second.latency_ms[:rounds]
    typical, each = dict.fromkeys(BY_LAYERS, 0.0), {name: np.zeros(rounds) for name in BY_LAYERS}

    def add(part: str, one: Sequence[Node], other: Sequence[Node]) -> None:
        typical[part] += (_time(one) - _time(other)) / 1e3
        each[part] = each[part] + (_times(one, rounds) - _times(other, rounds)) / 1e3

    for pair in pairs:
        add(pair.kind, pair.first, pair.second)
    taken = {id(node) for pair in pairs for node in (*pair.first, *pair.second)}
    left, right = ([node for node in one.nodes if id(node) not in taken] for one in (first, second))
    add("conversions", *([node for node in nodes if node.is_inserted] for nodes in (left, right)))
    add("unmatched", *([node for node in nodes if not node.is_inserted] for nodes in (left, right)))
    typical["outside"] = saved - (first.total_us - second.total_us) / 1e3
    each["outside"] = saved_each - (first.totals_us[:rounds] - second.totals_us[:rounds]) / 1e3
    causes = [part_times(one, peaks, level_of(one, peaks)) for one in (first, second)]
    by_cause = {
        name: spread(
            (causes[0][0][name] - causes[1][0][name]) / 1e3,
            (causes[0][1][name][:rounds] - causes[1][1][name][:rounds]) / 1e3,
            "ms",
        )
        for name in PARTS
    }
    ratio = first.typical_latency_ms / second.typical_latency_ms
    outside = spread(typical["outside"], each["outside"], "ms")
    return Comparison(
        spread(ratio, first.latency_ms[:rounds] / second.latency_ms[:rounds], "ratio", 0.0),
        spread(saved, saved_each, "ms"),
        {name: spread(typical[name], each[name], "ms") for name in BY_LAYERS},
        by_cause | {"outside": outside},
        sorted(pairs, key=lambda pair: -pair.saved_us),
    )


def matched(first: Profile, second: Profile) -> list[LayerPair]:
    """Match nodes of two variants that share names of original layers, through several nodes where these overlap."""
    groups: list[LayerPair] = []
    by_layer: dict[str, list[tuple[int, Node]]] = {}
    for which, profile in enumerate((first, second)):
        for node in profile.nodes:
            for layer in node.layers:
                by_layer.setdefault(layer, []).append((which, node))
    seen: set[int] = set()
    for start in first.nodes:
        if id(start) in seen or not start.layers:
            continue
        members = _connected(start, by_layer)
        seen |= {id(node) for _, node in members}
        sides = [tuple(node for side, node in members if side == which) for which in (0, 1)]
        if sides[1]:
            shared = _layers(sides[0]) & _layers(sides[1])
            names = dict.fromkeys(name for node in sides[0] for name in node.layers if name in shared)
            groups.append(LayerPair(tuple(names), sides[0], sides[1]))
    return groups


def _connected(start: Node, by_layer: dict[str, list[tuple[int, Node]]]) -> list[tuple[int, Node]]:
    """Return all nodes that are joined to one by names of layers, in either variant."""
    found: dict[int, tuple[int, Node]] = {}
    waiting = [start]
    while waiting:
        node = waiting.pop()
        for layer in node.layers:
            for which, other in by_layer[layer]:
                if id(other) not in found:
                    found[id(other)] = (which, other)
                    waiting.append(other)
    return list(found.values())


def _layers(nodes: Iterable[Node]) -> set[str]:
    return {name for node in nodes for name in node.layers}


def _time(nodes: Iterable[Node]) -> float:
    return sum(node.time_us for node in nodes)


def _times(nodes: Sequence[Node], rounds: int | None = None) -> FloatArray:
    """Add the times of nodes in each launch; zeros for none."""
    if not nodes:
        return np.zeros(rounds or 1)
    return np.asarray(np.sum([node.times_us[:rounds] for node in nodes], axis=0))
