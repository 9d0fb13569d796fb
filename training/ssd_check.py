"""Compare the written Caffe files, as ovlab imports them, with the torch network that they came from."""

from __future__ import annotations

import ovlab  # noqa: F401 (first: it turns telemetry off)

# isort: split

from pathlib import Path

import numpy as np
import openvino as ov
import torch
from ssd_loss import corners
from ssd_model import MobileNetSSD, default_boxes
from torch import Tensor

from ovlab.caffe import read_model


def largest_differences(model: MobileNetSSD, prototxt: Path, caffemodel: Path, images: Tensor) -> dict[str, float]:
    """Run both networks on the same images.

    Parameters
    ----------
    model : MobileNetSSD
        The trained network.
    prototxt, caffemodel : Path
        What was written.
    images : Tensor, shape (n, 3, 300, 300)
        Normalised images.

    Returns
    -------
    dict of str to float
        The largest absolute difference of ``mbox_loc``, ``mbox_conf`` and ``mbox_priorbox``.
    """
    imported = read_model(prototxt, caffemodel)
    names = ("mbox_loc", "mbox_conf", "mbox_priorbox")
    tensors = {name: output for op in imported.get_ops() for output in op.outputs() for name in output.get_names()}
    heads = ov.Model([tensors[name] for name in names], imported.get_parameters(), "heads")
    compiled = ov.Core().compile_model(heads, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    boxes = corners(default_boxes()).numpy()
    largest = dict.fromkeys(names, 0.0)
    with torch.inference_mode():
        for image in images:
            expected = [part.numpy() for part in model(image[None])]
            outputs = list(compiled(image[None].numpy()).values())
            for name, want, got in zip(names, [*expected, boxes], [*outputs[:2], outputs[2][:, 0]], strict=True):
                largest[name] = max(largest[name], float(np.abs(want.ravel() - got.ravel()).max()))
    return largest
