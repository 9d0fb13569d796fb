"""Builder of the SSD fork's DetectionOutput, which RefineDet extends."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import openvino as ov
from openvino import opset14 as op

from ovlab.caffe.layer import Layer, layer_type


def _flat(layer: Layer, x: ov.Output) -> ov.Output:
    """Bring predictions into batch x values."""
    if len(layer.shape(x)) == 2:
        return x
    return op.reshape(x, op.constant(np.array([0, -1])), special_zero=True).output(0)


def _in_prior_sizes(locations: ov.Output, priors: ov.Output) -> ov.Output:
    """Turn CORNER_SIZE offsets, which count in widths and heights of the prior, into CORNER offsets."""
    corners = op.reshape(
        op.gather(priors, op.constant(np.int64(0)), op.constant(np.int64(1))),
        op.constant(np.array([1, -1, 1, 2, 2])),
        special_zero=False,
    )
    low, high = op.split(corners, op.constant(np.int64(3)), 2).outputs()
    size = op.subtract(high, low)  # 1 x priors x 1 x 1 x (width, height)
    count = priors.get_partial_shape()[2].get_length() // 4
    by_corner = op.reshape(locations, op.constant(np.array([0, count, -1, 2, 2])), special_zero=True)
    return op.reshape(op.multiply(by_corner, size), op.constant(np.array([0, -1])), special_zero=True).output(0)


@layer_type("DetectionOutput", bottoms=(3, 5))
def detection_output(
    layer: Layer, locations: ov.Output, scores: ov.Output, priors: ov.Output, *refined: ov.Output
) -> ov.Node:
    """Decode boxes and suppress overlapping ones: 1 x 1 x N x (image, label, score, xmin, ymin, xmax, ymax).

    RefineDet has two bottoms more, the scores and offsets of its first stage: priors are moved by those offsets, and
    those whose object score is below ``objectness_score`` are left out.
    """
    param = layer.message.detection_output_param
    nms = param.nms_param
    locations, scores = _flat(layer, locations), _flat(layer, scores)
    count, classes = layer.shape(priors)[-1] // 4, param.num_classes
    boxes = 4 * (1 if param.share_location else classes)
    found = (layer.shape(locations)[1], layer.shape(scores)[1])
    if not classes or found != (count * boxes, count * classes):
        raise layer.error(
            f"{count} priors and num_classes {classes} need {count * boxes} locations and {count * classes} scores "
            f"an image; its bottoms have {found[0]} and {found[1]}"
        )
    if nms.eta != 1:
        raise layer.error(f"eta is {nms.eta}; adaptive suppression is not supported, expected 1")
    if refined:
        _check_refined(layer, refined, count)
    code = param.DESCRIPTOR.fields_by_name["code_type"].enum_type.values_by_number[param.code_type].name
    if code == "CORNER_SIZE":
        if refined:
            raise layer.error("code_type CORNER_SIZE is not supported with five bottoms; expected CENTER_SIZE")
        locations, code = _in_prior_sizes(locations, priors), "CORNER"
    if param.variance_encoded_in_target:
        # The operation then expects boxes alone.
        priors = op.slice(priors, np.array([0]), np.array([1]), np.array([1]), np.array([1])).output(0)
    attributes = {
        "background_label_id": param.background_label_id,
        "top_k": nms.top_k if nms.HasField("top_k") else -1,
        "variance_encoded_in_target": param.variance_encoded_in_target,
        "keep_top_k": [param.keep_top_k],
        "code_type": f"caffe.PriorBoxParameter.{code}",
        "share_location": param.share_location,
        "nms_threshold": nms.nms_threshold,
        "confidence_threshold": (
            param.confidence_threshold if param.HasField("confidence_threshold") else float(np.finfo(np.float32).min)
        ),
        "clip_before_nms": param.clip,
        "normalized": True,
        "objectness_score": param.objectness_score if refined else 0.0,
    }
    return op.detection_output(locations, scores, priors, attributes, *(_flat(layer, one) for one in refined))


def _check_refined(layer: Layer, refined: Sequence[ov.Output], count: int) -> None:
    """Check the bottoms of RefineDet's first stage: two scores and four offsets a prior."""
    if len(refined) != 2:
        raise layer.error("has 4 bottoms; expected 3 or 5")
    sizes = [math.prod(layer.shape(one)[1:]) for one in refined]
    if sizes != [2 * count, 4 * count]:
        raise layer.error(
            f"{count} priors need {2 * count} values an image in bottom 4 and {4 * count} in bottom 5; "
            f"found {' and '.join(map(str, sizes))}"
        )
