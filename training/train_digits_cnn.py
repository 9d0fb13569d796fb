"""Train ``resources/digits_cnn.onnx``, the quickstart's classifier of handwritten digits.

Run from the repository's root, in an environment with ``requirements.lock``, ``training/requirements.txt`` and the
project itself: ``python training/train_digits_cnn.py``. Takes about ten minutes on two cores.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
import warnings
from pathlib import Path

import cv2
import numpy as np
import onnx
import torch
from torch import Tensor, nn

from ovlab.generators import generate

# What the model's YAML says too: input = (u8 RGB - MEAN) / SCALE.
SIZE = 64
MEAN = 127.5
SCALE = 127.5
CLASSES = 10
WIDTH = 64
BLOCKS = 3


def convolution(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    """Give a 3x3 convolution with batch normalisation, which the export folds into it."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs))


class Block(nn.Module):
    """Two convolutions around a shortcut (K. He et al., "Deep Residual Learning", 2016, figure 2)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = convolution(channels, channels, 1)
        self.second = convolution(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map N x C x H x W to the same shape."""
        return torch.relu(x + self.second(torch.relu(self.first(x))))


def network() -> nn.Sequential:
    """Build the classifier: few parameters and many operations, as convolutions on large maps have them."""
    return nn.Sequential(
        convolution(3, WIDTH // 2, 2),
        nn.ReLU(),
        convolution(WIDTH // 2, WIDTH, 1),
        nn.ReLU(),
        *(Block(WIDTH) for _ in range(BLOCKS)),
        convolution(WIDTH, WIDTH, 2),
        nn.ReLU(),
        Block(WIDTH),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(WIDTH, CLASSES),
    )


def read_split(folder: Path) -> tuple[Tensor, Tensor]:
    """Read ``folder/<class>/*.png`` as normalised N x 3 x SIZE x SIZE images and labels."""
    paths = sorted(folder.glob("*/*.png"))
    images = np.stack([cv2.imread(str(path), cv2.IMREAD_COLOR_RGB) for path in paths])
    normalised = (images.transpose(0, 3, 1, 2).astype(np.float32) - MEAN) / SCALE
    return torch.from_numpy(normalised), torch.tensor([int(path.parent.name) for path in paths])


def augment(images: Tensor) -> Tensor:
    """Turn, scale, shift and shade each image a little, so that 900 digits go further."""
    count = len(images)
    angle = (torch.rand(count) * 2 - 1) * np.deg2rad(15)
    scale = 1 + (torch.rand(count) * 2 - 1) * 0.15
    matrix = torch.zeros(count, 2, 3)
    matrix[:, 0, 0] = matrix[:, 1, 1] = torch.cos(angle) * scale
    matrix[:, 0, 1] = -torch.sin(angle) * scale
    matrix[:, 1, 0] = torch.sin(angle) * scale
    matrix[:, :, 2] = (torch.rand(count, 2) * 2 - 1) * 0.12
    grid = nn.functional.affine_grid(matrix, list(images.shape), align_corners=False)
    # The background is -1 after normalisation; grid_sample pads with 0.
    moved = nn.functional.grid_sample(images + 1, grid, align_corners=False) - 1
    contrast = 1 - torch.rand(count, 1, 1, 1) * 0.4
    noise = torch.randn(count, 1, *images.shape[2:]) * torch.rand(count, 1, 1, 1) * 0.15
    return ((moved + 1) * contrast - 1 + noise).clamp(-1, 1)


def train(model: nn.Module, images: Tensor, labels: Tensor, *, epochs: int, batch: int, rate: float) -> None:
    """Fit the model in place. The schedule is fixed: no choice is made on the validation split."""
    # No weight decay on biases and normalisation (one-dimensional parameters).
    decayed = [p for p in model.parameters() if p.ndim > 1]
    plain = [p for p in model.parameters() if p.ndim <= 1]
    optimiser = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.05}, {"params": plain, "weight_decay": 0.0}])
    steps = -(-len(images) // batch) * epochs
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps)
    criterion = nn.CrossEntropyLoss(label_smoothing=0.05)
    model.train()
    for epoch in range(epochs):
        total = 0.0
        for chosen in torch.randperm(len(images)).split(batch):
            optimiser.zero_grad()
            loss = criterion(model(augment(images[chosen])), labels[chosen])
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item() * len(chosen)
        print(f"epoch {epoch + 1}/{epochs}: loss {total / len(images):.4f}", flush=True)


def accuracy(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Give the top-1 accuracy as a fraction."""
    model.eval()
    with torch.inference_mode():
        predicted = torch.cat([model(part).argmax(1) for part in images.split(64)])
    return (predicted == labels).float().mean().item()


def export(model: nn.Module, path: Path) -> None:
    """Write ONNX: ``image`` N x 3 x SIZE x SIZE float32 to ``logits`` N x 10; the exporter folds the normalisation."""
    model.eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the other exporter needs one more package
        torch.onnx.export(
            model,
            (torch.zeros(1, 3, SIZE, SIZE),),
            str(path),
            dynamo=False,
            opset_version=17,
            input_names=["image"],
            output_names=["logits"],
            dynamic_axes={"image": {0: "batch"}, "logits": {0: "batch"}},
        )
    exported = onnx.load(path)
    onnx.checker.check_model(exported, full_check=True)
    left = {node.op_type for node in exported.graph.node} & {"BatchNormalization"}
    if left:
        raise RuntimeError("batch normalisation was not folded")


def main() -> int:
    """Generate the digits, train, export, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("resources/digits_cnn.onnx"))
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--batch", type=int, default=50)
    parser.add_argument("--rate", type=float, default=2e-3, help="peak learning rate")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "digits"
        generate("digits", folder, size=SIZE)
        splits = {name: read_split(folder / name) for name in ("train", "validation")}
    model = network().to(memory_format=torch.channels_last)
    train(model, *splits["train"], epochs=options.epochs, batch=options.batch, rate=options.rate)
    export(model, options.output)
    for name, split in splits.items():
        print(f"{name}: top-1 {accuracy(model, *split):.4f} of {len(split[1])} images")
    content = options.output.read_bytes()
    print(f"{options.output}: {len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
