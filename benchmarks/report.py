"""How long the report of 1000 cells takes, and how large its page is.

10 models x 5 precisions x 5 devices x 4 scenarios, made up as the report's tests make them, each model with a profile
of its layers on each device. With --browser the page is opened too, and what a reader does with its largest table is
timed. With --hosts, so many results of 10 models x 5 precisions x 2 scenarios each are merged instead. Alone on the
machine, or the numbers say little.

Usage: python benchmarks/report.py [--models 10] [--layers 100] [--hosts 10] [--processes 2] [--browser]
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ovlab  # noqa: F401  (telemetry off)

ROOT = Path(__file__).resolve().parents[1]
PRECISIONS = ["fp32", "default", "bf16", "int8", "int8_accuracy"]
DEVICES = ["cpu", "gpu", "npu", "auto", "multi"]
SCENARIOS = ["single_stream", "multi_stream", "offline", "burst"]
# Until the browser has laid the page out again and drawn it.
PAINTED = "new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(performance.now() - began), 0)))"
LATENCY = "grid.headers.findIndex((one) => one.textContent.startsWith('latency'))"
ACTIONS = {
    "sort by a number": f"grid.sort({{column: {LATENCY}, falling: true}})",
    "sort by a name": "grid.sort({column: 0, falling: false})",
    "filter what is sorted": "grid.filter('int8 off')",
    "no filter": "grid.filter('')",
    "back into groups": "grid.sort(null)",
    "filter": "grid.filter('int8 off')",
    "hide a column": "grid.showColumn(6, false)",
    "show all rows": "grid.filter(''), grid.more.click()",
    "sort them": f"grid.sort({{column: {LATENCY}, falling: true}})",
}


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Say how long it took, and the processor time of this process and of those that it started."""
    started, before = time.perf_counter(), os.times()
    yield
    seconds, after = time.perf_counter() - started, os.times()
    own = after.user + after.system - before.user - before.system
    others = after.children_user + after.children_system - before.children_user - before.children_system
    print(f"{what}: {seconds:.1f} s (processor time {own:.1f} s, and {others:.1f} s in a second process)")


def write(models: int, layers: int, folder: Path, processes: int) -> Path:
    """Make up records and write their report; return the page."""
    from layers_factory import add_profiles
    from report_factory import Recipe, make_records, make_settings

    from ovlab.report import report

    names = [f"net_{number}" for number in range(models)]
    recipe = Recipe(names, PRECISIONS, DEVICES, SCENARIOS, comparisons=True, noise={}, samples=200)
    settings, records = make_settings(recipe), make_records(recipe, folder / "sessions")
    if layers:
        add_profiles(records, recipe, folder / "profile", layers)
    for number, record in enumerate(records.everything()):
        record.run_id = f"{number:012x}"
    page = folder / "report" / "index.html"
    with timed(f"report of {len(settings.experiment.cells())} cells"):
        report(settings, records, page, processes=processes)
    return page


def write_merged(hosts: int, models: int, folder: Path, processes: int) -> Path:
    """Make up the results of several hosts, 10 cells a model, and merge them; return the page."""
    from report_factory import Recipe
    from result_folders import Made, write_results

    from ovlab.merge.merging import Results, merge

    names, scenarios = [f"net_{number}" for number in range(models)], ["single_stream", "offline"]
    made = []
    for number in range(hosts):
        recipe = Recipe(names, PRECISIONS, scenarios=scenarios, latency_ms=3 + number / 5, samples=500)
        made.append(write_results(folder / f"host_{number}", Made(recipe, host=f"node{number}")))
    with timed(f"merged report of {hosts} hosts, {hosts * models * len(PRECISIONS) * len(scenarios)} cells"):
        return merge([Results(one) for one in made], folder / "into", processes=processes)


def look(page: Path, folder: Path) -> None:
    """Open the page and time what a reader does with its largest table."""
    sys.path.insert(0, str(ROOT / "tests" / "browser"))
    from chromium import browser, find_chromium

    path = find_chromium()
    if path is None:
        print("no Chromium here")
        return
    with browser(path, folder / "profile") as tab:
        started = time.perf_counter()
        tab.open(page)
        print(f"opened: {time.perf_counter() - started:.2f} s")
        tab.run("window.grid = grids.find((one) => one.name === 'headline'); 0")
        for name, action in ACTIONS.items():
            tab.run("new Promise((done) => setTimeout(done, 200))")
            took = tab.run(f"(() => {{ const began = performance.now(); {action}; return {PAINTED}; }})()")
            print(f"{name}: {took:.0f} ms")


def main() -> int:
    """Write, open, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=10, help="of 100 cells each; with --hosts 10 on each host")
    parser.add_argument("--hosts", type=int, default=0, help="merge the results of so many hosts")
    parser.add_argument("--processes", type=int, default=2, help="how many draw the figures")
    parser.add_argument("--browser", action="store_true")
    parser.add_argument("--layers", type=int, default=100, help="of each profile; 0: no profiles")
    args = parser.parse_args()
    sys.path[:0] = [str(ROOT / "tests" / room) for room in (".", "unit/report", "unit/merge")]
    with tempfile.TemporaryDirectory() as scratch:
        if args.hosts:
            page = write_merged(args.hosts, args.models, Path(scratch), args.processes)
        else:
            page = write(args.models, args.layers, Path(scratch), args.processes)
        print(f"page: {page.stat().st_size / 1e6:.1f} MB")
        if args.browser:
            look(page, Path(scratch))
    return 0


if __name__ == "__main__":
    sys.exit(main())
