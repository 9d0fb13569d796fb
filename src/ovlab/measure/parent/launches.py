"""The launches of a variant under test, and the speeds by which two variants are compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ovlab.measure.request import LaunchRequest


@dataclass
class Launch:
    """What one launch gave: its numbers, and its samples (start in s, latency in ms)."""

    round: int
    position: int
    result: dict[str, Any]
    start_s: NDArray[np.float64]
    latency_ms: NDArray[np.float64]


@dataclass
class VariantUnderTest:
    """One variant in a session.

    Attributes
    ----------
    request : callable
        ``request(samples, inspect)`` makes what a launch is asked to do.
    error : str
        Why it was taken out of the session; empty while it is in.
    """

    request: Callable[[Path, bool], LaunchRequest]
    launches: list[Launch] = field(default_factory=list)
    error: str = ""


def speeds(variant: VariantUnderTest) -> dict[int, float]:
    """Return what speed-ups compare, by round: throughput, or a server's highest rate (left out where there is none).

    A server's throughput would say nothing: it is the declared rate.
    """
    figures = ((launch.round, launch.result) for launch in variant.launches)
    found = {number: result.get("max_rate", result["throughput_fps"]) for number, result in figures}
    return {number: speed for number, speed in found.items() if speed is not None}


def paired(numerator: VariantUnderTest, denominator: VariantUnderTest) -> tuple[list[float], list[float]]:
    """Return the speeds of the rounds that two variants share."""
    first, second = speeds(numerator), speeds(denominator)
    shared = sorted(first.keys() & second.keys())
    return [first[number] for number in shared], [second[number] for number in shared]
