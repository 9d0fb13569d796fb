"""What was really executed: effective settings, devices and precisions, read back from the compiled model."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from typing import Any

import openvino as ov

from ovlab.files import digest_of

# What runtime models call the precisions; 8-bit activations are often unsigned, weights signed.
PRECISIONS = {
    "i8": "i8",
    "u8": "i8",
    "int8": "i8",
    "f32": "f32",
    "fp32": "f32",
    "f16": "f16",
    "fp16": "f16",
    "bf16": "bf16",
    "f8e4m3": "f8",
    "f8e5m2": "f8",
}
GPU_KERNEL = re.compile("_gpu_|:")
SKIPPED_PROPERTIES = {"SUPPORTED_PROPERTIES", "DEVICE_PROPERTIES", "NETWORK_NAME"}
# Nodes without arithmetic: they hold, hand over or view what others compute.
NOT_EXECUTED = {"Input", "Output", "Const", "Parameter", "Result", "Reorder", "Reshape"}
PURE = 0.99


def effective_settings(compiled: ov.CompiledModel, members: Iterable[str]) -> dict[str, Any]:
    """Read back every property of a compiled model that can be read.

    Parameters
    ----------
    compiled : openvino.CompiledModel
        On any device.
    members : iterable of str
        Physical devices behind a virtual one.

    Returns
    -------
    dict
        Property to text, and under ``members`` the same for each physical device that reports them.
    """
    settings: dict[str, Any] = {}
    for name in compiled.get_property("SUPPORTED_PROPERTIES"):
        if name in SKIPPED_PROPERTIES:
            continue
        try:
            settings[name] = _text(compiled.get_property(name))
        except RuntimeError:  # a property that is announced, but that this model has not got
            continue
    settings["members"] = _member_settings(compiled, members)
    return settings


def _member_settings(compiled: ov.CompiledModel, members: Iterable[str]) -> dict[str, dict[str, Any]]:
    try:
        properties = compiled.get_property("DEVICE_PROPERTIES")
    except RuntimeError:
        return {}
    wanted = set(members)
    return {
        device: {name: _text(value) for name, value in values.items() if name not in SKIPPED_PROPERTIES}
        for device, values in properties.items()
        if isinstance(values, dict) and (not wanted or device in wanted)
    }


def _text(value: Any) -> Any:
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, list | tuple | set):
        return [_text(item) for item in value]
    if isinstance(value, ov.Type):
        return value.get_type_name()
    # Enumerations print as "PerformanceMode.LATENCY".
    return str(value).rsplit(".", 1)[-1] if type(value).__module__.startswith("openvino") else str(value)


def multiply_accumulates(op: ov.Node) -> int:
    """Count the multiply-accumulate operations of one operation of a static model.

    Convolution: output elements times weights per output channel; the same for grouped and transposed ones.
    Matrix product: output elements times the contracted dimension. Anything else: 0.
    """

    def elements(port: Any) -> int:
        return math.prod(port.get_shape())

    ports = [*op.inputs(), *op.outputs()]
    if any(port.get_partial_shape().is_dynamic for port in ports):
        return 0  # as behind a non-maximum suppression: how much work there is depends on the image
    kind = op.get_type_name()
    if kind in {"Convolution", "GroupConvolution"}:
        weights: list[int] = list(op.input(1).get_shape())
        return elements(op.output(0)) * math.prod(weights[1 if kind == "Convolution" else 2 :])
    if kind in {"ConvolutionBackpropData", "GroupConvolutionBackpropData"}:
        weights = list(op.input(1).get_shape())
        return elements(op.input(0)) * math.prod(weights[1 if kind == "ConvolutionBackpropData" else 2 :])
    if kind == "MatMul":
        first = list(op.input(0).get_shape())
        contracted: int = first[-2] if op.get_attributes().get("transpose_a") and len(first) > 1 else first[-1]
        return elements(op.output(0)) * contracted
    return 0


def executed_shares(model: ov.Model, compiled: ov.CompiledModel) -> dict[str, float]:
    """Tell in which precisions a compiled model executes its multiply-accumulates.

    Parameters
    ----------
    model : openvino.Model
        What was compiled, with static shapes.
    compiled : openvino.CompiledModel
        Its runtime model's nodes name the original operations that they execute.

    Returns
    -------
    dict
        Precision (``f32``, ``bf16``, ``f16``, ``i8``) to its share of the multiply-accumulates; empty where the
        device gives no runtime model or the model has none to count.
    """
    return _mac_shares(model, compiled, executed_precision)


def executed_kernels(model: ov.Model, compiled: ov.CompiledModel) -> dict[str, float]:
    """Tell with which kernels a compiled model executes its multiply-accumulates.

    Parameters
    ----------
    model : openvino.Model
        What was compiled, with static shapes.
    compiled : openvino.CompiledModel
        Its runtime model's nodes name their kernels (``primitiveType``, such as ``brgconv_avx512_amx_bf16``).

    Returns
    -------
    dict
        Kernel to its share of the multiply-accumulates, largest first; empty where the device does not tell.
    """
    return _mac_shares(model, compiled, lambda info: info_text(info, "primitiveType"))


def _mac_shares(model: ov.Model, compiled: ov.CompiledModel, kind_of: Callable[[Any], str]) -> dict[str, float]:
    """Return the shares of the multiply-accumulates by a kind of node, largest first."""
    work = {op.get_friendly_name(): multiply_accumulates(op) for op in model.get_ordered_ops()}
    counts: dict[str, int] = {}
    for info in _executed_nodes(compiled):
        names = info_text(info, "originalLayersNames").split(",")
        macs = sum(work.get(name, 0) for name in names)
        if macs and (kind := kind_of(info)):
            counts[kind] = counts.get(kind, 0) + macs
    total = sum(counts.values())
    return {kind: macs / total for kind, macs in sorted(counts.items(), key=lambda item: -item[1])}


def executed_graph(compiled: ov.CompiledModel) -> str:
    """Return a digest of what is executed: every node's type, kernel, precision and layout, in the order of execution.

    Two compiled models of the same weights and shapes with equal digests do the same work. Names count nothing.

    Returns
    -------
    str
        Empty where the device gives no runtime model.
    """
    keys = ("layerType", "primitiveType", "runtimePrecision", "outputPrecisions", "outputLayouts")
    try:
        nodes = compiled.get_runtime_model().get_ordered_ops()
    except RuntimeError:
        return ""
    infos = [node.get_rt_info() for node in nodes]
    if not any("primitiveType" in info for info in infos):
        return ""
    shapes = [[str(port.get_partial_shape()) for port in node.outputs()] for node in nodes]
    lines = [[*(info_text(info, key) for key in keys), shape] for info, shape in zip(infos, shapes, strict=True)]
    return digest_of(lines)


def executed_layers(compiled: ov.CompiledModel) -> dict[str, dict[str, int]]:
    """Count the executed layers of a compiled model by precision and type.

    Parameters
    ----------
    compiled : openvino.CompiledModel
        On any device; one without a runtime model gives an empty result.

    Returns
    -------
    dict of dict
        Precision to type (``Convolution``, ``Pooling``) to number of nodes of the runtime model that execute an
        operation of the original model; fused operations count as the one node that they became.
    """
    counts: dict[str, dict[str, int]] = {}
    for info in _executed_nodes(compiled):
        kind = info_text(info, "layerType") or "unknown"
        if kind in NOT_EXECUTED:
            continue
        types = counts.setdefault(executed_precision(info), {})
        types[kind] = types.get(kind, 0) + 1
    return {precision: dict(sorted(types.items())) for precision, types in sorted(counts.items())}


def _executed_nodes(compiled: ov.CompiledModel) -> list[Any]:
    """Return the runtime information of the nodes that stand for an original operation."""
    try:
        nodes = compiled.get_runtime_model().get_ordered_ops()
    except RuntimeError:
        return []
    infos = (node.get_rt_info() for node in nodes)
    told = (info for info in infos if "runtimePrecision" in info and info_text(info, "originalLayersNames"))
    return [info for info in told if info_text(info, "layerType") != "Result"]  # a GPU's repeats the node before it


def info_text(info: Any, key: str) -> str:
    """Return an entry of a node's runtime information, empty where it has none."""
    return str(info[key].astype(str)) if key in info else ""


def executed_precision(info: Any) -> str:
    """Read the precision of one node of a runtime model.

    The kernel's name ends with it (``brgconv_avx512_f32``). ``runtimePrecision`` alone misleads: for FP16 weights that
    the CPU widens once, while it compiles, it says f16, although the kernel's arithmetic is f32.
    """
    declared = info_text(info, "runtimePrecision").lower()
    return kernel_precision(info_text(info, "primitiveType")) or PRECISIONS.get(declared, declared)


def kernel_precision(kernel: str) -> str:
    """Read the precision from a kernel's name, ``convolution_gpu_bfyx_f16__f16``; empty where it has none.

    A GPU's type is behind two underscores: ``bfyx_f16`` alone is a layout, in blocks of 16 channels, and was the end of
    the names of kernels in FP32.
    """
    if "__" not in kernel and GPU_KERNEL.search(kernel):
        return ""
    return PRECISIONS.get(kernel.rsplit("_", 1)[-1].lower(), "")


def precision_label(shares: dict[str, float]) -> str:
    """Name what was executed: ``i8``, or ``i8+f32`` (the larger share first) where no precision has 99 %."""
    if not shares:
        return ""
    first, share = next(iter(shares.items()))
    return first if share >= PURE else "+".join(shares)
