"""Caffe networks: prototxt and caffemodel."""

from __future__ import annotations

import numpy as np
from caffe_net import caffemodel, chunk, number, varint

from campaign.cases import Command, Family, Room

PROTOTXT, CAFFEMODEL = Family("prototxt"), Family("caffemodel")
FAMILIES = (PROTOTXT, CAFFEMODEL)
HEAD = 'name: "net" input: "data" input_shape { dim: [1, 3, 16, 16] }\n'
CONV = (
    'layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"'
    " convolution_param { num_output: 4 kernel_size: 3 } }\n"
)
POOL = (
    'layer { name: "pool" type: "Pooling" bottom: "%s" top: "pool" pooling_param { pool: AVE global_pooling: true } }\n'
)
"""One score a class: without it the network would fit no task."""
WEIGHTS = {"conv": [np.zeros((4, 3, 3, 3), np.float32), np.zeros(4, np.float32)]}


def network(room: Room, text: str | bytes, weights: bytes) -> Command:
    room.write("net.caffemodel", weights)
    files = [{"path": "net.prototxt"}, {"path": "net.caffemodel"}]
    return room.convert(room.write("net.prototxt", text), framework="caffe", files=files)


def text(name: str, content: str | bytes, words: str, *, passes: bool = False) -> None:
    expected = "^$" if passes else rf"^failed: .*{words}"
    PROTOTXT.add(name, lambda room: network(room, content, caffemodel(WEIGHTS)), expected, passes=passes)


def weights(name: str, content: bytes, words: str, *, passes: bool = False) -> None:
    expected = "^$" if passes else rf"^failed: .*{words}"
    CAFFEMODEL.add(name, lambda room: network(room, HEAD + CONV + POOL % "conv", content), expected, passes=passes)


def conv(settings: str) -> str:
    return HEAD + CONV.replace("num_output: 4 kernel_size: 3", settings)


def layer(kind: str, settings: str = "", bottom: str = "data") -> str:
    return HEAD + f'layer {{ name: "x" type: "{kind}" bottom: "{bottom}" top: "x" {settings} }}\n'


ANY = r"net\.prototxt"
text("empty", "", ANY)
text("text", "this is no network", ANY)
text("binary", bytes(range(256)) * 4, ANY)
text("UTF-16 with its mark", (HEAD + CONV + POOL % "conv").encode("utf-16"), "", passes=True)
text("cut", (HEAD + CONV)[:-20], ANY)
text("open quotes", HEAD + 'layer { name: "x', ANY)
text("one brace too many", HEAD + CONV + "}", ANY)
text("nested 100000 deep", HEAD + "layer { " * 100_000, ANY)
text("unknown field", HEAD + 'layer { nmae: "x" }', ANY)
text("no input", CONV, ANY)
text("no layer", HEAD, ANY)
text("a million layers", HEAD + 'layer { name: "x" type: "ReLU" bottom: "data" top: "data" }\n' * 1_000_000, ANY)
text("100000 layers of nothing", HEAD + "layer { }\n" * 100_000, ANY)
text("unknown type", layer("Convolutoin"), "Convolution")
text("type of 100000 letters", layer("x" * 100_000), ANY)
text("type of control signs", layer("\\033[31m"), ANY)
text("unknown bottom", layer("ReLU", bottom="nothing"), "nothing")
text("bottom of itself", layer("ReLU", bottom="x"), ANY)
text("code", layer("Python", "python_param { module: 'os' layer: 'system' }"), ANY)
for shape in ("[]", "[0, 3, 16, 16]", "[-1, 3, 16, 16]", "[1, 3, 16]", "[1, 3, 1000000, 1000000]", "[1, 3, 9e99, 16]"):
    text(f"input of {shape}", HEAD.replace("[1, 3, 16, 16]", shape) + CONV, "data|net|shape")
text("input of 5000 digits", HEAD.replace("16, 16", "9" * 5000 + ", 16") + CONV, "data|net|shape")
for settings in (
    "num_output: 0 kernel_size: 3",
    "num_output: -4 kernel_size: 3",
    "num_output: 4 kernel_size: 0",
    "num_output: 4 kernel_size: 1000",
    "num_output: 4 kernel_size: 3 stride: 0",
    "num_output: 4 kernel_size: 3 pad: -5",
    "num_output: 4 kernel_size: 3 group: 0",
    "num_output: 4 kernel_size: 3 group: 5",
    "num_output: 4 kernel_size: 3 dilation: 0",
    "num_output: 1000000000 kernel_size: 3",
    "num_output: many kernel_size: 3",
    "num_output: 4.5 kernel_size: 3",
    "kernel_size: 3",
    "num_output: 4",
    "num_output: 4 num_output: 5 kernel_size: 3",
):
    text(f"convolution with {settings}", conv(settings), "net|conv")
text("pooling of 0", layer("Pooling", "pooling_param { kernel_size: 0 }"), "net|x")
text("reshape of 2^40", layer("Reshape", "reshape_param { shape { dim: [1099511627776, -1] } }"), "net|x")
text("reshape twice -1", layer("Reshape", "reshape_param { shape { dim: [-1, -1] } }"), "net|x")
text("slice beyond", layer("Slice", "slice_param { axis: 9 }"), "net|x")
text("crop of one", layer("Crop", "crop_param { axis: 2 offset: 1000 }"), "net|x")
text("NaN", layer("Power", "power_param { power: nan }") + POOL % "x", "NaN|not finite|expected")

MODEL = r"net\.caffemodel"
GOOD = caffemodel(WEIGHTS)
weights("empty", b"", MODEL)
weights("text", b"no weights at all", MODEL)
weights("random", np.random.default_rng(0).bytes(5000), MODEL)
weights("cut", GOOD[: len(GOOD) // 2], MODEL)
weights("zeros", bytes(5000), MODEL)
weights("ones", b"\xff" * 5000, MODEL)
weights("length beyond its end", varint(100 << 3 | 2) + varint(2**40), MODEL)
weights("length of 2^63", varint(100 << 3 | 2) + varint(2**63), MODEL)
weights("number that goes on", varint(100 << 3 | 2) + b"\x80" * 1000, MODEL)
weights("group that goes on", b"\x0b" * 10_000, MODEL)
weights("layers of nothing", chunk(100, b"") * 10_000, "conv|net")
weights("another layer", caffemodel({"other": WEIGHTS["conv"]}), "conv|other")
weights("surplus layer", caffemodel(WEIGHTS | {"other": WEIGHTS["conv"]}), "", passes=True)
weights("no blobs", caffemodel({"conv": []}), "conv")
weights("one blob", caffemodel({"conv": WEIGHTS["conv"][:1]}), "conv")
weights("three blobs", caffemodel({"conv": [*WEIGHTS["conv"], np.zeros(4, np.float32)]}), "conv")
weights("other shape", caffemodel({"conv": [np.zeros((4, 3, 5, 5), np.float32), np.zeros(4, np.float32)]}), "conv")
weights(
    "NaN",
    caffemodel({"conv": [np.full((4, 3, 3, 3), np.nan, np.float32), np.zeros(4, np.float32)]}),
    "NaN or infinity for image",
)
NAMED = chunk(1, b"conv") + chunk(2, b"Convolution")
HUGE = chunk(7, chunk(7, chunk(1, varint(2**40) + varint(2**20))) + chunk(5, bytes(16)))
weights("shape of 2^60", chunk(100, NAMED + HUGE), "conv|net")
NEGATIVE = chunk(7, chunk(7, chunk(1, varint(2**64 - 1))) + chunk(5, bytes(16)))
weights("negative shape", chunk(100, NAMED + NEGATIVE), "conv|net")
ODD = chunk(7, chunk(7, chunk(1, varint(4))) + chunk(5, bytes(15)))
weights("15 bytes of numbers", chunk(100, NAMED + ODD), "conv|net")
weights("name of bytes", chunk(100, chunk(1, b"\xff\xfe\x1b[31m") + number(2, 5)), "conv|net")
