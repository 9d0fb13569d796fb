"""Forms of the prototxt, what is left out of it, and what its errors say."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from caffe_net import infer
from numpy.typing import NDArray

from ovlab.caffe import read_model, supported_types
from ovlab.caffe.prototxt import read_prototxt
from ovlab.errors import OvlabError

Array = NDArray[np.float32]
Files = Callable[..., tuple[Path, Path]]

RELU = 'layer { name: "r" type: "ReLU" bottom: "data" top: "out" }'


@pytest.mark.parametrize(
    "inputs",
    [
        'input: "data" input_dim: 1 input_dim: 2 input_dim: 3 input_dim: 4',
        'input: "data" input_shape { dim: 1 dim: 2 dim: 3 dim: 4 }',
        'input: "data" input_shape: < dim: [1, 2, 3, 4] >',
        'layer { name: "data" type: "Input" top: "data" input_param { shape: { dim: 1 dim: 2 dim: 3 dim: 4 } } }',
    ],
    ids=["input_dim", "input_shape", "other brackets", "layer"],
)
def test_forms_of_input(files: Files, inputs: str) -> None:
    model = read_model(*files(f'name: "tiny"\n{inputs}\n{RELU}'))
    assert model.get_friendly_name() == "tiny"
    assert [(i.any_name, tuple(i.shape), i.node.get_friendly_name()) for i in model.inputs] == [
        ("data", (1, 2, 3, 4), "data")
    ]
    assert [(o.any_name, tuple(o.shape)) for o in model.outputs] == [("out", (1, 2, 3, 4))]


@pytest.mark.parametrize(
    "inputs",
    [
        'input: "a" input: "b" input_dim: [1, 2, 3, 4] input_dim: [1, 2, 3, 4]',
        'input: "a" input_shape { dim: [1, 2, 3, 4] } input: "b" input_shape { dim: [1, 2, 3, 4] }',
        'layer { name: "in" type: "Input" top: "a" top: "b" input_param { shape { dim: [1, 2, 3, 4] } } }',
    ],
)
def test_two_inputs(files: Files, inputs: str) -> None:
    text = inputs + '\nlayer { name: "s" type: "Eltwise" bottom: "a" bottom: "b" top: "out" }'
    model = read_model(*files(text))
    assert [i.any_name for i in model.inputs] == ["a", "b"]
    x = np.ones((1, 2, 3, 4), np.float32)
    np.testing.assert_array_equal(infer(model, x, 3 * x)["out"], 4 * x)


V1 = """# an old network
input: "data"
input_dim: 1 input_dim: 2 input_dim: 4 input_dim: 4
layers {
  name: "conv" type: CONVOLUTION bottom: "data" top: "conv"
  blobs_lr: 1 blobs_lr: 2 weight_decay: 1 weight_decay: 0
  convolution_param { num_output: 3 kernel_size: 3 weight_filler { type: "gaussian" std: 0.01 } }
}
layers { name: "relu" type: RELU bottom: "conv" top: "conv" relu_param { negative_slope: 0.5 } }
layers { name: "drop" type: DROPOUT bottom: "conv" top: "conv" dropout_param { dropout_ratio: 0.5 } }
layers { name: "acc" type: ACCURACY bottom: "fc" bottom: "label" top: "acc" include { phase: TRAIN } }
layers { name: "fc" type: INNER_PRODUCT bottom: "conv" top: "fc" inner_product_param { num_output: 2 } }
layers { name: "prob" type: SOFTMAX bottom: "fc" top: "prob" }
"""


def test_the_v1_form_with_its_blobs_of_four_axes(files: Files, rng: np.random.Generator) -> None:
    w, b = rng.standard_normal((3, 2, 3, 3), np.float32), rng.standard_normal(3, np.float32)
    v, c = rng.standard_normal((2, 12), np.float32), rng.standard_normal(2, np.float32)
    x = rng.standard_normal((1, 2, 4, 4), np.float32)
    y = infer(read_model(*files(V1, {"conv": [w, b], "fc": [v, c]}, v1=True)), x)
    conv = np.stack([(x[0, :, i : i + 3, j : j + 3] * w).sum((1, 2, 3)) + b for i in range(2) for j in range(2)], 1)
    conv = np.where(conv > 0, conv, conv / 2)
    e = np.exp(v @ conv.ravel() + c)
    np.testing.assert_allclose(y["prob"], [e / e.sum()], atol=1e-6)


def test_the_two_forms_do_not_mix(files: Files) -> None:
    with pytest.raises(OvlabError, match="has both 'layer' and V1 'layers' entries"):
        read_model(*files(V1 + RELU))


PHASES = """state { level: 2 stage: "deploy" }
input: "data" input_shape { dim: 1 }
layer { name: "always" type: "ReLU" bottom: "data" top: "always" }
layer { name: "train" type: "ReLU" bottom: "data" top: "train" include { phase: TRAIN } }
layer { name: "test" type: "ReLU" bottom: "data" top: "test" include { phase: TEST } }
layer { name: "not test" type: "ReLU" bottom: "data" top: "not test" exclude { phase: TEST } }
layer { name: "not train" type: "ReLU" bottom: "data" top: "not train" exclude { phase: TRAIN } }
layer { name: "either" type: "ReLU" bottom: "data" top: "either" include { phase: TRAIN } include { phase: TEST } }
layer { name: "low" type: "ReLU" bottom: "data" top: "low" include { max_level: 1 } }
layer { name: "high" type: "ReLU" bottom: "data" top: "high" include { min_level: 2 max_level: 3 } }
layer { name: "staged" type: "ReLU" bottom: "data" top: "staged" include { stage: "deploy" } }
layer { name: "both" type: "ReLU" bottom: "data" top: "both" include { stage: "deploy" stage: "val" } }
layer { name: "unstaged" type: "ReLU" bottom: "data" top: "unstaged" include { not_stage: "deploy" } }
layer { name: "loss" type: "MultiBoxLoss" bottom: "nothing" top: "loss" include { phase: TRAIN }
  multibox_loss_param { loc_loss_type: SMOOTH_L1 whatever { a: "}" b: 1e-3 } } }
layer { name: "in" type: "Data" top: "data" top: "label" include { phase: TRAIN }
  transform_param { mirror: true mean_value: [1, 2] } data_param { source: "x" "y" backend: LMDB } }
"""


def test_only_layers_of_the_test_phase_are_read(files: Files) -> None:
    net = read_prototxt(files(PHASES)[0], supported_types())
    assert [layer.name for layer in net.layers] == ["always", "test", "not train", "either", "high", "staged"]


def test_training_settings_are_ignored_whatever_they_hold(files: Files) -> None:
    text = """force_backward: true
    input: "data" input_shape { dim: 1 dim: 1 dim: 2 dim: 2 }
    layer {
      name: 'c' type: 'Convolution' bottom: 'data' top: 'c'
      param { name: "shared" lr_mult: 1 new_setting_of_a_fork: FOO }  # param { broken
      propagate_down: true loss_weight: 0.5
      convolution_param {
        num_output: 1; kernel_size: 1, bias_term: false engine: NOVEL
        weight_filler: < type: "xavier" other: [1, 2] > bias_filler { value: 1e-2 } filler_of_a_fork_filler { a: 1 }
      }
    }"""
    x = np.ones((1, 1, 2, 2), np.float32)
    y = infer(read_model(*files(text, {"c": [np.full((1, 1, 1, 1), 3, np.float32)]})), x)
    np.testing.assert_array_equal(y["c"], 3 * x)


def test_comments_in_another_encoding_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "net.prototxt"
    path.write_bytes(b'\xef\xbb\xbf# \xd6\xd0\xce\xc4\ninput: "data" input_shape { dim: 1 }\n' + RELU.encode())
    assert [layer.line for layer in read_prototxt(path, supported_types()).layers] == [3]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            'input: "data"\nlayer {\n name: "p"\n type: "Pooling"\n pooling_param { kernal_size: 2 }\n}',
            "net.prototxt, line 5, layer 'p' of type 'Pooling': unknown field 'kernal_size' of PoolingParameter; "
            "did you mean 'kernel_size'?",
        ),
        (
            'layer { name: "p" type: "Pooling" poling_param { } }',
            "line 1, layer 'p' of type 'Pooling': unknown field 'poling_param' of LayerParameter; "
            "did you mean 'pooling_param'?",
        ),
        (
            'layer {\n name: "p" type: "Pooling" pooling_param { pool: MIN } }',
            "line 2, layer 'p' of type 'Pooling': unknown value 'MIN' in PoolingParameter; valid: AVE, MAX, STOCHASTIC",
        ),
        (
            'layer {\n name: "p" type: "Pooling"\n pooling_param { stride: two } }',
            "line 3, layer 'p' of type 'Pooling': Couldn't parse integer: two",
        ),
        ('\nnonsense: 1\nlayer { name: "p" }', "line 2: unknown field 'nonsense' of NetParameter"),
        ('layer { name: "p"\n', "line 1: '{' is never closed"),
        ('layer { name: "p"\n } }', "line 2: '}' closes nothing"),
        ('layer { name: "p" >', "line 1: '>' closes nothing"),
        (
            'layers { name: "old" type: CONVOLUTOIN }',
            "line 1, layer 'old' of type 'CONVOLUTOIN': unknown value 'CONVOLUTOIN' in V1LayerParameter; "
            "did you mean 'CONVOLUTION'?",
        ),
        ("", "holds no layer of the test phase"),
        ('input: "a" input_dim: 1 input_dim: 2\n' + RELU, "has 2 values of 'input_dim'; expected four an input"),
        ('input: "a" input: "b" input_shape { dim: 1 }\n' + RELU, "has 2 'input' names and 1 input shapes"),
        ('input: "a" input_dim: [1, 1, 1, 1] input_shape { dim: 1 }\n' + RELU, "both 'input_shape' and 'input_dim'"),
    ],
)
def test_errors_say_where(files: Files, text: str, problem: str) -> None:
    with pytest.raises(OvlabError, match=re.escape(problem)):
        read_model(*files(text))


def test_an_unsupported_type_is_named_with_its_line(files: Files) -> None:
    text = """input: "data" input_shape { dim: 1 }

    layer { name: "m" type: "Zoom" bottom: "data" top: "m" zoom_param { } }"""
    with pytest.raises(
        OvlabError,
        match=r"net.prototxt, line 3: layer 'm' of type 'Zoom': this type is not supported; docs/caffe.md has the",
    ):
        read_model(*files(text))
    with pytest.raises(OvlabError, match=r"'Convolutoin': this type is not supported; did you mean 'Convolution'\?"):
        read_model(*files(text.replace("Zoom", "Convolutoin")))
    old = 'input: "data" input_shape { dim: 1 }\nlayers { name: "m" type: NONE bottom: "data" top: "m" }'
    with pytest.raises(OvlabError, match="line 2: layer 'm' of type 'None': this type is not supported"):
        read_model(*files(old))


def test_a_missing_file_is_named(tmp_path: Path, files: Files) -> None:
    prototxt, weights = files(RELU)
    with pytest.raises(OvlabError, match=r"nowhere.prototxt: cannot read the prototxt: No such file"):
        read_model(tmp_path / "nowhere.prototxt", weights)
    with pytest.raises(OvlabError, match=r"nowhere.caffemodel: cannot read the caffemodel: No such file"):
        read_model(prototxt, tmp_path / "nowhere.caffemodel")


def many_layers(count: int) -> str:
    """A chain of ReLUs."""
    return 'input: "data" input_dim: [1, 2, 3, 4]\n' + "".join(
        f'layer {{ name: "r{i}" type: "ReLU" bottom: "{f"t{i - 1}" if i else "data"}" top: "t{i}" }}\n'
        for i in range(count)
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (many_layers(10_001), ", line 10002: more than 10000 layers"),
        ("layer " * 20_000, ", line 1: more than 10000 layers"),
        ("layer { " * 1000 + "} " * 1000, ", line 1: brackets more than 32 deep"),
        ("layer { " + "param { " * 100_000 + "} " * 100_001, ", line 1: brackets more than 32 deep"),
        (f'\nname: "{"x" * 1_000_000}"', ", line 2: a word of 1000002 characters"),
        (f'name: "{"x" * 1_000_000}', ", line 1: a word of 1000000 characters"),
    ],
    ids=["layers", "words", "depth", "skipped depth", "string", "open string"],
)
def test_what_no_network_has_is_refused_before_it_costs_anything(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "huge.prototxt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(OvlabError) as caught:
        read_prototxt(path, supported_types())
    assert str(caught.value) == f"{path}{expected}"


def test_more_text_than_a_prototxt_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ovlab.caffe.prototxt.MOST_BYTES", 1 << 20)
    monkeypatch.setattr("ovlab.caffe.scan.MOST_TOKENS", 1000)
    path = tmp_path / "huge.prototxt"
    for text, expected in [("#" * (2 << 20), "is larger than 1 MiB"), (many_layers(100), "more than 1000 words")]:
        path.write_text(text, encoding="utf-8")
        with pytest.raises(OvlabError, match=expected):
            read_prototxt(path, supported_types())


def test_a_large_network_passes(tmp_path: Path) -> None:
    """2,000 layers and 10 MB: more than any that was published."""
    path = tmp_path / "large.prototxt"
    path.write_text(many_layers(2000) + f"# {'x' * 998}\n" * 10_000, encoding="utf-8")
    assert len(read_prototxt(path, supported_types()).layers) == 2000
