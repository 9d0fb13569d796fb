"""Builders of the SSD fork's detection layers: PriorBox and DetectionOutput."""

from __future__ import annotations

import numpy as np
import openvino as ov
from openvino import opset14 as op

from ovlab.caffe.layer import Layer, layer_type


def aspect_ratios(listed: list[float], flip: bool) -> list[float]:
    """Return the aspect ratios of the boxes beside the square ones.

    Parameters
    ----------
    listed : list of float
        As the prototxt has them.
    flip : bool
        Whether each is followed by its inverse.

    Returns
    -------
    list of float
        In the order in which ``prior_box_layer.cpp`` of the SSD fork makes boxes of them: 1 and repetitions (within
        1e-6) are left out, and a ratio that an earlier one's inverse stands for is a repetition.
    """
    ratios = [1.0]
    for ratio in listed:
        if not any(abs(ratio - known) < 1e-6 for known in ratios):
            ratios += [ratio, 1 / ratio] if flip else [ratio]
    return [ratio for ratio in ratios if abs(ratio - 1) >= 1e-6]


def _two(layer: Layer, name: str, high: str, wide: str) -> tuple[float, float] | None:
    """Read a setting that is one value or one for height and one for width; None when it is not set."""
    param = layer.message.prior_box_param
    if param.HasField(high) or param.HasField(wide):
        if param.HasField(name):
            raise layer.error(f"has {name} beside {high} and {wide}; expected one of the two forms")
        pair = (getattr(param, high), getattr(param, wide))
    elif param.HasField(name):
        pair = (getattr(param, name),) * 2
    else:
        return None
    if min(pair) <= 0:
        raise layer.error(f"{name} must be positive, for height and for width")
    return pair


def _spatial(x: ov.Output) -> ov.Node:
    """Height and width as a tensor, read when the model runs so that it can still be reshaped."""
    return op.gather(op.shape_of(x), op.constant(np.array([2, 3])), op.constant(np.int64(0)))


@layer_type("PriorBox", bottoms=(2, 2))
def prior_box(layer: Layer, features: ov.Output, image: ov.Output) -> ov.Node:
    """Boxes around every cell of a feature map: 1 x 2 x 4 boxes, coordinates relative to the image and variances."""
    param = layer.message.prior_box_param
    # The fork keeps sizes in an int before it uses them, and trains with what that gives.
    smallest, largest = [float(int(v)) for v in param.min_size], [float(int(v)) for v in param.max_size]
    if not smallest or min(smallest) <= 0:
        raise layer.error(f"min_size is {list(param.min_size)}; expected at least one, of 1 or more")
    if largest and (len(largest) != len(smallest) or any(b <= a for a, b in zip(smallest, largest, strict=True))):
        raise layer.error(f"max_size is {largest}, min_size {smallest}; expected none, or a larger one for each")
    if min(param.aspect_ratio, default=1) <= 0:
        raise layer.error(f"aspect_ratio is {list(param.aspect_ratio)}; expected positive numbers")
    variance = list(param.variance) or [0.1]
    if len(variance) not in (1, 4) or min(variance) <= 0:
        raise layer.error(f"variance is {variance}; expected 1 or 4 positive values")
    size = _two(layer, "img_size", "img_h", "img_w")
    step = _two(layer, "step", "step_h", "step_w") or (0.0, 0.0)
    cells = _spatial(features)
    pixels = op.constant(np.array(size, np.int64)) if size else _spatial(image)

    def boxes(step: float) -> ov.Node:
        attributes = {
            "min_size": smallest,
            "max_size": largest,
            "aspect_ratio": aspect_ratios(list(param.aspect_ratio), param.flip),
            "flip": False,  # already among the ratios
            "clip": param.clip,
            "step": step,
            "offset": param.offset,
            "variance": variance,
            "scale_all_sizes": True,
            "min_max_aspect_ratios_order": True,
        }
        return op.prior_box(cells, pixels, attributes)

    both = boxes(step[1])
    if step[0] != step[1]:
        # The operation knows one step for both directions: take x of one set of boxes and y of another.
        rows = op.constant(np.array([2, -1, 4]))
        is_x = op.constant(np.array([True, False, True, False]))
        across, down = (op.reshape(b, rows, special_zero=False) for b in (both, boxes(step[0])))
        both = op.reshape(op.select(is_x, across, down), op.constant(np.array([2, -1])), special_zero=False)
    return op.unsqueeze(both, op.constant(np.int64(0)))


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


@layer_type("DetectionOutput", bottoms=(3, 3))
def detection_output(layer: Layer, locations: ov.Output, scores: ov.Output, priors: ov.Output) -> ov.Node:
    """Decode boxes and suppress overlapping ones: 1 x 1 x N x (image, label, score, xmin, ymin, xmax, ymax)."""
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
    code = param.DESCRIPTOR.fields_by_name["code_type"].enum_type.values_by_number[param.code_type].name
    if code == "CORNER_SIZE":
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
    }
    return op.detection_output(locations, scores, priors, attributes)
