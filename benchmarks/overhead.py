"""What the workflow itself costs: wall time of an experiment against the time that its own records state.

Usage: python benchmarks/overhead.py [--experiment quickstart]

Runs the experiment in a copy of the repository without results, and compares its wall time with the sum of the
measuring, calibrating and validating times in its records.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ovlab.files import read_json

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("Snakefile", "conf", "profiles", "workflow", "scripts", "src", "resources")
TIMES = ("calibration_time", "validation_time", "measuring_time")


def main() -> int:
    """Run, sum, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiment", default="quickstart")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for part in PARTS:
            copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy2
            copy(ROOT / part, folder / part)
        command = [sys.executable, "-m", "snakemake", "--cores", "all", "--config", f"experiment={args.experiment}"]
        started = time.perf_counter()
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wall = time.perf_counter() - started
        sums = dict.fromkeys(TIMES, 0.0)
        for path in (folder / "results").rglob("*.json"):
            values = read_json(path).get("values", {})
            for name in TIMES:
                sums[name] += values.get(name, {}).get("value") or 0.0
    for name, seconds in sums.items():
        print(f"{name:18} {seconds:7.1f} s")
    total = sum(sums.values())
    print(f"{'sum':18} {total:7.1f} s\n{'wall time':18} {wall:7.1f} s\n{'ratio':18} {wall / total:7.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
