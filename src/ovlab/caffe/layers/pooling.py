"""Builders of the layers that look at a neighbourhood: Pooling, SPP and LRN."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import openvino as ov
from openvino import opset14 as op

from ovlab.caffe.layer import Layer, layer_type


def _pairs(layer: Layer) -> tuple[list[int], list[int], list[int]]:
    """Read kernel, stride and padding, height first, in either spelling."""
    param = layer.message.pooling_param

    def pair(name: str, short: str) -> list[int]:
        if param.HasField(f"{short}_h") != param.HasField(f"{short}_w"):
            raise layer.error(f"has one of {short}_h and {short}_w; expected both")
        if param.HasField(f"{short}_h"):
            return [getattr(param, f"{short}_h"), getattr(param, f"{short}_w")]
        return [getattr(param, name)] * 2

    kernel, stride, pad = pair("kernel_size", "kernel"), pair("stride", "stride"), pair("pad", "pad")
    if not all((*kernel, *stride)):
        raise layer.error("kernel and stride must be positive")
    if pad[0] >= kernel[0] or pad[1] >= kernel[1]:
        raise layer.error(f"padding {pad} must be smaller than the kernel {kernel}")
    return kernel, stride, pad


@layer_type("Pooling", tops=(1, 2))
def pooling(layer: Layer, x: ov.Output) -> ov.Node | list[ov.Output]:
    """Maximum or average; a second top of a maximum holds where in its plane each maximum was."""
    param = layer.message.pooling_param
    method = param.DESCRIPTOR.fields_by_name["pool"].enum_type.values_by_number[param.pool].name
    if method == "STOCHASTIC":
        raise layer.error("stochastic pooling is not supported; expected MAX or AVE")
    if len(layer.shape(x)) != 4:
        raise layer.error(f"its bottom has shape {layer.shape(x)}; expected batch, channels, height, width")
    if len(layer.tops) == 2 and (method != "MAX" or param.global_pooling):
        raise layer.error("has a second top; only a windowed MAX has a mask")
    if param.global_pooling:
        reduce = op.reduce_max if method == "MAX" else op.reduce_mean
        return reduce(x, op.constant(np.array([2, 3])), keep_dims=True)
    floor = param.round_mode == 1 or not param.ceil_mode
    return (_average if method == "AVE" else _maximum)(layer, x, _pairs(layer), floor)


_Window: TypeAlias = tuple[list[int], list[int], list[int]]  # kernel, stride, padding; height first


def _maximum(layer: Layer, x: ov.Output, window: _Window, floor: bool) -> list[ov.Output]:
    kernel, stride, pad = window
    # Only with padding does Caffe drop a last window that starts outside of the image; so does "ceil_torch".
    rounding = "floor" if floor else "ceil_torch" if any(pad) else "ceil"
    pool = op.max_pool(x, stride, [1, 1], pad, pad, kernel, rounding_type=rounding, index_element_type="i32", axis=2)
    if len(layer.tops) == 1:
        return [pool.output(0)]
    return [pool.output(0), op.convert(pool.output(1), "f32").output(0)]


def _average(layer: Layer, x: ov.Output, window: _Window, floor: bool) -> list[ov.Output]:
    """Average over the window, padding counted as zeros but nothing beyond it (``pooling_layer.cpp``)."""
    kernel, stride, pad = window
    size = layer.shape(x)[2:]
    rest = [size[i] + 2 * pad[i] - kernel[i] for i in range(2)]
    if min(rest) < 0:
        raise layer.error(
            f"kernel {kernel} is larger than the padded image {[r + k for r, k in zip(rest, kernel, strict=True)]}"
        )
    if floor or not any(r % s for r, s in zip(rest, stride, strict=True)):
        return list(op.avg_pool(x, stride, pad, pad, kernel, exclude_pad=False, rounding_type="floor").outputs())
    # A window hangs over the padded image, where Caffe shortens it. OpenVINO's AvgPool does so for the image only (and
    # with "ceil_torch" divides by the wrong number in some cases), so the padding becomes part of the image.
    if any(pad):
        x = op.pad(x, np.array([0, 0, *pad]), np.array([0, 0, *pad]), "constant", np.float32(0)).output(0)
    y = op.avg_pool(x, stride, [0, 0], [0, 0], kernel, exclude_pad=True, rounding_type="ceil")
    full = [-(-r // s) + 1 for r, s in zip(rest, stride, strict=True)]
    kept = [n - (any(pad) and (n - 1) * stride[i] >= size[i] + pad[i]) for i, n in enumerate(full)]
    if kept == full:
        return list(y.outputs())
    return list(op.slice(y, np.array([0, 0]), np.array(kept), np.array([1, 1]), np.array([2, 3])).outputs())


@layer_type("SPP")
def spp(layer: Layer, x: ov.Output) -> ov.Node:
    """Pool into 1, 4, 16... bins and put them after one another: batch x values (``spp_layer.cpp``)."""
    param = layer.message.spp_param
    shape = layer.shape(x)
    method = param.DESCRIPTOR.fields_by_name["pool"].enum_type.values_by_number[param.pool].name
    if len(shape) != 4 or not param.pyramid_height or method == "STOCHASTIC":
        raise layer.error(
            f"its bottom has shape {shape}, pyramid_height is {param.pyramid_height}, pool {method}; expected batch, "
            "channels, height, width, a pyramid_height of 1 or more, and MAX or AVE"
        )
    pool = _average if method == "AVE" else _maximum
    levels = []
    for level in range(param.pyramid_height):
        kernel = [-(-n // 2**level) for n in shape[2:]]
        pad = [(k * 2**level - n + 1) // 2 for k, n in zip(kernel, shape[2:], strict=True)]
        if any(p >= k for p, k in zip(pad, kernel, strict=True)):
            raise layer.error(f"an image of {shape[2]} x {shape[3]} is too small for pyramid_height {level + 1}")
        levels.append(pool(layer, x, (kernel, kernel, pad), floor=False)[0])
    if len(levels) == 1:
        return levels[0].get_node()
    flat = op.constant(np.array([0, -1]))
    return op.concat([op.reshape(one, flat, special_zero=True) for one in levels], 1)


@layer_type("LRN")
def lrn(layer: Layer, x: ov.Output) -> ov.Node:
    """Local response normalisation, across channels or within each (``lrn_layer.cpp``)."""
    param = layer.message.lrn_param
    size = param.local_size
    if size % 2 == 0:
        raise layer.error(f"local_size is {size}; expected an odd number")
    if param.norm_region == 0:
        axes = op.constant(np.array([1]))
        return op.lrn(x, axes, alpha=param.alpha, beta=param.beta, bias=param.k, size=size)
    # Within a channel Caffe averages the squares over the window and adds 1, whatever k is.
    half = [size // 2] * 2
    squares = op.multiply(x, x)
    mean = op.avg_pool(squares, [1, 1], half, half, [size, size], exclude_pad=False, rounding_type="floor")
    base = op.add(op.multiply(mean, np.float32(param.alpha)), np.float32(1))
    return op.multiply(x, op.power(base, np.float32(-param.beta)))
