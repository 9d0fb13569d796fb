"""What of a graph is quantised already, and outputs that are whole numbers for that reason."""

from __future__ import annotations

import logging
import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import openvino as ov
from openvino import opset13 as ops

log = logging.getLogger("ovlab.convert")
QUANTISERS = frozenset({"FakeQuantize", "FakeConvert"})
"""What OpenVINO's frontends make of quantisation: of ONNX's QuantizeLinear and DequantizeLinear, TFLite's types."""
WEIGHTED = frozenset(
    {"Convolution", "GroupConvolution", "ConvolutionBackpropData", "GroupConvolutionBackpropData", "MatMul"}
)
INTEGERS = frozenset({"i4", "u4", "i8", "u8", "i16", "u16", "i32", "nf4", "f8e4m3", "f8e5m2", "f4e2m1"})
SMALL = frozenset({"i8", "u8", "i16"})
MOVING = frozenset({"Convert", "Transpose", "Reshape", "Squeeze", "Unsqueeze"})
"""Operations that leave the numbers as they are."""
FEW = 5
# From stored numbers to the weights that an operation takes.
DEQUANTISING = frozenset({"Convert", "Subtract", "Multiply", "Reshape", "Transpose"})


@dataclass(frozen=True)
class Quantisation:
    """What of a graph is quantised.

    Attributes
    ----------
    quantisers : int
        Operations that round what is computed (activations) to a few levels.
    weights : int
        Operations with weights that are stored in few bits or rounded to a few levels.
    layers : int
        Operations with weights.
    """

    quantisers: int
    weights: int
    layers: int

    @property
    def found(self) -> bool:
        """Whether anything is quantised."""
        return bool(self.quantisers or self.weights)

    def __str__(self) -> str:
        """Say what was found, to put into a message."""
        activations = f"{self.quantisers} FakeQuantize operations, " if self.quantisers else ""
        return f"{activations}quantised weights in {self.weights} of {self.layers} layers"

    def plain(self) -> dict[str, int]:
        """Return it as a record keeps it."""
        return asdict(self)


def quantisation_of(model: ov.Model) -> Quantisation:
    """Look for quantised activations and weights in a graph, as a frontend or an IR gives it.

    ONNX's pairs of QuantizeLinear and DequantizeLinear, and TFLite's quantised tensors, are FakeQuantize operations
    by then; weights are constants of few bits behind Convert, Subtract and Multiply.
    """
    ops = list(model.get_ordered_ops())
    layers = [op for op in ops if op.get_type_name() in WEIGHTED]
    return Quantisation(
        quantisers=sum(is_activation_quantiser(op) for op in ops),
        weights=sum(any(_has_quantised_weights(port) for port in op.inputs()) for op in layers),
        layers=len(layers),
    )


def is_activation_quantiser(op: Any) -> bool:
    """Whether an operation rounds what is computed, rather than a constant."""
    return op.get_type_name() in QUANTISERS and not is_constant(op.input(0).get_source_output())


def is_constant(output: Any) -> bool:
    """Whether an output depends on constants alone."""
    waiting, seen = [output.get_node()], set()
    while waiting:
        node = waiting.pop()
        kind, name = node.get_type_name(), node.get_friendly_name()
        if kind in {"Parameter", "ReadValue"}:
            return False
        if kind != "Constant" and name not in seen:
            seen.add(name)
            waiting += [port.get_source_output().get_node() for port in node.inputs()]
    return True


def _has_quantised_weights(port: Any) -> bool:
    """Whether an input of an operation is dequantised from a constant of few bits, or a constant that is rounded."""
    node = port.get_source_output().get_node()
    while node.get_type_name() in DEQUANTISING:
        node = node.input(0).get_source_output().get_node()
    if node.get_type_name() in QUANTISERS:
        return is_constant(node.input(0).get_source_output())
    return bool(node.get_type_name() == "Constant" and node.get_element_type().get_type_name() in INTEGERS)


def dequantise_outputs(model: ov.Model) -> None:
    """Give outputs that a quantised file has as whole numbers the numbers that they stand for, in place.

    A fully quantised TFLite model gives ``round(value / scale) + zero_point``. The frontend writes that as FakeQuantize
    from the range of the values to that of the whole numbers, and a Convert to their type; what follows here takes the
    second range back to the first. An output of 8 or 16 bits without ranges in the file stays as it is, which is said.
    """
    found, unknown = [], []
    for result in model.get_results():
        port = result.input(0).get_source_output()
        if port.get_element_type().get_type_name() not in SMALL:
            continue
        names = port.get_names()
        name = min(names, default=port.get_node().get_friendly_name())
        ranges = _ranges(port)
        if ranges is None:
            unknown.append(name)
            continue
        low, high, least, most = ranges
        step = (high - low) / (most - least)
        scaled = ops.multiply(ops.convert(port, "f32"), np.float32(step))
        value = ops.add(scaled, np.float32(low - step * least))
        port.get_tensor().set_names(set())
        value.output(0).get_tensor().set_names(names)
        result.input(0).replace_source_output(value.output(0))
        found.append(name)
    if found:
        model.validate_nodes_and_infer_types()
        log.info("outputs that the file has as whole numbers are brought to the values they stand for: %s", _few(found))
    if unknown:
        log.warning("outputs are whole numbers of few bits, and the file has no scale for them: %s", _few(unknown))


def _ranges(port: Any) -> tuple[float, float, float, float] | None:
    """Return the bounds of the values and of the whole numbers of the FakeQuantize that an output comes from."""
    node = port.get_node()
    while node.get_type_name() in MOVING:
        node = node.input(0).get_source_output().get_node()
    if node.get_type_name() != "FakeQuantize":
        return None
    bounds = [node.input(number).get_source_output().get_node() for number in range(1, 5)]
    if any(one.get_type_name() != "Constant" or one.data.size != 1 for one in bounds):
        return None
    low, high, least, most = (float(one.data.reshape(-1)[0]) for one in bounds)
    return (low, high, least, most) if most > least else None


def _few(names: list[str]) -> str:
    return ", ".join(names[:FEW]) + (f" and {len(names) - FEW} more" if len(names) > FEW else "")


def weight_types(model: ov.Model) -> dict[str, int]:
    """Count the elements of a model's constants of two dimensions and more, by element type."""
    counts: dict[str, int] = {}
    for op in model.get_ordered_ops():
        if op.get_type_name() == "Constant" and len(shape := list(op.output(0).get_shape())) > 1:
            name = op.get_element_type().get_type_name()
            counts[name] = counts.get(name, 0) + math.prod(shape)
    return dict(sorted(counts.items(), key=lambda item: -item[1]))
