"""Builders of the layers that bring values to a common scale: BatchNorm, BN, Normalize, MVN, GRN."""

from __future__ import annotations

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset14 as op

from ovlab.caffe.layer import Layer, layer_type
from ovlab.caffe.layers.elementwise import spread

_NVCAFFE_BLOBS = 5


def _normalise(x: ov.Output, rank: int, factor: NDArray[np.float64], shift: NDArray[np.float64]) -> ov.Node:
    """``x * factor + shift`` a channel; float32 from double, as late as possible."""
    y = op.multiply(x, spread(factor.astype(np.float32), 1, rank))
    return op.add(y, spread(shift.astype(np.float32), 1, rank))


@layer_type("BatchNorm")
def batch_norm(layer: Layer, x: ov.Output) -> ov.Node:
    """Normalisation by the stored statistics, or by the batch's own; in NVCaffe's form a scale and a bias follow."""
    param = layer.message.batch_norm_param
    shape = layer.shape(x)
    # NVCaffe takes a scale and a bias from its blobs 3 and 4, whether the prototxt says scale_bias or gives their
    # fillers alone, which are not read: the blobs tell.
    affine = param.scale_bias or len(layer.blobs) == _NVCAFFE_BLOBS
    if param.HasField("use_global_stats") and not param.use_global_stats and not affine:
        layer.skip_blobs()
        axes = np.array([0, *range(2, len(shape))])
        return op.mvn(x, op.constant(axes), normalize_variance=True, eps=param.eps, eps_mode="inside_sqrt")
    channels = (layer.channels(x),)
    weight = float(layer.blob(2, "scale factor", (1,))[0])
    mean = layer.blob(0, "mean", channels).astype(np.float64)
    variance = layer.blob(1, "variance", channels).astype(np.float64)
    if affine:
        # NVCaffe stores the averages themselves and never reads the factor; it bounds eps like cuDNN.
        factor = layer.blob(3, "scale", channels) / np.sqrt(variance + max(param.eps, 1e-5))
        return _normalise(x, len(shape), factor, layer.blob(4, "bias", channels) - mean * factor)
    # Caffe stores sums of a moving average, and in the third blob how much they add up to.
    correction = 0.0 if weight == 0 else 1 / weight
    factor = 1 / np.sqrt(variance * correction + param.eps)
    return _normalise(x, len(shape), factor, -mean * correction * factor)


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
    return op.multiply(y, spread(learned, 1, len(shape)))


@layer_type("MVN")
def mvn(layer: Layer, x: ov.Output) -> ov.Node:
    """Subtract the mean over space, or over channels and space, and divide by the deviation (``mvn_layer.cpp``)."""
    param = layer.message.mvn_param
    shape = layer.shape(x)
    if len(shape) != 4:
        raise layer.error(f"its bottom has shape {shape}; expected batch, channels, height, width")
    axes = op.constant(np.arange(1 if param.across_channels else 2, 4))
    return op.mvn(x, axes, param.normalize_variance, param.eps, "outside_sqrt")


@layer_type("GRN")
def grn(layer: Layer, x: ov.Output) -> ov.Node:
    """Divide by ``sqrt(bias + sum of squares over channels)`` (Intel's fork)."""
    bias = layer.message.grn_param.bias
    if bias < 0 or len(layer.shape(x)) < 2:
        raise layer.error(f"bias is {bias}, bottom {layer.shape(x)}; expected a bias of 0 or more, and channels")
    squares = op.reduce_sum(op.multiply(x, x), op.constant(np.array([1])), keep_dims=True)
    return op.divide(x, op.sqrt(op.add(squares, np.float32(bias))))
