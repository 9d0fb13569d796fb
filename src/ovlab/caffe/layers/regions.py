"""Builders of the layers of Faster R-CNN and R-FCN: Proposal (in Python too), ROIPooling, PSROIPooling."""

from __future__ import annotations

from typing import Any

import numpy as np
import openvino as ov
import yaml
from openvino import opset14 as op

from ovlab.caffe.layer import Layer, layer_type
from ovlab.errors import nearest

# Modules of Python layers that compute proposals, and what their code takes for granted.
_PY_FASTER_RCNN: dict[str, Any] = {
    "feat_stride": 16,
    "base_size": 16,
    "min_size": 16,
    "ratio": [0.5, 1.0, 2.0],
    "scale": [8.0, 16.0, 32.0],
    "pre_nms_topn": 6000,
    "post_nms_topn": 300,
    "nms_thresh": 0.7,
}
# With fewer OpenVINO 2026.4 reads beyond its own tables, and ends the process.
_LEAST_ANCHORS = 8
_COUNTS = ("feat_stride", "base_size", "min_size", "pre_nms_topn", "post_nms_topn")
_PYTHON_LAYERS = {
    "rpn.proposal_layer.ProposalLayer": _PY_FASTER_RCNN,
    "SSH.layers.proposal_layer.ProposalLayer": _PY_FASTER_RCNN
    | {"pre_nms_topn": 1000, "post_nms_topn": 1000, "nms_thresh": 1.0},
}


@layer_type("Proposal", bottoms=(3, 3), tops=(1, 2))
def proposal(layer: Layer, scores: ov.Output, deltas: ov.Output, image: ov.Output) -> list[ov.Output]:
    """Choose regions among anchors moved by offsets: rows (image, xmin, ymin, xmax, ymax), and their scores.

    There are always ``post_nms_topn`` rows an image; a row of image -1 ends them where fewer are left.
    """
    param = layer.message.proposal_param
    settings = {name: getattr(param, name) for name in (*_COUNTS, "nms_thresh")}
    return _proposals(layer, scores, deltas, image, settings | {"ratio": list(param.ratio), "scale": list(param.scale)})


@layer_type("Python", bottoms=(0, None), tops=(1, None))
def python(layer: Layer, *bottoms: ov.Output) -> list[ov.Output]:
    """Stand in for the Python layers whose code is known: the proposal layers of py-faster-rcnn and SSH."""
    param = layer.message.python_param
    name = f"{param.module}.{param.layer}"
    if name not in _PYTHON_LAYERS:
        raise layer.error(
            f"runs Python code of the network's own, '{name}', which is not at hand{nearest(name, _PYTHON_LAYERS)}"
        )
    if len(bottoms) != 3 or len(layer.tops) > 2:
        raise layer.error(f"has {len(bottoms)} bottoms and {len(layer.tops)} tops; expected 3 and 1 to 2")
    try:
        given = yaml.safe_load(param.param_str) or {}
    except yaml.YAMLError:
        given = None
    if not isinstance(given, dict):
        raise layer.error(f"param_str is {param.param_str!r}; expected keys and values")
    settings = dict(_PYTHON_LAYERS[name])
    for key, value in given.items():
        known = {"ratios": "ratio", "scales": "scale"}.get(str(key), str(key))
        if known not in settings:
            raise layer.error(f"param_str has an unknown key '{key}'{nearest(str(key), settings)}")
        settings[known] = [float(v) for v in value] if isinstance(value, list) else value
    return _proposals(layer, *bottoms, settings)


def _proposals(
    layer: Layer, scores: ov.Output, deltas: ov.Output, image: ov.Output, settings: dict[str, Any]
) -> list[ov.Output]:
    anchors = len(settings["ratio"]) * len(settings["scale"])
    found = (layer.shape(scores), layer.shape(deltas))
    if (
        not anchors
        or any(len(shape) != 4 for shape in found)
        or (found[0][1], found[1][1]) != (2 * anchors, 4 * anchors)
    ):
        raise layer.error(
            f"its bottoms have shapes {found[0]} and {found[1]}; expected {2 * anchors} and {4 * anchors} channels for "
            f"{len(settings['ratio'])} ratios and {len(settings['scale'])} scales"
        )
    if (count := anchors * found[0][2] * found[0][3]) < _LEAST_ANCHORS:
        raise layer.error(f"has {count} anchors; OpenVINO's operation needs {_LEAST_ANCHORS} or more")
    size = layer.shape(image)
    if size not in {(1, 3), (1, 4), (3,), (4,)}:
        raise layer.error(
            f"its third bottom has shape {size}; expected one row of 3 or 4 values: height, width, scale (of both)"
        )
    row = op.reshape(image, op.constant(np.array([-1])), special_zero=False)
    counts = {name: np.uint32(settings[name]) for name in _COUNTS}
    attributes = (
        settings
        | counts
        | {
            "nms_thresh": np.float32(settings["nms_thresh"]),
            "clip_before_nms": True,
            "clip_after_nms": False,
            "normalize": False,
            "framework": "",
        }
    )
    built = op.proposal(scores, deltas, row, attributes)
    return list(built.outputs())[: len(layer.tops)]


@layer_type("ROIPooling", bottoms=(2, 2))
def roi_pooling(layer: Layer, x: ov.Output, regions: ov.Output) -> ov.Node:
    """Maximum in each of ``pooled_h`` x ``pooled_w`` bins of every region (``roi_pooling_layer.cpp``)."""
    param = layer.message.roi_pooling_param
    if min(param.pooled_h, param.pooled_w) < 1 or param.spatial_scale <= 0:
        raise layer.error("pooled_h, pooled_w and spatial_scale must be positive")
    size = [param.pooled_h, param.pooled_w]
    return op.roi_pooling(x, _rows(layer, regions), size, param.spatial_scale, "max")


@layer_type("PSROIPooling", bottoms=(2, 2))
def psroi_pooling(layer: Layer, x: ov.Output, regions: ov.Output) -> ov.Node:
    """Average in each of ``group_size`` x ``group_size`` bins of every region, each of channels of its own (R-FCN)."""
    param = layer.message.psroi_pooling_param
    dim, group = param.output_dim, param.group_size
    if min(dim, group) < 1 or param.spatial_scale <= 0:
        raise layer.error("output_dim, group_size and spatial_scale must be positive")
    if layer.channels(x) != dim * group**2:
        raise layer.error(f"{layer.channels(x)} channels; expected {dim * group**2} (output_dim x group_size squared)")
    return op.psroi_pooling(x, _rows(layer, regions), dim, group, param.spatial_scale, 1, 1, "average")


def _rows(layer: Layer, regions: ov.Output) -> ov.Output:
    """Regions as rows of five values, from two axes or from four of which the last are 1."""
    shape = layer.shape(regions)
    if len(shape) < 2 or shape[1] != 5 or any(n != 1 for n in shape[2:]):
        raise layer.error(f"its second bottom has shape {shape}; expected rows of 5: image, xmin, ymin, xmax, ymax")
    return (
        regions if len(shape) == 2 else op.reshape(regions, op.constant(np.array([0, 5])), special_zero=True).output(0)
    )
