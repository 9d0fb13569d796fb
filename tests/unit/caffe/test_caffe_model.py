"""The network as a whole: names, outputs, batch, folding, and errors in how layers join."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from caffe_net import infer
from numpy.typing import NDArray

from ovlab.caffe import layer_type, read_model, supported_types
from ovlab.caffe.layer import own_types
from ovlab.errors import OvlabError

Array = NDArray[np.float32]
Files = Callable[..., tuple[Path, Path]]

NET = """name: "net"
layer { name: "image" type: "Input" top: "data" input_param { shape { dim: 1 dim: 2 dim: 4 dim: 4 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 3 kernel_size: 3 } }
layer { name: "conv/bn" type: "BatchNorm" bottom: "conv" top: "conv" }
layer { name: "conv/scale" type: "Scale" bottom: "conv" top: "conv" scale_param { bias_term: true } }
layer { name: "conv/relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "perm" type: "Permute" bottom: "conv" top: "perm" permute_param { order: [0, 2, 3, 1] } }
layer { name: "flat" type: "Flatten" bottom: "perm" top: "flat" }
layer { name: "rows" type: "Reshape" bottom: "flat" top: "rows" reshape_param { shape { dim: 0 dim: -1 dim: 3 } } }
layer { name: "prob" type: "Softmax" bottom: "rows" top: "prob" softmax_param { axis: 2 } }
layer { name: "pool" type: "Pooling" bottom: "conv" top: "pool" pooling_param { pool: AVE global_pooling: true } }
"""


@pytest.fixture
def blobs(rng: np.random.Generator) -> dict[str, list[Array]]:
    """Weights for NET."""
    return {
        "conv": [rng.standard_normal((3, 2, 3, 3), np.float32), rng.standard_normal(3, np.float32)],
        "conv/bn": [rng.standard_normal(3, np.float32), rng.uniform(1, 2, 3).astype(np.float32), np.float32([2])],
        "conv/scale": [rng.uniform(1, 2, 3).astype(np.float32), rng.standard_normal(3, np.float32)],
        "unused": [np.zeros(1, np.float32)],
    }


def expected(x: Array, blobs: dict[str, list[Array]]) -> tuple[Array, Array]:
    """What NET computes: the activation and the softmax."""
    (w, b), (mean, variance, _), (scale, shift) = blobs["conv"], blobs["conv/bn"], blobs["conv/scale"]
    at = [[(x[:, None, :, i : i + 3, j : j + 3] * w).sum((2, 3, 4)) + b for j in range(2)] for i in range(2)]
    conv = (np.array(at) - mean / 2) / np.sqrt(variance / 2 + 1e-5) * scale + shift  # height, width, batch, channel
    conv = np.maximum(conv, 0).transpose(2, 0, 1, 3).reshape(len(x), 4, 3)
    return conv, np.exp(conv) / np.exp(conv).sum(2, keepdims=True)


def test_the_whole_network(files: Files, blobs: dict[str, list[Array]], rng: np.random.Generator) -> None:
    model = read_model(*files(NET, blobs))
    assert [i.any_name for i in model.inputs] == ["data"]
    assert [o.any_name for o in model.outputs] == ["prob", "pool"]
    x = rng.standard_normal((1, 2, 4, 4), np.float32)
    y, (conv, prob) = infer(model, x), expected(x, blobs)
    np.testing.assert_allclose(y["prob"], prob, atol=1e-5)
    np.testing.assert_allclose(y["pool"][:, :, 0, 0], conv.mean(1), atol=1e-5)


def test_names_are_caffes(files: Files, blobs: dict[str, list[Array]]) -> None:
    model = read_model(*files(NET, blobs))
    kinds = {op.get_friendly_name(): op.get_type_name() for op in model.get_ordered_ops()}
    assert kinds["image"] == "Parameter"
    assert kinds["conv/relu"] == "Relu"
    assert kinds["perm"] == "Transpose"
    assert kinds["prob"] == "Softmax"
    assert kinds["prob/result"] == "Result"
    assert len(kinds) == len(model.get_ordered_ops()), "friendly names are distinct"
    tensors = {name for op in model.get_ordered_ops() for output in op.outputs() for name in output.names}
    assert tensors == {"data", "conv", "perm", "flat", "rows", "prob", "pool"}
    relu = next(op for op in model.get_ordered_ops() if op.get_friendly_name() == "conv/relu")
    assert relu.output(0).names == {"conv"}, "of a top written in place the last state has the name"


def test_a_convolution_takes_its_normalisation_in(files: Files, blobs: dict[str, list[Array]]) -> None:
    kinds = [op.get_type_name() for op in read_model(*files(NET, blobs)).get_ordered_ops()]
    assert "Multiply" not in kinds
    assert kinds.count("Add") == 1


def test_what_is_read_elsewhere_is_not_folded(
    files: Files, blobs: dict[str, list[Array]], rng: np.random.Generator
) -> None:
    text = NET.replace(
        'bottom: "conv" top: "conv" }\nlayer { name: "conv/scale"',
        'bottom: "conv" top: "bn" }\nlayer { name: "conv/scale"',
    ).replace('type: "Scale" bottom: "conv"', 'type: "Scale" bottom: "bn"')
    prototxt, weights = files(text, blobs)
    x = rng.standard_normal((1, 2, 4, 4), np.float32)
    plain, watched = read_model(prototxt, weights), read_model(prototxt, weights, outputs=["bn"])
    np.testing.assert_allclose(infer(plain, x)["prob"], expected(x, blobs)[1], atol=1e-5)
    y = infer(watched, x)
    np.testing.assert_allclose(y["prob"], expected(x, blobs)[1], atol=1e-5)
    scale, shift = (v[:, None, None] for v in blobs["conv/scale"])
    np.testing.assert_allclose(np.maximum(y["bn"] * scale + shift, 0).mean((2, 3)), y["pool"][:, :, 0, 0], atol=1e-5)


def test_a_convolution_with_two_readers_is_not_folded(files: Files, rng: np.random.Generator) -> None:
    text = """input: "x" input_shape { dim: [1, 2, 3, 3] }
    layer { name: "c" type: "Convolution" bottom: "x" top: "c"
      convolution_param { num_output: 2 kernel_size: 1 bias_term: false } }
    layer { name: "a" type: "Power" bottom: "c" top: "a" power_param { scale: 3 shift: 1 } }
    layer { name: "b" type: "Power" bottom: "c" top: "b" power_param { scale: -2 } }"""
    w, x = rng.standard_normal((2, 2, 1, 1), np.float32), rng.standard_normal((1, 2, 3, 3), np.float32)
    c = np.einsum("oi,nihw->nohw", w[:, :, 0, 0], x)
    y = infer(read_model(*files(text, {"c": [w]})), x)
    np.testing.assert_allclose(y["a"], 3 * c + 1, atol=1e-5)
    np.testing.assert_allclose(y["b"], -2 * c, atol=1e-5)


@pytest.mark.parametrize("how", ["batch", "reshape", "set_batch", "input_shapes"])
def test_batches(files: Files, blobs: dict[str, list[Array]], rng: np.random.Generator, how: str) -> None:
    prototxt, weights = files(NET, blobs)
    if how == "batch":
        model = read_model(prototxt, weights, batch=3)
    elif how == "input_shapes":
        model = read_model(prototxt, weights, input_shapes={"data": [3, 2, 4, 4]})
    else:
        model = read_model(prototxt, weights)
        if how == "reshape":
            model.reshape([3, 2, 4, 4])
        else:
            ov.set_batch(model, 3)
    x = rng.standard_normal((3, 2, 4, 4), np.float32)
    np.testing.assert_allclose(infer(model, x)["prob"], expected(x, blobs)[1], atol=1e-5)


def test_an_input_without_shape_needs_one(files: Files) -> None:
    text = 'input: "x"\nlayer { name: "r" type: "ReLU" bottom: "x" top: "y" }'
    with pytest.raises(OvlabError, match="input 'x': the prototxt states no shape; give one with input_shapes"):
        read_model(*files(text))
    assert tuple(read_model(*files(text), input_shapes={"x": (2, 3)}).input().shape) == (2, 3)
    text = 'layer { name: "in" type: "Input" top: "x" }\nlayer { name: "r" type: "ReLU" bottom: "x" top: "y" }'
    with pytest.raises(OvlabError, match="line 1: input 'x': the prototxt states no shape"):
        read_model(*files(text))


def test_more_outputs(files: Files, blobs: dict[str, list[Array]]) -> None:
    model = read_model(*files(NET, blobs), outputs=["flat", "prob", "data"])
    assert [o.any_name for o in model.outputs] == ["prob", "pool", "flat", "data"]
    with pytest.raises(OvlabError, match=r"has no top 'probb' to make an output of; did you mean 'prob'\?"):
        read_model(*files(NET, blobs), outputs=["probb"])


@pytest.mark.parametrize(
    ("layer", "problem"),
    [
        ('type: "ReLU" bottom: "date" top: "y"', "no earlier layer makes its bottom 'date'; did you mean 'data'?"),
        ('type: "ReLU" bottom: "data"', "has 0 tops; expected 1"),
        ('type: "ReLU" top: "y"', "has 0 bottoms; expected 1"),
        ('type: "Pooling" bottom: "data" top: "a" top: "b" top: "c"', "has 3 tops; expected 1 to 2"),
        (
            'type: "InnerProduct" bottom: "data" top: "y" inner_product_param { num_output: 5 }',
            r"the caffemodel has no blob 0 \(weights\) for it; it holds 0",
        ),
        ('type: "Concat" bottom: "data" bottom: "small" top: "y"', "its bottoms or settings don't fit together: "),
        (
            'type: "Input" top: "a" top: "b" top: "c" input_param { shape { dim: 1 } shape { dim: 1 } }',
            "has 3 tops and 2",
        ),
    ],
)
def test_errors_name_layer_type_and_line(files: Files, layer: str, problem: str) -> None:
    text = f"""input: "data" input_shape {{ dim: 1 dim: 2 dim: 4 dim: 4 }}
    input: "small" input_shape {{ dim: 1 dim: 2 dim: 3 dim: 3 }}
    layer {{ name: "l" {layer} }}"""
    with pytest.raises(OvlabError, match=rf"net.prototxt, line 3: layer 'l' of type '\w+': {problem}") as caught:
        read_model(*files(text))
    assert "\n" not in str(caught.value)


def test_bad_arguments(files: Files, blobs: dict[str, list[Array]]) -> None:
    prototxt, weights = files(NET, blobs)
    with pytest.raises(OvlabError, match="batch is 0; expected at least 1"):
        read_model(prototxt, weights, batch=0)
    with pytest.raises(OvlabError, match=r"has no input 'dat'; did you mean 'data'\?"):
        read_model(prototxt, weights, input_shapes={"dat": [1, 2, 4, 4]})
    with pytest.raises(OvlabError, match=r"input 'data': has shape \[1, 0, 4, 4\]; expected positive lengths"):
        read_model(prototxt, weights, input_shapes={"data": [1, 0, 4, 4]})
    with pytest.raises(
        OvlabError, match=r"input 'data': has shape \[1, 2, 1000000, 1000000\]; expected at most 1e\+11"
    ):
        read_model(prototxt, weights, input_shapes={"data": [1, 2, 10**6, 10**6]})


def test_a_network_needs_an_output(files: Files) -> None:
    text = 'input: "x" input_shape { dim: 1 }\nlayer { name: "s" type: "Silence" bottom: "x" }'
    with pytest.raises(OvlabError, match="has no outputs"):
        read_model(*files(text))


@pytest.mark.parametrize("kind", supported_types())
@pytest.mark.parametrize("rank", [1, 2, 4])
def test_a_type_without_settings_or_blobs_builds_or_says_what_it_lacks(files: Files, kind: str, rank: int) -> None:
    shape = " ".join(["dim: 2"] * rank)
    for bottoms in (1, 2, 3):
        names = "".join(f' bottom: "{name}"' for name in "xyz"[:bottoms])
        inputs = "".join(f'input: "{name}" input_shape {{ {shape} }}\n' for name in "xyz")
        prototxt, weights = files(f'{inputs}layer {{ name: "l" type: "{kind}"{names} top: "out" }}')
        try:
            model = read_model(prototxt, weights)
        except OvlabError as error:
            assert f"line 4: layer 'l' of type '{kind}': " in str(error)
        else:
            assert "out" in model.output().names


def test_the_runtime_model_names_the_convolution(files: Files, blobs: dict[str, list[Array]]) -> None:
    compiled = ov.Core().compile_model(read_model(*files(NET, blobs)), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    nodes = [op.get_rt_info() for op in compiled.get_runtime_model().get_ordered_ops()]
    made_of = [
        info["originalLayersNames"].astype(str) for info in nodes if info["layerType"].astype(str) == "Convolution"
    ]
    assert [names.split(",")[0] for names in made_of] == ["conv/Convolution"]


def test_every_type_of_the_documentation_is_registered() -> None:
    page = (Path(__file__).parents[3] / "docs" / "caffe.md").read_text()
    table = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    documented = {name for cell in table for name in cell.replace("`", "").replace(",", " ").split()}
    assert documented == {*supported_types(), "Input"} - {*own_types()}


def test_a_type_is_registered_once() -> None:
    with pytest.raises(ValueError, match="'ReLU' is registered twice"):
        layer_type("ReLU")(lambda layer, x: x)
