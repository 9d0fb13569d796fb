"""Speed of validation against that of its parts: decoding alone, inference alone, both; interleaved in one process.

Usage: python benchmarks/validation.py [--accuracy ACCURACY.json --variant VARIANT.json --data SOURCE.json] [--rounds 5]

The three records are those of a finished experiment, such as ResNet-20 in INT8 on the 10000 test images of CIFAR-10:

    R=results; M=resnet20_cifar10
    python benchmarks/validation.py --accuracy $R/accuracy/$M/int8/*/accuracy.json \
        --variant $R/variants/$M/int8/*/variant.json --data $R/sources/datasets/cifar10/*/source.json

Without them it takes the embedded classifier of the quickstart on copies of its images. Every round measures, in an
order drawn anew:

- decoding: the images of the split, decoded and resized by as many threads as validation has, and thrown away;
- inference: images that are in memory, one image a request, THROUGHPUT hint (what a benchmark of the model shows);
- batched: the same with the batch that validation uses;
- validation: `ovlab.validate.run`, predictions gathered.

Ratios are formed in each round; intervals as for launches (`ovlab.stats.launches`). `shared` is what decoding and
batched inference leave to each other on the same cores, 1 / (1 / decoding + 1 / batched).
"""

from __future__ import annotations

import ovlab  # noqa: F401 (first: it turns telemetry off)

# isort: split

import argparse
import tempfile
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openvino as ov
from validation_memory import prepare

from ovlab.data import load_ahead, read_split
from ovlab.records import read_record
from ovlab.runtime import choose_precision, core, image_size, precision_hint, read_ir, set_batch
from ovlab.specs import ValidateSettings
from ovlab.stats.launches import launch_interval
from ovlab.tasks import make_evaluator
from ovlab.validate import compile_for_validation, run
from ovlab.validate.running import spread_images

IN_MEMORY = 256
OWN_COUNT = 2388


class Lab:
    """One variant with its images, and the four ways to run it."""

    def __init__(self, settings: ValidateSettings, variant: Path, data: Path) -> None:
        root = Path(read_record(data, "source").data["root"])
        split = read_split(root, settings.dataset, "validation", settings.model.dataset)
        self.settings, self.split = settings, spread_images(split, settings.validation.limit)
        model = read_ir(variant.parent / "model.xml")
        self.size = image_size(model)
        height, width = self.size
        self.evaluator = make_evaluator(settings.model, settings.dataset, self.split, width=width, height=height)
        device = settings.validation.device
        hint = choose_precision(settings.precision, device)
        set_batch(model, 1)
        options = {"PERFORMANCE_HINT": "THROUGHPUT"} | precision_hint(hint)
        self.single = core().compile_model(model, device, options)
        self.several = compile_for_validation(model, settings, self.split, device, hint)
        self.batch = int(self.several.inputs[0].shape[0])
        self.images = len(self.split.images)

    def decoding(self) -> None:
        """Decode everything."""
        for _ in load_ahead(self.split, *self.size, self.settings.model.preprocess.resize, self.batch):
            pass

    def inference(self) -> None:
        """Infer as many images as there are, one at a time."""
        self._infer(self.single, 1)

    def batched(self) -> None:
        """Infer as many images as there are, in validation's batches."""
        self._infer(self.several, self.batch)

    def validation(self) -> None:
        """Validate."""
        run(self.several, self.settings, self.split, self.evaluator)

    def _infer(self, compiled: ov.CompiledModel, batch: int) -> None:
        rng = np.random.default_rng(0)
        pixels = rng.integers(0, 256, (max(1, IN_MEMORY // batch), batch, *self.size, 3), np.uint8)
        tensors = [ov.Tensor(one, shared_memory=True) for one in pixels]
        count = int(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")) + 1
        idle = deque(compiled.create_infer_request() for _ in range(count))
        running: deque[ov.InferRequest] = deque()
        for number in range(-(-self.images // batch)):
            if not idle:
                running[0].wait()
                idle.append(running.popleft())
            request = idle.popleft()
            request.set_input_tensor(tensors[number % len(tensors)])
            request.start_async()
            running.append(request)
        for request in running:
            request.wait()


def measure(lab: Lab, rounds: int) -> dict[str, list[float]]:
    """Return images/s of each way in every round."""
    ways: dict[str, Callable[[], None]] = {
        name: getattr(lab, name) for name in ("decoding", "inference", "batched", "validation")
    }
    for way in ways.values():  # untimed: caches, thread pools
        way()
    rates: dict[str, list[float]] = {name: [] for name in ways}
    rng = np.random.default_rng(0)
    for _ in range(rounds):
        for name in rng.permutation(list(ways)):
            started = time.perf_counter()
            ways[name]()
            rates[name].append(lab.images / (time.perf_counter() - started))
    return rates


def show(what: str, values: list[float], form: str) -> None:
    """Print a number with its interval."""
    interval = launch_interval(values)
    print(f"{what:34} {interval.value:{form}}  [{interval.low:{form}}, {interval.high:{form}}]")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("accuracy", "variant", "data"):
        parser.add_argument(f"--{name}", type=Path, help=f"the {name} record")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        if args.accuracy:
            settings = ValidateSettings.model_validate(read_record(args.accuracy, "accuracy").settings)
            lab = Lab(settings, args.variant, args.data)
        else:
            text, variant, data = prepare(Path(scratch), [OWN_COUNT])
            lab = Lab(ValidateSettings.from_json(text), variant, data[OWN_COUNT])
        print(f"{lab.settings.name}: {lab.images} images, batch {lab.batch}, {args.rounds} rounds")
        rates = measure(lab, args.rounds)
    for name, values in rates.items():
        show(f"{name} (images/s)", values, ".0f")
    together = {name: np.array(values) for name, values in rates.items()}
    smaller = np.minimum(together["decoding"], together["inference"])
    strict = np.minimum(together["decoding"], together["batched"])
    shared = 1 / (1 / together["decoding"] + 1 / together["batched"])
    show("validation / smaller", list(together["validation"] / smaller), ".3f")
    show("validation / smaller, batched", list(together["validation"] / strict), ".3f")
    show("validation / shared", list(together["validation"] / shared), ".3f")


if __name__ == "__main__":
    main()
