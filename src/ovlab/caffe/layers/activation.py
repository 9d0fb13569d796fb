"""Builders of the layers that work on each value alone, or on one axis of it."""

from __future__ import annotations

import math

import numpy as np
import openvino as ov
from openvino import opset14 as op

from ovlab.caffe.layer import Layer, layer_type


@layer_type("ReLU")
def relu(layer: Layer, x: ov.Output) -> ov.Node:
    """``max(x, 0) + negative_slope * min(x, 0)``."""
    slope = layer.message.relu_param.negative_slope
    return op.prelu(x, op.constant(np.array([slope], np.float32))) if slope else op.relu(x)


@layer_type("PReLU")
def prelu(layer: Layer, x: ov.Output) -> ov.Node:
    """ReLU with a learned slope a channel, or one for all."""
    shared = layer.message.prelu_param.channel_shared
    return op.prelu(x, op.constant(layer.blob(0, "slopes", (1 if shared else layer.channels(x),))))


@layer_type("ELU")
def elu(layer: Layer, x: ov.Output) -> ov.Node:
    """``x`` where positive, else ``alpha * (exp(x) - 1)``."""
    return op.elu(x, layer.message.elu_param.alpha)


@layer_type("Sigmoid")
def sigmoid(_layer: Layer, x: ov.Output) -> ov.Node:
    """Logistic function."""
    return op.sigmoid(x)


@layer_type("TanH")
def tanh(_layer: Layer, x: ov.Output) -> ov.Node:
    """Hyperbolic tangent."""
    return op.tanh(x)


def _affine(x: ov.Output, scale: float, shift: float) -> ov.Node | ov.Output:
    """``scale * x + shift``, without the operations that do nothing."""
    y = x if scale == 1 else op.multiply(x, np.float32(scale))
    return y if shift == 0 else op.add(y, np.float32(shift))


@layer_type("Power")
def power(layer: Layer, x: ov.Output) -> ov.Node | ov.Output:
    """``(shift + scale * x) ** power``."""
    param = layer.message.power_param
    y = _affine(x, param.scale, param.shift)
    return y if param.power == 1 else op.power(y, np.float32(param.power))


@layer_type("Exp")
def exp(layer: Layer, x: ov.Output) -> ov.Node:
    """Compute ``base ** (shift + scale * x)``; base -1 stands for e."""
    param = layer.message.exp_param
    if param.base <= 0 and param.base != -1:
        raise layer.error(f"base is {param.base}; expected a positive number, or -1 for e")
    log_base = 1.0 if param.base == -1 else math.log(param.base)
    return op.exp(_affine(x, log_base * param.scale, log_base * param.shift))


@layer_type("Log")
def log(layer: Layer, x: ov.Output) -> ov.Node:
    """Logarithm to ``base`` of ``shift + scale * x``; base -1 stands for e."""
    param = layer.message.log_param
    if param.base != -1 and (param.base <= 0 or param.base == 1):
        raise layer.error(f"base is {param.base}; expected a positive number other than 1, or -1 for e")
    y = op.log(_affine(x, param.scale, param.shift))
    return y if param.base == -1 else op.multiply(y, np.float32(1 / math.log(param.base)))


@layer_type("AbsVal")
def abs_val(_layer: Layer, x: ov.Output) -> ov.Node:
    """Magnitude."""
    return op.abs(x)


@layer_type("BNLL")
def bnll(_layer: Layer, x: ov.Output) -> ov.Node:
    """``log(1 + exp(x))``."""
    return op.softplus(x)


@layer_type("Threshold")
def threshold(layer: Layer, x: ov.Output) -> ov.Node:
    """1 where x is above the threshold, else 0."""
    above = op.greater(x, op.constant(np.float32(layer.message.threshold_param.threshold)))
    return op.convert(above, "f32")


@layer_type("Clip")
def clip(layer: Layer, x: ov.Output) -> ov.Node:
    """Cut values to ``min`` and ``max``."""
    param = layer.message.clip_param
    if not (param.HasField("min") and param.HasField("max")) or param.min > param.max:
        raise layer.error(f"min is {param.min} and max {param.max}; expected both, the smaller one first")
    return op.clamp(x, param.min, param.max)


@layer_type("ReLU6")
def relu6(layer: Layer, x: ov.Output) -> ov.Node:
    """Cut values to 0 and ``n``, which is 6 by default."""
    most = layer.message.relu6_param.n
    if most < 0:
        raise layer.error(f"n is {most}; expected 0 or more")
    return op.clamp(x, 0.0, most)


@layer_type("Swish")
def swish(layer: Layer, x: ov.Output) -> ov.Node:
    """``x * sigmoid(beta * x)``."""
    return op.swish(x, op.constant(np.float32(layer.message.swish_param.beta)))


@layer_type("Mish")
def mish(_layer: Layer, x: ov.Output) -> ov.Node:
    """``x * tanh(log(1 + exp(x)))``."""
    return op.mish(x)


@layer_type("Binarization")
def binarization(_layer: Layer, x: ov.Output) -> ov.Node:
    """1 where x is above 0, else -1 (Intel's fork, as Model Optimizer 2022 read it)."""
    zero, low, high = (op.constant(np.float32(value)) for value in (0, -1, 1))
    return op.select(op.greater(x, zero), high, low)


@layer_type("Softmax")
def softmax(layer: Layer, x: ov.Output) -> ov.Node:
    """Softmax along one axis."""
    return op.softmax(x, layer.axis(layer.message.softmax_param.axis, len(layer.shape(x))))


@layer_type("ArgMax")
def argmax(layer: Layer, x: ov.Output) -> ov.Node | ov.Output:
    """Find the largest ``top_k``, along one axis or in a whole image: their indices (as float), values or both."""
    param = layer.message.argmax_param
    shape = layer.shape(x)
    whole = not param.HasField("axis")
    axis = 1 if whole else layer.axis(param.axis, len(shape))
    if whole:
        x = op.reshape(x, op.constant(np.array([0, -1])), special_zero=True)
    count = math.prod(shape[1:]) if whole else shape[axis]
    if not 1 <= param.top_k <= count:
        raise layer.error(f"top_k is {param.top_k}; expected 1 to {count}")
    top = op.topk(x, op.constant(np.int64(param.top_k)), axis, "max", "value", index_element_type="i32")
    values, indices = top.output(0), op.convert(top.output(1), "f32").output(0)
    if not whole:
        return values if param.out_max_val else indices
    # batch x 1 x top_k x 1..., or batch x 2 x top_k x 1... with the values beside the indices
    rows = [indices, values] if param.out_max_val else [indices]
    stacked = op.concat([op.unsqueeze(row, np.int64(1)) for row in rows], 1)
    ones = list(range(3, len(shape)))
    return op.unsqueeze(stacked, np.array(ones)) if ones else stacked
