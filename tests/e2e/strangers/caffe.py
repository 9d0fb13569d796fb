"""Caffe networks of forks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from workflow_runs import ROOT

from strangers.common import (
    FAILED,
    OK,
    Made,
    Yaml,
    classifier,
    colours,
    stranger,
)


def caffe(folder: Path, prototxt: str, blobs: dict[str, list[NDArray[np.float32]]], **changes: Any) -> Yaml:
    from caffe_net import caffemodel

    (folder / "deploy.prototxt").write_text(prototxt, encoding="utf-8")
    (folder / "net.caffemodel").write_bytes(caffemodel(blobs))
    return classifier([folder / "deploy.prototxt", folder / "net.caffemodel"], "caffe", **changes)


INPUT = "shape { dim: 1 dim: 3 dim: 16 dim: 16 }"
HEAD = f'name: "net"\nlayer {{ name: "data" type: "Input" top: "data" input_param {{ {INPUT} }} }}\n'
TAIL = """
layer { name: "mean" type: "Pooling" bottom: "BEFORE" top: "mean" pooling_param { pool: AVE global_pooling: true } }
layer { name: "fc" type: "InnerProduct" bottom: "mean" top: "fc" inner_product_param { num_output: 4 } }
"""


def net(*layers: str, head: str = HEAD) -> str:
    """A network of one chain: each layer is `TYPE` and its settings."""
    text, before = head, "data"
    for number, layer in enumerate(layers):
        kind, _, settings = layer.partition(" ")
        text += f'layer {{ name: "l{number}" type: "{kind}" bottom: "{before}" top: "t{number}" {settings} }}\n'
        before = f"t{number}"
    return text + TAIL.replace("BEFORE", before)


def drawn(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(sum(shape)).normal(0, 0.5, shape).astype(np.float32)


def last(channels: int = 3) -> list[NDArray[np.float32]]:
    return [drawn(4, channels), drawn(4)]


@stranger(OK)
def layers_of_forks(folder: Path) -> Made:
    """Layers that only forks have, and fillers that only training needs."""
    text = net(
        'Convolution convolution_param { num_output: 8 kernel_size: 3 pad: 1 weight_filler { type: "msra" } }',
        "BN bn_param { bn_mode: INFERENCE shift_filler { value: 0.001 } slope_filler { value: 1 } }",
        "ShuffleChannel shuffle_channel_param { group: 2 }",
        "ReLU6",
        "Swish",
        "Mish",
        "AbsVal",
        "BNLL",
        "Log log_param { shift: 2 }",
        "MVN",
        "Threshold threshold_param { threshold: 0.1 }",
        "Reorg reorg_param { stride: 2 }",
        "Tile tile_param { axis: 1 tiles: 2 }",
    )
    blobs = {"l0": [drawn(8, 3, 3, 3), drawn(8)], "l1": [np.abs(drawn(1, 8, 1, 1)) + 1, drawn(1, 8, 1, 1)]}
    return Made(caffe(folder, text, blobs | {"fc": last(64)}), colours(folder))


@stranger(OK)
def nvcaffe_normalisation(folder: Path) -> Made:
    """NVCaffe's BatchNorm of five blobs."""
    stats = [drawn(3), np.abs(drawn(3)) + 1, np.ones(1, np.float32), drawn(3), drawn(3)]
    stats = [one.reshape(1, -1, 1, 1) if one.size == 3 else one for one in stats]
    return Made(caffe(folder, net("BatchNorm"), {"l0": stats, "fc": last()}), colours(folder))


@stranger(FAILED, r"holds 2 blobs for it, but")
def a_blob_too_many(folder: Path) -> Made:
    """A bias though the network says that there is none."""
    text = net("Convolution convolution_param { num_output: 3 kernel_size: 1 bias_term: false }")
    return Made(caffe(folder, text, {"l0": [drawn(3, 3, 1, 1), drawn(3)], "fc": last()}), colours(folder))


@stranger(OK)
def placeholder_for_the_size(folder: Path) -> Made:
    """OpenPose's ``input_dim: 1``, with the size in the YAML."""
    head = 'input: "data"\ninput_dim: 1\ninput_dim: 3\ninput_dim: 1\ninput_dim: 1\n'
    text = net("Pooling pooling_param { pool: MAX kernel_size: 2 stride: 2 }", head=head)
    model = caffe(folder, text, {"fc": last()}, input={"shape": [1, 3, 16, 16]})
    return Made(model, colours(folder))


@stranger(FAILED, r"expected a deploy one: remove")
def for_testing(folder: Path) -> Made:
    """A network for testing instead of a deploy one."""
    text = 'layer { name: "data" type: "Data" top: "data" top: "label" data_param { source: "lmdb" batch_size: 4 } }\n'
    text += TAIL.replace("BEFORE", "data")
    text += 'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss" }\n'
    return Made(caffe(folder, text, {"fc": last()}), colours(folder))


@stranger(OK)
def a_layer_of_ones_own(folder: Path) -> Made:
    """The layer type that docs/caffe.md shows."""
    shown = (ROOT / "docs" / "caffe.md").read_text(encoding="utf-8").split("## A layer type of your own")[1]
    place = folder / "zoom.py"
    place.write_text(shown.split("```python\n")[1].split("```")[0], encoding="utf-8")
    text = net("Zoom zoom_param { times: 2 }")
    return Made(caffe(folder, text, {"fc": last()}, extension=str(place)), colours(folder))


@stranger(FAILED, r"type is not supported; docs/caffe.md")
def a_layer_that_nobody_knows(folder: Path) -> Made:
    return Made(caffe(folder, net("Zoom"), {"fc": last()}), colours(folder))
