"""What the calibrate step costs beside the same ``nncf.quantize`` call by hand: time and peak memory, as ratios.

Usage: python benchmarks/calibration.py [--variant results/variants/MODEL/int8/DIGEST/variant.json] [--seconds 240]

Both run in fresh processes, interleaved, in an order drawn anew each round. By hand means a program of twenty lines
that reads the same IR, decodes the same images with OpenCV, quantises with the same options and saves. Without
--variant the embedded classifier of digits is calibrated, as the quickstart does; with it, that variant once more (its
FP32 variant and its data set must still be there).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ovlab.errors import OvlabError
from ovlab.generators import generate
from ovlab.records import Record, read_record, write_record
from ovlab.specs import CalibrateSettings
from ovlab.stats.launches import launch_interval, ratio_interval
from ovlab_flow import load_grid

ROOT = Path(__file__).resolve().parents[1]
GOAL = 1.05
BY_HAND = """
import json, logging, sys, time
import ovlab  # telemetry off
import cv2, openvino as ov
started = time.perf_counter()  # as the step does: loading NNCF is part of it
import nncf
before = time.perf_counter() - started
task = json.loads(open(sys.argv[1]).read())
nncf.set_log_level(logging.WARNING)
model = ov.Core().read_model(task["model"])
shape = model.inputs[0].get_partial_shape()
fixed = ov.PartialShape(shape)
fixed[0] = 1
model.reshape({model.inputs[0]: fixed})
height, width = int(fixed[1].get_length()), int(fixed[2].get_length())
def pixels(path):
    image = cv2.imread(path)
    return image[None] if image.shape[:2] == (height, width) else cv2.resize(image, (width, height))[None]
started = time.perf_counter()
made = nncf.quantize(model, nncf.Dataset(task["images"], pixels), subset_size=len(task["images"]),
                     preset=nncf.QuantizationPreset(task["preset"]) if task["preset"] else None,
                     target_device=nncf.TargetDevice(task["target_device"]),
                     fast_bias_correction=task["fast_bias_correction"],
                     model_type=nncf.ModelType(task["model_type"]) if task["model_type"] else None)
made.reshape({made.inputs[0]: shape})
seconds = before + time.perf_counter() - started
ov.save_model(made, task["folder"] + "/model.xml", compress_to_fp16=False)
open(task["folder"] + "/seconds", "w").write(str(seconds))
"""
# Runs a command; prints its wall time in s and the largest resident memory of its processes in bytes.
MEASURED = """
import json, resource, subprocess, sys, time
started = time.perf_counter()
done = subprocess.run(json.loads(sys.argv[1]), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
seconds = time.perf_counter() - started
sys.stderr.write(done.stderr[-2000:])
print(seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == "darwin" else 1024))
sys.exit(done.returncode)
"""


class Cost(NamedTuple):
    """What one process took: wall time, time of the quantisation inside, peak memory."""

    process_s: float
    quantise_s: float
    memory_mb: float


@dataclass(frozen=True)
class Case:
    """What is calibrated: settings, the records of the FP32 variant and of the data set, and where paths begin."""

    settings: CalibrateSettings
    base: Path
    data: Path
    home: Path


def quickstart(folder: Path) -> Case:
    """Make the FP32 variant of the embedded classifier and its data set."""
    grid = load_grid("quickstart", conf=ROOT / "conf", overrides=["experiment.precisions=[fp32,int8]"])
    generate("digits", folder / "digits", size=64)
    data, model = folder / "data.json", folder / "model.json"
    write_record(data, Record("source", {}, data={"root": str(folder / "digits"), "files": []}))
    write_record(model, Record("source", {}, data={"root": str(ROOT / "resources"), "files": []}))
    int8 = next(one for one in grid.variants.values() if isinstance(one.settings, CalibrateSettings))
    if int8.base is None or not isinstance(int8.settings, CalibrateSettings):
        raise OvlabError("the quickstart has no INT8 variant")
    base = folder / "fp32" / "variant.json"
    convert = [*step("convert", int8.base.settings.model_dump_json(), base), "--model", str(model), "--data", str(data)]
    subprocess.run(convert, cwd=ROOT, check=True, stderr=subprocess.DEVNULL)
    return Case(int8.settings, base, data, ROOT)


def existing(path: Path) -> Case:
    """Find what a variant was made from."""
    record = read_record(path, "variant")
    settings = CalibrateSettings.model_validate(record.settings)
    results = path.resolve().parents[4]
    for base in (results / "variants" / settings.model_name).rglob("variant.json"):
        if read_record(base, "variant").data.get("sha256") == record.inputs:
            break
    else:
        raise OvlabError(f"{path}: its FP32 variant is not among the results")
    (data,) = (results / "sources" / "datasets" / settings.dataset_name).rglob("source.json")
    return Case(settings, base, data, results.parent)


def step(name: str, settings: str, record: Path) -> list[str]:
    """Return the command of a step."""
    return [sys.executable, str(ROOT / "scripts" / f"{name}.py"), "--settings", settings, "--record", str(record)]


def measured(command: list[str], home: Path) -> tuple[float, float]:
    """Run a command in a folder; return its wall time in s and its peak memory in MB."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, json.dumps(command)], cwd=home, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise OvlabError(f"{command[1]}: {done.stderr.strip()[-500:]}")
    seconds, memory = map(float, done.stdout.split())
    return seconds, memory / 1e6


def ours(case: Case, folder: Path) -> Cost:
    """Run the calibrate step."""
    record = folder / "variant.json"
    files = ["--base", str(case.base), "--data", str(case.data)]
    seconds, memory = measured([*step("calibrate", case.settings.model_dump_json(), record), *files], case.home)
    return Cost(seconds, read_record(record, "variant").value("calibration_time") or 0.0, memory)


def by_hand(task: dict[str, object], folder: Path) -> Cost:
    """Run the program that calls ``nncf.quantize`` itself."""
    description = folder / "task.json"
    description.write_text(json.dumps(task | {"folder": str(folder)}), encoding="utf-8")
    seconds, memory = measured([sys.executable, "-c", BY_HAND, str(description)], folder)
    return Cost(seconds, float((folder / "seconds").read_text()), memory)


def hand_task(case: Case, folder: Path) -> dict[str, object]:
    """Describe the call by hand: the very images that the step draws."""
    ours(case, folder)
    root = case.home / read_record(case.data, "source").data["root"]
    ids = read_record(folder / "variant.json", "variant").data["calibration_images"]
    options = case.settings.quantization
    if options is None or options.accuracy_control is not None:
        raise OvlabError("expected a variant that is quantised without accuracy control")
    keys = {"preset", "target_device", "fast_bias_correction", "model_type"}
    model = str(case.base.with_name("model.xml"))
    return options.model_dump(include=keys) | {"model": model, "images": [str(root / one) for one in ids]}


def run(case: Case, folder: Path, rounds: int, seconds: float) -> tuple[list[Cost], list[Cost]]:
    """Measure both in turn until the time or the rounds are used up; at least three rounds."""
    warm = folder / "warm"
    warm.mkdir()
    task = hand_task(case, warm)
    costs: tuple[list[Cost], list[Cost]] = ([], [])
    generator, started = np.random.default_rng(0), time.perf_counter()
    for number in range(rounds):
        if number >= 3 and time.perf_counter() - started > seconds:
            break
        for turn in generator.permutation(2):
            place = folder / f"{number}-{turn}"
            place.mkdir()
            costs[turn].append(by_hand(task, place) if turn else ours(case, place))
    return costs


def show(costs: tuple[list[Cost], list[Cost]]) -> bool:
    """Print values and ratios; return whether every ratio is within the goal."""
    good = True
    print(f"{len(costs[0])} rounds; brackets: 95 % intervals")
    titles = {"process_s": "whole process (s)", "quantise_s": "quantisation (s)", "memory_mb": "peak memory (MB)"}
    for key, title in titles.items():
        own, other = ([getattr(cost, key) for cost in one] for one in costs)
        ratio = ratio_interval(own, other)
        values = [launch_interval(one).value for one in (own, other)]
        good &= ratio.value <= GOAL
        print(
            f"{title:20} step {values[0]:8.2f}   by hand {values[1]:8.2f}   "
            f"ratio {ratio.value:.3f} [{ratio.low:.3f}, {ratio.high:.3f}]"
        )
    print(f"goal: ratios of at most {GOAL}: {'reached' if good else 'missed'}")
    return good


def main() -> int:
    """Prepare, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--variant", type=Path, help="record of a calibrated variant to make once more")
    parser.add_argument("--rounds", type=int, default=20, help="most rounds (%(default)s)")
    parser.add_argument("--seconds", type=float, default=240.0, help="no further round after this (%(default)s)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        case = existing(args.variant) if args.variant else quickstart(folder)
        return 0 if show(run(case, folder, args.rounds, args.seconds)) else 1


if __name__ == "__main__":
    sys.exit(main())
