"""The executed graph: nodes as the device's plugin reports them, and how many bytes they take and give."""

from __future__ import annotations

import math
from typing import Any

import openvino as ov

from ovlab.measure.device.inspection import executed_precision, info_text

# What a floating-point weight takes once a kernel has packed it in the type that it computes in.
PACKED = {"f32": 4.0, "f16": 2.0, "bf16": 2.0}
FLOATING = frozenset({"f16", "f32", "bf16"})


def executed_nodes(compiled: ov.CompiledModel) -> list[dict[str, Any]]:
    """Describe the nodes that a device executes, in its order.

    Returns
    -------
    list of dict
        ``name``, ``type``, ``kernel``, ``precision`` (that of the arithmetic), ``layers`` (names of the original
        operations; none for what the plugin inserted), ``from`` and ``to`` (element type and layout of the first input
        and output), ``weight_bytes``, ``input_bytes``, ``output_bytes`` (None behind a dynamic shape), ``inputs``
        (names of the nodes that it takes from) and ``shape`` (of the first output: ``1x64x56x56``). What only holds
        constants is left out; where the device's graph has no constants at all (a GPU's), weights are not reported.
        Empty where the device gives no runtime model.
    """
    try:
        ops = compiled.get_runtime_model().get_ordered_ops()
    except RuntimeError:
        return []
    constant: set[str] = set()
    nodes = []
    for op in ops:
        info = op.get_rt_info()
        if info_text(info, "layerType") == "Result":
            continue  # a GPU's outputs repeat what the node before them says of itself, its layers included
        sources = [port.get_source_output().get_node() for port in op.inputs()]
        if info_text(info, "layerType") == "Const" or (sources and all(one.get_name() in constant for one in sources)):
            constant.add(op.get_name())
        else:
            nodes.append(_described(op, info, sources, constant))
    return nodes if constant else [{**node, "weight_bytes": None} for node in nodes]


def _described(op: Any, info: Any, sources: list[Any], constant: set[str]) -> dict[str, Any]:
    precision = executed_precision(info)
    weights: list[float | None] = []
    inputs: list[float | None] = []
    for port, source in zip(op.inputs(), sources, strict=True):
        if source.get_name() in constant:
            weights.append(_bytes(port, PACKED.get(precision)))
        else:
            inputs.append(_bytes(port))
    first = next((one for one in sources if one.get_name() not in constant), None)
    outputs = op.outputs()
    return {
        "name": op.get_friendly_name(),
        "type": info_text(info, "layerType"),
        "kernel": info_text(info, "primitiveType"),
        "precision": precision,
        "layers": [name for name in info_text(info, "originalLayersNames").split(",") if name],
        "from": "" if first is None else _form(op.inputs()[sources.index(first)], first.get_rt_info()),
        "to": _form(outputs[0], info) if outputs else "",
        "weight_bytes": _total(weights),
        "input_bytes": _total(inputs),
        "output_bytes": _total([_bytes(port) for port in outputs]),
        "inputs": list(dict.fromkeys(one.get_friendly_name() for one in sources if one.get_name() not in constant)),
        "shape": _shape(outputs[0]) if outputs else "",
    }


def _shape(port: Any) -> str:
    shape = port.get_partial_shape()
    return "" if shape.rank.is_dynamic else "x".join(str(one) for one in shape)


def _bytes(port: Any, packed: float | None = None) -> float | None:
    """Return the size of a tensor; weights in floating point have that of the type that they are packed in."""
    shape, kind = port.get_partial_shape(), port.get_element_type()
    if shape.is_dynamic:
        return None
    size = packed if packed is not None and kind.get_type_name() in FLOATING else kind.bitwidth / 8
    return float(math.prod(shape.to_shape())) * size


def _total(sizes: list[float | None]) -> float | None:
    known = [size for size in sizes if size is not None]
    return math.fsum(known) if len(known) == len(sizes) else None


def _form(port: Any, info: Any) -> str:
    """Return element type and layout of a tensor, as its producer reports them: ``u8 acdb``."""
    layout = info_text(info, "outputLayouts").split(",")[0]
    return f"{port.get_element_type().get_type_name()} {layout}".strip()
