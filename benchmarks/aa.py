"""A/A: the same IR as two variants, and how often the 95 % interval of the speed-up contains 1.00.

Usage: python benchmarks/aa.py [--sessions 20] [--load] [--sequential] [--seed 0]

Every session is measured by `ovlab.measure.parent.rounds`, as the benchmark step does: fresh processes, interleaved
rounds in an order drawn anew, until the interval is narrow enough. At least 18 of 20 should contain 1.00. With `--load`
another process keeps one core busy in bursts. `--sequential` measures the one variant's launches first and then the
other's, and pairs them by number: what one gets without interleaving. A session takes about 10 s.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
from pathlib import Path

from harness import alone, bursts_of_load, embedded_ir, random_images, under_test

from ovlab.measure.parent.launches import paired
from ovlab.measure.parent.rounds import run_rounds
from ovlab.specs import MeasurementSpec
from ovlab.stats.interval import Interval
from ovlab.stats.launches import ratio_interval
from ovlab.stats.proportion import wilson

SEQUENTIAL_LAUNCHES = 6


def session(ir: Path, images: Path, plan: MeasurementSpec, seed: int, scratch: Path, *, sequential: bool) -> Interval:
    """Measure the IR as variants a and b and return the speed-up of b against a."""
    both = {name: under_test(ir, images) for name in ("a", "b")}
    if sequential:
        count = {"launches": SEQUENTIAL_LAUNCHES, "max_launches": SEQUENTIAL_LAUNCHES}
        for name, one in both.items():
            run_rounds({name: one}, name, plan.model_copy(update=count), seed, scratch)
    else:
        run_rounds(both, "a", plan, seed, scratch)
    for one in both.values():
        if one.error:
            raise SystemExit(one.error)
    return ratio_interval(*paired(both["b"], both["a"]))


def main() -> int:
    """Measure the sessions, print each and the count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--load", action="store_true", help="beside a process that keeps one core busy in bursts")
    parser.add_argument("--sequential", action="store_true", help="one variant after the other, for contrast")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    plan = MeasurementSpec.model_validate(
        {"launches": 5, "max_launches": 7, "warm_up_s": 0.1, "duration_s": 0.3, "noise": {"wait_s": 0}}
    )
    intervals = []
    with alone() as scratch:
        ir = embedded_ir(scratch / "ir")
        images = random_images(ir, scratch / "images.npy")
        for number in range(args.sessions):
            seed = args.seed * 1000 + number
            with bursts_of_load(seed) if args.load else contextlib.nullcontext():
                found = session(ir, images, plan, seed, scratch, sequential=args.sequential)
            intervals.append(found)
            inside = "" if found.low <= 1 <= found.high else "  without 1.00"
            print(f"{number + 1:3}: {found.value:.4f} [{found.low:.4f}, {found.high:.4f}]{inside}", flush=True)
    hits = sum(one.low <= 1 <= one.high for one in intervals)
    width = statistics.median(one.relative_half_width for one in intervals)
    share = wilson(hits, len(intervals))
    print(
        f"{'sequential' if args.sequential else 'interleaved'}{', beside a load' if args.load else ''}: "
        f"{hits} of {len(intervals)} intervals contain 1.00 ({100 * share.low:.0f} to {100 * share.high:.0f} %), "
        f"median half-width {100 * width:.1f} %, "
        f"values {min(one.value for one in intervals):.3f} to {max(one.value for one in intervals):.3f}"
    )
    return 0 if args.sequential or hits >= 0.9 * len(intervals) else 1


if __name__ == "__main__":
    sys.exit(main())
