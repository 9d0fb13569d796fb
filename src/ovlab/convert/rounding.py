"""Compare the IR of a quantised ONNX model with ONNX Runtime: rounding makes that a question of its own.

A quantiser turns a difference of 1e-7 before it into none or into a whole step behind it, and steps add up along the
graph. So two right ways to compute the same quantised graph part: ResNet-20 as QuantizeLinear and DequantizeLinear, in
ONNX Runtime with and without its graph optimisations, differs by 0.1 to 0.4 % of the output's range (root mean square;
2 % at most), and 1 % from OpenVINO's INT8 kernels. No tolerance for a single number is both wide enough for that and
narrow enough to find a wrong scale. Hence two comparisons:

1. Without rounding. In both models each quantiser is replaced by what remains of it without its rounding: values are
   cut off at its bounds. Both are continuous then, so that the tolerance of any other model holds; scales, zero points,
   bounds, axes and weights all count in it.
2. As they are. The root mean square of the difference is held against that of what rounding changes at all, in ONNX
   Runtime alone: `r`, its outputs with rounding minus those without. One number that is rounded up instead of down
   differs by at most twice its rounding error; errors of many that are independent differ by sqrt(2) r. So 2 r is
   accepted, and the tolerance besides for what rounds nothing. Measured for eight quantised forms of ResNet-20,
   FastestDet and a classifier of digits: 0.3 r to 1.5 r.

Graphs with integer operators (QLinearConv, ConvInteger, ...) cannot be taken apart like that; they are held to the
tolerance.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import openvino as ov
from numpy.typing import NDArray
from onnx import numpy_helper

from ovlab.convert.quantisation import is_activation_quantiser

QUANTISE, DEQUANTISE = "QuantizeLinear", "DequantizeLinear"
TYPES = onnx.TensorProto
BOUNDS: dict[int, tuple[int, int]] = {
    TYPES.INT8: (-128, 127),
    TYPES.UINT8: (0, 255),
    TYPES.INT16: (-32768, 32767),
    TYPES.UINT16: (0, 65535),
    TYPES.INT4: (-8, 7),
    TYPES.UINT4: (0, 15),
}
ACCEPTED = 2.0
"""Times what rounding changes: see above."""


def onnx_without_rounding(path: Path) -> bytes | None:
    """Replace each pair of QuantizeLinear and DequantizeLinear in an ONNX model by its bounds.

    Weights, which are constants, keep their rounding: it is done once and for all.

    Parameters
    ----------
    path : Path
        The model; external data lies beside it.

    Returns
    -------
    bytes or None
        The model; None if it has no such pairs, or quantisation in another form besides: one scale for each channel of
        an activation, scales that are computed, integers that something else takes, 8-bit floats.
    """
    model = onnx.load(path)
    graph = model.graph
    constants = _constants(graph)
    users: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)
    outputs = {one.name for one in graph.output}
    kept: list[onnx.NodeProto] = []
    count = 0
    for node in graph.node:
        if node.op_type == QUANTISE and node.input[0] not in constants:
            bounds = _bounds(node, constants)
            pairs = users.get(node.output[0], [])
            if bounds is None or node.output[0] in outputs or not all(_undoes(one, node) for one in pairs):
                return None
            low, high = (f"{node.output[0]}/{end}" for end in ("low", "high"))
            graph.initializer.extend(
                numpy_helper.from_array(one, name) for one, name in zip(bounds, (low, high), strict=True)
            )
            cut = f"{node.output[0]}/cut"
            kept += [
                onnx.helper.make_node("Max", [node.input[0], low], [cut]),
                onnx.helper.make_node("Min", [cut, high], [node.output[0]]),
            ]
            count += 1
        elif node.op_type == DEQUANTISE and node.input[0] not in constants:
            kept.append(onnx.helper.make_node("Identity", [node.input[0]], [node.output[0]]))
        elif "Integer" in node.op_type or node.op_type.startswith(("QLinear", "QGemm", "DynamicQuantize")):
            return None
        else:
            kept.append(node)
    if not count:
        return None
    del graph.node[:]
    graph.node.extend(kept)
    return bytes(model.SerializeToString())


def _constants(graph: onnx.GraphProto) -> dict[str, onnx.TensorProto | None]:
    """Return what is known without an input, by name; None where it is computed, as rounded weights are."""
    known: dict[str, onnx.TensorProto | None] = {one.name: one for one in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            known[node.output[0]] = node.attribute[0].t
        elif node.op_type in {QUANTISE, "Identity", "Cast"} and all(name in known for name in node.input):
            known[node.output[0]] = known[node.input[0]] if node.op_type == "Identity" else None
    return known


def _bounds(
    node: onnx.NodeProto, constants: Mapping[str, onnx.TensorProto | None]
) -> tuple[NDArray[Any], NDArray[Any]] | None:
    """Return the least and the largest number that a quantiser with one scale leaves, None if it is of another kind."""
    scale = constants.get(node.input[1])
    if scale is None or list(scale.dims) not in ([], [1]):
        return None
    step = numpy_helper.to_array(scale).reshape(())
    declared = next((one.i for one in node.attribute if one.name == "output_dtype" and one.i), TYPES.UINT8)
    zero, kind = 0, declared
    if len(node.input) > 2 and node.input[2]:
        point = constants.get(node.input[2])
        if point is None:
            return None
        kind = point.data_type
        zero = int(numpy_helper.to_array(point).reshape(-1)[0]) if kind in BOUNDS else 0
    if kind not in BOUNDS:
        return None
    low, high = (np.asarray((end - zero) * step, step.dtype) for end in BOUNDS[kind])
    return low, high


def _undoes(node: onnx.NodeProto, quantiser: onnx.NodeProto) -> bool:
    return node.op_type == DEQUANTISE and list(node.input)[1:] == list(quantiser.input)[1:]


def ir_without_rounding(model: ov.Model) -> bool:
    """Replace, in place, each FakeQuantize of an IR by what remains of it without its rounding.

    Returns
    -------
    bool
        Whether nothing is left that rounds.
    """
    new = ov.opset13
    for op in model.get_ordered_ops():
        if op.get_type_name() != "FakeQuantize" or not is_activation_quantiser(op):
            continue
        value, low, high, out_low, out_high = (port.get_source_output() for port in op.inputs())
        cut = new.minimum(new.maximum(value, low), high)
        width = new.maximum(new.subtract(high, low), np.float32(1e-30))  # a quantiser of one value
        scale = new.divide(new.subtract(out_high, out_low), width)
        op.output(0).replace(new.add(new.multiply(new.subtract(cut, low), scale), out_low).output(0))
    model.validate_nodes_and_infer_types()
    return not any(op.get_type_name() in {"Round", "FakeConvert"} for op in model.get_ordered_ops())


class RoundingNoise:
    """Sums up, over images, how far two quantised models are apart, and what rounding changes in one of them."""

    def __init__(self) -> None:
        self._difference: dict[str, float] = {}
        self._rounding: dict[str, float] = {}
        self._range: dict[str, float] = {}
        self._count: dict[str, int] = {}

    def add(self, name: str, found: NDArray[Any], expected: NDArray[Any], unrounded: NDArray[Any]) -> None:
        """Take in an output for one image.

        Parameters
        ----------
        name : str
            Of the output.
        found : ndarray
            What the IR gives.
        expected, unrounded : ndarray
            What ONNX Runtime gives, with and without rounding. Where the shapes depend on the image, as behind a
            non-maximum suppression, and differ, there is nothing to compare.
        """
        if not found.shape == expected.shape == unrounded.shape:
            return
        one, two, three = (np.asarray(array, np.float64) for array in (found, expected, unrounded))
        for sums, number in (
            (self._difference, float(((one - two) ** 2).sum())),
            (self._rounding, float(((two - three) ** 2).sum())),
        ):
            sums[name] = sums.get(name, 0.0) + number
        self._range[name] = max(self._range.get(name, 0.0), float(np.abs(two).max(initial=0.0)))
        self._count[name] = self._count.get(name, 0) + one.size

    def worst(self, tolerance: float) -> tuple[str, float, float]:
        """Return the output that is furthest apart for what is accepted.

        Parameters
        ----------
        tolerance : float
            Accepted without any rounding, as a fraction of the output's largest absolute value.

        Returns
        -------
        name : str
        difference, rounding : float
            Root mean squares as fractions of the output's largest absolute value: of the difference, and of what
            rounding changes. 0 where nothing could be compared.
        """
        found = [(name, *self._relative(name)) for name in self._count if self._count[name]]
        return max(found, key=lambda one: one[1] / accepted(tolerance, one[2]), default=("", 0.0, 0.0))

    def _relative(self, name: str) -> tuple[float, float]:
        size = self._range[name] or 1.0
        difference, rounding = (sums[name] / self._count[name] for sums in (self._difference, self._rounding))
        return difference**0.5 / size, rounding**0.5 / size


def accepted(tolerance: float, rounding: float) -> float:
    """Return the largest accepted root mean square of the difference; both are fractions of the output's range."""
    return tolerance + ACCEPTED * rounding
