"""What a profile says: totals, coverage, verdict, conversions and advice of a variant, as a record holds them."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ovlab.layers.advice import Advice, Case, advise
from ovlab.layers.peaks.machine import Peaks
from ovlab.layers.profile.model import Node, Profile
from ovlab.layers.profile.totals import complaints, control_totals
from ovlab.layers.roofline.comparison import Comparison, LayerPair, compare
from ovlab.layers.roofline.coverage import Choices, Coverage, coverage
from ovlab.layers.roofline.shares import Verdict, verdict
from ovlab.layers.spread import spread
from ovlab.measure.device.inspection import precision_label
from ovlab.records import Quantity

SETTINGS = ("INFERENCE_PRECISION_HINT", "INFERENCE_NUM_THREADS", "NUM_STREAMS", "EXECUTION_DEVICES")
PAIR_COLUMNS = {
    "first": "precision that is compared with",
    "second": "precision that is compared",
    "layers": "names of the original layers that both execute in these nodes",
    "part": "part of the difference that it belongs to",
    "macs": "multiply-accumulates",
    "first_precision": "executed precision, of the first",
    "second_precision": "of the second",
    "first_kernel": "kernel, of the first",
    "second_kernel": "of the second",
    "first_us": "time in microseconds, of the first",
    "second_us": "of the second",
    "saved_us": "their difference",
    "speedup": "time of the first over that of the second; empty where counters do not resolve one of them",
    "speedup_low": "lower bound of its 95 % confidence interval",
    "speedup_high": "upper bound",
}


@dataclass(frozen=True)
class Analysis:
    """All that is said of one variant."""

    profile: Profile
    totals: dict[str, Quantity]
    complaints: list[str]
    coverage: Coverage
    verdict: Verdict
    conversions: dict[str, dict[str, Any]]
    advice: list[Advice]

    @property
    def executed_precision(self) -> str:
        """Label of what was executed, by shares of the multiply-accumulates: ``i8``, ``i8+f32``."""
        return precision_label(self.profile.mac_shares())

    def plain(self) -> dict[str, Any]:
        """Return it as a record holds it."""
        shares = {
            name: {"value": one.value, "part": one.part, "whole": one.whole, "of": one.of}
            for name, one in self.coverage.shares.items()
        }
        return {
            "executed_precision": self.executed_precision,
            "mac_shares": self.profile.mac_shares(),
            "totals": _plain(self.totals),
            "complaints": self.complaints,
            "coverage": {
                "shares": shares,
                "floating": [asdict(one) for one in self.coverage.floating],
                "missing": self.coverage.missing,
            },
            "verdict": {
                "shares": _plain(self.verdict.shares),
                "largest": self.verdict.largest,
                "level": self.verdict.level,
                "working_set_mb": self.verdict.working_set / 1e6,
                "bandwidth_from_dram": asdict(self.verdict.from_dram),
            },
            "conversions": self.conversions,
            "advice": [asdict(one) for one in self.advice],
            "settings": {name: self.profile.settings[name] for name in SETTINGS if name in self.profile.settings},
        }


def analyse(
    profile: Profile,
    choices: Choices,
    peaks: Peaks,
    flags: Collection[str] = (),
    against: Comparison | None = None,
) -> Analysis:
    """Say what a profile says.

    Parameters
    ----------
    profile : Profile
        Of the variant.
    choices : Choices
        What is known of layers that were to stay in floating point.
    peaks : Peaks
        The machine's.
    flags : collection of str
        Of the CPU.
    against : Comparison, optional
        With the reference.
    """
    totals = control_totals(profile)
    covered, judged = coverage(profile, choices), verdict(profile, peaks)
    case = Case(profile, covered, judged, peaks, flags, against, choices.quantised, choices.imported)
    return Analysis(
        profile, totals, complaints(totals, covered.missing), covered, judged, conversions(profile), advise(case)
    )


def conversions(profile: Profile) -> dict[str, dict[str, Any]]:
    """Put what the plugin inserted into buckets, by what it converts from and to, longest first.

    Returns
    -------
    dict
        Bucket (``f32 abcd to f32 acdb``) to ``nodes`` (their number) and ``time`` (a quantity in us).
    """
    buckets: dict[str, list[Node]] = {}
    for node in profile.nodes:
        if node.is_inserted and node.time_us:
            buckets.setdefault(node.conversion, []).append(node)
    longest = sorted(buckets.items(), key=lambda item: -_time(item[1]))
    return {
        name: {"nodes": len(nodes), "time": asdict(spread(_time(nodes), sum(one.times_us for one in nodes), "us", 0.0))}
        for name, nodes in longest
    }


def compare_all(
    profiles: Mapping[str, Profile], peaks: Peaks, firsts: Collection[str]
) -> dict[tuple[str, str], Comparison]:
    """Compare any two variants once: the one that `firsts` names first, or else was profiled first, is the first.

    Returns
    -------
    dict of Comparison
        By (first, second).
    """
    order = [name for name in dict.fromkeys([*firsts, *profiles]) if name in profiles]
    return {
        (first, second): compare(profiles[first], profiles[second], peaks)
        for first, second in itertools.combinations(order, 2)
    }


def plain_comparison(first: str, second: str, found: Comparison) -> dict[str, Any]:
    """Return a comparison as a record holds it; its layers are a table of their own."""
    return {
        "first": first,
        "second": second,
        "speedup": asdict(found.speedup),
        "saved": asdict(found.saved_ms),
        "by_layers": _plain(found.by_layers),
        "by_cause": _plain(found.by_cause),
    }


def pair_rows(first: str, second: str, found: Comparison) -> list[dict[str, Any]]:
    """Return the rows of the layer-by-layer table; `PAIR_COLUMNS` says what each column is."""
    return [{"first": first, "second": second, **_pair_row(pair)} for pair in found.pairs]


def _pair_row(pair: LayerPair) -> dict[str, Any]:
    speedup = pair.speedup or Quantity(None, "ratio")
    return {
        "layers": ",".join(pair.layers),
        "part": pair.kind,
        "macs": pair.macs,
        "first_precision": _joined(node.precision for node in pair.first),
        "second_precision": _joined(node.precision for node in pair.second),
        "first_kernel": _joined(node.kernel for node in pair.first),
        "second_kernel": _joined(node.kernel for node in pair.second),
        "first_us": _time(pair.first),
        "second_us": _time(pair.second),
        "saved_us": pair.saved_us,
        "speedup": speedup.value,
        "speedup_low": speedup.low,
        "speedup_high": speedup.high,
    }


def _joined(names: Any) -> str:
    return "+".join(dict.fromkeys(name for name in names if name))


def _time(nodes: Collection[Node]) -> float:
    return sum(node.time_us for node in nodes)


def _plain(quantities: Mapping[str, Quantity]) -> dict[str, Any]:
    return {name: asdict(one) for name, one in quantities.items()}
