"""What a rule of advice looks at, and what it says."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from ovlab.layers.peaks.machine import Peaks
from ovlab.layers.profile.model import Profile
from ovlab.layers.roofline.comparison import Comparison
from ovlab.layers.roofline.coverage import Coverage
from ovlab.layers.roofline.shares import Verdict
from ovlab.records import Quantity

LEAST_GAIN = 0.05
"""Advice that cannot gain this share of the time is not given."""
NAMES = {"f32": "FP32", "f16": "FP16", "bf16": "BF16", "i8": "INT8"}


@dataclass(frozen=True)
class Case:
    """One variant with all that is known of it.

    Attributes
    ----------
    profile, coverage, verdict, peaks
        Of the variant, and of the machine.
    flags : collection of str
        Of the CPU; empty for other devices.
    against : Comparison, optional
        With the reference; None for the reference itself.
    quantised : bool
        Whether the variant is to compute in INT8.
    imported : bool
        Whether others made it, so that no setting here changes it.
    """

    profile: Profile
    coverage: Coverage
    verdict: Verdict
    peaks: Peaks
    flags: Collection[str] = ()
    against: Comparison | None = None
    quantised: bool = False
    imported: bool = False


@dataclass(frozen=True)
class Advice:
    """What to try.

    Attributes
    ----------
    rule : str
        Name of the rule.
    text : str
        What was found, with its numbers, and what to try.
    gain : float
        Share of the latency that is gained at most, by the same numbers.
    """

    rule: str
    text: str
    gain: float


Rule = Callable[[Case], Advice | None]


def percent(share: float) -> str:
    """Write a share as people say it: ``24 %``, ``2.4 %``."""
    return f"{100 * share:.2g} %" if share < 0.0995 else f"{100 * share:.0f} %"


def surely(share: Quantity, least: float) -> bool:
    """Tell whether a share is at least so large, by its lower bound where it has one."""
    return (share.low if share.low is not None else share.value or 0.0) >= least


def of_latency(case: Case, us: float) -> float:
    """Return a time as a share of the latency."""
    return us / 1e3 / case.profile.typical_latency_ms


def counted(number: int, noun: str) -> str:
    """Return ``1 layer`` or ``3 layers``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def listed(names: list[str], most: int = 3) -> str:
    """Name the first few, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
