"""Put the scales and shifts that follow a convolution into its weights and one bias.

OpenVINO does the same when it compiles a model, but gives the convolution a made-up name. Done here, the runtime model
still says which layer each of its nodes is, and the model to quantise has as few operations as can be.
"""

from __future__ import annotations

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset14 as op


def fold_affine(model: ov.Model) -> None:
    """Fold per-channel products and sums after convolutions, in place.

    Parameters
    ----------
    model : openvino.Model
        The model. Only chains are folded of which no value but the last is read elsewhere or is an output: the tensors
        in between disappear.
    """
    for node in model.get_ordered_ops():
        if node.get_type_name() in ("Convolution", "GroupConvolution"):
            _fold_into(node)


def _fold_into(convolution: ov.Node) -> None:
    channels = convolution.get_output_partial_shape(0)[1].get_length()
    factor, shift = np.ones(channels), np.zeros(channels)
    chain: list[ov.Node] = []
    while (step := _next(chain[-1] if chain else convolution, channels)) is not None:
        following, values = step
        if following.get_type_name() == "Multiply":
            factor, shift = factor * values, shift * values
        else:
            shift = shift + values
        chain.append(following)
    if not chain or (len(chain) == 1 and chain[0].get_type_name() == "Add"):
        return
    old = convolution.input_value(1).get_node()
    scaled = old.data.reshape(channels, -1).astype(np.float64) * factor[:, np.newaxis]
    weights = op.constant(scaled.reshape(old.data.shape).astype(np.float32))
    weights.set_friendly_name(old.get_friendly_name())
    convolution.input(1).replace_source_output(weights.output(0))
    last = chain[-1].output(0)
    rank = len(last.get_partial_shape())
    bias = op.constant(shift.astype(np.float32).reshape(1, channels, *(1,) * (rank - 2)))
    total = op.add(convolution, bias)
    bias.set_friendly_name(f"{chain[-1].get_friendly_name()}/Constant")
    total.set_friendly_name(chain[-1].get_friendly_name())
    names = last.get_names()
    for target in last.get_target_inputs():
        target.replace_source_output(total.output(0))
    last.get_tensor().set_names(set())
    total.output(0).get_tensor().set_names(names)


def _next(node: ov.Node, channels: int) -> tuple[ov.Node, NDArray[np.float64]] | None:
    """Return the only reader of a node and its value a channel, if it is a sum or product with such a constant."""
    readers = list(node.output(0).get_target_inputs())
    if len(readers) != 1 or readers[0].get_index() != 0:
        return None
    reader = readers[0].get_node()
    if reader.get_type_name() not in ("Add", "Multiply"):
        return None
    constant = reader.input_value(1).get_node()
    if constant.get_type_name() != "Constant":
        return None
    values = constant.data.astype(np.float64)
    if values.size != 1 and (values.size != channels or values.shape[1:2] != (channels,)):
        return None
    return reader, np.broadcast_to(values.reshape(-1), channels)
