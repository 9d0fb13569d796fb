"""How fast the device computes while something else is measured: a small product of fixed size, now and then.

What slows a host from the beginning of a profile to its end (another virtual machine on the same cores, a low clock)
may show in none of the kernel's counters. The same product is timed when the machine's peaks are found, as a reference.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import openvino as ov

from ovlab.layers.child.arithmetic_peak import copies_for, large_product
from ovlab.layers.child.main import ALIVE
from ovlab.layers.child.windows import Watched
from ovlab.measure.device.inspection import multiply_accumulates
from ovlab.runtime import core, precision_hint

ORDER = 512
"""Rows and columns: about a millisecond on two cores, in caches whatever was there before."""
CALLS = 5
TYPE = "f32"
"""In the type that every device has, whatever a variant is executed in: it is about the host, not the variant."""


class Probe:
    """A product through OpenVINO, in one stream with as many threads as a variant has.

    Attributes
    ----------
    rates : list of float
        Operations per second, two a multiply-accumulate, each time that it was taken. None come from a device that
        cannot compile it.

    Parameters
    ----------
    device : str
        A physical device of OpenVINO.
    properties : dict
        Properties to compile with, besides the type and the single stream.
    """

    def __init__(self, device: str, properties: dict[str, Any]) -> None:
        self.rates: list[float] = []
        self._infer: ov.InferRequest | None = None
        asked = {"PERFORMANCE_HINT": "LATENCY"} | properties | precision_hint(TYPE)
        if "NUM_STREAMS" in core().get_property(device, "SUPPORTED_PROPERTIES"):
            asked["NUM_STREAMS"] = 1
        try:
            threads = _threads(core().compile_model(large_product(1, False, ORDER), device, asked))
            model = large_product(copies_for(threads), False, ORDER)
            compiled = core().compile_model(model, device, asked)
        except RuntimeError:
            return
        self._infer = compiled.create_infer_request()
        ALIVE.extend((compiled, self._infer))
        self._operations = 2 * sum(multiply_accumulates(op) for op in model.get_ops())
        self._infer.infer()

    def take(self) -> None:
        """Compute a few products, the first of them untimed."""
        if self._infer is None:
            return
        self._infer.infer()
        started = time.perf_counter()
        for _ in range(CALLS):
            self._infer.infer()
        self.rates.append(CALLS * self._operations / (time.perf_counter() - started))


def _threads(compiled: ov.CompiledModel) -> int:
    has_them = "INFERENCE_NUM_THREADS" in compiled.get_property("SUPPORTED_PROPERTIES")
    return int(compiled.get_property("INFERENCE_NUM_THREADS")) if has_them else 1


def mean_rate(rates: list[float]) -> float | None:
    """Return the rate of all products together, in operations per second: of equal ones the harmonic mean."""
    return len(rates) / sum(1 / rate for rate in rates) if rates else None


def probe_windows(device: str, properties: dict[str, Any], windows: int, window_s: float) -> Iterator[dict[str, Any]]:
    """Take the probe in windows.

    Yields
    ------
    dict
        ``kind`` (``probe``), ``value`` in operations per second, ``other_load`` and ``steal``.
    """
    for _ in range(windows):
        probe = Probe(device, properties)
        with Watched() as watched:
            stop = time.perf_counter() + window_s
            probe.take()
            while time.perf_counter() < stop:
                probe.take()
        yield {"kind": "probe", "value": mean_rate(probe.rates)} | watched.noise
