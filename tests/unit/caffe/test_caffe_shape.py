"""Layers that only move values, against NumPy's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from caffe_net import infer
from numpy.typing import NDArray

from ovlab.caffe import read_model
from ovlab.errors import OvlabError

Array = NDArray[np.float32]

X = np.arange(2 * 6 * 4 * 5, dtype=np.float32).reshape(2, 6, 4, 5)


@pytest.mark.parametrize(("setting", "axis"), [("", 1), ("axis: -1", 3), ("concat_dim: 2", 2)])
def test_concat(run: Callable[..., Array], setting: str, axis: int) -> None:
    y = run(f'type: "Concat" concat_param {{ {setting} }}', X, -X, 2 * X)
    np.testing.assert_array_equal(y, np.concatenate([X, -X, 2 * X], axis))


def test_concat_of_one(run: Callable[..., Array]) -> None:
    np.testing.assert_array_equal(run('type: "Concat"', X), X)


@pytest.mark.parametrize(
    ("setting", "cuts", "axis"),
    [
        ("", [2, 4], 1),
        ("slice_point: 1 slice_point: 3", [1, 3], 1),
        ("slice_point: 1 slice_point: 3 axis: -2", [1, 3], 2),
        ("slice_point: [2, 3] slice_dim: 3", [2, 3], 3),
    ],
)
def test_slice(files: Callable[..., tuple[Path, Path]], setting: str, cuts: list[int], axis: int) -> None:
    text = f"""input: "x" input_shape {{ dim: 2 dim: 6 dim: 4 dim: 5 }}
    layer {{ name: "l" type: "Slice" bottom: "x" top: "a" top: "b" top: "c" slice_param {{ {setting} }} }}"""
    y = infer(read_model(*files(text)), X)
    for name, part in zip("abc", np.split(X, cuts, axis), strict=True):
        np.testing.assert_array_equal(y[name], part)


def test_slice_refuses_uneven_parts(files: Callable[..., tuple[Path, Path]]) -> None:
    text = """input: "x" input_shape { dim: 2 dim: 6 dim: 4 dim: 5 }
    layer { name: "l" type: "Slice" bottom: "x" top: "a" top: "b" slice_param { axis: 3 } }"""
    with pytest.raises(OvlabError, match="5 values along axis 3 can't be cut into 2 equal tops"):
        read_model(*files(text))
    with pytest.raises(OvlabError, match=r"slice points \[6\] don't cut 6 values into 2 tops"):
        read_model(*files(text.replace("axis: 3", "slice_point: 6")))


def test_split_names_one_tensor_twice(files: Callable[..., tuple[Path, Path]]) -> None:
    text = """input: "x" input_shape { dim: 2 dim: 6 dim: 4 dim: 5 }
    layer { name: "l" type: "Split" bottom: "x" top: "a" top: "b" }
    layer { name: "m" type: "Power" bottom: "b" top: "c" power_param { scale: 2 } }"""
    y = infer(read_model(*files(text)), X)
    np.testing.assert_array_equal(y["a"], X)
    np.testing.assert_array_equal(y["c"], 2 * X)


def test_silence_keeps_a_top_from_the_outputs(files: Callable[..., tuple[Path, Path]]) -> None:
    text = """input: "x" input_shape { dim: 2 dim: 6 dim: 4 dim: 5 }
    layer { name: "l" type: "Slice" bottom: "x" top: "a" top: "b" }
    layer { name: "m" type: "Silence" bottom: "b" }"""
    assert [output.any_name for output in read_model(*files(text)).outputs] == ["a"]


@pytest.mark.parametrize(
    ("setting", "reference", "wanted"),
    [
        ("", (2, 6, 2, 3), X[:, :, :2, :3]),
        ("offset: 1", (2, 6, 2, 3), X[:, :, 1:3, 1:4]),
        ("offset: 2 offset: 0", (2, 6, 2, 3), X[:, :, 2:4, :3]),
        ("axis: 3 offset: 2", (1, 1, 1, 3), X[..., 2:5]),
        ("axis: -3 offset: [3, 1, 2]", (2, 2, 2, 3), X[:, 3:5, 1:3, 2:5]),
    ],
)
def test_crop(run: Callable[..., Array], setting: str, reference: tuple[int, ...], wanted: Array) -> None:
    y = run(f'type: "Crop" crop_param {{ {setting} }}', X, np.zeros(reference, np.float32))
    np.testing.assert_array_equal(y, wanted)


def test_crop_stays_inside(run: Callable[..., Array]) -> None:
    reference = np.zeros((2, 6, 2, 3), np.float32)
    with pytest.raises(OvlabError, match=r"can't be cut to \(2, 6, 2, 3\) at offsets \[3, 3\]"):
        run('type: "Crop" crop_param { offset: 3 }', X, reference)
    with pytest.raises(OvlabError, match="3 offsets don't fit"):
        run('type: "Crop" crop_param { offset: [1, 1, 1] }', X, reference)


@pytest.mark.parametrize(
    ("setting", "shape"),
    [
        ("shape { dim: 0 dim: -1 }", (2, 120)),
        ("shape { dim: 0 dim: -1 dim: 5 }", (2, 24, 5)),
        ("shape { dim: -1 dim: 8 } axis: 1 num_axes: 2", (2, 3, 8, 5)),
        ("shape { dim: 0 dim: 2 dim: 2 } axis: 1 num_axes: 2", (2, 6, 2, 2, 5)),
        ("shape { dim: 10 dim: 2 } axis: -3", (2, 6, 10, 2)),
        ("shape { dim: 1 } axis: 1 num_axes: 0", (2, 1, 6, 4, 5)),
        ("shape { dim: 1 } axis: -1", (2, 6, 4, 5, 1)),
        ("shape { dim: 240 }", (240,)),
    ],
)
def test_reshape(run: Callable[..., Array], setting: str, shape: tuple[int, ...]) -> None:
    y = run(f'type: "Reshape" reshape_param {{ {setting} }}', X)
    np.testing.assert_array_equal(y, X.reshape(shape))


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ("shape { dim: 0 dim: 7 }", "don't hold the 240 values"),
        ("shape { dim: -1 dim: 7 }", "don't hold the 240 values"),
        ("shape { dim: -1 dim: -1 }", "at most one -1"),
        ("shape { dim: 1 } axis: 5", "don't fit shape"),
        ("shape { dim: 0 } axis: 4 num_axes: 0", "don't fit shape"),
    ],
)
def test_bad_reshapes_say_what_is_wrong(run: Callable[..., Array], setting: str, problem: str) -> None:
    with pytest.raises(OvlabError, match=problem):
        run(f'type: "Reshape" reshape_param {{ {setting} }}', X)


@pytest.mark.parametrize(
    ("setting", "shape"),
    [("", (2, 120)), ("axis: 0", (240,)), ("axis: 1 end_axis: 2", (2, 24, 5)), ("axis: -2", (2, 6, 20))],
)
def test_flatten(run: Callable[..., Array], setting: str, shape: tuple[int, ...]) -> None:
    np.testing.assert_array_equal(run(f'type: "Flatten" flatten_param {{ {setting} }}', X), X.reshape(shape))


def test_flatten_needs_axes_in_order(run: Callable[..., Array]) -> None:
    with pytest.raises(OvlabError, match="end_axis 1 lies before axis 2"):
        run('type: "Flatten" flatten_param { axis: 2 end_axis: 1 }', X)


def test_permute(run: Callable[..., Array]) -> None:
    y = run('type: "Permute" permute_param { order: 0 order: 2 order: 3 order: 1 }', X)
    np.testing.assert_array_equal(y, X.transpose(0, 2, 3, 1))
    y = run('type: "Permute" permute_param { order: 2 }', X)
    np.testing.assert_array_equal(y, X.transpose(2, 0, 1, 3))


def test_permute_refuses_what_is_no_order(run: Callable[..., Array]) -> None:
    for order in ("[0, 0]", "[4]"):
        with pytest.raises(OvlabError, match="is no order of 4 axes"):
            run(f'type: "Permute" permute_param {{ order: {order} }}', X)


def test_transpose(run: Callable[..., Array]) -> None:
    y = run('type: "Transpose" transpose_param { dim: 3 dim: 0 dim: 2 dim: 1 }', X)
    np.testing.assert_array_equal(y, X.transpose(3, 0, 2, 1))
    with pytest.raises(OvlabError, match=r"dim is \[0, 1\]; expected an order of the axes 0 to 3"):
        run('type: "Transpose" transpose_param { dim: [0, 1] }', X)


@pytest.mark.parametrize("axis", [0, 1, 3, -2])
def test_reverse(run: Callable[..., Array], axis: int) -> None:
    np.testing.assert_array_equal(run(f'type: "Reverse" reverse_param {{ axis: {axis} }}', X), np.flip(X, axis))


@pytest.mark.parametrize(("setting", "axis"), [("", 1), ("axis: -1", 3), ("axis: 0", 0)])
def test_tile(run: Callable[..., Array], setting: str, axis: int) -> None:
    y = run(f'type: "Tile" tile_param {{ tiles: 3 {setting} }}', X)
    np.testing.assert_array_equal(y, np.concatenate([X] * 3, axis))
    with pytest.raises(OvlabError, match="tiles is 0; expected 1 or more"):
        run('type: "Tile"', X)


def test_shuffle_channel(run: Callable[..., Array]) -> None:
    y = run('type: "ShuffleChannel" shuffle_channel_param { group: 3 }', X)
    np.testing.assert_array_equal(y, X[:, [0, 2, 4, 1, 3, 5]])
    with pytest.raises(OvlabError, match="group is 4; expected a divisor of 6 channels"):
        run('type: "ShuffleChannel" shuffle_channel_param { group: 4 }', X)


def test_batch_reindex(run: Callable[..., Array]) -> None:
    y = run('type: "BatchReindex"', X, np.array([1, 1, 0], np.float32))
    np.testing.assert_array_equal(y, X[[1, 1, 0]])


def test_filter(files: Callable[..., tuple[Path, Path]]) -> None:
    text = """input: "x" input_shape { dim: [4, 3] } input: "y" input_shape { dim: [4, 2] }
    input: "s" input_shape { dim: [4, 1] }
    layer { name: "l" type: "Filter" bottom: "x" bottom: "y" bottom: "s" top: "a" top: "b" }"""
    x, y = np.arange(12, dtype=np.float32).reshape(4, 3), np.arange(8, dtype=np.float32).reshape(4, 2)
    model = read_model(*files(text))
    for kept in ([0, 2, 3], [1], []):
        selector = np.isin(np.arange(4), kept).astype(np.float32)[:, np.newaxis]
        found = infer(model, x, y, selector)
        np.testing.assert_array_equal(found["a"], x[kept])
        np.testing.assert_array_equal(found["b"], y[kept])
    with pytest.raises(OvlabError, match="expected one axis, and a top for each other"):
        read_model(*files(text.replace('top: "b"', "")))


def test_a_parameter_is_its_blob(files: Callable[..., tuple[Path, Path]]) -> None:
    text = """input: "x" input_shape { dim: [2, 3] }
    layer { name: "p" type: "Parameter" top: "p" parameter_param { shape { dim: 2 dim: 3 } } }
    layer { name: "s" type: "Eltwise" bottom: "x" bottom: "p" top: "out" }"""
    x, p = np.ones((2, 3), np.float32), np.arange(6, dtype=np.float32).reshape(2, 3)
    np.testing.assert_array_equal(infer(read_model(*files(text, {"p": [p]})), x)["out"], x + p)


def test_dummy_data_is_what_its_filler_says(files: Callable[..., tuple[Path, Path]]) -> None:
    text = """input: "x" input_shape { dim: [1, 2, 3, 4] }
    layer { name: "d" type: "DummyData" top: "a" top: "b" dummy_data_param { SHAPES
      data_filler { type: "constant" value: 2 } data_filler { value: -0.5 } } }
    layer { name: "s" type: "Eltwise" bottom: "x" bottom: "a" bottom: "b" top: "out" }"""
    x = np.ones((1, 2, 3, 4), np.float32)
    for shapes in ("shape { dim: [1, 2, 3, 4] }", "num: 1 channels: 2 height: 3 width: 4"):
        y = infer(read_model(*files(text.replace("SHAPES", shapes))), x)
        np.testing.assert_array_equal(y["out"], 2.5 * x)
    with pytest.raises(OvlabError, match=r"is filled with random numbers \(gaussian\); expected"):
        read_model(*files(text.replace("SHAPES", shapes).replace('"constant"', '"gaussian"')))
    with pytest.raises(OvlabError, match=r"makes more than 67108864 values, of shape \(1000000, 1000000\)"):
        read_model(*files(text.replace("SHAPES", "shape { dim: [1000000, 1000000] }")))
    with pytest.raises(OvlabError, match="has 0 shapes and 2 fillers for 2 tops"):
        read_model(*files(text.replace("SHAPES", "")))
