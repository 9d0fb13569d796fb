"""How long a grid of 1000 cells takes to plan: 10 models x 5 precisions x 5 devices x 4 scenarios, dry run.

Usage: python benchmarks/planning.py [--runs 3]
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("Snakefile", "conf", "profiles", "workflow", "scripts", "src", "resources")
AXES = {
    "model": ("digits_cnn", 10),
    "precision": ("int8", 4),
    "device": ("cpu", 5),
    "scenario": ("offline", 4),
}


def make_experiment(folder: Path) -> None:
    """Copy the workflow and write an experiment whose names are copies of shipped files."""
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy2
        copy(ROOT / part, folder / part)
    lines = ["# @package _global_", "experiment:"]
    for axis, (base, count) in AXES.items():
        names = [f"{base}_{number}" for number in range(count)]
        for name in names:
            shutil.copy2(folder / "conf" / axis / f"{base}.yaml", folder / "conf" / axis / f"{name}.yaml")
        names = ["fp32", *names] if axis == "precision" else names
        lines.append(f"  {axis}s: [{', '.join(names)}]")
    (folder / "conf" / "experiment" / "thousand.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> int:
    """Plan, time, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    command = [sys.executable, "-m", "snakemake", "-n", "--quiet", "all", "--cores", "all"]
    seconds = []
    with tempfile.TemporaryDirectory() as scratch:
        make_experiment(Path(scratch))
        for _ in range(args.runs):
            started = time.perf_counter()
            subprocess.run(
                [*command, "--config", "experiment=thousand"],
                cwd=scratch,
                check=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            seconds.append(time.perf_counter() - started)
    print(
        f"1000 cells planned in {statistics.median(seconds):.1f} s (median of {args.runs}; {min(seconds):.1f} at best)"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
