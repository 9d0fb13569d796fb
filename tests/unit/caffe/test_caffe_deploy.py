"""A prototxt for training or testing is told from one for deployment; a placeholder for a shape is filled in."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from ovlab.caffe import read_model
from ovlab.errors import OvlabError

Files = Callable[..., tuple[Path, Path]]

TEST_NET = """name: "net"
layer { name: "mnist" type: "Data" top: "data" top: "label" include { phase: TRAIN } }
layer { name: "images" type: "Data" top: "data" top: "label" include { phase: TEST }
  data_param { source: "x" backend: LMDB } }
layer { name: "r" type: "ReLU" bottom: "data" top: "r" }
layer { name: "acc" type: "Accuracy" bottom: "r" bottom: "label" top: "acc" }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "r" bottom: "label" top: "loss" }
"""


def test_a_test_prototxt_is_told_as_such_with_what_to_remove(files: Files) -> None:
    prototxt, weights = files(TEST_NET)
    expected = (
        f"{prototxt}: is a prototxt for training or testing, expected a deploy one: remove its layers for data: "
        "'images' of type 'Data' (line 3) and for evaluation: 'acc' of type 'Accuracy' (line 6), "
        "'loss' of type 'SoftmaxWithLoss' (line 7), and state the shape of 'data' in a layer of type 'Input'"
    )
    with pytest.raises(OvlabError, match=f"^{re.escape(expected)}$"):
        read_model(prototxt, weights)


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("AnnotatedData", "remove its layers for data: 'm' of type 'AnnotatedData' (line 1)"),
        ("MultiBoxLoss", "remove its layers for evaluation: 'm' of type 'MultiBoxLoss' (line 1)"),
        ("DetectionEvaluate", "for evaluation: 'm' of type 'DetectionEvaluate' (line 1)"),
        ("HDF5Output", "for evaluation: 'm' of type 'HDF5Output' (line 1)"),
    ],
)
def test_layers_of_forks_are_recognised_by_their_names(files: Files, kind: str, told: str) -> None:
    with pytest.raises(OvlabError, match=re.escape(told)):
        read_model(*files(f'layer {{ name: "m" type: "{kind}" bottom: "x" top: "y" }}'))


def test_the_old_form_too(files: Files) -> None:
    text = 'layers { name: "d" type: IMAGE_DATA top: "x" }\nlayers { name: "r" type: RELU bottom: "x" top: "y" }'
    with pytest.raises(OvlabError, match=r"'d' of type 'ImageData' \(line 1\), and state the shape of 'x' in a layer"):
        read_model(*files(text))


PLACEHOLDER = """input: "image" input_dim: 1 input_dim: 3 input_dim: 1 input_dim: 1
layer { name: "p" type: "Pooling" bottom: "image" top: "p" pooling_param { pool: AVE kernel_size: 2 stride: 2 } }"""


def test_the_image_shape_fills_in_a_placeholder(files: Files) -> None:
    prototxt, weights = files(PLACEHOLDER)
    with pytest.raises(OvlabError, match=r"input 'image' 1 x 1 pixels, a placeholder: state the shape, input\.shape"):
        read_model(prototxt, weights)
    assert read_model(prototxt, weights, image_shape=(1, 3, 8, 6)).output().shape == [1, 3, 4, 3]
    assert read_model(prototxt, weights, image_shape=(-1, -1, 8, 6)).output().shape == [1, 3, 4, 3]


def test_the_image_shape_goes_to_the_only_input_of_four_axes(files: Files) -> None:
    text = 'input: "im_info" input_shape { dim: [1, 3] } input: "data"'
    layers = (
        'layer { name: "r" type: "ReLU" bottom: "data" top: "r" } layer { name: "s" type: "Silence" bottom: "im_info" }'
    )
    with pytest.raises(OvlabError, match="has 2 'input' names and 1 input shapes"):
        read_model(*files(text + layers), image_shape=(1, 3, 8, 6))
    text = """layer { name: "i" type: "Input" top: "im_info" input_param { shape { dim: [1, 3] } } }
    layer { name: "j" type: "Input" top: "data" }"""
    model = read_model(*files(text + layers), image_shape=(1, 3, 8, 6))
    assert model.input("data").shape == [1, 3, 8, 6]
    two = text.replace("dim: [1, 3]", "dim: [1, 3, 2, 2]")
    with pytest.raises(OvlabError, match=r"expected one input of four axes, found 2 \(inputs: 'im_info', 'data'\)"):
        read_model(*files(two + layers), image_shape=(1, 3, 8, 6))
