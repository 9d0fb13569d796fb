"""Peak memory and speed of validation against the number of images: the embedded classifier on copies of its images.

Usage: python benchmarks/validation_memory.py [--counts 597 2388 9552]

Memory that does not grow with the number of images is what keeps a validation on 50000 images possible.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from ovlab.generators import generate
from ovlab.records import Record, read_record, write_record
from ovlab_flow import load_grid

ROOT = Path(__file__).resolve().parents[1]


def prepare(folder: Path, counts: list[int]) -> tuple[str, Path, dict[int, Path]]:
    """Make the FP32 variant and a data set of every size; return the settings, the variant and the data."""
    grid = load_grid(
        "quickstart", conf=ROOT / "conf", overrides=["experiment.models=[digits_cnn]", "experiment.precisions=[fp32]"]
    )
    generate("digits", folder / "digits", size=64)
    source = folder / "source.json"
    write_record(source, Record("source", {}, data={"root": str(folder / "digits"), "files": []}))
    model = folder / "model.json"
    write_record(model, Record("source", {}, data={"root": str(ROOT / "resources"), "files": []}))
    (variant,) = grid.variants.values()
    record = folder / "variant" / "variant.json"
    run("convert", variant.settings.model_dump_json(), record, "--model", model, "--data", source)
    images = sorted((folder / "digits" / "validation").rglob("*.png"))
    data = {}
    for count in counts:
        root = folder / str(count)
        for number in range(count):
            image = images[number % len(images)]
            target = root / "validation" / image.parent.name / f"{number:06}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(image, target)
        data[count] = folder / f"{count}.json"
        write_record(data[count], Record("source", {}, data={"root": str(root), "files": []}))
    (accuracy,) = grid.accuracies.values()
    return accuracy.settings.model_dump_json(), record, data


def run(script: str, settings: str, record: Path, *arguments: str | Path) -> float:
    """Run a step and return the largest resident memory of its processes in MB."""
    command = [sys.executable, str(ROOT / "scripts" / f"{script}.py"), "--settings", settings, "--record", str(record)]
    program = (
        "import json, resource, subprocess, sys;"
        "code = subprocess.run(json.loads(sys.argv[1]), stderr=subprocess.DEVNULL).returncode;"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(code)"
    )
    words = json.dumps([*command, *map(str, arguments)])
    done = subprocess.run([sys.executable, "-c", program, words], cwd=ROOT, capture_output=True, text=True, check=True)
    return int(done.stdout) * 1024 / 1e6


def main() -> int:
    """Prepare, validate each size in a fresh process, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", type=int, nargs="+", default=[597, 2388, 9552])
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        settings, variant, data = prepare(Path(scratch), args.counts)
        for count, source in data.items():
            record = Path(scratch) / "out" / f"{count}.json"
            memory = run("validate", settings, record, "--variant", variant, "--data", source, "--reference")
            rate = read_record(record, "accuracy").value("images_per_second")
            print(f"{count:6} images: {memory:6.0f} MB peak, {rate:6.0f} images/s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
