"""One launch that varies threads and batch, to see whether the time follows as what limits a variant says.

Run as ``python -m ovlab.layers.child.scaling REQUEST RESULT`` (two JSON files). All runs take turns in one process.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openvino as ov

from ovlab.errors import OvlabError
from ovlab.layers.child.main import run
from ovlab.layers.child.profile import bound_requests, compiled_model, fix_shapes, take_turn
from ovlab.layers.request import ProfileRequest, ScalingRequest
from ovlab.runtime import read_ir, set_batch

TURNS = 6


def scaling(request: ScalingRequest) -> dict[str, Any]:
    """Time a variant as it is, with one thread, and with a larger batch.

    Returns
    -------
    dict
        ``latency_ms`` (as it is), ``one_thread_ms`` (None where the device has no threads to set, or one anyway),
        ``batch_ms`` (latency of the batch, None where the model cannot take it).

    Raises
    ------
    OvlabError
        If it cannot be compiled as it is.
    """
    asked = ProfileRequest(**request.profile)
    model = read_ir(Path(asked.model))
    fix_shapes(model)
    plain = compiled_model(model, asked, counted=False)
    timed = {"latency_ms": bound_requests(plain, model, asked.images)}
    has_threads = "INFERENCE_NUM_THREADS" in plain.get_property("SUPPORTED_PROPERTIES")
    if has_threads and int(plain.get_property("INFERENCE_NUM_THREADS")) > 1:
        one = compiled_model(model, asked, counted=False, INFERENCE_NUM_THREADS=1)
        timed["one_thread_ms"] = bound_requests(one, model, asked.images)
    larger = _with_batch(asked, request.batch)
    if larger is not None:
        timed["batch_ms"] = bound_requests(compiled_model(larger, asked, counted=False), larger, asked.images)
    for requests in timed.values():
        take_turn(requests, asked.warm_up_s, None)
    sums, counts = dict.fromkeys(timed, 0.0), dict.fromkeys(timed, 0)
    for _ in range(TURNS):
        for name, requests in timed.items():
            seconds, made = take_turn(requests, asked.duration_s / TURNS, None)
            sums[name] += seconds
            counts[name] += made
    names = ("latency_ms", "one_thread_ms", "batch_ms")
    return {name: 1e3 * sums[name] / counts[name] if name in timed else None for name in names}


def _with_batch(request: ProfileRequest, batch: int) -> ov.Model | None:
    """Return the model with a larger batch; None where it has several inputs, another batch, or cannot take it."""
    model = read_ir(Path(request.model))
    if len(model.inputs) != 1:
        return None
    shape = model.inputs[0].get_partial_shape()
    if len(shape) < 2 or (shape[0].is_static and shape[0].get_length() != 1):
        return None
    try:
        fix_shapes(model)
        set_batch(model, batch)
        outputs = [port.get_partial_shape() for port in model.outputs]
    except OvlabError:
        return None
    # A model that reshapes to a batch of one without saying so computes something else, or the same once.
    return model if all(one.rank.get_length() and one[0].is_static and one[0] == batch for one in outputs) else None


if __name__ == "__main__":
    run(scaling, ScalingRequest)
