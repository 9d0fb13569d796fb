"""ovlab against OpenVINO's own benchmark_app: the same IR, the same properties, interleaved, in fresh processes.

Usage: python benchmarks/fidelity.py --model squeezenet1_1 mobilenet_ssd_synthetic [--precision fp32 int8]
           [--scenario single_stream multi_stream offline] [--rounds 10] [--seconds 2] [--variants results/variants]

The IRs are those that a run has left (`--variants`), or one named with `--ir`. Both sides take its 8-bit image as it
is, random pixels, batch 1, one inference before the clock starts and no other warm-up. In each round the two run in
an order drawn anew. benchmark_app's numbers are taken as its timing loop returns them, since it prints only two
decimals. Its latency is the runtime's own (from the start of a request to its end inside the runtime); ours in
single_stream is what the application sees, with several requests in flight the runtime's own too. Printed: ratio
ovlab / benchmark_app of throughputs and of median latencies, with 95 % intervals paired by round.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from app import run_app
from harness import F32, TIMEOUT_S, alone, alternate, launch, random_images, static_ir, under_test, variant_ir

from ovlab.errors import OvlabError
from ovlab.stats.launches import ratio_interval


@dataclasses.dataclass(frozen=True)
class Scenario:
    """One of ovlab's scenarios, and how benchmark_app is told the same."""

    hint: str
    mode: str
    infer_requests: int | None = None

    @property
    def properties(self) -> dict[str, Any]:
        """What ovlab's launch compiles with; with a number of requests, benchmark_app tells the device so."""
        told = {} if self.infer_requests is None else {"PERFORMANCE_HINT_NUM_REQUESTS": self.infer_requests}
        return F32 | {"PERFORMANCE_HINT": self.hint} | told

    @property
    def arguments(self) -> list[str]:
        """benchmark_app's arguments."""
        api = "sync" if self.mode == "synchronous" else "async"
        requests = [] if self.infer_requests is None else ["-nireq", str(self.infer_requests)]
        return ["-api", api, "-hint", self.hint.lower(), *requests]


SCENARIOS = {
    "single_stream": Scenario("LATENCY", "synchronous"),
    "multi_stream": Scenario("THROUGHPUT", "asynchronous", 4),
    "offline": Scenario("THROUGHPUT", "asynchronous"),
    "nireq_1": Scenario("LATENCY", "asynchronous", 1),
}
DEFAULT = ("single_stream", "multi_stream", "offline")


def compare(ir: Path, scenario: Scenario, args: argparse.Namespace, scratch: Path) -> tuple[list[str], float]:
    """Measure one IR under one scenario; return the lines to print and the seconds taken."""
    asked = under_test(
        ir,
        random_images(ir, scratch / "images.npy"),
        properties=scenario.properties,
        mode=scenario.mode,
        infer_requests=scenario.infer_requests,
        warm_up_s=0.0,
        duration_s=args.seconds,
    ).request(scratch / "samples.npy", False)
    sides = {
        "ovlab": lambda: launch(asked, scratch),
        "app": lambda: run_app(ir, scenario.arguments, args.seconds, scratch / "app.json", TIMEOUT_S),
    }
    started = time.perf_counter()
    found = alternate(sides, args.rounds, args.seed)
    lines = []
    for key, title in (("fps", "throughput"), ("latency_ms", "latency p50")):
        ours, theirs = ([one[key] for one in found[name]] for name in ("ovlab", "app"))
        ratio = ratio_interval(ours, theirs)
        unit = "1/s" if key == "fps" else "ms"
        lines.append(
            f"{title:12} {np.median(ours):9.4g} against {np.median(theirs):9.4g} {unit:3}  "
            f"ratio {ratio.value:.4f} [{ratio.low:.4f}, {ratio.high:.4f}]"
        )
    if odd := differing(found["ovlab"][0], found["app"][0]):
        lines.append(f"settings that differ: {odd}")
    return lines, time.perf_counter() - started


def differing(ours: dict[str, Any], theirs: dict[str, Any]) -> str:
    """Name the settings, as read back from the compiled models, that are not the same on both sides."""
    pairs = {name: (ours["settings"].get(name), value) for name, value in theirs["settings"].items()}
    pairs["infer requests"] = (ours["infer_requests"], theirs["infer_requests"])
    return ", ".join(f"{name} {a} and {b}" for name, (a, b) in pairs.items() if a != b)


def main() -> int:
    """Compare what was chosen, print a line a quantity."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", nargs="+", default=[], help="names of models in --variants")
    parser.add_argument("--precision", nargs="+", default=["fp32", "int8"])
    parser.add_argument("--variants", type=Path, default=Path("results/variants"), help="where a run has left its IRs")
    parser.add_argument("--ir", type=Path, nargs="+", default=[], help="IRs to compare besides")
    parser.add_argument("--scenario", nargs="+", choices=SCENARIOS, default=list(DEFAULT))
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=int, default=2, help="timed, in each process (whole: benchmark_app's -t)")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with alone() as scratch:
        try:
            irs = {f"{m} {p}": variant_ir(args.variants, m, p) for m in args.model for p in args.precision}
            irs |= {str(path): path for path in args.ir}
            if not irs:
                parser.error("nothing to compare: name models with --model or files with --ir")
            for number, (name, path) in enumerate(irs.items()):
                ir = static_ir(path, scratch / str(number))
                for scenario in args.scenario:
                    lines, seconds = compare(ir, SCENARIOS[scenario], args, scratch)
                    print(f"{name}, {scenario} ({args.rounds} rounds, {seconds:.0f} s)", *lines, sep="\n  ", flush=True)
        except OvlabError as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
