"""Builders of the layers that lay boxes over an image for a detector to start from: PriorBox, PriorBoxClustered."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import openvino as ov
from openvino import opset14 as op

from ovlab.caffe.layer import Layer, layer_type

_Pair = tuple[float, float]
_MIDDLE: _Pair = (0.5, 0.5)


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


@dataclass(frozen=True)
class _Grid:
    """Where boxes stand: sizes as tensors, so that the model can still be reshaped, and settings (height, width)."""

    cells: ov.Node
    pixels: ov.Node
    step: _Pair | None
    variance: list[float]
    clip: bool


def _grid(layer: Layer, features: ov.Output, image: ov.Output) -> _Grid:
    """Read what both types share."""
    param = layer.message.prior_box_param
    variance = list(param.variance) or [0.1]
    if len(variance) not in (1, 4) or min(variance) <= 0:
        raise layer.error(f"variance is {variance}; expected 1 or 4 positive values")
    size = _two(layer, "img_size", "img_h", "img_w")
    return _Grid(
        cells=_spatial(layer, features),
        pixels=op.constant(np.array(size, np.int64)) if size else _spatial(layer, image),
        step=_two(layer, "step", "step_h", "step_w"),
        variance=variance,
        clip=param.clip,
    )


def _two(layer: Layer, name: str, high: str, wide: str) -> _Pair | None:
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


def _spatial(layer: Layer, x: ov.Output) -> ov.Node:
    """Height and width as a tensor."""
    if len(layer.shape(x)) != 4:
        raise layer.error(f"a bottom has shape {layer.shape(x)}; expected batch, channels, height, width")
    return op.gather(op.shape_of(x), op.constant(np.array([2, 3])), op.constant(np.int64(0)))


@layer_type("PriorBox", bottoms=(2, 2))
def prior_box(layer: Layer, features: ov.Output, image: ov.Output) -> ov.Node:
    """Boxes around every cell of a feature map: 1 x 2 x 4 boxes, coordinates relative to the image and variances."""
    param = layer.message.prior_box_param
    if param.width or param.height:
        return _listed_boxes(layer, _grid(layer, features, image))
    grid = _grid(layer, features, image)
    if param.fixed_size:
        return _leading_one(_boxes(grid, _fixed_sizes(layer), (param.offset,) * 2))
    smallest, largest = _sizes(layer)
    offsets = _offsets(layer)
    densities = [_density(layer, size) for size in param.min_size]
    if len(offsets) == 1 and set(densities) == {1}:
        return _leading_one(_boxes(grid, _sized(layer, smallest, largest), offsets[0]))
    # Boxes that stand at several places of a cell: for each size all its places one after the other.
    parts = []
    for index, (size, density) in enumerate(zip(smallest, densities, strict=True)):
        spread = np.arange(density) / density
        places = [(y, x) for y in spread for x in spread] if density > 1 else offsets
        settings = _sized(layer, [size], largest[index : index + 1])
        parts.append(_interleaved([_boxes(grid, settings, place) for place in places], settings))
    return _leading_one(_flat(op.concat(parts, 2) if len(parts) > 1 else parts[0]))


@layer_type("PriorBoxClustered", bottoms=(2, 2))
def prior_box_clustered(layer: Layer, features: ov.Output, image: ov.Output) -> ov.Node:
    """Boxes of listed widths and heights around every cell (Intel's fork); the same form as PriorBox."""
    return _listed_boxes(layer, _grid(layer, features, image))


def _listed_boxes(layer: Layer, grid: _Grid) -> ov.Node:
    param = layer.message.prior_box_param
    widths, heights = list(param.width), list(param.height)
    if not widths or len(widths) != len(heights) or min(*widths, *heights) <= 0:
        raise layer.error(f"width is {widths}, height {heights}; expected as many positive values of each")
    if param.min_size or param.max_size or param.aspect_ratio or param.offset_h or param.offset_w:
        raise layer.error("has width and height beside min_size, max_size, aspect_ratio or offset_h; expected one form")
    offset = (param.offset,) * 2
    moved = grid.step is None and offset != _MIDDLE
    attributes = {
        "width": widths,
        "height": heights,
        "clip": grid.clip and not moved,
        "offset": 0.5 if moved else param.offset,
        "variance": grid.variance,
        **({"step_h": grid.step[0], "step_w": grid.step[1]} if grid.step else {}),
    }
    boxes = op.prior_box_clustered(grid.cells, grid.pixels, attributes)
    return _leading_one(_moved(boxes, grid, offset) if moved else boxes)


def _sizes(layer: Layer) -> tuple[list[float], list[float]]:
    """Read ``min_size`` and ``max_size``."""
    param = layer.message.prior_box_param
    smallest, largest = list(param.min_size), list(param.max_size)
    if not layer.options.fractional_sizes:
        # The fork keeps sizes in an int before it uses them, and trains with what that gives.
        smallest, largest = [float(int(v)) for v in smallest], [float(int(v)) for v in largest]
    if not smallest or min(smallest) <= 0:
        least = "above 0" if layer.options.fractional_sizes else "of 1 or more"
        raise layer.error(f"min_size is {list(param.min_size)}; expected at least one, {least}")
    if largest and (len(largest) != len(smallest) or any(b <= a for a, b in zip(smallest, largest, strict=True))):
        raise layer.error(f"max_size is {largest}, min_size {smallest}; expected none, or a larger one for each")
    if min(param.aspect_ratio, default=1) <= 0:
        raise layer.error(f"aspect_ratio is {list(param.aspect_ratio)}; expected positive numbers")
    return smallest, largest


def _offsets(layer: Layer) -> list[_Pair]:
    """Read where in a cell the boxes stand: one place, or those of OpenCV's ``offset_h`` and ``offset_w``."""
    param = layer.message.prior_box_param
    down, across = list(param.offset_h), list(param.offset_w)
    if not down and not across:
        return [(param.offset, param.offset)]
    if len(down) != len(across) or param.HasField("offset"):
        raise layer.error(
            f"offset_h is {down}, offset_w {across}; expected as many values of each, and no offset beside them"
        )
    return list(zip(down, across, strict=True))


def _density(layer: Layer, size: float) -> int:
    """How many boxes of a size stand in a cell, in each direction, by the user's word."""
    return next((n for key, n in layer.options.densities.items() if abs(key - size) < 1e-3), 1)


def _sized(layer: Layer, smallest: list[float], largest: list[float]) -> dict[str, Any]:
    """Attributes of square boxes and of their aspect ratios."""
    param = layer.message.prior_box_param
    return {
        "min_size": smallest,
        "max_size": largest,
        "aspect_ratio": aspect_ratios(list(param.aspect_ratio), param.flip),
    }


def _fixed_sizes(layer: Layer) -> dict[str, Any]:
    """Attributes of boxes in a lattice of ``density`` x ``density`` (the form that Model Optimizer read)."""
    param = layer.message.prior_box_param
    sizes, ratios, density = list(param.fixed_size), list(param.fixed_ratio), list(param.density)
    if len(density) != len(sizes) or min(*sizes, *density) <= 0 or param.min_size or param.max_size:
        raise layer.error(
            f"fixed_size is {sizes}, density {density}; expected as many positive values of each, and no min_size"
        )
    ratio_of_density_one = {"aspect_ratio": aspect_ratios(list(param.aspect_ratio), param.flip)} if not ratios else {}
    return {"fixed_size": sizes, "fixed_ratio": ratios, "density": density, **ratio_of_density_one}


def _boxes(grid: _Grid, settings: dict[str, Any], offset: _Pair) -> ov.Node:
    """Lay boxes at one place of every cell: 2 x 4 boxes."""
    if grid.step is None and offset != _MIDDLE:
        # Without a step the operation lays boxes in the middle of the cells whatever the offset is.
        in_the_middle = _boxes(replace(grid, clip=False), settings, _MIDDLE)
        return _moved(in_the_middle, grid, offset)
    steps = grid.step or (0.0, 0.0)

    def laid(step: float, at: float) -> ov.Node:
        attributes = settings | {
            "flip": False,  # already among the ratios
            "clip": grid.clip,
            "step": step,
            "offset": at,
            "variance": grid.variance,
            "scale_all_sizes": True,
            "min_max_aspect_ratios_order": True,
        }
        return op.prior_box(grid.cells, grid.pixels, attributes)

    across = laid(steps[1], offset[1])
    if steps[0] == steps[1] and offset[0] == offset[1]:
        return across
    # The operation knows one step and offset for both directions: take x of one set of boxes and y of another.
    down = laid(steps[0], offset[0])
    rows = op.constant(np.array([2, -1, 4]))
    is_x = op.constant(np.array([True, False, True, False]))
    both = op.select(is_x, *(op.reshape(boxes, rows, special_zero=False) for boxes in (across, down)))
    return _flat(both)


def _moved(boxes: ov.Node, grid: _Grid, offset: _Pair) -> ov.Node:
    """Move boxes from the middle of their cells to another place, then clip them."""
    whole = op.convert(op.gather(grid.cells, op.constant(np.array([1, 0, 1, 0])), op.constant(np.int64(0))), "f32")
    part = np.array([offset[1] - 0.5, offset[0] - 0.5] * 2, np.float32)
    coordinates, variances = op.split(
        op.reshape(boxes, np.array([2, -1, 4]), False), op.constant(np.int64(0)), 2
    ).outputs()
    moved = op.add(coordinates, op.divide(op.constant(part), whole))
    if grid.clip:
        moved = op.clamp(moved, 0.0, 1.0)
    return _flat(op.concat([moved, variances], 0))


def _interleaved(sets: list[ov.Node], settings: dict[str, Any]) -> ov.Node:
    """Put boxes of several places side by side: 2 x cells x (kinds of box, places) x 4."""
    kinds = len(settings["min_size"]) + len(settings["max_size"]) + len(settings["aspect_ratio"])
    each = op.constant(np.array([2, -1, kinds, 1, 4]))
    apart = [op.reshape(boxes, each, special_zero=False) for boxes in sets]
    together = op.concat(apart, 3) if len(apart) > 1 else apart[0]
    return op.reshape(together, op.constant(np.array([2, -1, kinds * len(sets), 4])), special_zero=False)


def _flat(boxes: ov.Node) -> ov.Node:
    return op.reshape(boxes, op.constant(np.array([2, -1])), special_zero=False)


def _leading_one(boxes: ov.Node) -> ov.Node:
    return op.unsqueeze(boxes, op.constant(np.int64(0)))
