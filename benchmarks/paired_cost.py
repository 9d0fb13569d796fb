"""What a change costs: download, validation and the whole quickstart of two checkouts, in interleaved pairs.

Usage: python benchmarks/paired_cost.py BEFORE AFTER [--pairs 7] [--only download validate quickstart]

BEFORE and AFTER are checkouts (``git worktree add ../before COMMIT``). Each is copied, its quickstart is run once (as
far as validation, if it is not timed), and then the jobs' own commands, as ``snakemake -n -p`` prints them, are
timed in turn, before and after, whichever comes first drawn anew. Printed are the ratios after / before, pair by pair:
processor time (user and system, of all processes), which other load disturbs little, and wall-clock time, which means
something on a quiet machine alone.

- download: both embedded data sets generated, listed and recorded;
- validate: the classifier and the detector in all precisions;
- own_decoder: the detector with a decoder file of the user's own, which is watched from outside;
- quickstart: `snakemake --cores all` without results;
- report: its report alone, with the planning of a run.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

PARTS = ("Snakefile", "conf", "profiles", "workflow", "scripts", "src", "resources")
SNAKEMAKE = [sys.executable, "-m", "snakemake", "--cores", "all"]
OWN_DECODER = """
import numpy as np
from ovlab.metrics.detection import Detections
from ovlab.tasks.decoders import decoder

@decoder("own")
def own(outputs, *, width, height, classes):
    return Detections(np.zeros(0, int), np.zeros(0), np.zeros((0, 4)))
"""


class Checkout:
    """A copy of a checkout with the results of a quickstart, and the commands of its jobs."""

    def __init__(self, source: Path, folder: Path, first: list[str], overrides: str) -> None:
        self.folder = folder
        self.snakemake = [*SNAKEMAKE, "--config", f"overrides=[{overrides}]"] if overrides else SNAKEMAKE
        folder.mkdir()
        for part in PARTS:
            path = source / part
            copy = shutil.copytree if path.is_dir() else shutil.copy2
            copy(path, folder / part)
        # Compiled once, as for a user; otherwise each start would be a compilation of all modules.
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        self.environment = kept | {"PYTHONPATH": str(folder / "src")}
        self.run([*self.snakemake, *first])
        printed = self.run([*self.snakemake, "-n", "-p", "--forceall"])
        lines = (line.strip().removeprefix("Shell command: ") for line in printed.splitlines())
        self.commands = [line for line in lines if re.search(r"scripts/\w+\.py\S* --", line)]

    def run(self, command: list[str]) -> str:
        """Run a command in the copy and return what it says; stop all if it fails."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"{self.folder}: {command[:4]} ended with {done.returncode}:\n{done.stdout[-3000:]}")
        return done.stdout

    def jobs(self, step: str) -> None:
        """Run the jobs of a step again, as a shell would."""
        chosen = [one for one in self.commands if f"scripts/{step}.py" in one]
        if not chosen:
            raise SystemExit(f"{self.folder}: no job of {step}")
        for one in chosen:
            self.run(["bash", "-c", one])

    def own_decoder(self) -> None:
        """Validate the detector with a decoder file."""
        path = self.folder / "own_decoder.py"
        path.write_text(OWN_DECODER, encoding="utf-8")
        (one,) = (one for one in self.commands if "scripts/validate.py" in one and "accuracy/digits_ssd/fp32/" in one)
        one = re.sub(r'"decoder": ?"\w+"', '"decoder":"own"', one)
        one = re.sub(r'"parameters": ?\{[^{}]*\}', '"parameters":{}', one)
        one = re.sub(r'"decoder_file": ?null', f'"decoder_file":"{path}"', one)
        record = re.search(r"--record (\S+)", one)
        assert record is not None and str(path) in one
        self.run(["bash", "-c", one.replace(record[1], "own/accuracy.json")])

    def report(self) -> None:
        """Make the report anew."""
        self.run([*self.snakemake, "--forcerun", "report"])

    def quickstart(self) -> None:
        """Run all of it."""
        for name in ("results", ".snakemake"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        self.run(self.snakemake)


TASKS: dict[str, Callable[[Checkout], None]] = {
    "download": lambda one: one.jobs("download"),
    "validate": lambda one: one.jobs("validate"),
    "own_decoder": Checkout.own_decoder,
    "quickstart": Checkout.quickstart,
    "report": Checkout.report,
}


def cost(task: Callable[[Checkout], None], checkout: Checkout) -> tuple[float, float]:
    """Return processor and wall-clock seconds of a task, of all processes that it starts."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    task(checkout)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, time.monotonic() - began


def main(argv: list[str] | None = None) -> int:
    """Time pairs and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument(
        "--after-overrides", default="", help="what the later one is to leave out, such as a step that is new"
    )
    parser.add_argument("--only", nargs="+", choices=sorted(TASKS), default=list(TASKS))
    args = parser.parse_args(argv)
    draw = random.Random(0)  # noqa: S311
    first = [] if {"quickstart", "report"} & set(args.only) else ["--until", "validate"]
    with tempfile.TemporaryDirectory(prefix="paired-cost-") as place:
        sides = [
            Checkout(args.before.resolve(), Path(place, "a"), first, ""),
            Checkout(args.after.resolve(), Path(place, "b"), first, args.after_overrides),
        ]
        for name in args.only:
            ratios: list[tuple[float, float]] = []
            costs: list[list[tuple[float, float]]] = [[], []]
            warm = name == "quickstart"  # it has just been run by both
            for number in range(args.pairs + (not warm)):
                found = {side: cost(TASKS[name], sides[side]) for side in draw.sample([0, 1], 2)}
                if number or warm:  # the first pair fills caches
                    ratios.append((found[1][0] / found[0][0], found[1][1] / found[0][1]))
                    for side in (0, 1):
                        costs[side].append(found[side])
            for index, what in enumerate(("processor", "wall-clock")):
                values = sorted(one[index] for one in ratios)
                absolute = [statistics.median(one[index] for one in costs[side]) for side in (0, 1)]
                print(
                    f"{name:12} {what:10} {absolute[0]:7.2f} s -> {absolute[1]:7.2f} s   after / before: median "
                    f"{statistics.median(values):.3f} ({values[0]:.3f} to {values[-1]:.3f}, {len(values)} pairs)",
                    flush=True,
                )
    return 0


if __name__ == "__main__":
    sys.exit(main())
