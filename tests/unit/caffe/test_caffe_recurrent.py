"""LSTM, RNN and CTCGreedyDecoder, step by step in NumPy as the layers' sources have it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from caffe_net import infer
from numpy.typing import NDArray

from ovlab.caffe import read_model
from ovlab.errors import OvlabError

Array = NDArray[np.float32]
Files = Callable[..., tuple[Path, Path]]

STEPS, STREAMS, VALUES, HIDDEN = 4, 2, 3, 5
# The second stream starts anew in its third step.
CONT = np.array([[0, 1], [1, 1], [1, 0], [1, 1]], np.float32)


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def lstm(x: Array, weights: Array, bias: Array, recurrent: Array, h: Array, c: Array) -> tuple[Array, Array, Array]:
    """Gates in the order input, forget, output, candidate (``lstm_unit_layer.cpp``)."""
    every = []
    for now, cont in zip(x, CONT[..., np.newaxis], strict=True):
        i, f, o, g = np.split(now @ weights.T + bias + (cont * h) @ recurrent.T, 4, axis=1)
        c = cont * (sigmoid(f) * c) + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        every.append(h)
    return np.array(every), h, c


def network(kind: str, bottoms: dict[str, Array], tops: Sequence[str], setting: str = "") -> str:
    inputs = "".join(
        f'input: "{name}" input_shape {{ {" ".join(f"dim: {n}" for n in value.shape)} }}\n'
        for name, value in bottoms.items()
    )
    names = " ".join(f'bottom: "{name}"' for name in bottoms) + " ".join(f' top: "{name}"' for name in tops)
    return f"""{inputs}layer {{ name: "l" type: "{kind}" {names}
    recurrent_param {{ num_output: {HIDDEN} weight_filler {{ type: "uniform" min: -1 }} {setting} }} }}"""


@pytest.fixture
def x(rng: np.random.Generator) -> Array:
    return rng.standard_normal((STEPS, STREAMS, VALUES), np.float32)


def test_lstm(files: Files, rng: np.random.Generator, x: Array) -> None:
    w, b, r = (rng.standard_normal(s, np.float32) for s in ((20, VALUES), 20, (20, HIDDEN)))
    bottoms = {"x": x, "cont": CONT}
    y = infer(read_model(*files(network("LSTM", bottoms, ["h"]), {"l": [w, b, r]})), *bottoms.values())["h"]
    zeros = np.zeros((STREAMS, HIDDEN), np.float32)
    np.testing.assert_allclose(y, lstm(x, w, b, r, zeros, zeros)[0], atol=1e-5)


def test_lstm_with_a_static_bottom_and_its_states_exposed(files: Files, rng: np.random.Generator, x: Array) -> None:
    w, b, ws, r = (rng.standard_normal(s, np.float32) for s in ((20, VALUES), 20, (20, 7), (20, HIDDEN)))
    static = rng.standard_normal((STREAMS, 7), np.float32)
    h, c = (rng.standard_normal((1, STREAMS, HIDDEN), np.float32) for _ in range(2))
    bottoms = {"x": x, "cont": CONT, "s": static, "h0": h, "c0": c}
    text = network("LSTM", bottoms, ["h", "hT", "cT"], "expose_hidden: true")
    y = infer(read_model(*files(text, {"l": [w, b, ws, r]})), *bottoms.values())
    joined = np.concatenate([x, np.broadcast_to(static, (STEPS, *static.shape))], 2)
    every, last, cell = lstm(joined, np.concatenate([w, ws], 1), b, r, h[0], c[0])
    np.testing.assert_allclose(y["h"], every, atol=1e-5)
    np.testing.assert_allclose(y["hT"], last[np.newaxis], atol=1e-5)
    np.testing.assert_allclose(y["cT"], cell[np.newaxis], atol=1e-5)


def test_lstm_of_more_axes_and_constant_indicators(files: Files, rng: np.random.Generator) -> None:
    image = rng.standard_normal((STEPS, STREAMS, 2, 1, 2), np.float32)
    w, b, r = (rng.standard_normal(s, np.float32) for s in ((20, 4), 20, (20, HIDDEN)))
    text = network("LSTM", {"x": image, "cont": CONT}, ["h"]).replace(
        'input: "cont" input_shape { dim: 4 dim: 2 }',
        'layer { name: "cont" type: "DummyData" top: "cont" dummy_data_param { shape { dim: 4 dim: 2 } '
        "data_filler { value: 1 } } }",
    )
    y = infer(read_model(*files(text, {"l": [w, b, r]})), image)["h"]
    every, h, c = [], np.zeros((STREAMS, HIDDEN)), np.zeros((STREAMS, HIDDEN))
    for now in image.reshape(STEPS, STREAMS, 4):
        i, f, o, g = np.split(now @ w.T + b + h @ r.T, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        every.append(h)
    np.testing.assert_allclose(y, every, atol=1e-5)


@pytest.mark.parametrize("exposed", [False, True])
def test_rnn(files: Files, rng: np.random.Generator, x: Array, exposed: bool) -> None:
    w, b, r, o, bo = (rng.standard_normal(s, np.float32) for s in ((5, VALUES), 5, (5, 5), (5, 5), 5))
    h = rng.standard_normal((1, STREAMS, HIDDEN), np.float32) if exposed else np.zeros((1, STREAMS, HIDDEN))
    bottoms = {"x": x, "cont": CONT} | ({"h0": h} if exposed else {})
    text = network("RNN", bottoms, ["o", "hT"] if exposed else ["o"], "expose_hidden: true" if exposed else "")
    y = infer(read_model(*files(text, {"l": [w, b, r, o, bo]})), *bottoms.values())
    state, wanted = h[0], []
    for now, cont in zip(x, CONT[..., np.newaxis], strict=True):
        state = np.tanh(now @ w.T + b + (cont * state) @ r.T)
        wanted.append(np.tanh(state @ o.T + bo))
    np.testing.assert_allclose(y["o"], wanted, atol=1e-5)
    if exposed:
        np.testing.assert_allclose(y["hT"], state[np.newaxis], atol=1e-5)


def test_a_recurrent_layer_is_one_operation_whatever_the_number_of_steps(files: Files) -> None:
    bottoms = {"x": np.zeros((50, 1, VALUES)), "cont": np.zeros((50, 1))}
    blobs = [np.zeros((20, VALUES)), np.zeros(20), np.zeros((20, HIDDEN))]
    model = read_model(*files(network("LSTM", bottoms, ["h"]), {"l": blobs}))
    names = [op.get_friendly_name() for op in model.get_ordered_ops()]
    assert "l" in names
    assert len(names) < 15


@pytest.mark.parametrize(
    ("kind", "shapes", "tops", "setting", "problem"),
    [
        ("LSTM", [(4, 2, 3), (4, 3)], 1, "", r"bottoms have shapes \(4, 2, 3\) and \(4, 3\)"),
        ("LSTM", [(4, 2, 3), (4, 2)], 3, "", "has 3 tops, num_output 5; expected 1 tops"),
        ("LSTM", [(4, 2, 3), (4, 2)], 3, "expose_hidden: true", "has 2 bottoms; expected 4, or 5 with a static one"),
        (
            "LSTM",
            [(4, 2, 3), (4, 2), (1, 2, 5), (1, 2, 4)],
            3,
            "expose_hidden: true",
            r"an initial state has shape \(1, 2, 4\); expected \(1, 2, 5\)",
        ),
        ("RNN", [(4, 2, 3), (4, 2)], 1, "num_output: 0", "num_output 0"),
    ],
)
def test_bad_recurrent_layers_say_what_is_wrong(
    files: Files, kind: str, shapes: list[tuple[int, ...]], tops: int, setting: str, problem: str
) -> None:
    bottoms = {f"b{i}": np.zeros(shape) for i, shape in enumerate(shapes)}
    text = network(kind, bottoms, [f"t{i}" for i in range(tops)], setting)
    with pytest.raises(OvlabError, match=problem):
        read_model(*files(text.replace("num_output: 5", "", 1) if "num_output" in setting else text))


@pytest.mark.parametrize("merge", [True, False])
def test_ctc_greedy_decoder(run: Callable[..., Array], rng: np.random.Generator, merge: bool) -> None:
    classes = np.array([[0, 2], [0, 1], [3, 1], [0, 3], [1, 2], [1, 2]])  # steps x batch; 3 is the blank
    scores = np.eye(4, dtype=np.float32)[classes] + 0.1 * rng.random((6, 2, 4), np.float32)
    cont = np.array([[0, 0], [1, 1], [1, 1], [1, 1], [1, 1], [1, 0]], np.float32)  # the second ends before the last
    wanted = [[0, 0, 1, -1, -1, -1], [2, 1, 2, -1, -1, -1]] if merge else [[0, 0, 0, 1, 1, -1], [2, 1, 1, 2, -1, -1]]
    setting = "" if merge else "ctc_decoder_param { ctc_merge_repeated: false blank_index: 3 }"
    y = run(f'type: "CTCGreedyDecoder" {setting}', scores, cont)
    np.testing.assert_array_equal(y, np.array(wanted)[..., np.newaxis, np.newaxis])


def test_ctc_greedy_decoder_takes_the_last_class_for_blank_alone(run: Callable[..., Array]) -> None:
    with pytest.raises(OvlabError, match="blank_index is 0; expected the last class, 3 or -1"):
        run(
            'type: "CTCGreedyDecoder" ctc_decoder_param { blank_index: 0 }',
            np.zeros((6, 2, 4), np.float32),
            np.zeros((6, 2), np.float32),
        )
