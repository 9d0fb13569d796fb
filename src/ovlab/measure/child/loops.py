"""The load of a launch: requests that are bound beforehand, and the loops that keep them busy.

The loops are what a deployment's own loop would cost at least: nothing is copied, rebound or allocated in them but two
numbers an inference.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from ovlab.runtime import bind_input

# The wrapper's methods of the same name first look at inputs, which are bound already.
Request = ov.InferRequest.__mro__[1]
STALLED_S = 5.0
"""After so long without an end, requests are asked whether they have failed."""
Samples = tuple[list[int], list[int]]
"""Start and end of each inference in ns, in the order of the starts."""


def batches(images: NDArray[np.uint8], batch: int) -> list[NDArray[np.uint8]]:
    """Make one input an image, each of `batch` consecutive images."""
    count = len(images)
    return [np.ascontiguousarray(images[[(i + k) % count for k in range(batch)]]) for i in range(count)]


def bound(compiled: ov.CompiledModel, pixels: NDArray[np.uint8]) -> ov.InferRequest:
    """Make a request with an input of its own."""
    request = compiled.create_infer_request()
    bind_input(request, pixels)
    return request


def synchronous(requests: list[ov.InferRequest], seconds: float, least: int = 1) -> Samples:
    """One inference after the other: the next starts when the last has ended.

    The blocking call runs the model on the thread that asks, where a device can do so. `start_async` and `wait` would
    hand it to another thread and have this one woken: 13 us more on a model of one operation, paid by no caller who
    has nothing else to do. Outputs are shared, not copied.

    Parameters
    ----------
    requests : list of InferRequest
        SessionMeasurement in turn.
    seconds : float
        For so long inferences are started.
    least : int
        So many are made even if that takes longer.
    """
    clock, infer = time.perf_counter_ns, Request.infer
    starts: list[int] = []
    ends: list[int] = []
    count, index = len(requests), 0
    stop = clock() + int(seconds * 1e9)
    now = 0
    while now < stop or len(starts) < least:
        request = requests[index]
        started = clock()
        infer(request, {}, True, False)  # no inputs: they are bound; outputs shared; strings not decoded
        now = clock()
        starts.append(started)
        ends.append(now)
        index = (index + 1) % count
    return starts, ends


def next_idle(idle: queue.SimpleQueue[int], requests: list[ov.InferRequest]) -> int:
    """Wait for a request that has ended.

    Raises
    ------
    RuntimeError
        If one has failed: its callback is then never called, and it would be waited for without end.
    """
    while True:
        try:
            return idle.get(timeout=STALLED_S)
        except queue.Empty:
            for request in requests:
                request.wait_for(0)  # raises what the inference has raised


def asynchronous(requests: list[ov.InferRequest], seconds: float, least: int = 1) -> Samples:
    """All requests in flight: whichever ends starts again at once. The last ones are waited for.

    Parameters
    ----------
    requests, seconds, least
        As for :func:`synchronous`.
    """
    clock = time.perf_counter_ns
    start_async = Request.start_async
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
        index = next_idle(idle, requests)
        now = clock()
        if now >= stop and len(starts) >= least:
            break
        running[index] = now
        start_async(requests[index], {}, None)
    for request in requests:
        request.wait()
    order = np.argsort(starts, kind="stable")
    return [starts[i] for i in order], [ends[i] for i in order]
