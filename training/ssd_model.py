"""The MobileNet-SSD topology with fewer channels, as a torch module.

Layers, names and order are those of the Caffe network (https://github.com/chuanqi305/MobileNet-SSD): a MobileNet
(A. Howard et al., 2017) with six SSD heads (W. Liu et al., 2016). What differs: fewer channels, ten classes, and
smaller default boxes, with one more on the finest map, since the digits are smaller than the objects of Pascal VOC.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

IMAGE_SIZE = 300
FOREGROUND = 10
CLASSES = FOREGROUND + 1  # label 0 is the background
VARIANCES = (0.1, 0.1, 0.2, 0.2)

# Output channels and strides of conv0 .. conv13; every convolution from conv1 on follows a depthwise one that has
# the stride. The original has 32, 64, 128, 128, 256, 256, 512 (six times), 1024, 1024.
BODY = ((16, 2), (32, 1), (64, 2), (64, 1), (128, 2), (128, 1), (144, 2), *((144, 1),) * 5, (256, 2), (256, 1))
# Channels of conv14_1/conv14_2 .. conv17_1/conv17_2: a quarter of the original's.
EXTRAS = ((64, 128), (32, 64), (32, 64), (16, 32))


@dataclass(frozen=True)
class Head:
    """A feature map with its default boxes: sizes in pixels of the input, ratios width / height (and inverse)."""

    source: str
    channels: int
    minimum: float
    maximum: float
    ratios: tuple[float, ...]

    @property
    def boxes(self) -> int:
        """The number of default boxes at a position."""
        return 2 + 2 * len(self.ratios)


HEADS = (
    Head("conv11", BODY[11][0], 32, 64, (2.0,)),
    Head("conv13", BODY[13][0], 64, 104, (2.0, 3.0)),
    Head("conv14_2", EXTRAS[0][1], 104, 150, (2.0, 3.0)),
    Head("conv15_2", EXTRAS[1][1], 150, 200, (2.0, 3.0)),
    Head("conv16_2", EXTRAS[2][1], 200, 250, (2.0, 3.0)),
    Head("conv17_2", EXTRAS[3][1], 250, 300, (2.0, 3.0)),
)


def unit(inputs: int, outputs: int, kernel: int, stride: int, groups: int = 1) -> nn.Sequential:
    """Give a convolution with batch normalisation and ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def units() -> dict[str, nn.Sequential]:
    """Build the units in order, by the name of their Caffe layer."""
    layers: dict[str, nn.Sequential] = {"conv0": unit(3, BODY[0][0], 3, BODY[0][1])}
    for number, ((inputs, _), (outputs, stride)) in enumerate(pairwise(BODY), start=1):
        layers[f"conv{number}/dw"] = unit(inputs, inputs, 3, stride, groups=inputs)
        layers[f"conv{number}"] = unit(inputs, outputs, 1, 1)
    channels = BODY[-1][0]
    for number, (squeezed, outputs) in enumerate(EXTRAS, start=len(BODY)):
        layers[f"conv{number}_1"] = unit(channels, squeezed, 1, 1)
        layers[f"conv{number}_2"] = unit(squeezed, outputs, 3, 2)
        channels = outputs
    return layers


class MobileNetSSD(nn.Module):
    """The detector without its post-processing.

    Attributes
    ----------
    units : torch.nn.ModuleDict
        Convolution units in order, by Caffe layer name.
    locations, scores : torch.nn.ModuleDict
        The heads' convolutions by the name of the feature map that they look at.
    """

    def __init__(self) -> None:
        super().__init__()
        self.units = nn.ModuleDict(units())
        self.locations = nn.ModuleDict({h.source: nn.Conv2d(h.channels, 4 * h.boxes, 1) for h in HEADS})
        self.scores = nn.ModuleDict({h.source: nn.Conv2d(h.channels, CLASSES * h.boxes, 1) for h in HEADS})
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out" if module.groups == 1 else "fan_in")
        for heads in (self.locations, self.scores):
            for convolution in heads.values():
                nn.init.xavier_uniform_(convolution.weight)
                nn.init.zeros_(convolution.bias)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the raw heads.

        Parameters
        ----------
        image : Tensor, shape (n, 3, 300, 300)
            BGR, ``(pixel - 127.5) / 127.5``.

        Returns
        -------
        locations : Tensor, shape (n, priors, 4)
            Offsets to the default boxes, encoded by centre and size.
        scores : Tensor, shape (n, priors, 11)
            Before the softmax.
        """
        locations, scores = [], []
        x = image
        for name, layer in self.units.items():
            x = layer(x)
            if name in self.locations:
                locations.append(self.locations[name](x).permute(0, 2, 3, 1).reshape(len(x), -1, 4))
                scores.append(self.scores[name](x).permute(0, 2, 3, 1).reshape(len(x), -1, CLASSES))
        return torch.cat(locations, 1), torch.cat(scores, 1)


def default_boxes() -> Tensor:
    """Compute the default boxes as Caffe's PriorBox layer orders them.

    Returns
    -------
    Tensor, shape (priors, 4)
        Centre x, centre y, width, height as fractions of the image.
    """
    sizes = {"conv11": 19, "conv13": 10, "conv14_2": 5, "conv15_2": 3, "conv16_2": 2, "conv17_2": 1}
    boxes = []
    for head in HEADS:
        middle = (head.minimum * head.maximum) ** 0.5
        shapes = [(head.minimum, head.minimum), (middle, middle)]
        for ratio in head.ratios:
            root = ratio**0.5
            shapes += [(head.minimum * root, head.minimum / root), (head.minimum / root, head.minimum * root)]
        count = sizes[head.source]
        for row in range(count):
            for column in range(count):
                centre = ((column + 0.5) / count, (row + 0.5) / count)
                boxes += [(*centre, width / IMAGE_SIZE, height / IMAGE_SIZE) for width, height in shapes]
    return torch.tensor(boxes)
