"""Builders of the layers that move values about without changing them, or give constant ones."""

from __future__ import annotations

import math

import numpy as np
import openvino as ov
from openvino import opset14 as op

from ovlab.caffe.layer import Layer, layer_type

# They are held in memory: 256 MB.
_MOST_DUMMY_VALUES = 2**26


@layer_type("Concat", bottoms=(1, None))
def concat(layer: Layer, *xs: ov.Output) -> ov.Node:
    """Join tensors along one axis."""
    param = layer.message.concat_param
    axis = param.concat_dim if param.HasField("concat_dim") else param.axis
    return op.concat(list(xs), layer.axis(axis, len(layer.shape(xs[0]))))


@layer_type("Slice", tops=(1, None))
def slice_(layer: Layer, x: ov.Output) -> list[ov.Output]:
    """Cut a tensor along one axis, at the given points or into equal parts."""
    param = layer.message.slice_param
    shape = layer.shape(x)
    axis = layer.axis(param.slice_dim if param.HasField("slice_dim") else param.axis, len(shape))
    points, parts = list(param.slice_point), len(layer.tops)
    if not points:
        if shape[axis] % parts:
            raise layer.error(f"{shape[axis]} values along axis {axis} can't be cut into {parts} equal tops")
        return list(op.split(x, op.constant(np.int64(axis)), parts).outputs())
    lengths = np.diff([0, *points, shape[axis]])
    if len(lengths) != parts or lengths.min() <= 0:
        raise layer.error(f"slice points {points} don't cut {shape[axis]} values into {parts} tops")
    return list(op.variadic_split(x, op.constant(np.int64(axis)), op.constant(lengths)).outputs())


@layer_type("Split", tops=(1, None))
def split(layer: Layer, x: ov.Output) -> list[ov.Output]:
    """Give one tensor several names."""
    return [x] * len(layer.tops)


@layer_type("Dropout")
def dropout(_layer: Layer, x: ov.Output) -> ov.Output:
    """Do nothing: Caffe scales in training instead."""
    return x


@layer_type("Silence", bottoms=(1, None), tops=(0, 0))
def silence(_layer: Layer, *_xs: ov.Output) -> list[ov.Output]:
    """Take tensors from the network's outputs."""
    return []


@layer_type("Crop", bottoms=(2, 2))
def crop(layer: Layer, x: ov.Output, reference: ov.Output) -> ov.Node:
    """Cut the first bottom to the second's size, from ``axis`` on."""
    param = layer.message.crop_param
    shape, wanted = layer.shape(x), layer.shape(reference)
    axis = layer.axis(param.axis, len(shape))
    axes = np.arange(axis, len(shape))
    if len(param.offset) not in (0, 1, len(axes)) or len(shape) != len(wanted):
        raise layer.error(
            f"{len(param.offset)} offsets don't fit bottoms of shapes {shape} and {wanted} from axis {axis}"
        )
    offsets = np.broadcast_to(np.array(param.offset or [0], np.int64), len(axes))
    if any(o + wanted[a] > shape[a] for o, a in zip(offsets, axes, strict=True)):
        raise layer.error(f"a bottom of shape {shape} can't be cut to {wanted} at offsets {offsets.tolist()}")
    # The size is read when the model runs, so that the model can still be reshaped.
    size = op.gather(op.shape_of(reference), op.constant(axes), op.constant(np.int64(0)))
    start = op.constant(np.array(offsets))
    return op.slice(x, start, op.add(start, size), op.constant(np.ones_like(axes)), op.constant(axes))


@layer_type("Reshape")
def reshape(layer: Layer, x: ov.Output) -> ov.Node:
    """Give the axes ``axis`` to ``axis + num_axes`` other lengths; 0 keeps one, -1 takes what is left."""
    param = layer.message.reshape_param
    shape = layer.shape(x)
    rank = len(shape)
    start = param.axis if param.axis >= 0 else rank + param.axis + 1
    end = rank if param.num_axes == -1 else start + param.num_axes
    dims = list(param.shape.dim)
    kept = [i for i, dim in enumerate(dims) if dim == 0]
    if not 0 <= start <= end <= rank or any(start + i >= rank for i in kept):
        raise layer.error(f"axis {param.axis}, num_axes {param.num_axes} and dims {dims} don't fit shape {shape}")
    if dims.count(-1) > 1 or min(dims, default=0) < -1:
        raise layer.error(f"dims are {dims}; expected lengths, 0, and at most one -1")
    lengths = [shape[start + i] if dim == 0 else dim for i, dim in enumerate(dims)]
    total, known = math.prod(shape[start:end]), math.prod(n for n in lengths if n != -1)
    if total % known if -1 in lengths else total != known:
        raise layer.error(f"dims {dims} don't hold the {total} values of {shape} from axis {start} to {end}")
    # Zeros copy the bottom's length at the same place, which keeps the model reshapeable.
    moved = len(dims) != end - start
    target = [0] * start + dims + (list(shape[end:]) if moved else [0] * (rank - end))
    return op.reshape(x, op.constant(np.array(target, np.int64)), special_zero=True)


@layer_type("Flatten")
def flatten(layer: Layer, x: ov.Output) -> ov.Node:
    """Join the axes ``axis`` to ``end_axis`` into one."""
    param = layer.message.flatten_param
    shape = layer.shape(x)
    first, last = layer.axis(param.axis, len(shape)), layer.axis(param.end_axis, len(shape))
    if last < first:
        raise layer.error(f"end_axis {param.end_axis} lies before axis {param.axis}")
    target = [0] * first + [-1] + list(shape[last + 1 :])
    return op.reshape(x, op.constant(np.array(target)), special_zero=True)


@layer_type("Permute")
def permute(layer: Layer, x: ov.Output) -> ov.Node:
    """Reorder the axes; those not named follow in their order (SSD)."""
    order = list(layer.message.permute_param.order)
    rank = len(layer.shape(x))
    if len(set(order)) != len(order) or max(order, default=0) >= rank:
        raise layer.error(f"order {order} is no order of {rank} axes")
    order += [axis for axis in range(rank) if axis not in order]
    return op.transpose(x, op.constant(np.array(order)))


@layer_type("Transpose")
def transpose(layer: Layer, x: ov.Output) -> ov.Node:
    """Reorder the axes: axis i is the bottom's axis ``dim`` number i (forks for text recognition)."""
    order, rank = list(layer.message.transpose_param.dim), len(layer.shape(x))
    if sorted(order) != list(range(rank)):
        raise layer.error(f"dim is {order}; expected an order of the axes 0 to {rank - 1}")
    return op.transpose(x, op.constant(np.array(order)))


@layer_type("Reverse")
def reverse(layer: Layer, x: ov.Output) -> ov.Node:
    """Turn an axis round (forks with recurrent layers)."""
    axis = layer.axis(layer.message.reverse_param.axis, len(layer.shape(x)))
    back = (np.array([n]) for n in (-1, np.iinfo(np.int64).min, -1, axis))
    return op.slice(x, *back)


@layer_type("Tile")
def tile(layer: Layer, x: ov.Output) -> ov.Node:
    """Repeat an axis."""
    param = layer.message.tile_param
    rank = len(layer.shape(x))
    if param.tiles < 1:
        raise layer.error(f"tiles is {param.tiles}; expected 1 or more")
    repeats = np.ones(rank, np.int64)
    repeats[layer.axis(param.axis, rank)] = param.tiles
    return op.tile(x, op.constant(repeats))


@layer_type("ShuffleChannel")
def shuffle_channel(layer: Layer, x: ov.Output) -> ov.Node:
    """Deal out the channels of ``group`` groups in turn (ShuffleNet)."""
    group = layer.message.shuffle_channel_param.group
    channels = layer.channels(x)
    if group < 1 or channels % group:
        raise layer.error(f"group is {group}; expected a divisor of {channels} channels")
    return op.shuffle_channels(x, 1, group)


@layer_type("BatchReindex", bottoms=(2, 2))
def batch_reindex(layer: Layer, x: ov.Output, indices: ov.Output) -> ov.Node:
    """Take entries of the first axis by index."""
    if len(layer.shape(indices)) != 1:
        raise layer.error(f"its second bottom has shape {layer.shape(indices)}; expected one axis of indices")
    return op.gather(x, op.convert(indices, "i64"), op.constant(np.int64(0)))


@layer_type("Filter", bottoms=(2, None), tops=(1, None))
def filter_(layer: Layer, *bottoms: ov.Output) -> list[ov.Output]:
    """Keep the entries of the first axis whose value in the last bottom is not 0."""
    *xs, selector = bottoms
    count = layer.shape(selector)[0] if layer.shape(selector) else 0
    if len(layer.tops) != len(xs) or math.prod(layer.shape(selector)) != count:
        raise layer.error(
            f"its last bottom has shape {layer.shape(selector)}; expected one axis, and a top for each other"
        )
    kept = op.reshape(
        op.non_zero(op.reshape(selector, np.array([-1]), special_zero=False)), np.array([-1]), special_zero=False
    )
    return [op.gather(x, kept, op.constant(np.int64(0))).output(0) for x in xs]


@layer_type("Parameter", bottoms=(0, 0))
def parameter(layer: Layer) -> ov.Node:
    """Give a learned blob."""
    return op.constant(layer.blob(0, "values", tuple(layer.message.parameter_param.shape.dim)))


@layer_type("DummyData", bottoms=(0, 0), tops=(1, None))
def dummy_data(layer: Layer) -> list[ov.Output]:
    """Give constant values: 0, or what ``data_filler`` of type constant says."""
    param = layer.message.dummy_data_param
    shapes = [tuple(shape.dim) for shape in param.shape]
    shapes += list(zip(param.num, param.channels, param.height, param.width, strict=False))
    fillers = list(param.data_filler)
    if len(shapes) not in (1, len(layer.tops)) or len(fillers) not in (0, 1, len(layer.tops)):
        raise layer.error(f"has {len(shapes)} shapes and {len(fillers)} fillers for {len(layer.tops)} tops")
    if random := [filler.type for filler in fillers if filler.type != "constant"]:
        raise layer.error(f"is filled with random numbers ({random[0]}); expected the data_filler type constant")
    if max(math.prod(shape) for shape in shapes) > _MOST_DUMMY_VALUES:
        raise layer.error(f"makes more than {_MOST_DUMMY_VALUES} values, of shape {shapes[0]}")
    values = [filler.value for filler in fillers] or [0.0]
    pairs = [(shapes[i % len(shapes)], values[i % len(values)]) for i in range(len(layer.tops))]
    return [op.constant(np.full(shape, value, np.float32)).output(0) for shape, value in pairs]
