"""Builders of the layers with weights or a sliding kernel: Convolution, Deconvolution, InnerProduct, Embed, Im2col."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import openvino as ov
from openvino import opset14 as op

from ovlab.caffe.layer import Layer, layer_type

# Im2col becomes a convolution with that many weights: 256 MB.
_MOST_PICKS = 2**26


@dataclass(frozen=True)
class _Window:
    """How a kernel slides over the spatial axes; one value an axis."""

    kernel: list[int]
    stride: list[int]
    pad: list[int]
    dilation: list[int]


def _window(layer: Layer, axes: int) -> _Window:
    """Read kernel, stride, padding and dilation in either spelling (``base_conv_layer.cpp``)."""
    param = layer.message.convolution_param

    def values(name: str, default: int | None, short: str | None = None) -> list[int]:
        listed = list(getattr(param, name))
        if short and (param.HasField(f"{short}_h") or param.HasField(f"{short}_w")):
            if listed or axes != 2:
                raise layer.error(f"has {short}_h or {short}_w beside {name}; they stand for it, with two spatial axes")
            return [getattr(param, f"{short}_h"), getattr(param, f"{short}_w")]
        if not listed and default is not None:
            listed = [default]
        if len(listed) not in (1, axes):
            raise layer.error(f"has {len(listed)} values of {name}; expected 1 or {axes}")
        return listed * (axes // len(listed))

    window = _Window(
        kernel=values("kernel_size", None, "kernel"),
        stride=values("stride", 1, "stride"),
        pad=values("pad", 0, "pad"),
        dilation=values("dilation", 1),
    )
    if not all((*window.kernel, *window.stride, *window.dilation)):
        raise layer.error("kernel, stride and dilation must be positive")
    return window


def _geometry(layer: Layer, x: ov.Output) -> tuple[int, int, int, int]:
    """Check what all convolutions share; return input channels, output channels, groups, spatial axes."""
    param = layer.message.convolution_param
    shape = layer.shape(x)
    if len(shape) not in (3, 4, 5):
        raise layer.error(f"its bottom has shape {shape}; expected batch, channels and 1 to 3 spatial axes")
    if layer.axis(param.axis, len(shape)) != 1:
        raise layer.error(f"axis {param.axis} is not supported; expected 1 (batch, channels, spatial axes)")
    channels, outputs, group = shape[1], param.num_output, param.group
    if layer.type not in {"Convolution", "Deconvolution"} and not param.HasField("group"):
        group = channels  # the depthwise types of the forks imply it
    if not outputs or not group or channels % group or outputs % group:
        raise layer.error(f"group {group} must divide {channels} input channels and num_output {outputs}")
    return channels, outputs, group, len(shape) - 2


def _add_bias(layer: Layer, y: ov.Node, outputs: int, axes: int) -> ov.Node:
    """Add the per-channel bias, where the layer has one."""
    if not layer.message.convolution_param.bias_term:
        return y
    return op.add(y, op.constant(layer.blob(1, "bias", (1, outputs) + (1,) * axes)))


@layer_type("Convolution", "ConvolutionDepthwise", "DepthwiseConvolution")
def convolution(layer: Layer, x: ov.Output) -> ov.Node:
    """Convolution; ``group`` makes it a grouped one, as many groups as channels a depthwise one."""
    channels, outputs, group, axes = _geometry(layer, x)
    window = _window(layer, axes)
    size = (outputs, channels // group, *window.kernel)
    weights = layer.blob(0, "weights", size)
    slide: Sequence[Any] = (window.stride, window.pad, window.pad, window.dilation)
    if group == 1:
        y = op.convolution(x, op.constant(weights), *slide)
    else:
        grouped = weights.reshape(group, outputs // group, *size[1:])
        y = op.group_convolution(x, op.constant(grouped), *slide)
    return _add_bias(layer, y, outputs, axes)


@layer_type("Deconvolution")
def deconvolution(layer: Layer, x: ov.Output) -> ov.Node:
    """Transposed convolution; weights are stored as input channels x outputs of a group x kernel."""
    channels, outputs, group, axes = _geometry(layer, x)
    window = _window(layer, axes)
    size = (channels, outputs // group, *window.kernel)
    weights = layer.blob(0, "weights", size)
    if group == 1:
        y = op.convolution_backprop_data(
            x,
            op.constant(weights),
            window.stride,
            pads_begin=window.pad,
            pads_end=window.pad,
            dilations=window.dilation,
        )
    else:
        grouped = weights.reshape(group, channels // group, *size[1:])
        y = op.group_convolution_backprop_data(
            x,
            op.constant(grouped),
            window.stride,
            pads_begin=window.pad,
            pads_end=window.pad,
            dilations=window.dilation,
        )
    return _add_bias(layer, y, outputs, axes)


@layer_type("InnerProduct")
def inner_product(layer: Layer, x: ov.Output) -> ov.Node:
    """Fully connected layer over all axes from ``axis`` on."""
    param = layer.message.inner_product_param
    shape = layer.shape(x)
    axis = layer.axis(param.axis, len(shape))
    size = math.prod(shape[axis:])
    if axis != len(shape) - 1:
        x = op.reshape(x, op.constant(np.array([0] * axis + [-1])), special_zero=True)
    outputs = param.num_output
    transpose = bool(param.transpose)
    weights = layer.blob(0, "weights", (size, outputs) if transpose else (outputs, size))
    y = op.matmul(x, op.constant(weights), transpose_a=False, transpose_b=not transpose)
    if param.bias_term:
        y = op.add(y, op.constant(layer.blob(1, "bias", (1,) * axis + (outputs,))))
    return y


@layer_type("Embed")
def embed(layer: Layer, x: ov.Output) -> ov.Node:
    """For every index the row of weights of that number, and an optional bias; one more axis than its bottom."""
    param = layer.message.embed_param
    rank = len(layer.shape(x))
    weights = layer.blob(0, "weights", (param.input_dim, param.num_output))
    rows = op.gather(op.constant(weights), op.convert(x, "i64"), op.constant(np.int64(0)))
    if not param.bias_term:
        return rows
    return op.add(rows, op.constant(layer.blob(1, "bias", (1,) * rank + (param.num_output,))))


@layer_type("Im2col")
def im2col(layer: Layer, x: ov.Output) -> ov.Node:
    """Put what the kernel covers into channels: batch x (channels * kernel values) x output height x output width."""
    shape = layer.shape(x)
    if len(shape) != 4 or layer.axis(layer.message.convolution_param.axis, 4) != 1:
        raise layer.error(f"its bottom has shape {shape}; expected batch, channels, height, width, and axis 1")
    window = _window(layer, 2)
    size = math.prod(window.kernel)
    if shape[1] * size**2 > _MOST_PICKS:
        raise layer.error(f"a kernel of {window.kernel} is too large for {shape[1]} channels")
    # A convolution that picks: one output channel for each channel and place of the kernel.
    picks = np.eye(size, dtype=np.float32).reshape(1, size, 1, *window.kernel)
    weights = np.broadcast_to(picks, (shape[1], size, 1, *window.kernel))
    slide: Sequence[Any] = (window.stride, window.pad, window.pad, window.dilation)
    return op.group_convolution(x, op.constant(np.ascontiguousarray(weights)), *slide)
