"""How long the report of 1000 cells takes, and how large its page is.

10 models x 5 precisions x 5 devices x 4 scenarios, made up as the report's tests make them, each model with a profile
of its layers on each device. With --browser the page is opened too, and what a reader does with its largest table is
timed. Alone on the machine, or the numbers say little.

Usage: python benchmarks/report.py [--models 10] [--layers 100] [--browser]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
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


def write(models: int, layers: int, folder: Path) -> Path:
    """Make up records and write their report; return the page."""
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "unit" / "report")]
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
    started, before = time.perf_counter(), time.process_time()
    report(settings, records, page)
    seconds, used = time.perf_counter() - started, time.process_time() - before
    print(f"report of {len(settings.experiment.cells())} cells: {seconds:.1f} s ({used:.1f} s of processor time)")
    print(f"page: {page.stat().st_size / 1e6:.1f} MB")
    return page


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
    parser.add_argument("--models", type=int, default=10, help="of 100 cells each")
    parser.add_argument("--browser", action="store_true")
    parser.add_argument("--layers", type=int, default=100, help="of each profile; 0: no profiles")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        page = write(args.models, args.layers, Path(scratch))
        if args.browser:
            look(page, Path(scratch))
    return 0


if __name__ == "__main__":
    sys.exit(main())
