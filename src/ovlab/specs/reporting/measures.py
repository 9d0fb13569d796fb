"""Measures that goals and claims may name: columns of the results, with their units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

LessIsBetter = Literal[
    "accuracy_drop",
    "latency_ms_p50",
    "latency_ms_p90",
    "latency_ms_p95",
    "latency_ms_p99",
    "latency_ms_max",
    "model_size_mb",
    "peak_rss_mb",
    "steady_rss_mb",
    "compile_ms",
    "first_inference_ms",
    "cpu_ms_per_image",
    "energy_mj_per_inference",
]
MoreIsBetter = Literal["throughput_fps", "speedup", "speedup_over_default", "max_rate", "accuracy", "agreement"]
Neither = Literal["int8_layer_share", "int8_mac_share", "int8_time_share", "compute_time_share", "bandwidth_time_share"]


class Measure(NamedTuple):
    """What a measure is called and how it is written.

    Attributes
    ----------
    title : str
        For sentences.
    unit : str
        Of the column in the results, as YAML may repeat it.
    shown : str
        The unit that it is written in.
    scale : float
        From the column's unit to the shown one.
    least : int
        Fewest decimals beside an interval.
    column : str
        Of the results, where it is called otherwise.
    """

    title: str
    unit: str
    shown: str
    scale: float = 1.0
    least: int = 0
    column: str = ""

    @property
    def is_fraction(self) -> bool:
        """Whether values are shares, which are compared by their difference rather than by their ratio."""
        return self.unit == "fraction"


MEASURES: Mapping[str, Measure] = {
    "accuracy_drop": Measure("accuracy drop", "fraction", " points", 100, 2),
    "accuracy": Measure("accuracy", "fraction", " %", 100, 2),
    "agreement": Measure("agreement", "fraction", " %", 100, 2),
    "latency_ms_p50": Measure("latency p50", "ms", " ms"),
    "latency_ms_p90": Measure("latency p90", "ms", " ms"),
    "latency_ms_p95": Measure("latency p95", "ms", " ms"),
    "latency_ms_p99": Measure("latency p99", "ms", " ms"),
    "latency_ms_max": Measure("longest latency", "ms", " ms"),
    "model_size_mb": Measure("size", "MB", " MB"),
    "peak_rss_mb": Measure("peak memory", "MB", " MB"),
    "steady_rss_mb": Measure("memory while inferring", "MB", " MB"),
    "compile_ms": Measure("compilation", "ms", " ms"),
    "first_inference_ms": Measure("first inference", "ms", " ms"),
    "cpu_ms_per_image": Measure("processor time an image", "ms", " ms"),
    "energy_mj_per_inference": Measure("energy an inference", "mJ", " mJ"),
    "throughput_fps": Measure("throughput", "images/s", " images/s"),
    "max_rate": Measure("highest rate", "queries/s", " queries/s"),
    "speedup": Measure("speed-up", "ratio", " ×", least=1),
    "speedup_over_default": Measure("speed-up over default", "ratio", " ×", least=1),
    "int8_layer_share": Measure("layers in INT8", "fraction", " %", 100),
    "int8_mac_share": Measure("multiply-accumulates in INT8", "fraction", " %", 100, column="executed_int8_mac_share"),
    "int8_time_share": Measure("time in INT8", "fraction", " %", 100),
    "compute_time_share": Measure("time explained by arithmetic", "fraction", " %", 100),
    "bandwidth_time_share": Measure("time explained by bandwidth", "fraction", " %", 100),
}
EXACT = frozenset({"model_size_mb", "int8_layer_share", "int8_mac_share"})
"""Alike on every run: known without an interval."""
