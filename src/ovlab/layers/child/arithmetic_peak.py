"""The most arithmetic that a device does in a second: one large layer at a time, timed by its own counter.

A convolution (3x3, 256 to 256 channels, 56x56) and a matrix product (1024 cubed), grown with the number of threads.
Both live in the caches and reuse each number hundreds of times, so that the arithmetic is what limits them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from ovlab.errors import one_line
from ovlab.layers.child.counters import counters_of
from ovlab.layers.child.graph import executed_nodes
from ovlab.layers.child.main import ALIVE
from ovlab.layers.child.windows import Watched
from ovlab.layers.request import PeaksRequest
from ovlab.measure.device.inspection import multiply_accumulates
from ovlab.runtime import core, precision_hint

TYPES = ("f32", "f16", "bf16", "i8")
CHANNELS, SIDE, ORDER = 256, 56, 1024
NAME = "large_layer"
THREADS_A_COPY = 4
"""The problem is given once more for so many threads, so that each of many still has enough to do."""


def arithmetic_windows(request: PeaksRequest, threads: int, types: tuple[str, ...] = TYPES) -> Iterator[dict[str, Any]]:
    """Measure each type and problem in windows.

    Yields
    ------
    dict
        ``kind`` (``arithmetic``), ``type``, ``problem``, ``kernel``, ``value`` (operations per second, two for each
        multiply-accumulate), ``other_load`` and ``steal``. A type that the device does not execute when it is asked for
        it gives one with ``value`` None and ``executed``, what it executes instead.
    """
    for element_type in types:
        for problem in ("convolution", "matrix product"):
            yield from _problem(request, element_type, problem, copies_for(threads))


def copies_for(threads: int) -> int:
    """Return how often a problem is given at once for so many threads."""
    return max(1, threads // THREADS_A_COPY)


def _problem(request: PeaksRequest, element_type: str, problem: str, copies: int) -> Iterator[dict[str, Any]]:
    about: dict[str, Any] = {"kind": "arithmetic", "type": element_type, "problem": problem}
    quantised = element_type == "i8"
    model = large_convolution(copies, quantised) if problem == "convolution" else large_product(copies, quantised)
    macs = sum(multiply_accumulates(op) for op in model.get_ops())
    properties = {"PERFORMANCE_HINT": "LATENCY"} | request.properties | {"PERF_COUNT": True}
    hint = precision_hint("f32" if quantised else element_type)
    try:
        compiled = core().compile_model(model, request.device, properties | hint)
    except RuntimeError as error:
        yield about | {"value": None, "executed": one_line(error)}
        return
    ALIVE.append(compiled)
    infer = compiled.create_infer_request()
    ALIVE.append(infer)
    node = next((one for one in executed_nodes(compiled) if NAME in one["layers"]), None)
    if node is None or node["precision"] != element_type:
        yield about | {"value": None, "executed": "" if node is None else node["precision"]}
        return
    counters = counters_of(compiled, request.device)
    for number in range(request.windows + 1):
        with Watched() as watched:
            if number:
                counters.start()
            stop = time.perf_counter() + (request.window_s if number else request.window_s / 4)
            while time.perf_counter() < stop or counters.calls == 0:
                infer.infer()
                counters.after(infer)
        if number:  # before the first there was the warm-up
            spent = counters.times_us().get(node["name"], 0.0)
            value = 2e6 * macs / spent if spent else None
            yield about | {"kernel": node["kernel"], "value": value} | watched.noise


def large_convolution(copies: int, quantised: bool) -> ov.Model:
    """Make a model of one large convolution, with 8-bit inputs where it is to be quantised."""
    pixels = ops.parameter([copies, CHANNELS, SIDE, SIDE], np.float32)
    weights = np.random.default_rng(0).normal(0, 0.05, (CHANNELS, CHANNELS, 3, 3)).astype(np.float32)
    layer = ops.convolution(*_taken(pixels, weights, quantised), [1, 1], [1, 1], [1, 1], [1, 1])
    layer.set_friendly_name(NAME)
    return ov.Model([layer], [pixels], "large_convolution")


def large_product(copies: int, quantised: bool) -> ov.Model:
    """Make a model of one large matrix product; see `large_convolution`."""
    rows = ops.parameter([copies * ORDER, ORDER], np.float32)
    weights = np.random.default_rng(0).normal(0, 0.05, (ORDER, ORDER)).astype(np.float32)
    layer = ops.matmul(*_taken(rows, weights, quantised), transpose_a=False, transpose_b=True)
    layer.set_friendly_name(NAME)
    return ov.Model([layer], [rows], "large_product")


def _taken(inputs: Any, weights: Any, quantised: bool) -> tuple[Any, Any]:
    """Return what the layer takes: as it is, or through FakeQuantize as NNCF puts it there."""
    constant = ops.constant(weights)
    if not quantised:
        return inputs, constant

    def quantise(value: Any, low: float, high: float, levels: int) -> Any:
        bounds = [ops.constant(np.float32(bound)) for bound in (low, high)]
        return ops.fake_quantize(value, *bounds, *bounds, levels)

    limit = float(np.abs(weights).max())
    return quantise(inputs, 0.0, 2.55, 256), quantise(constant, -limit, limit, 255)
