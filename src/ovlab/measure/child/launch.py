"""One launch: a fresh process that loads a variant, warms it up and times it.

Run by the measuring parent as ``python -m ovlab.measure.child.launch REQUEST RESULT`` (two JSON files). Only what a
deployment would do is inside the timed part: images are decoded and inputs are bound before it.
"""

from __future__ import annotations

import functools
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov

from ovlab.errors import OvlabError, one_line
from ovlab.files import read_json, storage_in_words
from ovlab.measure.child.arrivals import drive_server, highest_rate
from ovlab.measure.child.energy import EnergyMeter
from ovlab.measure.child.loops import Samples, asynchronous, batches, bound, synchronous
from ovlab.measure.child.memory import peak_rss_mb, rss_mb
from ovlab.measure.child.pool import Pool
from ovlab.measure.device.inspection import (
    effective_settings,
    executed_graph,
    executed_kernels,
    executed_layers,
    executed_shares,
)
from ovlab.measure.host.sensors import clock_mhz, own_usage
from ovlab.measure.request import Arrivals, LaunchRequest
from ovlab.runtime import core, read_ir, set_batch

# Destroying a compiled model joins its worker threads while holding Python's lock; a worker that is just then
# letting go of a callback wants that lock, and both wait for ever (seen with AUTO, about 1 launch in 10). So nothing
# is destroyed: the process ends without it.
_ALIVE: list[Any] = []


def launch(request: LaunchRequest) -> dict[str, Any]:
    """Load, compile, warm up, time, look inside.

    Returns
    -------
    dict
        ``compile_ms``, ``from_cache`` (None where the device does not tell), ``first_inference_ms``, ``steady_rss_mb``
        (after the warm-up), ``peak_rss_mb``, ``throughput_fps``, ``samples`` (count), ``warm_up_samples``, ``batch``,
        ``elapsed_s``, ``infer_requests``, ``settings`` (as read back); of the timed part ``cpu_s`` (processor time of
        this process), ``energy_j`` (by domain; empty where it cannot be read), ``minor_faults``, ``major_faults``,
        ``preemptions`` and ``clock_mhz`` (at its end); in mode ``server`` also what `ovlab.measure.child.arrivals`
        finds of the rate; with ``inspect`` also ``shares`` and ``kernels`` (of multiply-accumulates by executed
        precision and by kernel), ``layers`` (their number by executed precision and type) and ``graph`` (a digest of
        what is executed), on ``HETERO`` ``operations_by_device`` and on ``BATCH`` ``gathered_requests``. In mode
        ``compile`` only the first three; in mode ``inspect`` these, ``settings`` and what ``inspect`` gives.

    Raises
    ------
    OvlabError
        If the model cannot take the batch, the device not the model, or if no request is timed a second time.
    """
    model = read_ir(Path(request.model))
    set_batch(model, request.batch)
    started = time.perf_counter()
    try:
        compiled = core().compile_model(model, request.device, dict(request.properties))
    except RuntimeError as error:
        raise OvlabError(f"device {request.device!r} cannot compile the model: {one_line(error)}") from None
    compile_ms = (time.perf_counter() - started) * 1e3
    _ALIVE.append(compiled)
    requests = _bound_requests(compiled, request)
    started = time.perf_counter()
    first = requests if isinstance(requests, Pool) else requests[0]
    first.infer()
    first_inference_ms = (time.perf_counter() - started) * 1e3
    result: dict[str, Any] = {
        "compile_ms": compile_ms,
        "from_cache": _loaded_from_cache(compiled),
        "first_inference_ms": first_inference_ms,
    }
    if request.mode == "compile":
        return result
    if request.mode != "inspect":
        result |= _timed(requests, request)
        result["peak_rss_mb"] = peak_rss_mb()
        result["infer_requests"] = 1 if request.mode == "synchronous" else len(requests)
    result["settings"] = effective_settings(compiled, request.members)
    if request.inspect:
        result |= _inspected(request, model, compiled)
    return result


def _inspected(request: LaunchRequest, model: ov.Model, compiled: ov.CompiledModel) -> dict[str, Any]:
    """Look at what was executed; after timing, since it takes time and memory."""
    return {
        "shares": executed_shares(model, compiled),
        "kernels": executed_kernels(model, compiled),
        "layers": executed_layers(compiled),
        "graph": executed_graph(compiled),
        **_division(request, model, compiled),
    }


def _division(request: LaunchRequest, model: ov.Model, compiled: ov.CompiledModel) -> dict[str, Any]:
    """Look at what only some virtual devices do; nothing is imported for the others."""
    kind = request.device.split(":", maxsplit=1)[0]
    if kind not in {"HETERO", "BATCH"}:
        return {}
    from ovlab.measure.device.division import gathered_requests, operations_by_device

    if kind == "HETERO":
        return {"operations_by_device": operations_by_device(model, request.device, request.properties)}
    return {"gathered_requests": gathered_requests(compiled, request.batch)}


def _bound_requests(compiled: ov.CompiledModel, request: LaunchRequest) -> list[ov.InferRequest] | Pool:
    """Bind every request to an image of its own, so that nothing is copied or rebound in the timed part."""
    inputs = batches(np.load(request.images), request.batch)
    count = request.infer_requests or int(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
    if request.mode == "asynchronous":
        pool = Pool(compiled, inputs, max(count, 1))
        _ALIVE.append(pool)
        return pool
    if request.mode in {"synchronous", "inspect"}:
        count = len(inputs)
    requests = [bound(compiled, inputs[i % len(inputs)]) for i in range(max(count, 1))]
    _ALIVE.extend(requests)
    return requests


def _loop(requests: list[ov.InferRequest] | Pool, mode: str) -> Callable[[float, int], Samples]:
    if isinstance(requests, Pool):
        return requests.run
    return functools.partial(synchronous if mode == "synchronous" else asynchronous, requests)


def _timed(requests: list[ov.InferRequest] | Pool, request: LaunchRequest) -> dict[str, Any]:
    """Warm up, time, write the samples."""
    drive = _loop(requests, request.mode)
    warm_up = len(drive(request.warm_up_s, 1)[0]) if request.warm_up_s > 0 else 0
    steady = rss_mb()
    facts: dict[str, Any] = {}
    meter = EnergyMeter(Path(request.powercap))
    cpu, before = time.process_time(), own_usage()
    if request.arrivals is not None and isinstance(requests, list):
        load = Arrivals(**request.arrivals)
        (starts, ends), facts = drive_server(requests, load, request.duration_s)
    else:
        starts, ends = drive(request.duration_s, request.least)
    cpu, usage = time.process_time() - cpu, own_usage().since(before) | {"clock_mhz": clock_mhz()}
    energy = meter.joules()
    in_flight = len(requests) if isinstance(requests, Pool) else 1
    if request.arrivals is None and request.least == 1 and len(starts) <= in_flight:
        raise OvlabError(_too_short(request, starts, ends, in_flight))
    elapsed = _write_samples(request, starts, ends)
    if request.arrivals is not None and isinstance(requests, list):
        facts |= highest_rate(requests, load)
    return facts | {
        "throughput_fps": len(starts) * request.batch / elapsed,
        "samples": len(starts),
        "warm_up_samples": warm_up,
        "batch": request.batch,
        "steady_rss_mb": steady,
        "cpu_s": cpu,
        "energy_j": energy,
        "elapsed_s": elapsed,
        **usage,
    }


def _too_short(request: LaunchRequest, starts: list[int], ends: list[int], in_flight: int) -> str:
    """Say that no request was started a second time: such a throughput is that of starting up."""
    one = np.median(np.subtract(ends, starts)) / 1e9
    beside = f" with {in_flight} requests in flight" if in_flight > 1 else ""
    asked = f"measurement.duration_s: {request.duration_s:g} s"
    return f"{asked} is shorter than two inferences (one takes {one:.3g} s{beside})"


def _write_samples(request: LaunchRequest, starts: list[int], ends: list[int]) -> float:
    """Write the samples and return the seconds that they took together."""
    samples = np.array([(np.array(starts) - starts[0]) / 1e9, (np.array(ends) - np.array(starts)) / 1e6])
    np.save(request.samples, samples)
    return (max(ends) - starts[0]) / 1e9


def _loaded_from_cache(compiled: ov.CompiledModel) -> bool | None:
    try:
        return bool(compiled.get_property("LOADED_FROM_CACHE"))
    except RuntimeError:
        return None


def main(arguments: list[str]) -> int:
    """Read the request, write the result; an error becomes a result of its own."""
    request_path, result_path = (Path(argument) for argument in arguments)
    try:
        with storage_in_words(result_path.parent):
            result = launch(LaunchRequest(**read_json(request_path)))
    except OvlabError as error:
        result = {"error": str(error)}
    except (RuntimeError, OSError, MemoryError, ValueError) as error:
        result = {"error": one_line(error)}
    try:
        with storage_in_words(result_path.parent, result_path.name):
            result_path.write_text(json.dumps(result), encoding="utf-8")
    except OSError as error:
        print(one_line(error), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # No teardown: see _ALIVE.
    os._exit(code)
