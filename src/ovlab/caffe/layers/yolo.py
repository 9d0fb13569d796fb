"""Builders of the layers of YOLO's forks: Reorg and Region."""

from __future__ import annotations

import openvino as ov
from openvino import opset14 as op

from ovlab.caffe.layer import Layer, layer_type


@layer_type("Reorg", "ReorgYolo")
def reorg(layer: Layer, x: ov.Output) -> ov.Node:
    """Move squares of ``stride`` x ``stride`` values into channels in darknet's order, or back with ``reverse``."""
    param = layer.message.reorg_param if layer.type == "Reorg" else layer.message.reorg_yolo_param
    shape, stride = layer.shape(x), param.stride
    if len(shape) != 4 or stride < 1:
        raise layer.error(f"its bottom has shape {shape}, stride is {stride}; expected four axes and 1 or more")
    if shape[1] % stride**2:
        raise layer.error(f"{shape[1]} channels; expected a multiple of {stride**2}, the square of stride")
    if layer.type == "Reorg" and param.reverse:
        return op.depth_to_space(x, "blocks_first", stride)
    if shape[2] % stride or shape[3] % stride:
        raise layer.error(f"an image of {shape[2]} x {shape[3]}; expected multiples of stride {stride}")
    return op.reorg_yolo(x, [stride])


@layer_type("RegionYolo", "Region")
def region(layer: Layer, x: ov.Output) -> ov.Node:
    """Bring a YOLO head's values to 0..1 and flatten them; boxes are left to who reads them (Intel's fork)."""
    param, flat = layer.message.region_yolo_param, layer.message.flatten_param
    shape = layer.shape(x)
    # With do_softmax the anchors are all the layer's own; else mask says which of a list they are.
    anchors = param.num if param.do_softmax else len(param.mask)
    if len(shape) != 4 or shape[1] != anchors * (param.coords + 1 + param.classes):
        raise layer.error(
            f"its bottom has shape {shape}; expected four axes and {anchors} x ({param.coords} + 1 + {param.classes}) "
            "channels, for num (or mask), coords and classes"
        )
    first, last = layer.axis(flat.axis, 4), layer.axis(flat.end_axis, 4)
    settings = (param.coords, param.classes, param.num, param.do_softmax, list(param.mask), first, last)
    return op.region_yolo(x, *settings, list(param.anchors))
