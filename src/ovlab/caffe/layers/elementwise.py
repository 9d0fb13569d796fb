"""Builders of the layers that combine tensors or scale parts of one: Eltwise, Scale, Bias, Axpy, Reduction."""

from __future__ import annotations

from functools import reduce

import numpy as np
import openvino as ov
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


def spread(blob: Blob, axis: int, rank: int) -> ov.Node:
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
        factor: ov.Node | ov.Output = spread(layer.blob(0, "scale", part), first, rank)
    else:
        first, part = layer.axis(param.axis, rank), layer.shape(y)
        factor = _second(layer, x, y, param.axis)
    z = op.multiply(x, factor)
    if not param.bias_term:
        return z
    return op.add(z, spread(layer.blob(0 if y is not None else 1, "bias", part), first, rank))


@layer_type("Bias", bottoms=(1, 2))
def bias(layer: Layer, x: ov.Output, y: ov.Output | None = None) -> ov.Node:
    """Sum with a learned blob or with the second bottom."""
    param = layer.message.bias_param
    if y is not None:
        return op.add(x, _second(layer, x, y, param.axis))
    first, part = _covered(layer, x, param.axis, param.num_axes)
    return op.add(x, spread(layer.blob(0, "bias", part), first, len(layer.shape(x))))


@layer_type("Axpy", bottoms=(3, 3))
def axpy(layer: Layer, scale: ov.Output, x: ov.Output, y: ov.Output) -> ov.Node:
    """``scale * x + y``, with one scale a channel of each image (SENet)."""
    shape = layer.shape(x)
    if len(shape) != 4 or layer.shape(y) != shape:
        raise layer.error(f"has bottoms of shapes {shape} and {layer.shape(y)}; expected two of one shape, four axes")
    factors = layer.shape(scale)
    if factors[:2] != shape[:2] or any(n != 1 for n in factors[2:]):
        raise layer.error(f"its first bottom has shape {factors}; expected {shape[:2]} and no more")
    a_channel = op.reshape(scale, op.constant(np.array([0, 0, 1, 1])), special_zero=True)
    return op.add(op.multiply(x, a_channel), y)


@layer_type("Reduction")
def reduction(layer: Layer, x: ov.Output) -> ov.Node:
    """Sum, sum of magnitudes, sum of squares or mean over all axes from ``axis`` on, times ``coeff``."""
    param = layer.message.reduction_param
    rank = len(layer.shape(x))
    axes = op.constant(np.arange(layer.axis(param.axis, rank), rank))
    operation = param.DESCRIPTOR.fields_by_name["operation"].enum_type.values_by_number[param.operation].name
    if operation == "ASUM":
        x = op.abs(x).output(0)
    elif operation == "SUMSQ":
        x = op.multiply(x, x).output(0)
    y = (op.reduce_mean if operation == "MEAN" else op.reduce_sum)(x, axes, keep_dims=False)
    return y if param.coeff == 1 else op.multiply(y, np.float32(param.coeff))
