"""One launch: a fresh process that loads a variant, warms it up and times it.

Run by the measuring parent as ``python -m ovlab.measure.launch REQUEST RESULT`` (two JSON files). Only what a
deployment would do is inside the timed part: images are decoded and inputs are bound before it.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from ovlab.errors import OvlabError, one_line
from ovlab.files import read_json
from ovlab.measure.inspection import effective_settings, executed_layers, executed_shares
from ovlab.measure.memory import peak_rss_mb
from ovlab.measure.request import LaunchRequest
from ovlab.measure.sensors import clock_mhz, own_usage
from ovlab.runtime import core, read_ir, set_batch

# The wrapper's methods of the same name first look at inputs, which are bound already.
_Request = ov.InferRequest.__mro__[1]
Samples = tuple[list[int], list[int]]
MINIMUM_SAMPLES = 2
# Destroying a compiled model joins its worker threads while holding Python's lock; a worker that is just then
# letting go of a callback wants that lock, and both wait for ever (seen with AUTO, about 1 launch in 10). So nothing
# is destroyed: the process ends without it.
_ALIVE: list[Any] = []


def launch(request: LaunchRequest) -> dict[str, Any]:
    """Load, compile, warm up, time, look inside.

    Returns
    -------
    dict
        ``compile_ms``, ``first_inference_ms``, ``peak_rss_mb``, ``throughput_fps``, ``samples`` (count),
        ``warm_up_samples``, ``cpu_s`` (processor time of this process in the timed part), ``elapsed_s``,
        ``infer_requests``, ``settings`` (as read back), ``minor_faults``, ``major_faults`` and ``preemptions`` (of the
        timed part), ``clock_mhz`` (at its end); with ``inspect`` also ``shares`` (of multiply-accumulates
        by executed precision), ``layers`` (their number by executed precision and type), on ``HETERO``
        ``operations_by_device`` and on ``BATCH`` ``gathered_requests``.

    Raises
    ------
    OvlabError
        If the model cannot take the batch, or the timed part is shorter than two inferences.
    """
    model = read_ir(Path(request.model))
    set_batch(model, request.batch)
    started = time.perf_counter()
    compiled = core().compile_model(model, request.device, dict(request.properties))
    compile_ms = (time.perf_counter() - started) * 1e3
    count = request.infer_requests or int(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
    inputs = _batches(np.load(request.images), request.batch)
    drive = _synchronous if request.mode == "synchronous" else _asynchronous
    # Every request keeps an image of its own, so nothing is copied or rebound in the timed part.
    requests = [_bound(compiled, inputs[i % len(inputs)]) for i in range(max(count, 1))]
    if request.mode == "synchronous":
        requests = [_bound(compiled, pixels) for pixels in inputs]
    _ALIVE.extend([compiled, *requests])
    started = time.perf_counter()
    requests[0].infer()
    first_inference_ms = (time.perf_counter() - started) * 1e3
    warm_up = len(drive(requests, request.warm_up_s)[0]) if request.warm_up_s > 0 else 0
    cpu, usage = time.process_time(), own_usage()
    starts, ends = drive(requests, request.duration_s)
    cpu, dealt = time.process_time() - cpu, own_usage().since(usage) | {"clock_mhz": clock_mhz()}
    if len(starts) < MINIMUM_SAMPLES:
        raise OvlabError(
            f"duration_s: {request.duration_s:g} s is shorter than {MINIMUM_SAMPLES} inferences "
            f"(one takes {(ends[0] - starts[0]) / 1e9:.3g} s)"
        )
    elapsed = (max(ends) - starts[0]) / 1e9
    samples = np.array([(np.array(starts) - starts[0]) / 1e9, (np.array(ends) - np.array(starts)) / 1e6])
    np.save(request.samples, samples)
    result: dict[str, Any] = {
        "compile_ms": compile_ms,
        "first_inference_ms": first_inference_ms,
        "peak_rss_mb": peak_rss_mb(),
        "throughput_fps": len(starts) * request.batch / elapsed,
        "samples": len(starts),
        "warm_up_samples": warm_up,
        "cpu_s": cpu,
        "elapsed_s": elapsed,
        "infer_requests": 1 if request.mode == "synchronous" else count,
        "settings": effective_settings(compiled, request.members),
        **dealt,
    }
    if request.inspect:
        result["shares"] = executed_shares(model, compiled)
        result["layers"] = executed_layers(compiled)
        result |= _division(request, model, compiled)
    return result


def _division(request: LaunchRequest, model: ov.Model, compiled: ov.CompiledModel) -> dict[str, Any]:
    """Look at what only some virtual devices do; nothing is imported for the others."""
    kind = request.device.split(":", maxsplit=1)[0]
    if kind not in {"HETERO", "BATCH"}:
        return {}
    from ovlab.measure.splitting import gathered_requests, operations_by_device

    if kind == "HETERO":
        return {"operations_by_device": operations_by_device(model, request.device, request.properties)}
    return {"gathered_requests": gathered_requests(compiled, request.batch)}


def _batches(images: NDArray[np.uint8], batch: int) -> list[NDArray[np.uint8]]:
    """Make one input an image, each of `batch` consecutive images."""
    count = len(images)
    return [np.ascontiguousarray(images[[(i + k) % count for k in range(batch)]]) for i in range(count)]


def _bound(compiled: ov.CompiledModel, pixels: NDArray[np.uint8]) -> ov.InferRequest:
    request = compiled.create_infer_request()
    request.set_input_tensor(ov.Tensor(pixels, shared_memory=True))
    return request


def _synchronous(requests: list[ov.InferRequest], seconds: float) -> Samples:
    """One inference after the other: the next starts when the last has ended. At least one is made."""
    clock = time.perf_counter_ns
    start_async, wait = _Request.start_async, _Request.wait
    starts: list[int] = []
    ends: list[int] = []
    count, index = len(requests), 0
    stop = clock() + int(seconds * 1e9)
    now = 0
    while now < stop:
        request = requests[index]
        started = clock()
        start_async(request, {}, None)
        wait(request)
        now = clock()
        starts.append(started)
        ends.append(now)
        index = (index + 1) % count
    return starts, ends


def _asynchronous(requests: list[ov.InferRequest], seconds: float) -> Samples:
    """All requests in flight: whichever ends starts again at once. The last ones are waited for."""
    clock = time.perf_counter_ns
    start_async = _Request.start_async
    idle: queue.SimpleQueue[int] = queue.SimpleQueue()
    starts: list[int] = []
    ends: list[int] = []
    running = [0] * len(requests)

    def on_end(index: int) -> Callable[[Any], None]:
        def callback(_userdata: Any) -> None:
            ended = clock()
            starts.append(running[index])
            ends.append(ended)
            idle.put(index)

        return callback

    for index, request in enumerate(requests):
        request.set_callback(on_end(index), None)
        idle.put(index)
    stop = clock() + int(seconds * 1e9)
    while True:
        index = idle.get()
        now = clock()
        if now >= stop and starts:
            break
        running[index] = now
        start_async(requests[index], {}, None)
    for request in requests:
        request.wait()
    order = np.argsort(starts, kind="stable")
    return [starts[i] for i in order], [ends[i] for i in order]


def main(arguments: list[str]) -> int:
    """Read the request, write the result; an error becomes a result of its own."""
    request_path, result_path = (Path(argument) for argument in arguments)
    try:
        result = launch(LaunchRequest(**read_json(request_path)))
    except OvlabError as error:
        result = {"error": str(error)}
    except (RuntimeError, OSError, MemoryError, ValueError) as error:
        result = {"error": one_line(error)}
    result_path.write_text(json.dumps(result), encoding="utf-8")
    return 0


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # No teardown: see _ALIVE.
    os._exit(code)
