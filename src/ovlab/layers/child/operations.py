"""The operations of a model as it is given: their arithmetic, and whether they take quantised inputs."""

from __future__ import annotations

from typing import Any

import openvino as ov

from ovlab.measure.device.inspection import multiply_accumulates

NARROW = frozenset({"i8", "u8", "i4", "u4", "i2", "u2", "u1", "nf4", "f8e4m3", "f8e5m2"})
# From stored integers to the weights that a layer takes.
DEQUANTISING = frozenset({"Convert", "Subtract", "Multiply", "Reshape", "Transpose"})
HELD = frozenset({"Constant", "Parameter", "Result"})


def operations_of(model: ov.Model) -> list[dict[str, Any]]:
    """List the operations that compute.

    Parameters
    ----------
    model : openvino.Model
        What is compiled.

    Returns
    -------
    list of dict
        ``name``, ``type``, ``macs`` (multiply-accumulates of one inference, 0 where there are none to count),
        ``quantised`` (whether it takes quantised inputs or weights) and ``follower`` (name of the operation that alone
        takes its result, empty where there is none: plugins name a joined node after the last of its operations). What
        is computed from constants alone is left out: it is folded when compiling.
    """
    constant: set[str] = set()
    found = []
    for op in model.get_ordered_ops():
        kind = op.get_type_name()
        sources = [port.get_source_output().get_node() for port in op.inputs()]
        if kind == "Constant" or (sources and all(one.get_name() in constant for one in sources)):
            constant.add(op.get_name())
        elif kind not in HELD:
            quantised = any(_is_quantised(one) for one in sources)
            macs = multiply_accumulates(op)
            about = {"name": op.get_friendly_name(), "type": kind, "macs": macs, "quantised": quantised}
            found.append(about | {"follower": _follower(op)})
    return found


def _follower(op: Any) -> str:
    targets = [port.get_node() for output in op.outputs() for port in output.get_target_inputs()]
    return targets[0].get_friendly_name() if len(targets) == 1 else ""


def _is_quantised(node: Any) -> bool:
    """Tell whether what an operation takes was quantised, from stored integers or by a FakeQuantize."""
    if node.get_type_name() == "FakeQuantize":
        return True
    while node.get_type_name() in DEQUANTISING:
        node = node.input(0).get_source_output().get_node()
    return node.get_type_name() == "Constant" and node.get_element_type().get_type_name() in NARROW
