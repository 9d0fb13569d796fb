"""Requests that are kept in flight, all of them, without Python in between.

`openvino.AsyncInferQueue` notes in C++ when a request ends and which one is idle. A callback in Python would need the
interpreter's lock on the runtime's threads at every end, and take time from inferences that last a millisecond or less.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from ovlab.runtime import bind_input

# The wrapper's method of the same name first looks at inputs, which are bound already.
_Queue = ov.AsyncInferQueue.__mro__[1]


class Pool:
    """Requests that start anew as soon as they end.

    Parameters
    ----------
    compiled : openvino.CompiledModel
        On any device.
    inputs : sequence of ndarray
        Given to the requests in turn, and bound to them.
    count : int
        Number of requests.
    """

    def __init__(self, compiled: ov.CompiledModel, inputs: Sequence[NDArray[np.uint8]], count: int) -> None:
        self._queue = ov.AsyncInferQueue(compiled, count)
        # They share their clocks with the queue's own; only read, but for the inputs.
        self._requests = list(self._queue)
        for index, request in enumerate(self._requests):
            bind_input(request, inputs[index % len(inputs)])

    def __len__(self) -> int:
        """Return the number of requests."""
        return len(self._requests)

    def infer(self) -> None:
        """Make one inference and wait for it."""
        self._queue.start_async()
        self._queue.wait_all()

    def run(self, seconds: float, least: int = 1) -> tuple[list[int], list[int]]:
        """Keep all requests in flight; the last ones are waited for.

        Parameters
        ----------
        seconds : float
            For so long inferences are started.
        least : int
            So many have ended, even if that takes longer, before no more are started.

        Returns
        -------
        starts, ends : list of int
            In ns, in the order of the starts. An inference ends when the runtime says so, not when Python gets round to
            seeing it: its end is its start plus the runtime's own latency. The runtime takes that from the host's time
            of day, which may be set while it runs: a latency that cannot be is replaced by the time until it was seen.
        """
        clock, requests, waiting = time.perf_counter_ns, self._requests, self._queue
        start_async, next_idle = _Queue.start_async, _Queue.get_idle_request_id
        starts: list[int] = []
        ends: list[int] = []
        running = [0] * len(requests)

        def note(index: int, seen: int) -> None:
            started = running[index]
            end = started + round(requests[index].latency * 1e6)
            starts.append(started)
            ends.append(end if started < end <= seen else seen)
            running[index] = 0

        stop = clock() + int(seconds * 1e9)
        while True:
            index = next_idle(waiting)
            now = clock()
            if running[index]:
                note(index, now)
            if now >= stop and len(starts) >= least:
                break
            running[index] = now
            start_async(waiting, {}, None)
        waiting.wait_all()
        now = clock()
        for index, started in enumerate(running):
            if started:
                note(index, now)
        order = np.argsort(starts, kind="stable")
        return [starts[i] for i in order], [ends[i] for i in order]
