"""A profile: the executed nodes of one variant, with their times in each launch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ovlab.errors import OvlabError

CONVERSIONS = frozenset({"Reorder", "Convert"})
INTEGER = "i8"
FLOATING = frozenset({"f32", "f16", "bf16"})


NO_MACS = (
    "the model has no multiply-accumulates to count (no convolution or matrix product of fixed shape), so that there "
    "is no roof to compare it with"
)


@dataclass(frozen=True)
class Operation:
    """An operation of the model.

    Attributes
    ----------
    name, type : str
        As the IR has them.
    macs : int
        Its multiply-accumulates.
    quantised : bool
        Whether it takes quantised inputs or weights.
    follower : str
        The operation that alone takes its result; empty where there is none.
    """

    name: str
    type: str
    macs: int
    quantised: bool
    follower: str = ""


@dataclass(frozen=True)
class Node:
    """A node that the device executes.

    Attributes
    ----------
    name, type, kernel, precision : str
        As the device's plugin reports them; `precision` is that of the arithmetic, empty where it is not reported.
    layers : tuple of str
        Names of the model's operations that it stands for; none for what the plugin inserted.
    source, target : str
        Element type and layout of what it takes and gives.
    weight_bytes, input_bytes, output_bytes : float or None
        None where not reported.
    macs : int
        Multiply-accumulates of its operations.
    times_us : ndarray, shape (launches,)
        Mean time of a call in each launch.
    inputs : tuple of str
        Names of the nodes that it takes from; none where not reported.
    shape : str
        Of its first output, ``1x64x56x56``; empty where not reported.
    """

    name: str
    type: str
    kernel: str
    precision: str
    layers: tuple[str, ...]
    source: str
    target: str
    weight_bytes: float | None
    input_bytes: float | None
    output_bytes: float | None
    macs: int
    times_us: NDArray[np.float64]
    inputs: tuple[str, ...] = ()
    shape: str = ""

    @property
    def time_us(self) -> float:
        """The median time of the launches, in microseconds."""
        return float(np.median(self.times_us))

    @property
    def is_inserted(self) -> bool:
        """Whether it stands for no operation of the model."""
        return not self.layers

    @property
    def bytes(self) -> float | None:
        """What it takes and gives, weights included."""
        parts = (self.weight_bytes, self.input_bytes, self.output_bytes)
        known = [part for part in parts if part is not None]
        return sum(known) if len(known) == len(parts) else None

    @property
    def conversion(self) -> str:
        """From what to what an inserted node converts: ``f32 abcd to u8 acdb``; empty for others."""
        if not self.is_inserted:
            return ""
        reported = self.type in CONVERSIONS and (self.source or self.target)
        return f"{self.source} to {self.target}" if reported else self.type


@dataclass(frozen=True)
class Profile:
    """A variant's profile.

    Attributes
    ----------
    operations : tuple of Operation
        Of the model.
    nodes : tuple of Node
        In the order of execution.
    latency_ms, counted_latency_ms : ndarray, shape (launches,)
        Mean latency without counters and with them.
    settings : dict
        What it ran with, as read back.
    """

    operations: tuple[Operation, ...]
    nodes: tuple[Node, ...]
    latency_ms: NDArray[np.float64]
    counted_latency_ms: NDArray[np.float64]
    settings: Mapping[str, Any]

    @classmethod
    def of(cls, results: Sequence[Mapping[str, Any]]) -> Profile:
        """Put the launches of a variant together.

        Parameters
        ----------
        results : sequence of mapping
            What they gave (`ovlab.layers.child.profile.profile`), at least one.

        Raises
        ------
        OvlabError
            If the launches executed different nodes, the model has no multiply-accumulates, or none of them is found
            among the nodes.
        """
        first = results[0]
        names = [node["name"] for node in first["nodes"]]
        if any([node["name"] for node in one["nodes"]] != names for one in results):
            raise OvlabError("the launches executed different nodes, so that their times cannot be put together")
        operations = tuple(Operation(**one) for one in first["operations"])
        if not any(one.macs for one in operations):
            raise OvlabError(NO_MACS)
        times = np.array([[node["time_us"] for node in one["nodes"]] for one in results]).T
        macs = {one.name: one.macs for one in operations}
        layers = complete_names([tuple(data["layers"]) for data in first["nodes"]], operations)
        nodes = tuple(
            _node(data, names, macs, time) for data, names, time in zip(first["nodes"], layers, times, strict=True)
        )
        if not any(node.macs for node in nodes):
            raise OvlabError(
                f"none of the {len(nodes)} executed nodes names a layer of the model that multiplies, so that the "
                "times cannot be told apart by layers"
            )
        latency, counted = (np.array([one[key] for one in results]) for key in ("latency_ms", "counted_latency_ms"))
        return cls(operations, nodes, latency, counted, first["settings"])

    @cached_property
    def times_us(self) -> NDArray[np.float64]:
        """Time of each node in each launch, shape (nodes, launches)."""
        return np.stack([node.times_us for node in self.nodes])

    @property
    def total_us(self) -> float:
        """Sum of the nodes' times, in microseconds."""
        return sum(node.time_us for node in self.nodes)

    @property
    def totals_us(self) -> NDArray[np.float64]:
        """The same in each launch, shape (launches,)."""
        return np.asarray(self.times_us.sum(axis=0))

    @property
    def typical_latency_ms(self) -> float:
        """Median of the launches' latencies without counters."""
        return float(np.median(self.latency_ms))

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the model."""
        return sum(one.macs for one in self.operations)

    @property
    def weight_bytes(self) -> float:
        """Bytes of all weights, as far as they are reported."""
        return sum(node.weight_bytes or 0.0 for node in self.nodes)

    @property
    def working_set(self) -> float:
        """Bytes that one inference after the other goes through: all weights, and the largest inputs and outputs."""
        moved = [(node.input_bytes or 0.0) + (node.output_bytes or 0.0) for node in self.nodes]
        return self.weight_bytes + max(moved, default=0.0)

    def mac_shares(self) -> dict[str, float]:
        """Return the shares of the multiply-accumulates by executed precision, largest first."""
        counts: dict[str, int] = {}
        for node in self.nodes:
            if node.macs and node.precision:
                counts[node.precision] = counts.get(node.precision, 0) + node.macs
        total = sum(counts.values())
        return {kind: macs / total for kind, macs in sorted(counts.items(), key=lambda item: -item[1])}


def complete_names(layers: Sequence[tuple[str, ...]], operations: Sequence[Operation]) -> list[tuple[str, ...]]:
    """Add operations that multiply to the nodes that were joined from them but are named after what follows alone.

    A matrix product with the addition of its bias may become one node that is called as the addition. Where no node
    names a multiplying operation, it belongs to the node that names the nearest of its followers, if that node has no
    multiplying operation yet.

    Parameters
    ----------
    layers : sequence of tuple of str
        Names of the operations of each node.
    operations : sequence of Operation
        Of the model.
    """
    known = {one.name: one for one in operations}
    owners = {name: number for number, names in enumerate(layers) for name in names}
    completed = list(layers)
    for one in operations:
        if not one.macs or one.name in owners:
            continue
        follower = one.follower
        while follower in known and follower not in owners and not known[follower].macs:
            follower = known[follower].follower
        number = owners.get(follower)
        if number is not None and not any(known[name].macs for name in completed[number] if name in known):
            completed[number] = (one.name, *completed[number])
    return completed


def _node(
    data: Mapping[str, Any], layers: tuple[str, ...], macs: Mapping[str, int], times: NDArray[np.float64]
) -> Node:
    return Node(
        data["name"],
        data["type"],
        data["kernel"],
        data["precision"],
        layers,
        data["from"],
        data["to"],
        data["weight_bytes"],
        data["input_bytes"],
        data["output_bytes"],
        sum(macs.get(name, 0) for name in layers),
        times,
        tuple(data.get("inputs", ())),
        data.get("shape", ""),
    )
