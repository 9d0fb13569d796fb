"""Train ``resources/digits_ssd.{prototxt,caffemodel}``, the quickstart's detector of handwritten digits.

Run from the repository's root, in an environment with ``requirements.lock``, ``training/requirements.txt`` and the
project itself: ``python training/train_digits_ssd.py``. Takes about 45 minutes on two cores and 3 GB of memory.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from pathlib import Path

import numpy as np
import torch
from ssd_caffe import write_caffemodel, write_prototxt
from ssd_check import largest_differences
from ssd_data import Sample, batches, make_samples, to_input
from ssd_loss import multibox_loss
from ssd_model import MobileNetSSD, default_boxes

LARGEST_DIFFERENCE = 1e-4  # of a raw head's value


def train(model: MobileNetSSD, samples: list[Sample], *, epochs: int, batch: int, rate: float, seed: int) -> None:
    """Fit the model in place. The schedule is fixed: no choice is made on the validation split."""
    random = np.random.default_rng(seed)
    priors = default_boxes()
    # No weight decay on biases and normalisation (one-dimensional parameters).
    decayed = [p for p in model.parameters() if p.ndim > 1]
    plain = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": 0.02}, {"params": plain, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=rate)
    steps = len(samples) // batch * epochs
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps, pct_start=0.15)
    model.train()
    for epoch in range(epochs):
        started, sums, count = time.perf_counter(), np.zeros(2), 0
        for images, targets, classes in batches(samples, priors, size=batch, random=random):
            optimiser.zero_grad()
            location, confidence = multibox_loss(*model(images), targets, classes)
            (location + confidence).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
            optimiser.step()
            schedule.step()
            sums += location.item(), confidence.item()
            count += 1
        means = sums / count
        print(
            f"epoch {epoch + 1}/{epochs}: location {means[0]:.3f}, confidence {means[1]:.3f}, "
            f"{time.perf_counter() - started:.0f} s",
            flush=True,
        )


def main() -> int:
    """Compose the scenes, train, write the Caffe files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("resources/digits_ssd"), help="path without suffix")
    parser.add_argument("--scenes", type=int, default=6000)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=3e-3, help="peak learning rate")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    samples = make_samples("train", options.scenes, seed=options.seed, workers=options.threads)
    print(f"{len(samples)} scenes with {sum(len(sample.labels) for sample in samples)} digits", flush=True)
    model = MobileNetSSD().to(memory_format=torch.channels_last)
    train(model, samples, epochs=options.epochs, batch=options.batch, rate=options.rate, seed=options.seed)
    model.eval()
    prototxt, caffemodel = (options.output.with_suffix(suffix) for suffix in (".prototxt", ".caffemodel"))
    write_prototxt(prototxt)
    write_caffemodel(model, caffemodel)
    for path in (prototxt, caffemodel):
        content = path.read_bytes()
        print(f"{path}: {len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}")
    differences = largest_differences(model, prototxt, caffemodel, to_input([s.image for s in samples[:8]]))
    print("largest differences of the imported network:", {name: f"{value:.1e}" for name, value in differences.items()})
    if max(differences.values()) > LARGEST_DIFFERENCE:
        print(f"error: a difference exceeds {LARGEST_DIFFERENCE}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
