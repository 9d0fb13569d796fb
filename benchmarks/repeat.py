"""Whether two runs of the same session agree: the same session twice, again and again, and its intervals compared.

Usage: python benchmarks/repeat.py [--pairs 10] [--seed 0]

The session's variants are the embedded classifier with one thread and with two, so that there is a speed-up to find.
Two estimates agree if their difference, as a logarithm, is within the root of the sum of the squares of their
half-widths, which two independent 95 % intervals of the same quantity do in 95 % of the cases. Speed-ups are paired
inside a session; latency and throughput have nothing to cancel what changes on the host from one session to the next.
Also said: how often the intervals overlap.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

import numpy as np
from harness import F32, alone, embedded_ir, random_images, under_test

from ovlab.measure.parent.launches import paired
from ovlab.measure.parent.rounds import run_rounds
from ovlab.specs import MeasurementSpec
from ovlab.stats.interval import Interval
from ovlab.stats.launches import launch_interval, ratio_interval

THREADS = {"one": 1, "two": 2}


def session(ir: Path, images: Path, plan: MeasurementSpec, seed: int, scratch: Path) -> dict[str, Interval]:
    """Measure both variants and return the estimates by name."""
    both = {
        name: under_test(ir, images, properties=F32 | {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads})
        for name, threads in THREADS.items()
    }
    run_rounds(both, "one", plan, seed, scratch)
    found = {"speed-up": ratio_interval(*paired(both["two"], both["one"]))}
    for name, one in both.items():
        if one.error:
            raise SystemExit(one.error)
        found[f"latency, {name} thread(s)"] = launch_interval([np.median(each.latency_ms) for each in one.launches])
        rates = [each.result["throughput_fps"] for each in one.launches]
        found[f"throughput, {name} thread(s)"] = launch_interval(rates)
    return found


def agree(first: Interval, second: Interval) -> bool:
    """Tell whether two estimates differ by no more than their intervals together allow."""
    allowed = math.hypot(*(0.5 * math.log(one.high / one.low) for one in (first, second)))
    return abs(math.log(first.value / second.value)) <= allowed


def main() -> int:
    """Measure the pairs, print the shares that agree."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    plan = MeasurementSpec.model_validate(
        {"launches": 5, "max_launches": 7, "warm_up_s": 0.1, "duration_s": 0.3, "noise": {"wait_s": 0}}
    )
    pairs: list[tuple[dict[str, Interval], dict[str, Interval]]] = []
    with alone() as scratch:
        ir = embedded_ir(scratch / "ir")
        images = random_images(ir, scratch / "images.npy")
        for number in range(args.pairs):
            seeds = (args.seed * 1000 + 2 * number + half for half in range(2))
            first, second = (session(ir, images, plan, seed, scratch) for seed in seeds)
            pairs.append((first, second))
            told = (
                f"{one.value:.4f} [{one.low:.4f}, {one.high:.4f}]" for one in (first["speed-up"], second["speed-up"])
            )
            print(f"{number + 1:3}: speed-up {' and '.join(told)}", flush=True)
    for name in pairs[0][0]:
        both = [(first[name], second[name]) for first, second in pairs]
        agreeing = sum(agree(*pair) for pair in both)
        overlapping = sum(a.low <= b.high and b.low <= a.high for a, b in both)
        print(f"{name:26} {agreeing} of {len(both)} agree, {overlapping} overlap")
    return 0


if __name__ == "__main__":
    sys.exit(main())
