"""Builders of the recurrent layers, LSTM and RNN, and of the decoder that reads text from what they give."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import openvino as ov
from openvino import opset14 as op

from ovlab.caffe.layer import Layer, layer_type

# Caffe stacks the gates input, forget, output, candidate; OpenVINO forget, input, candidate, output.
_GATE_ORDER = (1, 0, 3, 2)

_Step = Callable[..., tuple[ov.Output, ...]]


def _bottoms(layer: Layer, bottoms: Sequence[ov.Output], states: int) -> tuple[ov.Output, list[ov.Output]]:
    """Check the bottoms and tops; return the input of every step, a static one included, and the initial states."""
    param = layer.message.recurrent_param
    exposed = states if param.expose_hidden else 0
    hidden = param.num_output
    has_static = len(bottoms) == 3 + exposed
    if not has_static and len(bottoms) != 2 + exposed:
        raise layer.error(f"has {len(bottoms)} bottoms; expected {2 + exposed}, or {3 + exposed} with a static one")
    if len(layer.tops) != 1 + exposed or hidden < 1:
        raise layer.error(f"has {len(layer.tops)} tops, num_output {hidden}; expected {1 + exposed} tops, 1 or more")
    shape, cont = layer.shape(bottoms[0]), layer.shape(bottoms[1])
    if len(shape) < 2 or cont != shape[:2]:
        raise layer.error(
            f"its bottoms have shapes {shape} and {cont}; expected steps x streams x values, and the first two"
        )
    steps, streams = shape[:2]
    x = op.reshape(bottoms[0], op.constant(np.array([0, 0, -1])), special_zero=True).output(0)
    if has_static:
        values = math.prod(layer.shape(bottoms[2])[1:])
        static = op.reshape(bottoms[2], op.constant(np.array([1, streams, values])), special_zero=False)
        repeated = op.tile(static, op.constant(np.array([steps, 1, 1])))
        x = op.concat([x, repeated], 2).output(0)
    if not exposed:
        zeros = np.zeros((streams, hidden), np.float32)
        return x, [op.constant(zeros).output(0) for _ in range(states)]
    given = bottoms[-exposed:]
    if wrong := [layer.shape(one) for one in given if layer.shape(one) != (1, streams, hidden)]:
        raise layer.error(f"an initial state has shape {wrong[0]}; expected {(1, streams, hidden)}")
    rows = op.constant(np.array([streams, hidden]))
    return x, [op.reshape(one, rows, special_zero=False).output(0) for one in given]


def _input_weights(layer: Layer, x: ov.Output, first: ov.Output, rows: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Return the weights of the input (and of a static one, which follows it), the bias, and the next blob's index."""
    values, all_values = math.prod(layer.shape(first)[2:]), layer.shape(x)[2]
    weights = layer.blob(0, "input weights", (rows, values))
    bias = layer.blob(1, "bias", (rows,))
    if all_values == values:
        return weights, bias, 2
    static = layer.blob(2, "static input weights", (rows, all_values - values))
    return np.concatenate([weights, static], 1), bias, 3


def _repeat(x: ov.Output, cont: ov.Output, states: Sequence[ov.Output], step: _Step) -> list[ov.Output]:
    """Run ``step(x, *states)`` over the first axis, states taken times the continuation indicators before each step.

    Returns the first state of every step, and the last of each state with a leading axis of 1.
    """
    streams, values = x.get_shape()[1:]
    x_now = op.parameter([1, streams, values], np.float32)
    cont_now = op.parameter([1, streams, 1], np.float32)
    before = [op.parameter(list(state.get_shape()), np.float32) for state in states]
    keep = op.squeeze(cont_now, op.constant(np.int64(0)))
    after = step(op.squeeze(x_now, op.constant(np.int64(0))), *(op.multiply(state, keep) for state in before))
    axis = op.constant(np.int64(0))
    results = [op.result(op.unsqueeze(after[0], axis)), *(op.result(state) for state in after)]
    iterator = op.tensor_iterator()
    iterator.set_body(ov.Model(results, [x_now, cont_now, *before], "step"))
    column = op.unsqueeze(cont, op.constant(np.int64(2)))
    for slot, value in ((x_now, x), (cont_now, column.output(0))):
        iterator.set_sliced_input(slot, value, 0, 1, 1, -1, 0)
    for slot, state, result in zip(before, states, results[1:], strict=True):
        iterator.set_merged_input(slot, state, result.output(0))
    every = iterator.get_concatenated_slices(results[0].output(0), 0, 1, 1, -1, 0)
    last = [iterator.get_iter_value(result.output(0), -1) for result in results[1:]]
    return [every, *(op.unsqueeze(state, axis).output(0) for state in last)]


@layer_type("LSTM", bottoms=(2, 5), tops=(1, 3))
def lstm(layer: Layer, *bottoms: ov.Output) -> list[ov.Output]:
    """Long short-term memory: hidden states of steps x streams x values (``lstm_layer.cpp``).

    The second bottom says where a sequence goes on (1) or starts anew (0). Sequences start from zeros in every
    inference, where Caffe goes on from the last state of the inference before if the first indicator says so.
    """
    hidden = layer.message.recurrent_param.num_output
    x, states = _bottoms(layer, bottoms, states=2)
    weights, bias, following = _input_weights(layer, x, bottoms[0], 4 * hidden)
    recurrent = layer.blob(following, "recurrent weights", (4 * hidden, hidden))

    def gates(blob: np.ndarray) -> ov.Node:
        return op.constant(blob.reshape(4, hidden, -1)[list(_GATE_ORDER)].reshape(blob.shape))

    def step(now: ov.Output, before: ov.Output, cell: ov.Output) -> tuple[ov.Output, ...]:
        return tuple(op.lstm_cell(now, before, cell, gates(weights), gates(recurrent), gates(bias), hidden).outputs())

    return _repeat(x, bottoms[1], states, step)[: len(layer.tops)]


@layer_type("RNN", bottoms=(2, 4), tops=(1, 2))
def rnn(layer: Layer, *bottoms: ov.Output) -> list[ov.Output]:
    """Plain recurrent network with a layer for its output (``rnn_layer.cpp``); indicators and starts as in LSTM."""
    hidden = layer.message.recurrent_param.num_output
    x, states = _bottoms(layer, bottoms, states=1)
    weights, bias, following = _input_weights(layer, x, bottoms[0], hidden)
    recurrent = layer.blob(following, "recurrent weights", (hidden, hidden))
    out_weights = layer.blob(following + 1, "output weights", (hidden, hidden))
    out_bias = layer.blob(following + 2, "output bias", (hidden,))
    entering = op.add(op.matmul(x, op.constant(weights), transpose_a=False, transpose_b=True), op.constant(bias))

    def step(now: ov.Output, before: ov.Output) -> tuple[ov.Output, ...]:
        kept = op.matmul(before, op.constant(recurrent), transpose_a=False, transpose_b=True)
        return (op.tanh(op.add(kept, now)).output(0),)

    every, last = _repeat(entering.output(0), bottoms[1], states, step)
    leaving = op.matmul(every, op.constant(out_weights), transpose_a=False, transpose_b=True)
    return [op.tanh(op.add(leaving, op.constant(out_bias))).output(0), last][: len(layer.tops)]


@layer_type("CTCGreedyDecoder", bottoms=(2, 2))
def ctc_greedy_decoder(layer: Layer, scores: ov.Output, indicators: ov.Output) -> ov.Node:
    """Read the most likely classes of each sequence without blanks: batch x steps x 1 x 1, -1 from the end on.

    The blank is the last class. The second bottom says where a sequence goes on (1) or has ended (0).
    """
    param = layer.message.ctc_decoder_param
    shape = layer.shape(scores)
    if len(shape) != 3 or layer.shape(indicators)[:2] != shape[:2]:
        raise layer.error(
            f"its bottoms have shapes {shape} and {layer.shape(indicators)}; expected steps x batch x classes, and the "
            "first two"
        )
    if param.blank_index not in {-1, shape[2] - 1}:
        raise layer.error(f"blank_index is {param.blank_index}; expected the last class, {shape[2] - 1} or -1")
    # The fork reads the first step whatever its indicator says (it is 0 where a sequence starts).
    rows = op.reshape(indicators, op.constant(np.array([0, 0])), special_zero=True)
    first = op.constant(np.ones((1, shape[1]), np.float32))
    rest = op.slice(rows, np.array([1]), np.array([np.iinfo(np.int64).max]), np.array([1]), np.array([0]))
    mask = op.concat([first, rest], 0) if shape[0] > 1 else first
    return op.ctc_greedy_decoder(scores, mask, param.ctc_merge_repeated)
