"""What of a quantised IR corresponds to what of its reference: layers, their taps, and outputs that can be compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import openvino as ov

NARROW = frozenset({"i8", "u8", "i4", "u4", "i2", "u2", "u1", "nf4", "f8e4m3", "f8e5m2"})
FLOATING = frozenset({"f32", "f16", "bf16", "f64"})
# From stored integers to the weights that a layer takes.
DEQUANTISING = frozenset({"Convert", "Subtract", "Multiply", "Reshape", "Transpose"})
# They take a quantised input as it is and compute nothing with it: noise that they pass on is not their own.
PASSING = frozenset(
    "Concat Convert FakeQuantize MaxPool Pad Relu Reshape Result ShapeOf Slice Split Squeeze StridedSlice Transpose "
    "Unsqueeze VariadicSplit".split()
)
# Their elements are in an order of their own, so that there is nothing to compare element by element.
SORTING = frozenset(
    "DetectionOutput ExperimentalDetectronDetectionOutput ExperimentalDetectronGenerateProposalsSingleImage "
    "ExperimentalDetectronTopKROIs GenerateProposals MatrixNms MulticlassNms NMSRotated NonMaxSuppression Proposal "
    "TopK".split()
)


@dataclass(frozen=True)
class Port:
    """An output of an operation, by names: it is found again in another reading of the same IR."""

    node: str
    index: int = 0


@dataclass(frozen=True)
class Layer:
    """A quantised layer.

    Attributes
    ----------
    name, kind : str
        Friendly name, as an ignored scope takes it, and type of the operation.
    reference, variant : Port
        Where its result is read in either model: behind its bias, where it has one.
    inputs : tuple of str
        Names of the layers whose results it takes.
    size : int
        Bytes of its result for one image, as float32.
    """

    name: str
    kind: str
    reference: Port
    variant: Port
    inputs: tuple[str, ...]
    size: int


def nodes_of(model: ov.Model) -> dict[str, Any]:
    """Return the operations by friendly name, in the order of execution; names that occur twice are left out."""
    ops = list(model.get_ordered_ops())
    counts = Counter(op.get_friendly_name() for op in ops)
    return {op.get_friendly_name(): op for op in ops if counts[op.get_friendly_name()] == 1}


def output_at(nodes: dict[str, Any], port: Port) -> Any:
    """Return the output that a port stands for."""
    return nodes[port.node].output(port.index)


def quantised_layers(reference: ov.Model, variant: ov.Model) -> list[Layer]:
    """Find the layers that compute with quantised inputs or weights, and where either model has their result.

    Parameters
    ----------
    reference, variant : openvino.Model
        Of static shape. Operations are matched by friendly name and type, results by shape.

    Returns
    -------
    list of Layer
        In the order of execution. A layer that the reference lacks is left out.
    """
    own, other = nodes_of(variant), nodes_of(reference)
    found: dict[tuple[str, int], str] = {}
    layers = []
    for name, node in own.items():
        twin = other.get(name)
        if not _is_quantised(node) or twin is None or twin.get_type_name() != node.get_type_name():
            continue
        ports = [_behind_bias(one) for one in (twin, node)]
        if not all(_comparable(port) for port in ports) or len({tuple(port.get_shape()) for port in ports}) > 1:
            continue
        key = (ports[1].get_node().get_friendly_name(), ports[1].get_index())
        if key[0] not in own or ports[0].get_node().get_friendly_name() not in other or key in found:
            continue
        inputs = _sources(node, found)
        found[key] = name
        places = [Port(port.get_node().get_friendly_name(), port.get_index()) for port in ports]
        size = 4 * int(np.prod(list(ports[1].get_shape()), dtype=np.int64))
        layers.append(Layer(name, node.get_type_name(), places[0], places[1], tuple(inputs), size))
    return layers


def comparable_outputs(reference: ov.Model, variant: ov.Model) -> list[tuple[Port, Port]]:
    """Find the outputs that can be compared element by element.

    Where an output is sorted (detections behind a non-maximum suppression), what goes into the sorting is taken.

    Returns
    -------
    list of (Port, Port)
        Of the reference and of the variant.
    """
    known = [nodes_of(model) for model in (reference, variant)]
    pairs: dict[Port, tuple[Port, Port]] = {}
    for first, second in _same_outputs(reference, variant):
        for one, twin in zip(_unsorted(first), _unsorted(second), strict=False):
            ports = [Port(port.get_node().get_friendly_name(), port.get_index()) for port in (one, twin)]
            named = all(port.node in nodes for port, nodes in zip(ports, known, strict=True))
            if named and _comparable(one) and _comparable(twin) and one.get_shape() == twin.get_shape():
                pairs[ports[0]] = (ports[0], ports[1])
    return list(pairs.values())


def nearest_quantised(variant: ov.Model, outputs: Iterable[Port]) -> tuple[list[str], list[str]]:
    """Find the operations without weights through which quantised values reach an output.

    Parameters
    ----------
    variant : openvino.Model
        A quantised model.
    outputs : iterable of Port
        Where to begin.

    Returns
    -------
    near : list of str
        Operations that take the last quantised values before an output, or make an output that is quantised itself.
    behind : list of str
        Operations that make the values that these take.
    """
    nodes = nodes_of(variant)
    near: dict[str, None] = {}
    behind: dict[str, None] = {}
    waiting, seen = [nodes[port.node] for port in outputs], set()
    while waiting:
        node = waiting.pop(0)
        if node.get_friendly_name() in seen or _has_weights(node):
            continue
        seen.add(node.get_friendly_name())
        if node.get_type_name() == "FakeQuantize":
            maker = node.input(0).get_source_output().get_node()
            if not _has_weights(maker):
                near[maker.get_friendly_name()] = None
            continue
        for producer in _producers(node):
            if producer.get_type_name() != "FakeQuantize":
                waiting.append(producer)
                continue
            near[node.get_friendly_name()] = None
            maker = producer.input(0).get_source_output().get_node()
            if not _has_weights(maker):
                behind[maker.get_friendly_name()] = None
    return list(near), [name for name in behind if name not in near]


def _has_weights(node: Any) -> bool:
    """Tell whether an operation computes with stored integers."""
    return any(
        _origin_is_quantised(port.get_source_output().get_node())
        and port.get_source_output().get_node().get_type_name() != "FakeQuantize"
        for port in node.inputs()
    )


def output_names(model: ov.Model) -> dict[Port, str]:
    """Return what a model's outputs are called, by where they are computed: an operation's name may be a number."""
    names = {}
    for output in model.outputs:
        port = output.get_node().input(0).get_source_output()
        if output.get_names():
            names[Port(port.get_node().get_friendly_name(), port.get_index())] = sorted(output.get_names())[0]
    return names


def _same_outputs(reference: ov.Model, variant: ov.Model) -> list[tuple[Any, Any]]:
    """Pair outputs by name; where names differ, as of variants that others made, by position if there are as many."""
    pairs = [
        (one, next((two for two in variant.outputs if one.get_names() & two.get_names()), None))
        for one in reference.outputs
    ]
    if all(two is None for _, two in pairs) and len(reference.outputs) == len(variant.outputs):
        return list(zip(reference.outputs, variant.outputs, strict=True))
    return [(one, two) for one, two in pairs if two is not None]


def _is_quantised(node: Any) -> bool:
    if node.get_type_name() in PASSING:
        return False
    return any(_origin_is_quantised(port.get_source_output().get_node()) for port in node.inputs())


def _origin_is_quantised(node: Any) -> bool:
    if node.get_type_name() == "FakeQuantize":
        return True
    while node.get_type_name() in DEQUANTISING:
        node = node.input(0).get_source_output().get_node()
    return node.get_type_name() == "Constant" and node.get_element_type().get_type_name() in NARROW


def _behind_bias(node: Any) -> Any:
    """Return a layer's result: that of the addition of a constant that alone takes it, if there is one."""
    output = node.output(0)
    targets = list(output.get_target_inputs())
    if len(targets) != 1:
        return output
    follower = targets[0].get_node()
    if follower.get_type_name() != "Add" or node.get_type_name() == "Add":
        return output
    others = [port.get_source_output() for port in follower.inputs()]
    bias = next((one.get_node() for one in others if one != output), None)
    while bias is not None and bias.get_type_name() in DEQUANTISING:
        bias = bias.input(0).get_source_output().get_node()
    return follower.output(0) if bias is not None and bias.get_type_name() == "Constant" else output


def _comparable(port: Any) -> bool:
    shape = port.get_partial_shape()
    return bool(shape.is_static) and port.get_element_type().get_type_name() in FLOATING


def _sources(node: Any, found: dict[tuple[str, int], str]) -> list[str]:
    """Return the nearest layers before an operation."""
    names: dict[str, None] = {}
    waiting, seen = [port.get_source_output() for port in node.inputs()], set()
    while waiting:
        port = waiting.pop()
        key = (port.get_node().get_friendly_name(), port.get_index())
        if key in seen:
            continue
        seen.add(key)
        if key in found:
            names[found[key]] = None
        else:
            waiting += [one.get_source_output() for one in port.get_node().inputs()]
    return list(names)


def _unsorted(output: Any) -> list[Any]:
    """Return an output, or what is sorted to make it."""
    waiting, taken = [output.get_node().input(0).get_source_output()], []
    while waiting:
        port = waiting.pop(0)
        node = port.get_node()
        if _is_sorted(node):
            waiting += [one.get_source_output() for one in node.inputs()]
        elif _behind_quantiser(node).get_type_name() not in {"Constant", "Parameter"}:
            taken.append(port)  # behind its quantiser, if it has one: what that does to it counts
    return taken


def _behind_quantiser(node: Any) -> Any:
    return node.input(0).get_source_output().get_node() if node.get_type_name() == "FakeQuantize" else node


def _is_sorted(node: Any) -> bool:
    """Say whether an operation's elements depend on a sorting before it."""
    waiting, seen = [node], set()
    while waiting:
        one = waiting.pop()
        name = one.get_friendly_name()
        if name in seen:
            continue
        seen.add(name)
        if one.get_type_name() in SORTING:
            return True
        waiting += _producers(one)
    return False


def _producers(node: Any) -> Iterable[Any]:
    return [port.get_source_output().get_node() for port in node.inputs()]
