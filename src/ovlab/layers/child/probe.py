"""How fast the device computes while something else is measured: two small models of fixed size, now and then.

What slows a host from the beginning of a profile to its end (another virtual machine on the same cores, a low clock)
may show in none of the kernel's counters. The same models are timed when the machine's peaks are found, as a reference:
a convolution, which follows the arithmetic of all threads, and a chain of small convolutions, which follows how
quickly threads that have nothing to do for a moment go on: that can be slow on a host whose arithmetic is not.

A process may be slower than another for all of its life, and finds the caches filled by what it did before. On a
quiet host most processes gave 0.97 of the best and more, and single ones down to 0.83 for the convolution and 0.68 for
the chain (a product of 512 rows gave 0.67 as soon as it shared the caches). While a detector took 2.2 times as long as
in its session, they gave 0.71 to 0.88 and 0.58 to 0.71.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from ovlab.layers.child.arithmetic_peak import copies_for
from ovlab.layers.child.main import ALIVE
from ovlab.layers.child.windows import Watched
from ovlab.measure.device.inspection import multiply_accumulates
from ovlab.runtime import core, precision_hint

CONVOLUTION, SMALL_LAYERS = "convolution", "small_layers"
WIDE_CHANNELS, WIDE_SIDE = 128, 28
"""Of the convolution of 3 x 3: about a millisecond on two cores."""
ELSEWHERE = 32 << 20
"""Bytes that are moved before the probe is taken where nothing else is measured, so that caches hold other things."""
LENGTH, CHANNELS, SIDE = 32, 32, 28
"""Of the chain, whose layers take some microseconds each."""
CALLS = 5
TYPE = "f32"
"""In the type that every device has, whatever a variant is executed in: it is about the host, not the variant."""
Rates = dict[str, list[float]]


class Probe:
    """A convolution and a chain of small layers through OpenVINO, in one stream with as many threads as a variant has.

    Attributes
    ----------
    rates : dict of list of float
        Operations per second, two a multiply-accumulate, each time that it was taken, by model. A device that cannot
        compile them gives none.

    Parameters
    ----------
    device : str
        A physical device of OpenVINO.
    properties : dict
        Properties to compile with, besides the type and the single stream.
    """

    def __init__(self, device: str, properties: dict[str, Any]) -> None:
        self.rates: Rates = {}
        self._models: dict[str, tuple[ov.InferRequest, int]] = {}
        asked = {"PERFORMANCE_HINT": "LATENCY"} | properties | precision_hint(TYPE)
        if "NUM_STREAMS" in core().get_property(device, "SUPPORTED_PROPERTIES"):
            asked["NUM_STREAMS"] = 1
        try:
            chain = small_layers()
            compiled = core().compile_model(chain, device, asked)
            wide = convolution(copies_for(_threads(compiled)))
            models = {CONVOLUTION: (wide, core().compile_model(wide, device, asked)), SMALL_LAYERS: (chain, compiled)}
        except RuntimeError:
            return
        for name, (model, one) in models.items():
            infer = one.create_infer_request()
            infer.infer()
            ALIVE.extend((one, infer))
            self._models[name] = infer, 2 * sum(multiply_accumulates(op) for op in model.get_ops())
        self.rates = {name: [] for name in models}

    def take(self) -> None:
        """Infer each a few times, the first time untimed."""
        for name, (infer, operations) in self._models.items():
            infer.infer()
            started = time.perf_counter()
            for _ in range(CALLS):
                infer.infer()
            self.rates[name].append(CALLS * operations / (time.perf_counter() - started))


def convolution(copies: int) -> ov.Model:
    """Make a model of one convolution of so many images."""
    pixels = ops.parameter([copies, WIDE_CHANNELS, WIDE_SIDE, WIDE_SIDE], np.float32)
    weights = np.random.default_rng(0).normal(0, 0.05, (WIDE_CHANNELS, WIDE_CHANNELS, 3, 3)).astype(np.float32)
    return ov.Model([ops.convolution(pixels, weights, [1, 1], [1, 1], [1, 1], [1, 1])], [pixels], "convolution")


def small_layers() -> ov.Model:
    """Make a model of small convolutions, one after the other."""
    pixels = ops.parameter([1, CHANNELS, SIDE, SIDE], np.float32)
    weights = ops.constant(np.random.default_rng(0).normal(0, 0.2, (CHANNELS, CHANNELS, 1, 1)).astype(np.float32))
    last = pixels
    for _ in range(LENGTH):
        last = ops.relu(ops.convolution(last, weights, [1, 1], [0, 0], [0, 0], [1, 1]))
    return ov.Model([last], [pixels], "small_layers")


def _threads(compiled: ov.CompiledModel) -> int:
    has_them = "INFERENCE_NUM_THREADS" in compiled.get_property("SUPPORTED_PROPERTIES")
    return int(compiled.get_property("INFERENCE_NUM_THREADS")) if has_them else 1


def mean_rate(rates: Mapping[str, list[float]], name: str) -> float | None:
    """Return the rate of all times together, in operations per second: of equal work the harmonic mean."""
    found = rates.get(name)
    return len(found) / sum(1 / rate for rate in found) if found else None


def probe_windows(device: str, properties: dict[str, Any], windows: int, window_s: float) -> Iterator[dict[str, Any]]:
    """Take the probe in windows, as it is taken between turns: what a variant's turn leaves in caches is put there.

    Yields
    ------
    dict
        ``kind`` (``probe``), ``problem`` (``convolution``, ``small_layers``), ``value`` in operations per second,
        ``other_load`` and ``steal``.
    """
    others = np.ones(ELSEWHERE // 16), np.empty(ELSEWHERE // 16)
    for _ in range(windows):
        probe = Probe(device, properties)
        with Watched() as watched:
            stop = time.perf_counter() + window_s
            probe.take()
            while probe.rates and time.perf_counter() < stop:
                np.copyto(others[1], others[0])
                probe.take()
        for name in (CONVOLUTION, SMALL_LAYERS):
            yield {"kind": "probe", "problem": name, "value": mean_rate(probe.rates, name)} | watched.noise
