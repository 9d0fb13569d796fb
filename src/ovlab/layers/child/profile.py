"""One launch that profiles: a fresh process that runs a variant with counters and without, in turns.

Run as ``python -m ovlab.layers.child.profile REQUEST RESULT`` (two JSON files).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov

from ovlab.errors import OvlabError, one_line
from ovlab.layers.child.counters import Counters, counters_of, merged
from ovlab.layers.child.graph import executed_nodes
from ovlab.layers.child.main import ALIVE, run
from ovlab.layers.child.operations import operations_of
from ovlab.layers.child.probe import Probe
from ovlab.layers.request import ProfileRequest
from ovlab.measure.device.inspection import effective_settings
from ovlab.measure.host.sensors import clock_mhz, own_usage
from ovlab.runtime import bind_input, core, read_ir, set_batch

TURNS = 16
"""Turns are short, so that what disturbs the host hits both kinds alike."""
LEAST = 6
"""So many inferences are made in a turn, however long they take: the first finds the caches filled by the other."""
PROBED = 4
"""The host's speed is probed before the first turn, after so many each, and so after the last."""
SEED = 0


def profile(request: ProfileRequest) -> dict[str, Any]:
    """Profile a variant.

    Returns
    -------
    dict
        ``operations`` (of the model), ``nodes`` (executed, each with ``time_us``), ``calls`` (inferences that were
        counted), ``latency_ms`` and ``counted_latency_ms`` (mean latency without counters and with them), ``settings``
        (as read back), ``probes`` (operations per second of the host's probe between the turns, by its models),
        ``processor_share`` (processor time of this process over the time of the turns, by thread), ``preemptions``,
        ``minor_faults``, ``major_faults`` (counts) and ``clock_mhz`` of the turns, None where the host does not tell.

    Raises
    ------
    OvlabError
        If the device has no counters or does not fill them, or the input's shape is not fixed.
    """
    model = read_ir(Path(request.model))
    fix_shapes(model)
    plain = compiled_model(model, request, counted=False)
    counted = compiled_model(model, request, counted=True)
    requests = [bound_requests(one, model, request.images) for one in (plain, counted)]
    counters = counters_of(counted, request.device)
    turns: list[Callable[[float], tuple[float, int]]] = [
        lambda seconds: take_turn(requests[0], seconds, None),
        lambda seconds: take_turn(requests[1], seconds, counters),
    ]
    for turn in turns:
        turn(request.warm_up_s)
    probe = Probe(request.device, request.properties)
    counters.start()
    sums, counts = [0.0, 0.0], [0, 0]
    before, processor, started = own_usage(), time.process_time(), time.perf_counter()
    probe.take()
    for number in range(2 * TURNS):
        which = number % 2
        seconds, made = turns[which](request.duration_s / TURNS)
        sums[which] += seconds
        counts[which] += made
        if number % PROBED == PROBED - 1:
            probe.take()
    processor, passed = time.process_time() - processor, time.perf_counter() - started
    used, clock = own_usage().since(before), clock_mhz()
    settings = effective_settings(counted, ())
    nodes = merged(executed_nodes(counted), counters, {op.get_friendly_name() for op in model.get_ops()})
    if not any(node["time_us"] for node in nodes):
        raise OvlabError(f"device {request.device!r}: its counters stayed 0, so that there is nothing to profile")
    return {
        "operations": operations_of(model),
        "nodes": nodes,
        "calls": counts[1],
        "latency_ms": 1e3 * sums[0] / counts[0],
        "counted_latency_ms": 1e3 * sums[1] / counts[1],
        "settings": settings,
        "probes": probe.rates,
        "processor_share": processor / passed / int(settings.get("INFERENCE_NUM_THREADS") or 1),
        "clock_mhz": clock,
        **used,
    }


def fix_shapes(model: ov.Model) -> None:
    """Give a model with a dynamic batch a batch of 1.

    Raises
    ------
    OvlabError
        If another dimension of an input is dynamic: how much work there is would not be known.
    """
    for port in model.inputs:
        shape = port.get_partial_shape()
        if any(dimension.is_dynamic for dimension in list(shape)[1:]):
            raise OvlabError(
                f"input {port.get_any_name()!r}: shape {shape} is dynamic, expected fixed numbers but for the batch; "
                "reshape the model before it is profiled"
            )
    if len(model.inputs) == 1:
        if model.inputs[0].get_partial_shape().is_dynamic:
            set_batch(model, 1)
        return
    dynamic = [port for port in model.inputs if port.get_partial_shape().is_dynamic]
    if dynamic:
        shapes = {port: [1, *list(port.get_partial_shape())[1:]] for port in dynamic}
        try:
            model.reshape({port: ov.PartialShape(shape) for port, shape in shapes.items()})
        except RuntimeError as error:
            raise OvlabError(f"batch: the model cannot take 1 ({one_line(error)})") from None


def compiled_model(model: ov.Model, request: ProfileRequest, *, counted: bool, **others: Any) -> ov.CompiledModel:
    """Compile a model for one stream, with counters or without.

    Parameters
    ----------
    model : openvino.Model
        Of fixed shapes.
    request : ProfileRequest
        Device and properties.
    counted : bool
        Whether with counters.
    **others
        Further properties.

    Raises
    ------
    OvlabError
        If the device has no counters, or cannot compile the model.
    """
    device = request.device
    properties = {"PERFORMANCE_HINT": "LATENCY"} | request.properties | others | {"PERF_COUNT": counted}
    supported = core().get_property(device, "SUPPORTED_PROPERTIES")
    if counted and "PERF_COUNT" not in supported:
        raise OvlabError(f"device {device!r}: has no counters (PERF_COUNT), so that its layers cannot be timed")
    if not counted:
        del properties["PERF_COUNT"]
    if "NUM_STREAMS" in supported:
        properties["NUM_STREAMS"] = 1  # counters are kept by stream
    try:
        compiled = core().compile_model(model, device, properties)
    except RuntimeError as error:
        raise OvlabError(f"device {device!r} cannot compile the model: {one_line(error)}") from None
    ALIVE.append(compiled)
    return compiled


def bound_requests(compiled: ov.CompiledModel, model: ov.Model, images: str | None) -> list[ov.InferRequest]:
    """Bind requests: one an image, since what sorting detections takes depends on what is seen; one for random data."""
    if images is not None:
        pixels, batch = np.load(images), model.inputs[0].get_shape()[0]
        requests = [compiled.create_infer_request() for _ in pixels]
        for number, request in enumerate(requests):
            bind_input(request, np.ascontiguousarray(pixels[(number + np.arange(batch)) % len(pixels)]))
    else:
        requests = [compiled.create_infer_request()]
        generator = np.random.default_rng(SEED)
        for index, port in enumerate(compiled.inputs):
            requests[0].set_input_tensor(index, ov.Tensor(_random(port, generator)))
    ALIVE.extend(requests)
    return requests


def _random(port: Any, generator: np.random.Generator) -> Any:
    """Draw an input: pixels for bytes, zeros and ones for other whole numbers, which may be indices."""
    kind, shape = port.get_element_type().to_dtype(), list(port.get_shape())
    if np.issubdtype(kind, np.floating):
        return generator.random(shape).astype(kind)
    return generator.integers(0, 256 if kind == np.uint8 else 2, shape).astype(kind)


def take_turn(requests: list[ov.InferRequest], seconds: float, counters: Counters | None) -> tuple[float, int]:
    """Infer for so long, one request after the other; return the seconds inside inferences, and their number."""
    clock = time.perf_counter
    inside, made = 0.0, 0
    stop = clock() + seconds
    while made < LEAST or clock() < stop:
        request = requests[made % len(requests)]
        started = clock()
        request.start_async()
        request.wait()
        inside += clock() - started
        made += 1
        if counters is not None:
            counters.after(request)
    return inside, made


if __name__ == "__main__":
    run(profile, ProfileRequest)
