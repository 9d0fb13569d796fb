"""How a variant's time follows threads and batch: a cross-check of what is said to limit it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Scaling:
    """Ratios of latencies that took turns in one process; None where one of them could not be had.

    Attributes
    ----------
    one_thread : float or None
        Latency with one thread over that with all: near their number where arithmetic and private caches limit, less
        where overhead or a shared level does.
    batch : int
        The larger batch.
    batch_time : float or None
        Time of an image in that batch over that of one alone: below 1 by what is spread over more images, such as
        overhead and the reading of weights.
    """

    one_thread: float | None
    batch: int
    batch_time: float | None

    @classmethod
    def of(cls, result: Mapping[str, Any], batch: int) -> Scaling:
        """Take the ratios from what a launch gave (`ovlab.layers.child.scaling.scaling`)."""
        alone, one, larger = (result[name] for name in ("latency_ms", "one_thread_ms", "batch_ms"))
        return cls(one / alone if one else None, batch, larger / batch / alone if larger else None)
