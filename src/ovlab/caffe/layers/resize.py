"""Builders of the forks' layers that change the resolution: Interp, Upsample and Resample."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset14 as op

from ovlab.caffe.layer import Layer, layer_type

Values: TypeAlias = NDArray[Any]

# Of an image that Resample makes: it holds a weight for every old and new pixel of a side.
_LONGEST_SIDE = 2**14


def _image_size(layer: Layer, x: ov.Output) -> list[int]:
    shape = layer.shape(x)
    if len(shape) != 4:
        raise layer.error(f"a bottom has shape {shape}; expected batch, channels, height, width")
    return list(shape[2:])


@layer_type("Interp", bottoms=(1, 2))
def interp(layer: Layer, x: ov.Output, reference: ov.Output | None = None) -> ov.Node:
    """Resize bilinearly with aligned corners (DeepLab, PSPNet, ICNet): to a size, by factors, to a second bottom's."""
    param = layer.message.interp_param
    crop = [param.pad_beg, param.pad_end]
    if max(crop) > 0:
        raise layer.error(f"pad_beg and pad_end are {crop}; expected 0, or less to crop")
    size = [n + sum(crop) for n in _image_size(layer, x)]
    if min(size) < 1:
        raise layer.error("pad_beg and pad_end crop all of its bottom away")
    wanted = _interp_size(layer, size, reference)
    if any(crop):
        stop = np.array(crop[1:] * 2) if crop[1] else np.full(2, np.iinfo(np.int64).max)
        x = op.slice(x, np.array([-crop[0]] * 2), stop, np.array([1, 1]), np.array([2, 3])).output(0)
    return op.interpolate(
        x,
        op.constant(np.array(wanted, np.int64)),
        "linear_onnx",
        "sizes",
        [0] * 4,
        [0] * 4,
        coordinate_transformation_mode="align_corners",
        axes=op.constant(np.array([2, 3])),
    )


def _interp_size(layer: Layer, size: list[int], reference: ov.Output | None) -> list[int]:
    """Output height and width, by the rules and in the precedence of DeepLab's ``interp_layer.cpp``."""
    param = layer.message.interp_param
    shrink, zoom = param.HasField("shrink_factor"), param.HasField("zoom_factor")
    if (shrink and param.shrink_factor < 1) or (zoom and param.zoom_factor < 1):
        raise layer.error("shrink_factor and zoom_factor must be at least 1")
    if reference is not None:
        return _image_size(layer, reference)
    if shrink == zoom and param.HasField("height") and param.HasField("width"):
        wanted = [param.height, param.width]
        if min(wanted) < 1:
            raise layer.error(f"height and width are {wanted}; expected at least 1")
        return wanted
    if not shrink and not zoom:
        raise layer.error("states no size; expected height and width, zoom_factor or shrink_factor")
    if shrink:
        size = [(n - 1) // param.shrink_factor + 1 for n in size]
    return [(n - 1) * param.zoom_factor + 1 for n in size] if zoom else size


@layer_type("Upsample", bottoms=(1, 2))
def upsample(layer: Layer, x: ov.Output, mask: ov.Output | None = None) -> ov.Node:
    """Repeat each pixel (YOLO forks), or with a mask put each back to where pooling took it from (SegNet)."""
    param = layer.message.upsample_param
    height, width = _image_size(layer, x)
    factor = param.scale if param.HasField("scale") else 1 if mask is None else 2
    factors = [param.scale_h, param.scale_w] if param.HasField("scale_h") else [factor] * 2
    if param.HasField("upsample_h") and param.HasField("upsample_w"):
        size = [param.upsample_h, param.upsample_w]
    else:
        size = [height * factors[0] - param.pad_out_h, width * factors[1] - param.pad_out_w]
    if min(size) < 1:
        raise layer.error(f"makes an image of {size[0]} x {size[1]}; expected a scale of at least 1")
    if mask is None:
        return _repeat(layer, x, size)
    if layer.shape(mask) != layer.shape(x):
        raise layer.error(f"its mask has shape {layer.shape(mask)}; expected {layer.shape(x)}")
    plane = op.constant(np.array([0, 0, -1]))
    values, places = (op.reshape(t, plane, special_zero=True) for t in (x, mask))
    # Zeros of batch x channels x (height * width), with the batch of this run.
    room = op.concat([op.gather(op.shape_of(x), np.array([0, 1]), np.int64(0)), np.array([size[0] * size[1]])], 0)
    empty = op.broadcast(op.constant(np.float32(0)), room)
    filled = op.scatter_elements_update(empty, op.convert(places, "i64"), values, np.int64(2))
    return op.reshape(filled, op.constant(np.array([0, 0, *size])), special_zero=True)


def _repeat(layer: Layer, x: ov.Output, size: list[int]) -> ov.Node:
    """Nearest-neighbour enlargement by whole factors."""
    old = _image_size(layer, x)
    if any(new % n for new, n in zip(size, old, strict=True)):
        raise layer.error(f"can't repeat the pixels of {old} to {size}; expected a multiple")
    return op.interpolate(
        x,
        op.constant(np.array(size, np.int64)),
        "nearest",
        "sizes",
        [0] * 4,
        [0] * 4,
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
        axes=op.constant(np.array([2, 3])),
    )


@layer_type("Resample", bottoms=(1, 2))
def resample(layer: Layer, x: ov.Output, reference: ov.Output | None = None) -> ov.Node:
    """Resize by FlowNet's filters (``resample_layer.cu``): to a size, by a factor, to a second bottom's size."""
    param = layer.message.resample_param
    kind = param.DESCRIPTOR.fields_by_name["type"].enum_type.values_by_number[param.type].name
    if kind == "AREA":
        raise layer.error("type AREA is not supported, in FlowNet's fork neither; expected NEAREST, LINEAR or CUBIC")
    old = _image_size(layer, x)
    if reference is not None:
        new = _image_size(layer, reference)
    elif param.height and param.width:
        new = [param.height, param.width]
    else:
        new = [int(n * param.factor) for n in old]
    if min(new) < 1 or max(new) > _LONGEST_SIDE:
        raise layer.error(
            f"makes an image of {new[0]} x {new[1]}; expected height and width of 1 to {_LONGEST_SIDE}, or a factor"
        )
    steps = [n / m for n, m in zip(old, new, strict=True)]
    # The fork swaps height and width in half of each centre's formula; so does this.
    centres = [np.arange(m) * s + other / 2 - 0.5 for m, s, other in zip(new, steps, steps[::-1], strict=True)]
    if kind == "NEAREST":
        for axis, centre, length in zip((2, 3), centres, old, strict=True):
            nearest = np.clip(np.floor(centre + 0.5), 0, length - 1).astype(np.int64)
            x = op.gather(x, op.constant(nearest), op.constant(np.int64(axis))).output(0)
        return x.get_node()
    antialias = param.antialias and max(steps) > 1
    down, across = (
        _filter(centre, length, step if antialias else 1.0, kind, step)
        for centre, length, step in zip(centres, old, steps, strict=True)
    )
    wide = op.matmul(x, op.constant(across), transpose_a=False, transpose_b=True)
    return op.matmul(op.constant(down), wide, transpose_a=False, transpose_b=False)


def _filter(centres: Values, length: int, width: float, kind: str, step: float) -> Values:
    """Return the weights of every old pixel in every new one, along one axis: new x old, rows adding up to 1."""
    at = np.arange(length)[np.newaxis]
    distance = np.abs(centres[:, np.newaxis] - at) / width
    if kind == "LINEAR":
        weights = np.maximum(1 - distance, 0)
    else:
        near = distance * distance * (1.5 * distance - 2.5) + 1
        far = distance * (distance * (-0.5 * distance + 2.5) - 4) + 2
        weights = np.where(distance <= 1, near, np.where(distance < 2, far, 0))
    # What the fork's loop reaches around the nearest pixel.
    reach = 2 if step < 1 else math.ceil((2 if kind == "LINEAR" else 4) * width)
    rounded = np.trunc(centres + np.copysign(0.5, centres))[:, np.newaxis]
    weights = np.where(np.abs(at - rounded) <= reach, weights, 0)
    total = weights.sum(1, keepdims=True)
    shares: Values = weights / np.where(total == 0, 1, total)
    return shares.astype(np.float32)
