"""Write the detector as Caffe files: a deploy prototxt and a caffemodel with batch normalisation folded in."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from ssd_model import CLASSES, HEADS, IMAGE_SIZE, VARIANCES, Head, MobileNetSSD, units
from torch import Tensor, nn

from ovlab.caffe.schema import NetWeights

# The original's DetectionOutput, with a lower threshold: mean average precision needs the weak detections too.
NMS_THRESHOLD = 0.45
TOP_K = 100
CONFIDENCE_THRESHOLD = 0.05

# Text format of protobuf: a message is a list of (field, value); a value that is a list is a message again.
Message: TypeAlias = list[tuple[str, Any]]


def _text(message: Message, indent: int = 0) -> str:
    """Write a message in protobuf's text format; strings that are enumerations carry a leading ``=``."""
    lines = []
    for field, value in message:
        match value:
            case list():
                lines.append(f"{field} {{\n{_text(value, indent + 1)}\n{'  ' * indent}}}")
            case bool():
                lines.append(f"{field}: {str(value).lower()}")
            case str() if value.startswith("="):
                lines.append(f"{field}: {value[1:]}")
            case str():
                lines.append(f'{field}: "{value}"')
            case _:
                lines.append(f"{field}: {value}")
    return "\n".join("  " * indent + line for line in lines)


def _layer(name: str, kind: str, bottoms: list[str], parameter: tuple[str, Message] | None = None) -> str:
    """Write one layer with one top of its own name; a ReLU works in place."""
    top = bottoms[0] if kind == "ReLU" else name
    fields: Message = [("name", name), ("type", kind)]
    fields += [("bottom", bottom) for bottom in bottoms]
    fields.append(("top", top))
    if parameter is not None:
        fields.append(parameter)
    return _text([("layer", fields)])


def _convolution(name: str, bottom: str, convolution: nn.Conv2d) -> str:
    fields: Message = [("num_output", convolution.out_channels)]
    if convolution.padding[0]:
        fields.append(("pad", int(convolution.padding[0])))
    fields.append(("kernel_size", convolution.kernel_size[0]))
    if convolution.stride[0] > 1:
        fields.append(("stride", convolution.stride[0]))
    if convolution.groups > 1:
        fields += [("group", convolution.groups), ("engine", "=CAFFE")]
    return _layer(name, "Convolution", [bottom], ("convolution_param", fields))


def _head(head: Head) -> list[str]:
    """Write the layers of one head: offsets and scores brought to the order of boxes, and the default boxes."""
    source = head.source
    layers = []
    for what, outputs in (("loc", 4 * head.boxes), ("conf", CLASSES * head.boxes)):
        name = f"{source}_mbox_{what}"
        layers += [
            _convolution(name, source, nn.Conv2d(head.channels, outputs, 1)),
            _layer(f"{name}_perm", "Permute", [name], ("permute_param", [("order", axis) for axis in (0, 2, 3, 1)])),
            _layer(f"{name}_flat", "Flatten", [f"{name}_perm"], ("flatten_param", [("axis", 1)])),
        ]
    prior: Message = [("min_size", float(head.minimum)), ("max_size", float(head.maximum))]
    prior += [("aspect_ratio", ratio) for ratio in head.ratios]
    prior += [("flip", True), ("clip", False)]
    prior += [("variance", value) for value in VARIANCES]
    prior.append(("offset", 0.5))
    layers.append(_layer(f"{source}_mbox_priorbox", "PriorBox", [source, "data"], ("prior_box_param", prior)))
    return layers


def _tail() -> list[str]:
    """Write what joins the heads and turns them into detections."""
    joined = {"mbox_loc": ("_mbox_loc_flat", 1), "mbox_conf": ("_mbox_conf_flat", 1)}
    joined["mbox_priorbox"] = ("_mbox_priorbox", 2)
    layers = [
        _layer(name, "Concat", [head.source + suffix for head in HEADS], ("concat_param", [("axis", axis)]))
        for name, (suffix, axis) in joined.items()
    ]
    by_box: Message = [("shape", [("dim", 0), ("dim", -1), ("dim", CLASSES)])]
    output: Message = [
        ("num_classes", CLASSES),
        ("share_location", True),
        ("background_label_id", 0),
        ("nms_param", [("nms_threshold", NMS_THRESHOLD), ("top_k", TOP_K)]),
        ("code_type", "=CENTER_SIZE"),
        ("keep_top_k", TOP_K),
        ("confidence_threshold", CONFIDENCE_THRESHOLD),
    ]
    return [
        *layers,
        _layer("mbox_conf_reshape", "Reshape", ["mbox_conf"], ("reshape_param", by_box)),
        _layer("mbox_conf_softmax", "Softmax", ["mbox_conf_reshape"], ("softmax_param", [("axis", 2)])),
        _layer("mbox_conf_flatten", "Flatten", ["mbox_conf_softmax"], ("flatten_param", [("axis", 1)])),
        _layer(
            "detection_out",
            "DetectionOutput",
            ["mbox_loc", "mbox_conf_flatten", "mbox_priorbox"],
            ("detection_output_param", output),
        ),
    ]


def write_prototxt(path: Path) -> None:
    """Write the deploy network.

    Parameters
    ----------
    path : Path
        The file.
    """
    shape: Message = [("dim", size) for size in (1, 3, IMAGE_SIZE, IMAGE_SIZE)]
    parts = [_text([("name", "digits-ssd"), ("input", "data"), ("input_shape", shape)])]
    bottom = "data"
    for name, layer in units().items():
        parts += [_convolution(name, bottom, layer[0]), _layer(f"{name}/relu", "ReLU", [name])]
        bottom = name
    for head in HEADS:
        parts += _head(head)
    path.write_text("\n".join([*parts, *_tail()]) + "\n", encoding="utf-8", newline="\n")


def folded(layer: nn.Sequential) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Fold a unit's batch normalisation into its convolution.

    Parameters
    ----------
    layer : torch.nn.Sequential
        Convolution without bias, batch normalisation, ReLU.

    Returns
    -------
    weights : ndarray of float32, shape (out, in / groups, k, k)
        ``w * gamma / sqrt(variance + eps)``.
    bias : ndarray of float32, shape (out,)
        ``beta - mean * gamma / sqrt(variance + eps)``.
    """
    convolution, norm = layer[0], layer[1]
    with torch.no_grad():
        factor = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
        weights = convolution.weight.double() * factor[:, None, None, None]
        bias = norm.bias.double() - norm.running_mean.double() * factor
    return weights.float().contiguous().numpy(), bias.float().numpy()


def write_caffemodel(model: MobileNetSSD, path: Path) -> None:
    """Write the weights.

    Parameters
    ----------
    model : MobileNetSSD
        The trained network.
    path : Path
        The file.
    """
    blobs = {name: folded(layer) for name, layer in model.units.items()}
    for what, heads in (("loc", model.locations), ("conf", model.scores)):
        for source, convolution in heads.items():
            weights, bias = convolution.weight.detach(), convolution.bias.detach()
            blobs[f"{source}_mbox_{what}"] = weights.contiguous().numpy(), bias.numpy()
    net = NetWeights()
    for name, arrays in blobs.items():
        layer = net.layer.add(name=name.encode(), type=b"Convolution")
        for array in arrays:
            blob = layer.blobs.add(data=array.astype("<f4").tobytes())
            blob.shape.dim.extend(array.shape)
    path.write_bytes(net.SerializeToString(deterministic=True))


def load_caffemodel(model: MobileNetSSD, path: Path, images: Tensor) -> None:
    """Take over the weights of an earlier training, to go on from them.

    The file has no batch normalisation any more (:func:`folded`). Each norm gets the mean and variance that `images`
    have there, and the scale and shift that undo them, so that the network computes what the file's does and can
    still learn with normalisation.

    Parameters
    ----------
    model : MobileNetSSD
        Gets the weights.
    path : Path
        What :func:`write_caffemodel` wrote.
    images : Tensor, shape (n, 3, 300, 300)
        Normalised images; a few dozen.
    """
    net = NetWeights()
    net.ParseFromString(path.read_bytes())
    blobs = {
        layer.name.decode(): [
            torch.from_numpy(np.frombuffer(blob.data, "<f4").reshape(tuple(blob.shape.dim)).copy())
            for blob in layer.blobs
        ]
        for layer in net.layer
    }
    with torch.no_grad():
        for what, heads in (("loc", model.locations), ("conf", model.scores)):
            for source, convolution in heads.items():
                weights, bias = blobs[f"{source}_mbox_{what}"]
                convolution.weight.copy_(weights)
                convolution.bias.copy_(bias)
        x = images
        for name, layer in model.units.items():
            weights, bias = blobs[name]
            convolution, norm = layer[0], layer[1]
            convolution.weight.copy_(weights)
            x = convolution(x)
            norm.running_mean.copy_(x.mean((0, 2, 3)))
            norm.running_var.copy_(x.var((0, 2, 3)))
            norm.weight.copy_(torch.sqrt(norm.running_var + norm.eps))
            norm.bias.copy_(bias + norm.running_mean)
            x = torch.relu(x + bias[:, None, None])
