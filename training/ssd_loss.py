"""What an SSD learns from (W. Liu et al., 2016): matching of default boxes, encoding, loss, hard-negative mining."""

from __future__ import annotations

import torch
from ssd_model import VARIANCES
from torch import Tensor
from torch.nn import functional

MATCH = 0.45  # least intersection over union of a default box with the object that it stands for
NEGATIVES = 3  # background boxes for each matched one
IGNORED = -1


def corners(boxes: Tensor) -> Tensor:
    """Turn centre x, centre y, width, height (last axis) into xmin, ymin, xmax, ymax."""
    return torch.cat([boxes[..., :2] - boxes[..., 2:] / 2, boxes[..., :2] + boxes[..., 2:] / 2], -1)


def overlaps(a: Tensor, b: Tensor) -> Tensor:
    """Compute the intersection over union of every box of `a` with every box of `b`, both as corners."""
    shared = (torch.minimum(a[:, None, 2:], b[None, :, 2:]) - torch.maximum(a[:, None, :2], b[None, :, :2])).clamp(
        min=0
    )
    inner = shared.prod(-1)
    area_a, area_b = ((boxes[:, 2:] - boxes[:, :2]).prod(-1) for boxes in (a, b))
    return inner / (area_a[:, None] + area_b[None] - inner)


def encode(boxes: Tensor, priors: Tensor) -> Tensor:
    """Express boxes (corners) as offsets to default boxes (centres), Caffe's CENTER_SIZE code."""
    centre = (boxes[..., :2] + boxes[..., 2:]) / 2
    size = (boxes[..., 2:] - boxes[..., :2]).clamp(min=1e-3)
    moved = (centre - priors[..., :2]) / priors[..., 2:]
    grown = torch.log(size / priors[..., 2:])
    return torch.cat([moved, grown], -1) / priors.new_tensor(VARIANCES)


def assign(boxes: Tensor, labels: Tensor, priors: Tensor) -> tuple[Tensor, Tensor]:
    """Match default boxes with the objects of one image.

    Parameters
    ----------
    boxes : Tensor, shape (objects, 4)
        Corners as fractions of the image.
    labels : Tensor of int64, shape (objects,)
        1..10, or -1 for an object to be ignored: boxes on it count neither as objects nor as background.
    priors : Tensor, shape (priors, 4)
        Default boxes as centres.

    Returns
    -------
    targets : Tensor, shape (priors, 4)
        Encoded offsets, of meaning where the class is above 0.
    classes : Tensor of int64, shape (priors,)
        0 for background, -1 to ignore.
    """
    if not len(boxes):
        return torch.zeros_like(priors), torch.zeros(len(priors), dtype=torch.int64)
    table = overlaps(boxes, corners(priors))
    best, owner = table.max(0)
    # Every object gets the default box that fits it best, the worst fitted first so that the best wins a tie.
    favourite, prior = table.max(1)
    for item in favourite.argsort().tolist():
        owner[prior[item]] = item
        best[prior[item]] = 1.0
    classes = torch.where(best >= MATCH, labels[owner], 0)
    return encode(boxes[owner], priors), classes


def multibox_loss(locations: Tensor, scores: Tensor, targets: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
    """Compute both parts of the loss, each divided by the number of matched boxes.

    Parameters
    ----------
    locations : Tensor, shape (n, priors, 4)
        The network's offsets.
    scores : Tensor, shape (n, priors, 11)
        The network's scores before the softmax.
    targets, classes : Tensor
        From :func:`assign`, stacked.

    Returns
    -------
    location, confidence : Tensor
        Smooth L1 over the matched boxes; cross entropy over them and the three times as many background boxes of
        each image that the network is most wrong about.
    """
    positive = classes > 0
    matched = positive.sum().clamp(min=1)
    location = functional.smooth_l1_loss(locations[positive], targets[positive], reduction="sum")
    entropy = functional.cross_entropy(scores.transpose(1, 2), classes, ignore_index=IGNORED, reduction="none")
    mined = entropy.detach().masked_fill(classes != 0, -1)
    rank = mined.argsort(1, descending=True).argsort(1)
    wanted = (NEGATIVES * positive.sum(1, keepdim=True)).clamp(min=NEGATIVES)
    negative = (rank < wanted) & (classes == 0)
    confidence = entropy[positive | negative].sum()
    return location / matched, confidence / matched
