"""What Python adds to an inference: a launch's loop against the runtime's own latency, and against a loop in C++.

Usage: python benchmarks/python_overhead.py [--seconds 10] [--rounds 20] [--launch-seconds 1]
           [--variants results/variants --model NAME] [--ir PATH]

First inside one process: blocks of half a second alternate between the product's own synchronous loop
(`ovlab.measure.child.loops`) and the same loop asking the request after each inference for the runtime's latency
(outside the timed part). Printed, in microseconds and per inference: wall latency less the runtime's, of the same
inference; the loop's period less the runtime's latency, which is what throughput pays; and the medians of both loops,
which should agree.

Then in fresh processes, interleaved: the product's launch and `native_loop.cpp`, the same loop in C++ on the same IR
with the same properties and images, with the same blocking call (infer) and with start_async and wait (wait). Printed:
the ratios launch / C++ of median latencies and of periods, paired by round, and as microseconds: what Python adds.

Both first on a model of one operation, which leaves little but the calls: the goal for it is below 15. Then on a
real model.
"""

from __future__ import annotations

import ovlab  # noqa: F401 (first: it turns telemetry off)

# isort: split

import argparse
import functools
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import openvino.opset13
from harness import (
    F32,
    TIMEOUT_S,
    alone,
    alternate,
    embedded_ir,
    launch,
    random_images,
    static_ir,
    under_test,
    variant_ir,
)
from native import CALLS, build, raw_images, run_native

from ovlab.errors import OvlabError
from ovlab.measure.child import loops
from ovlab.runtime import core, read_ir
from ovlab.stats.launches import launch_interval, ratio_interval

BLOCK_S = 0.5
WARM_UP_S = 1.0
WARM_UP_SHARE = 0.3
ALIVE: list[object] = []  # a compiled model is not destroyed beside its running threads


def loop_with_latency(requests: list[ov.InferRequest], seconds: float) -> tuple[list[int], list[int], list[float]]:
    """Infer as `loops.synchronous` does, and note the runtime's latency in ms after each inference."""
    clock, infer = time.perf_counter_ns, loops.Request.infer
    starts: list[int] = []
    ends: list[int] = []
    own: list[float] = []
    count, index = len(requests), 0
    stop = clock() + int(seconds * 1e9)
    now = 0
    while now < stop:
        request = requests[index]
        started = clock()
        infer(request, {}, True, False)
        now = clock()
        starts.append(started)
        ends.append(now)
        own.append(request.latency)
        index = (index + 1) % count
    return starts, ends, own


def single_operation_ir(folder: Path) -> Path:
    """Save an IR of one ReLU on 8 x 8 pixels: what is left of an inference without its work."""
    folder.mkdir()
    image = ov.opset13.parameter([1, 8, 8, 3], np.uint8, name="image")
    ov.save_model(ov.Model([ov.opset13.relu(ov.opset13.convert(image, "f32"))], [image]), folder / "model.xml")
    return folder / "model.xml"


def compare(ir: Path, seconds: float, scratch: Path) -> list[str]:
    """Alternate the two loops; return the lines to print."""
    images = np.load(random_images(ir, scratch / "images.npy"))
    compiled = core().compile_model(read_ir(ir), "CPU", F32 | {"PERFORMANCE_HINT": "LATENCY"})
    ALIVE.append(compiled)
    requests = [loops.bound(compiled, pixels) for pixels in loops.batches(images, 1)]
    ALIVE.extend(requests)
    wall: list[float] = []
    period: list[float] = []
    product: list[float] = []
    runtime: list[float] = []
    block = min(BLOCK_S, seconds / 2)
    loops.synchronous(requests, min(WARM_UP_S, seconds))
    for _ in range(round(seconds / block / 2)):
        starts, ends = loops.synchronous(requests, block)
        product.extend(np.subtract(ends, starts) / 1e3)
        period.extend(np.diff(starts) / 1e3)
        starts, ends, own = loop_with_latency(requests, block)
        wall.extend(np.subtract(ends, starts) / 1e3)
        runtime.extend(1e3 * np.array(own))
    difference = np.subtract(wall, runtime)
    low, high = np.percentile(difference, [5, 95])
    return [
        f"runtime's own latency    {np.median(runtime):9.1f} us (median of {len(runtime)})",
        f"wall latency             {np.median(wall):9.1f} us, of the product's loop {np.median(product):.1f} us",
        f"wall less runtime        {np.median(difference):9.1f} us (median; 5 to 95 %: {low:.1f} to {high:.1f})",
        f"period less runtime      {np.median(period) - np.median(runtime):9.1f} us (difference of medians)",
    ]


def against_native(program: Path, ir: Path, args: argparse.Namespace, scratch: Path) -> list[str]:
    """Interleave launches and the loop in C++; return the lines to print."""
    timed = {"warm_up_s": WARM_UP_SHARE * args.launch_seconds, "duration_s": args.launch_seconds}
    images = random_images(ir, scratch / "images.npy")
    raw = raw_images(images, scratch / "images.raw")
    asked = under_test(ir, images, **timed).request(scratch / "s.npy", False)

    def native(call: str) -> dict[str, float]:
        return run_native(program, ir, raw, timed["duration_s"], timed["warm_up_s"], call, TIMEOUT_S)

    sides = {"launch": lambda: launch(asked, scratch)} | {call: functools.partial(native, call) for call in CALLS}
    found = alternate(sides, args.rounds, args.seed)
    lines = []
    for call in CALLS:
        for title, value in (("latency p50", latency_us), ("period", period_us)):
            ours, theirs = ([value(one) for one in found[name]] for name in ("launch", call))
            ratio, typical = ratio_interval(ours, theirs), launch_interval(theirs).value
            added, low, high = ((one - 1) * typical for one in (ratio.value, ratio.low, ratio.high))
            lines.append(
                f"{title:11} against C++ ({call}): {typical:9.1f} us, ratio {ratio.value:.4f} "
                f"[{ratio.low:.4f}, {ratio.high:.4f}]: Python adds {added:.1f} [{low:.1f}, {high:.1f}] us"
            )
    return lines


def latency_us(found: dict[str, Any]) -> float:
    """Return the median latency."""
    return 1e3 * found["latency_ms"]


def period_us(found: dict[str, Any]) -> float:
    """Return the mean time from one start to the next."""
    return 1e6 / found["fps"]


def main() -> int:
    """Compare on a model of one operation and on a real one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10, help="of the blocks inside one process")
    parser.add_argument("--rounds", type=int, default=20, help="of fresh processes, against C++; 0 for none")
    parser.add_argument("--launch-seconds", type=float, default=1, help="timed, in each fresh process (%(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", help="a model in --variants; by default the embedded classifier")
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--variants", type=Path, default=Path("results/variants"))
    parser.add_argument("--ir", type=Path)
    args = parser.parse_args()
    with alone() as scratch:
        try:
            path = args.ir or (variant_ir(args.variants, args.model, args.precision) if args.model else None)
            ir = static_ir(path or embedded_ir(scratch / "embedded"), scratch / "ir")
            program = build(scratch) if args.rounds else None
        except OvlabError as error:
            print(error, file=sys.stderr)
            return 1
        name = str(args.ir or args.model or "embedded classifier")
        for title, one in (("one ReLU", single_operation_ir(scratch / "relu")), (name, ir)):
            print(title, *compare(one, args.seconds, scratch), sep="\n  ", flush=True)
            if program is not None:
                lines = against_native(program, one, args, scratch)
                print(f"  {args.rounds} rounds of fresh processes", *lines, sep="\n  ", flush=True)
    return 0


if __name__ == "__main__":
    # No teardown, as in a launch: destroying a compiled model may wait for ever.
    code = main()
    sys.stdout.flush()
    os._exit(code)
