"""One launch that finds a machine's peaks, each in several windows.

Run as ``python -m ovlab.layers.child.peaks REQUEST RESULT`` (two JSON files).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from ovlab.errors import OvlabError, one_line
from ovlab.layers.child.arithmetic_peak import arithmetic_windows, large_product
from ovlab.layers.child.bandwidth import bandwidth_windows, cache_sizes, shared_by
from ovlab.layers.child.clock import clock_windows, frequency_control
from ovlab.layers.child.main import ALIVE, run
from ovlab.layers.child.probe import probe_windows
from ovlab.layers.child.windows import Watched
from ovlab.layers.request import PeaksRequest
from ovlab.measure.device.inspection import effective_settings
from ovlab.runtime import core

LIMIT = ("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_BF16")
"""The variable by which oneDNN, and with it the CPU plugin, leaves out AMX, read when it is first used."""
VECTORS = {"bf16": "bf16_avx512", "i8": "i8_vnni"}
"""What vector units do in the types that AMX has too: their names in the record."""
CHAINS = (8, 72)
"""Lengths of two chains of small nodes: the difference of their latencies is what further nodes cost."""


def peaks(request: PeaksRequest) -> dict[str, Any]:
    """Find the peaks of a device; of caches, memory and clock only where it is the CPU.

    Returns
    -------
    dict
        ``threads``, ``windows`` (each with ``kind``, ``value``, ``other_load`` and ``steal``), ``caches`` (bytes by
        level), ``sharing`` (cores that share each level), ``settings`` (as read back), ``frequency`` (whether the clock
        could be set). Without tiles there is the arithmetic of vector units alone.
    """
    if request.without_tiles:
        os.environ[LIMIT[0]] = LIMIT[1]
    try:
        compiled = core().compile_model(large_product(1, False), request.device, _properties(request))
    except RuntimeError as error:
        raise OvlabError(f"device {request.device!r} cannot compile a model: {one_line(error)}") from None
    ALIVE.append(compiled)
    settings = effective_settings(compiled, ())
    threads = int(settings.get("INFERENCE_NUM_THREADS") or 1)
    if request.without_tiles:
        found = [one | {"type": VECTORS[one["type"]]} for one in arithmetic_windows(request, threads, tuple(VECTORS))]
        return {"threads": threads, "windows": found, "caches": {}, "sharing": {}, "settings": settings}
    windows = [*arithmetic_windows(request, threads), *_overhead_windows(request)]
    windows += probe_windows(request.device, request.properties, request.windows, request.window_s / 2)
    caches: dict[str, int] = {}
    if request.device == "CPU":
        caches = cache_sizes()
        windows += bandwidth_windows(request.windows, request.window_s, threads)
        windows += clock_windows(request.windows, request.window_s / 4)
    return {
        "threads": threads,
        "windows": windows,
        "caches": caches,
        "sharing": {name: shared_by(int(name[1:])) for name in caches},
        "settings": settings,
        "frequency": frequency_control() if request.device == "CPU" else {},
    }


def _properties(request: PeaksRequest) -> dict[str, Any]:
    return {"PERFORMANCE_HINT": "LATENCY"} | request.properties


def _overhead_windows(request: PeaksRequest) -> Iterator[dict[str, Any]]:
    """Measure what a node costs that has next to nothing to compute: ``value`` in seconds.

    None where the longer chain was not slower: the host was disturbed, and a node that costs nothing there is not.
    """
    requests = []
    for length in CHAINS:
        compiled = core().compile_model(chain_of_small_nodes(length), request.device, _properties(request))
        requests.append(compiled.create_infer_request())
        ALIVE.extend((compiled, requests[-1]))
    for _ in range(request.windows):
        taken: list[list[float]] = [[], []]
        with Watched() as watched:
            stop = time.perf_counter() + request.window_s / 2
            while time.perf_counter() < stop:
                for one, times in zip(requests, taken, strict=True):
                    started = time.perf_counter()
                    one.infer()
                    times.append(time.perf_counter() - started)
        short, long = (float(np.median(times)) for times in taken)
        value = (long - short) / (CHAINS[1] - CHAINS[0]) if long > short else None
        yield {"kind": "overhead", "value": value} | watched.noise


def chain_of_small_nodes(length: int) -> ov.Model:
    """Make a model of small poolings, one after the other; no plugin joins them."""
    pixels = ops.parameter([1, 16, 8, 8], np.float32)
    last = pixels
    for _ in range(length):
        last = ops.max_pool(last, [1, 1], [1, 1], [1, 1], [1, 1], [3, 3]).output(0)
    return ov.Model([last], [pixels], "small_nodes")


if __name__ == "__main__":
    run(peaks, PeaksRequest)
