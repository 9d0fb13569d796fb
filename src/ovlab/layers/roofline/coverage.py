"""How much of a variant is executed in INT8, each share with its denominator, and what is not, and why."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

from ovlab.layers.profile.model import FLOATING, INTEGER, Node, Operation, Profile

# What NNCF quantises for a CPU (its own description of the hardware, nncf 3.4); others pass quantised values on.
QUANTISED_TYPES = frozenset(
    "Add AvgPool Concat Convolution ConvolutionBackpropData Divide Gather GRUSequence GroupConvolution "
    "GroupConvolutionBackpropData Interpolate LSTMSequence MVN MatMul MaxPool Multiply ReduceMax ReduceMean "
    "Subtract".split()
)


@dataclass(frozen=True)
class Share:
    """A share in 0..1: the part, the whole, what the whole is, and whether the device reports what it takes."""

    part: float
    whole: float
    of: str
    is_reported: bool = True

    @property
    def value(self) -> float | None:
        """Part over whole; 0 of nothing, None where it is not reported."""
        if not self.is_reported:
            return None
        return self.part / self.whole if self.whole else 0.0


@dataclass(frozen=True)
class Choices:
    """What is known of why layers of a variant stayed in floating point.

    Attributes
    ----------
    quantised : bool
        Whether the variant is to compute in INT8 at all.
    names, types, patterns : collection of str
        Its ignored scope.
    given_back : collection of str
        Layers that accuracy control gave back to floating point.
    imported : bool
        Whether others made the variant, so that nothing of this was chosen here.
    """

    quantised: bool = False
    names: Collection[str] = ()
    types: Collection[str] = ()
    patterns: Collection[str] = ()
    given_back: Collection[str] = ()
    imported: bool = False

    @classmethod
    def of(cls, settings: dict[str, Any], data: dict[str, Any]) -> Choices:
        """Take them from the settings and the data of a variant's record."""
        quantization = settings.get("quantization")
        if not quantization:
            imported = data.get("imported")
            quantised = imported is not None and imported["quantisation"]["quantisers"] > 0
            return cls(quantised, imported=imported is not None)  # what others chose is not known
        scope = quantization.get("ignored_scope") or {}
        control = data.get("accuracy_control") or {}
        return cls(
            True,
            tuple(scope.get("names", ())),
            tuple(scope.get("types", ())),
            tuple(scope.get("patterns", ())),
            tuple(control.get("reverted", ())),
        )


@dataclass(frozen=True)
class FloatingLayer:
    """A layer that a quantised variant executes in floating point: its node and why, as far as it can be known."""

    layer: str
    type: str
    precision: str
    kernel: str
    macs: int
    time_us: float
    share: float
    why: str


@dataclass(frozen=True)
class Coverage:
    """INT8 coverage of a variant.

    Attributes
    ----------
    shares : dict of Share
        ``macs``, ``time``, ``layers`` (timed nodes that execute layers), ``mac_layers`` (operations that multiply),
        ``nodes`` (all executed nodes).
    floating : list of FloatingLayer
        What is left in floating point of a quantised variant, longest first.
    missing : list of str
        Operations that multiply and that no executed node names: joined with others or folded.
    """

    shares: dict[str, Share]
    floating: list[FloatingLayer] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def coverage(profile: Profile, choices: Choices) -> Coverage:
    """Tell how much of a variant is executed in INT8.

    Parameters
    ----------
    profile : Profile
        Of the variant.
    choices : Choices
        What its record says of what was to stay in floating point.
    """
    nodes = profile.nodes
    narrow = [node for node in nodes if node.precision == INTEGER]
    layers = [node for node in nodes if node.layers and node.time_us]
    operations = {one.name: one for one in profile.operations}
    multiplying = {one.name for one in profile.operations if one.macs}
    named = {name for node in nodes for name in node.layers if name in multiplying}
    in_int8 = {name for node in narrow for name in node.layers if name in multiplying}
    shares = {
        "macs": Share(sum(node.macs for node in narrow), profile.macs, "multiply-accumulates of the model"),
        "time": Share(sum(node.time_us for node in narrow), profile.total_us, "us, the time of all nodes"),
        "layers": Share(
            sum(node.precision == INTEGER for node in layers), len(layers), "timed nodes that execute layers"
        ),
        "mac_layers": Share(len(in_int8), len(multiplying), "convolutions and matrix products of the model"),
        "nodes": Share(len(narrow), len(nodes), "nodes of the executed graph"),
    }
    if not any(node.precision for node in nodes if node.macs):  # an NPU does not tell
        shares = {name: replace(one, is_reported=False) for name, one in shares.items()}
    floating = []
    if choices.quantised:
        left = [node for node in layers if node.precision in FLOATING]
        floating = [_floating(node, operations, choices, profile.total_us) for node in left]
    return Coverage(
        shares, sorted(floating, key=lambda one: -one.time_us), [name for name in multiplying if name not in named]
    )


def _floating(node: Node, operations: dict[str, Operation], choices: Choices, total_us: float) -> FloatingLayer:
    known = [operations[name] for name in node.layers if name in operations]
    main = max(known, key=lambda one: one.macs, default=None)
    name = main.name if main is not None else node.layers[0]
    kind = main.type if main is not None else node.type
    why = _why(main, node, choices)
    return FloatingLayer(name, kind, node.precision, node.kernel, node.macs, node.time_us, node.time_us / total_us, why)


def _why(operation: Operation | None, node: Node, choices: Choices) -> str:
    if operation is None:
        return "not told: its layer is not one of the model's"
    in_scope = operation.name in choices.names or operation.type in choices.types
    reasons = {
        "given back by accuracy control": any(name in choices.given_back for name in node.layers),
        "in the ignored scope": in_scope or any(re.fullmatch(one, operation.name) for one in choices.patterns),
        "quantises: takes floating point by its nature": operation.type == "FakeQuantize",
        "the device chose so: its inputs are quantised in the IR": operation.quantised,
        f"{operation.type} is a type that is not quantised": operation.type not in QUANTISED_TYPES,
    }
    return next((reason for reason, holds in reasons.items() if holds), "no FakeQuantize on its inputs in the IR")
