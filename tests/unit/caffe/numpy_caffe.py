"""Caffe networks in NumPy, double precision, straight from the layers' formulas: a reference where OpenCV has none.

It takes the reader's parsed layers, and nothing of how the reader builds them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ovlab.caffe import supported_types
from ovlab.caffe.prototxt import read_prototxt
from ovlab.caffe.weights import read_caffemodel

Values = NDArray[np.float64]


def run_caffe(prototxt: Path, caffemodel: Path, **inputs: NDArray[Any]) -> dict[str, Values]:
    """Run a network; all its tops by name (of a top written in place the last state)."""
    return _run(prototxt, caffemodel, inputs, lambda _layer, blobs, _x: blobs)


def with_own_statistics(prototxt: Path, caffemodel: Path, **inputs: NDArray[Any]) -> dict[str, list[NDArray[Any]]]:
    """Return the blobs of each layer, with the statistics of each BatchNorm taken from what comes to it.

    So a network with random weights keeps the range of its activations from layer to layer, as training makes it, and
    does not magnify rounding. A channel that hardly varies is not blown up: a tenth of the mean variance at least.
    """
    found: dict[str, list[NDArray[Any]]] = {}

    def settle(layer: Any, blobs: list[Values], x: Values) -> list[Values]:
        if layer.type == "BatchNorm":
            variance = x.var((0, 2, 3))
            blobs = [x.mean((0, 2, 3)), np.maximum(variance, variance.mean() / 10), np.ones(1)]
        stored = [blob.astype(np.float32) for blob in blobs]
        if stored:
            found[layer.name] = stored
        return [blob.astype(np.float64) for blob in stored]

    _run(prototxt, caffemodel, inputs, settle)
    return found


def _run(
    prototxt: Path,
    caffemodel: Path,
    inputs: Mapping[str, NDArray[Any]],
    settle: Callable[[Any, list[Values], Values], list[Values]],
) -> dict[str, Values]:
    """Run a network layer by layer, each with the blobs that `settle` returns for it and its first bottom."""
    net = read_prototxt(prototxt, [*supported_types(), "Input"])
    weights = read_caffemodel(caffemodel)
    tops: dict[str, Values] = {name: value.astype(np.float64) for name, value in inputs.items()}
    for layer in net.layers:
        if layer.type != "Input":
            bottoms = [tops[name] for name in layer.bottoms]
            blobs = settle(layer, [blob.astype(np.float64) for blob in weights.get(layer.name, ())], bottoms[0])
            made = LAYERS[layer.type](layer.message, blobs, *bottoms)
            made = made if isinstance(made, tuple) else (made,)
            tops |= zip(layer.tops, made, strict=False)
    return tops


def _pair(param: Any, name: str, short: str, default: int = 0) -> tuple[int, int]:
    if param.HasField(f"{short}_h"):
        return getattr(param, f"{short}_h"), getattr(param, f"{short}_w")
    given = getattr(param, name)
    listed = [given] if isinstance(given, int) else list(given)
    listed = listed or [default]
    return listed[0], listed[-1]


def convolution(message: Any, blobs: Sequence[Values], x: Values, depthwise: bool = False) -> Values:
    param = message.convolution_param
    (kh, kw), (sh, sw) = _pair(param, "kernel_size", "kernel"), _pair(param, "stride", "stride", 1)
    (ph, pw), dilation = _pair(param, "pad", "pad"), [*list(param.dilation), 1]
    dh, dw = (dilation[0], dilation[0]) if len(dilation) < 3 else dilation[:2]
    batch, channels, height, width = x.shape
    group = channels if depthwise and not param.HasField("group") else param.group
    weights = blobs[0].reshape(group, param.num_output // group, channels // group, kh, kw)
    padded = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    oh, ow = (height + 2 * ph - dh * (kh - 1) - 1) // sh + 1, (width + 2 * pw - dw * (kw - 1) - 1) // sw + 1
    y = np.zeros((batch, group, param.num_output // group, oh * ow))
    for i in range(kh):
        for j in range(kw):
            part = padded[:, :, i * dh : i * dh + sh * (oh - 1) + 1 : sh, j * dw : j * dw + sw * (ow - 1) + 1 : sw]
            y += weights[..., i, j] @ part.reshape(batch, group, channels // group, oh * ow)
    y = y.reshape(batch, param.num_output, oh, ow)
    return y + blobs[1].reshape(-1, 1, 1) if param.bias_term else y


def deconvolution(message: Any, blobs: Sequence[Values], x: Values) -> Values:
    param = message.convolution_param
    (kh, kw), (sh, sw) = _pair(param, "kernel_size", "kernel"), _pair(param, "stride", "stride", 1)
    ph, pw = _pair(param, "pad", "pad")
    batch, channels, height, width = x.shape
    weights = blobs[0].reshape(param.group, channels // param.group, param.num_output // param.group, kh, kw)
    y = np.zeros((batch, param.num_output, sh * (height - 1) + kh, sw * (width - 1) + kw))
    flat = x.reshape(batch, param.group, channels // param.group, height * width)
    for i in range(kh):
        for j in range(kw):
            part = (weights[..., i, j].transpose(0, 2, 1) @ flat).reshape(batch, param.num_output, height, width)
            y[:, :, i : i + sh * (height - 1) + 1 : sh, j : j + sw * (width - 1) + 1 : sw] += part
    y = y[:, :, ph : y.shape[2] - ph, pw : y.shape[3] - pw]
    return y + blobs[1].reshape(-1, 1, 1) if param.bias_term else y


def pooling(message: Any, _blobs: Sequence[Values], x: Values) -> tuple[Values, ...] | Values:
    param = message.pooling_param
    maximum = param.pool == 0
    if param.global_pooling:
        return (x.max if maximum else x.mean)((2, 3), keepdims=True)
    (kh, kw), (sh, sw) = _pair(param, "kernel_size", "kernel"), _pair(param, "stride", "stride")
    ph, pw = _pair(param, "pad", "pad")
    height, width = x.shape[2:]

    def count(length: int, kernel: int, stride: int, pad: int) -> int:
        windows = math.ceil((length + 2 * pad - kernel) / stride) + 1
        return windows - (pad > 0 and (windows - 1) * stride >= length + pad)

    y = np.zeros((*x.shape[:2], count(height, kh, sh, ph), count(width, kw, sw, pw)))
    mask = np.zeros_like(y)
    for i, j in np.ndindex(y.shape[2:]):
        top, left = i * sh - ph, j * sw - pw
        rows, columns = slice(max(top, 0), min(top + kh, height)), slice(max(left, 0), min(left + kw, width))
        window = x[:, :, rows, columns]
        if maximum:
            flat = window.reshape(*x.shape[:2], -1)
            place = flat.argmax(2)
            y[:, :, i, j] = flat.max(2)
            mask[:, :, i, j] = (place // window.shape[3] + rows.start) * width + place % window.shape[3] + columns.start
        else:
            size = (min(top + kh, height + ph) - top) * (min(left + kw, width + pw) - left)
            y[:, :, i, j] = window.sum((2, 3)) / size
    return y, mask


def upsample(message: Any, _blobs: Sequence[Values], x: Values, mask: Values) -> Values:
    param = message.upsample_param
    scale = param.scale or 2
    size = (param.upsample_h or x.shape[2] * scale, param.upsample_w or x.shape[3] * scale)
    y = np.zeros((*x.shape[:2], size[0] * size[1]))
    np.put_along_axis(y, mask.reshape(*x.shape[:2], -1).astype(np.int64), x.reshape(*x.shape[:2], -1), 2)
    return y.reshape(*x.shape[:2], *size)


def batch_norm(message: Any, blobs: Sequence[Values], x: Values) -> Values:
    mean, variance = (blob.reshape(-1, 1, 1) / blobs[2].ravel()[0] for blob in blobs[:2])
    return (x - mean) / np.sqrt(variance + message.batch_norm_param.eps)


def bn(message: Any, blobs: Sequence[Values], x: Values) -> Values:
    slope, bias, *statistics = (blob.reshape(-1, 1, 1) for blob in blobs)
    if statistics:
        x = (x - statistics[0]) / np.sqrt(statistics[1] + message.bn_param.eps)
    return slope * x + bias


def scale(message: Any, blobs: Sequence[Values], x: Values, factor: Values | None = None) -> Values:
    if factor is not None:
        axis = message.scale_param.axis
        return x * factor.reshape((1,) * axis + factor.shape + (1,) * (x.ndim - axis - factor.ndim))
    y = x * blobs[0].reshape(-1, 1, 1)
    return y + blobs[1].reshape(-1, 1, 1) if message.scale_param.bias_term else y


def inner_product(message: Any, blobs: Sequence[Values], x: Values) -> Values:
    y = x.reshape(len(x), -1) @ blobs[0].reshape(message.inner_product_param.num_output, -1).T
    return y + blobs[1].ravel() if message.inner_product_param.bias_term else y


def eltwise(message: Any, _blobs: Sequence[Values], *xs: Values) -> Values:
    param = message.eltwise_param
    if param.operation == 1:
        return sum(c * x for c, x in zip(list(param.coeff) or [1.0] * len(xs), xs, strict=True))  # type: ignore[return-value]
    return (np.multiply if param.operation == 0 else np.maximum).reduce(xs)


def prelu(_message: Any, blobs: Sequence[Values], x: Values) -> Values:
    return np.where(x > 0, x, x * blobs[0].reshape(-1, 1, 1))


def relu(message: Any, _blobs: Sequence[Values], x: Values) -> Values:
    return np.where(x > 0, x, x * message.relu_param.negative_slope)


def power(message: Any, _blobs: Sequence[Values], x: Values) -> Values:
    param = message.power_param
    return (param.shift + param.scale * x) ** param.power


def softmax(message: Any, _blobs: Sequence[Values], x: Values) -> Values:
    axis = message.softmax_param.axis
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def shuffle_channel(message: Any, _blobs: Sequence[Values], x: Values) -> Values:
    group = message.shuffle_channel_param.group
    return x.reshape(len(x), group, -1, *x.shape[2:]).swapaxes(1, 2).reshape(x.shape)


LAYERS: Mapping[str, Callable[..., Any]] = {
    "Axpy": lambda _m, _b, a, x, y: a.reshape(*x.shape[:2], 1, 1) * x + y,
    "ArgMax": lambda m, _b, x: x.argmax(m.argmax_param.axis)[:, np.newaxis].astype(np.float64),
    "BN": bn,
    "BatchNorm": batch_norm,
    "Concat": lambda m, _b, *xs: np.concatenate(xs, m.concat_param.axis),
    "Convolution": convolution,
    "ConvolutionDepthwise": lambda m, b, x: convolution(m, b, x, depthwise=True),
    "Deconvolution": deconvolution,
    "Eltwise": eltwise,
    "InnerProduct": inner_product,
    "PReLU": prelu,
    "Pooling": pooling,
    "Power": power,
    "ReLU": relu,
    "ReLU6": lambda m, _b, x: x.clip(0, m.relu6_param.n),
    "Scale": scale,
    "ShuffleChannel": shuffle_channel,
    "Sigmoid": lambda _m, _b, x: 1 / (1 + np.exp(-x)),
    "Softmax": softmax,
    "Upsample": upsample,
}
