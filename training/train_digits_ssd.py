"""Train ``resources/digits_ssd.{prototxt,caffemodel}``, the quickstart's detector of handwritten digits.

Run from the repository's root, in an environment with ``requirements.lock``, ``training/requirements.txt`` and the
project itself: ``python training/train_digits_ssd.py``. An epoch takes about 6 minutes on two cores, and 3 GB of
memory. ``resources/README.md`` says how the weights that ship were made.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from pathlib import Path

import numpy as np
import torch
from ssd_caffe import load_caffemodel, write_caffemodel, write_prototxt
from ssd_check import largest_differences
from ssd_data import Sample, batches, make_samples, to_input
from ssd_loss import multibox_loss
from ssd_model import MobileNetSSD, default_boxes

LARGEST_DIFFERENCE = 1e-4  # of a raw head's value


class Trainer:
    """A training run that can be interrupted after any epoch.

    The schedule is fixed: no choice is made on the validation split.

    Parameters
    ----------
    samples : list of Sample
        The scenes.
    epochs, batch : int
        How often to see them, and how many at once.
    rate : float
        Peak learning rate.
    seed : int
        Order and distortions.
    """

    def __init__(self, samples: list[Sample], *, epochs: int, batch: int, rate: float, seed: int) -> None:
        self.samples, self.epochs, self.batch, self.seed = samples, epochs, batch, seed
        self.priors = default_boxes()
        self.model = MobileNetSSD().to(memory_format=torch.channels_last)
        # No weight decay on biases and normalisation (one-dimensional parameters).
        decayed = [p for p in self.model.parameters() if p.ndim > 1]
        plain = [p for p in self.model.parameters() if p.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": 0.02}, {"params": plain, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(groups, lr=rate)
        steps = len(samples) // batch * epochs
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(self.optimiser, rate, total_steps=steps, pct_start=0.15)
        self.parts = {"model": self.model, "optimiser": self.optimiser, "schedule": self.schedule}

    def run(self, checkpoint: Path | None) -> None:
        """Train from the checkpoint, or from the beginning where there is none, to the last epoch."""
        start = 0
        if checkpoint is not None and checkpoint.exists():
            saved = torch.load(checkpoint, weights_only=True)
            start = saved.pop("epochs")
            for name, state in saved.items():
                self.parts[name].load_state_dict(state)
        for epoch in range(start, self.epochs):
            self._epoch(epoch)
            if checkpoint is not None:
                states = {name: part.state_dict() for name, part in self.parts.items()}
                torch.save({"epochs": epoch + 1, **states}, checkpoint)

    def _epoch(self, epoch: int) -> None:
        """See every scene once."""
        random = np.random.default_rng([self.seed, epoch])
        started, sums, count = time.perf_counter(), np.zeros(2), 0
        self.model.train()
        for images, targets, classes in batches(self.samples, self.priors, size=self.batch, random=random):
            self.optimiser.zero_grad()
            location, confidence = multibox_loss(*self.model(images), targets, classes)
            (location + confidence).backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 10.0)
            self.optimiser.step()
            self.schedule.step()
            sums += location.item(), confidence.item()
            count += 1
        means = sums / count
        seconds = time.perf_counter() - started
        print(
            f"epoch {epoch + 1}/{self.epochs}: location {means[0]:.3f}, confidence {means[1]:.3f}, {seconds:.0f} s",
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
    parser.add_argument("--start", type=Path, help="a caffemodel of an earlier training to go on from")
    parser.add_argument("--checkpoint", type=Path, help="where to note each epoch, and to go on from")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    samples = make_samples("train", options.scenes, seed=options.seed, workers=options.threads)
    print(f"{len(samples)} scenes with {sum(len(sample.labels) for sample in samples)} digits", flush=True)
    trainer = Trainer(samples, epochs=options.epochs, batch=options.batch, rate=options.rate, seed=options.seed)
    if options.start is not None:
        load_caffemodel(trainer.model, options.start, to_input([sample.image for sample in samples[:32]]))
    trainer.run(options.checkpoint)
    model = trainer.model.eval()
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
