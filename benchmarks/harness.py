"""What the benchmarks of measuring share: IRs, inputs, launches, interleaved rounds, a load beside them."""

from __future__ import annotations

import ovlab  # noqa: F401 (first: it turns telemetry off)

# isort: split

import contextlib
import logging
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov

from ovlab.convert import save_ir
from ovlab.convert.frontends import read_original
from ovlab.convert.preprocess import embed, set_input_shape
from ovlab.errors import OvlabError
from ovlab.files import write_json
from ovlab.measure.host.exclusive import exclusive_host
from ovlab.measure.parent.launcher import run_launch
from ovlab.measure.parent.launches import VariantUnderTest
from ovlab.measure.request import LaunchRequest
from ovlab.runtime import image_size, read_ir, set_batch
from ovlab_flow import load_grid

ROOT = Path(__file__).resolve().parents[1]
TIMEOUT_S = 120.0
F32 = {"INFERENCE_PRECISION_HINT": "f32"}
# One core, in bursts and pauses of 0.2 to 2 s, drawn from a seed.
LOAD = """
import os, random, sys, time
draw = random.Random(int(sys.argv[1])).uniform
parent = os.getppid()
while os.getppid() == parent:  # ends with who started it, however that ends
    stop = time.perf_counter() + draw(0.2, 2)
    while time.perf_counter() < stop:
        pass
    time.sleep(draw(0.2, 2))
"""


@contextlib.contextmanager
def alone() -> Iterator[Path]:
    """Have the host alone, saying so where another measurement is waited for; give a folder that is removed."""
    waits = logging.getLogger("ovlab.measure.host.exclusive")
    waits.setLevel(logging.INFO)
    waits.addHandler(logging.StreamHandler())
    with tempfile.TemporaryDirectory() as place, exclusive_host():
        yield Path(place)


def embedded_ir(folder: Path) -> Path:
    """Convert the embedded classifier to FP32, as the convert step does, and return its IR."""
    grid = load_grid(
        "quickstart", conf=ROOT / "conf", overrides=["experiment.models=[digits_cnn]", "experiment.precisions=[fp32]"]
    )
    (variant,) = grid.variants.values()
    spec = variant.settings.model
    model = read_original(ROOT / "resources", spec)
    set_input_shape(model, spec.input)
    save_ir(embed(model, spec.input, spec.preprocess), folder, compress=False)
    return folder / "model.xml"


def variant_ir(variants: Path, model: str, precision: str) -> Path:
    """Find the newest IR of a variant that a run has left.

    Parameters
    ----------
    variants : Path
        ``results/variants``.

    Raises
    ------
    OvlabError
        If there is none.
    """
    found = sorted((variants / model / precision).glob("*/model.xml"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise OvlabError(f"{variants / model / precision}: no IR there; run an experiment with this model first")
    return found[-1]


def static_ir(path: Path, folder: Path) -> Path:
    """Save a copy of an IR with batch 1, so that whoever compiles it sees the same shapes."""
    model = read_ir(path)
    set_batch(model, 1)
    folder.mkdir(parents=True, exist_ok=True)
    ov.save_model(model, folder / "model.xml", compress_to_fp16=False)
    return folder / "model.xml"


def random_images(ir: Path, path: Path, count: int = 8) -> Path:
    """Write images of random pixels that fit an IR."""
    size = image_size(read_ir(ir))
    np.save(path, np.random.default_rng(0).integers(0, 256, (count, *size, 3), dtype=np.uint8))
    return path


def under_test(ir: Path, images: Path, **changes: Any) -> VariantUnderTest:
    """Make a variant under test of an IR: by default synchronous on the CPU in FP32 with the latency hint.

    Parameters
    ----------
    **changes
        Fields of `LaunchRequest`.
    """
    plain: dict[str, Any] = {
        "model": str(ir),
        "device": "CPU",
        "properties": F32 | {"PERFORMANCE_HINT": "LATENCY"},
        "members": ("CPU",),
        "mode": "synchronous",
        "batch": 1,
        "infer_requests": None,
        "images": str(images),
        "warm_up_s": 0.1,
        "duration_s": 0.3,
    }
    return VariantUnderTest(
        lambda samples, inspect: LaunchRequest(**plain | changes, samples=str(samples), inspect=inspect)
    )


def launch(asked: LaunchRequest, scratch: Path) -> dict[str, Any]:
    """Run one launch and return what it tells, with ``fps`` and ``latency_ms`` (the median) besides."""
    request, result = scratch / "request.json", scratch / "result.json"
    result.unlink(missing_ok=True)
    write_json(request, asdict(asked))
    answer = run_launch(request, result, TIMEOUT_S)
    return answer | {"fps": answer["throughput_fps"], "latency_ms": float(np.median(np.load(asked.samples)[1]))}


def alternate(
    sides: Mapping[str, Callable[[], dict[str, Any]]], rounds: int, seed: int
) -> dict[str, list[dict[str, Any]]]:
    """Run every side once a round, in an order drawn anew; return what each gave, by name."""
    generator = np.random.default_rng(seed)
    names = list(sides)
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for _ in range(rounds):
        for index in generator.permutation(len(names)):
            found[names[index]].append(sides[names[index]]())
    return found


@contextlib.contextmanager
def bursts_of_load(seed: int) -> Iterator[None]:
    """Keep one core busy in bursts meanwhile, by a process of its own."""
    process = subprocess.Popen([sys.executable, "-c", LOAD, str(seed)])
    try:
        yield
    finally:
        process.kill()
        process.wait()
