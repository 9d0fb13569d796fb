"""Builders of the layers that combine tensors or scale channels: Eltwise, Scale, Bias, BatchNorm, Normalize."""

from __future__ import annotations

from functools import reduce

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset14 as op

from ovlab.caffe.layer import Blob, Layer, layer_type


@layer_type("Eltwise", bottoms=(2, None))
def eltwise(layer: Layer, *xs: ov.Output) -> ov.Node:
    """Product, sum (with an optional coefficient a bottom) or maximum of tensors of one shape."""
    param = layer.message.eltwise_param
    if len({x.get_partial_shape().to_string() for x in xs}) != 1:
        raise layer.error(f"its bottoms have shapes {', '.join(map(str, map(layer.shape, xs)))}; expected one shape")
    operation = param.DESCRIPTOR.fields_by_name["operation"].enum_type.values_by_number[param.operation].name
    coefficients = list(param.coeff) or [1.0] * len(xs)
    if param.coeff and (operation != "SUM" or len(coefficients) != len(xs)):
        raise layer.error(
            f"has {len(coefficients)} coeff for {len(xs)} bottoms and {operation}; expected one a bottom, SUM"
        )
    terms = [x if c == 1 else op.multiply(x, np.float32(c)) for x, c in zip(xs, coefficients, strict=True)]
    return reduce({"PROD": op.multiply, "SUM": op.add, "MAX": op.maximum}[operation], terms)


def _spread(blob: Blob, axis: int, rank: int) -> ov.Node:
    """Make a constant that broadcasts from an axis on."""
    return op.constant(blob.reshape((1,) * axis + blob.shape + (1,) * (rank - axis - blob.ndim)))


def _covered(layer: Layer, x: ov.Output, axis: int, num_axes: int) -> tuple[int, tuple[int, ...]]:
    """First axis and shape of the part of ``x`` that a learned scale or bias covers."""
    shape = layer.shape(x)
    first = layer.axis(axis, len(shape))
    last = len(shape) if num_axes == -1 else first + num_axes
    if num_axes < -1 or last > len(shape):
        raise layer.error(f"axis {axis} and num_axes {num_axes} don't fit a bottom of shape {shape}")
    return first, shape[first:last]


def _second(layer: Layer, x: ov.Output, y: ov.Output, axis: int) -> ov.Output:
    """Give the second bottom the axes that let it broadcast against the first."""
    shape, other = layer.shape(x), layer.shape(y)
    first = layer.axis(axis, len(shape)) if other else 0
    if shape[first : first + len(other)] != other:
        raise layer.error(f"its second bottom has shape {other}; expected a part of {shape} from axis {axis} on")
    ones = [*range(first), *range(first + len(other), len(shape))]
    return op.unsqueeze(y, np.array(ones)).output(0) if ones else y


@layer_type("Scale", bottoms=(1, 2))
def scale(layer: Layer, x: ov.Output, y: ov.Output | None = None) -> ov.Node:
    """Product with a learned blob or with the second bottom, and an optional learned bias."""
    param = layer.message.scale_param
    rank = len(layer.shape(x))
    if y is None:
        first, part = _covered(layer, x, param.axis, param.num_axes)
        factor: ov.Node | ov.Output = _spread(layer.blob(0, "scale", part), first, rank)
    else:
        first, part = layer.axis(param.axis, rank), layer.shape(y)
        factor = _second(layer, x, y, param.axis)
    z = op.multiply(x, factor)
    if not param.bias_term:
        return z
    return op.add(z, _spread(layer.blob(0 if y is not None else 1, "bias", part), first, rank))


@layer_type("Bias", bottoms=(1, 2))
def bias(layer: Layer, x: ov.Output, y: ov.Output | None = None) -> ov.Node:
    """Sum with a learned blob or with the second bottom."""
    param = layer.message.bias_param
    if y is not None:
        return op.add(x, _second(layer, x, y, param.axis))
    first, part = _covered(layer, x, param.axis, param.num_axes)
    return op.add(x, _spread(layer.blob(0, "bias", part), first, len(layer.shape(x))))


def _normalise(x: ov.Output, rank: int, factor: NDArray[np.float64], shift: NDArray[np.float64]) -> ov.Node:
    """``x * factor + shift`` a channel; float32 from double, as late as possible."""
    y = op.multiply(x, _spread(factor.astype(np.float32), 1, rank))
    return op.add(y, _spread(shift.astype(np.float32), 1, rank))


@layer_type("BatchNorm")
def batch_norm(layer: Layer, x: ov.Output) -> ov.Node:
    """Normalisation by the stored sums over their scale factor, or by the batch's own statistics."""
    param = layer.message.batch_norm_param
    shape = layer.shape(x)
    if param.HasField("use_global_stats") and not param.use_global_stats:
        axes = np.array([0, *range(2, len(shape))])
        return op.mvn(x, op.constant(axes), normalize_variance=True, eps=param.eps, eps_mode="inside_sqrt")
    channels = (layer.channels(x),)
    # Caffe stores sums of a moving average, and in the third blob how much they add up to.
    weight = float(layer.blob(2, "scale factor", (1,))[0])
    correction = 0.0 if weight == 0 else 1 / weight
    mean = layer.blob(0, "mean", channels).astype(np.float64) * correction
    variance = layer.blob(1, "variance", channels).astype(np.float64) * correction
    factor = 1 / np.sqrt(variance + param.eps)
    return _normalise(x, len(shape), factor, -mean * factor)


@layer_type("BN")
def bn(layer: Layer, x: ov.Output) -> ov.Node:
    """Normalisation of PSPNet and ICNet (slope, bias, mean, variance) or of SegNet's inference form (slope, bias)."""
    param = layer.message.bn_param
    rank, channels = len(layer.shape(x)), (layer.channels(x),)
    slope = layer.blob(0, "slope", channels).astype(np.float64)
    offset = layer.blob(1, "bias", channels).astype(np.float64)
    if len(layer.blobs) > 2:
        mean = layer.blob(2, "mean", channels).astype(np.float64)
        slope = slope / np.sqrt(layer.blob(3, "variance", channels).astype(np.float64) + param.eps)
        offset = offset - mean * slope
    elif param.bn_mode != 1:
        raise layer.error("has two blobs; expected bn_mode: INFERENCE with them, or four blobs")
    return _normalise(x, rank, slope, offset)


@layer_type("Normalize")
def normalize(layer: Layer, x: ov.Output) -> ov.Node:
    """Division by the L2 norm over channels, or over channels and space, and a learned scale (SSD)."""
    param = layer.message.norm_param
    shape = layer.shape(x)
    axes = op.constant(np.arange(1, len(shape) if param.across_spatial else 2))
    y = op.normalize_l2(x, axes, eps=param.eps, eps_mode="add")
    learned = layer.blob(0, "scale", (1,) if param.channel_shared else (layer.channels(x),))
    return op.multiply(y, _spread(learned, 1, len(shape)))
