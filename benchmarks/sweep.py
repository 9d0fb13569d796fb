"""A sweep against benchmark_app: the point that it finds should be at least as fast as the throughput hint.

Usage: python benchmarks/sweep.py [--variants results/variants --model NAME] [--ir PATH] [--rounds 15] [--seconds 2]

Sweeps one IR on the CPU in FP32 (by default the embedded classifier) over the points of `conf/scenario/sweep.yaml`,
as the benchmark step does. Then launches at the chosen point alternate with `benchmark_app -hint throughput`, in an
order drawn anew each round, in fresh processes. Printed: the choice, and the ratio ovlab / benchmark_app of throughputs
with its 95 % interval, paired by round. The goal is at least 0.99, in less than six minutes.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from app import run_app
from harness import ROOT, TIMEOUT_S, alone, alternate, embedded_ir, launch, random_images, static_ir, variant_ir

from ovlab.errors import OvlabError
from ovlab.measure.device.properties import compile_properties
from ovlab.measure.parent.launch_plan import LaunchPlan
from ovlab.measure.parent.sweep import Sweep
from ovlab.specs import ScenarioSpec, SessionSettings
from ovlab.stats.launches import ratio_interval
from ovlab_flow import load_grid

NAME = "fp32"


def sweep_settings(seconds: float, seed: int) -> SessionSettings:
    """Return the settings of the session that sweeps the embedded classifier on the CPU in FP32."""
    chosen = {"models": "digits_cnn", "precisions": NAME, "devices": "cpu", "scenarios": "sweep"}
    overrides = [f"experiment.{axis}=[{name}]" for axis, name in chosen.items()]
    (session,) = load_grid("quickstart", conf=ROOT / "conf", overrides=overrides).sessions.values()
    changes = {"warm_up_s": 0.0, "duration_s": seconds}
    plan = session.settings.measurement.model_copy(update=changes)
    return session.settings.model_copy(update={"measurement": plan, "seed": seed})


def sweep_and_compare(ir: Path, args: argparse.Namespace, scratch: Path) -> list[str]:
    """Find the best point of an IR, alternate it with benchmark_app, and return the lines to print."""
    settings = sweep_settings(args.seconds, args.seed)

    def properties(scenario: ScenarioSpec) -> dict[str, Any]:
        return compile_properties(settings.device, scenario, settings.precisions[NAME])

    launch_plan = LaunchPlan(settings, ir, random_images(ir, scratch / "images.npy"), properties)
    started = time.perf_counter()
    sweep = Sweep(settings, {NAME: launch_plan}, scratch)
    sweep.run()
    if NAME not in sweep.best:
        raise OvlabError(sweep.errors[NAME])
    seconds, best = time.perf_counter() - started, sweep.best[NAME]
    under_test, app_ir = (
        launch_plan.under_test(settings.scenario.at(best), inspect=False),
        static_ir(ir, scratch / "ir"),
    )
    arguments, result = ["-hint", "throughput"], scratch / "app.json"
    asked = under_test.request(scratch / "samples.npy", False)
    sides = {
        "ovlab": lambda: launch(asked, scratch),
        "app": lambda: run_app(app_ir, arguments, args.seconds, result, TIMEOUT_S),
    }
    found = alternate(sides, args.rounds, args.seed)
    speeds = {name: [one["fps"] for one in runs] for name, runs in found.items()}
    ratio = ratio_interval(speeds["ovlab"], speeds["app"])
    return [
        f"chosen after {seconds:.0f} s: {best}",
        f"throughput {np.median(speeds['ovlab']):.4g} against {np.median(speeds['app']):.4g} images/s",
        f"ratio {ratio.value:.4f} [{ratio.low:.4f}, {ratio.high:.4f}], {args.rounds} rounds",
    ]


def main() -> int:
    """Sweep, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a model in --variants; by default the embedded classifier")
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--variants", type=Path, default=Path("results/variants"), help="where a run has left its IRs")
    parser.add_argument("--ir", type=Path)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=int, default=2, help="timed, in each process of the comparison")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    started = time.perf_counter()
    with alone() as scratch:
        try:
            path = args.ir or (variant_ir(args.variants, args.model, args.precision) if args.model else None)
            path = path or embedded_ir(scratch / "embedded")
            lines = sweep_and_compare(path, args, scratch)
        except OvlabError as error:
            print(error, file=sys.stderr)
            return 1
    print(*lines, sep="\n")
    print(f"whole run {time.perf_counter() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
