"""Write one network in a framework's own formats, as its users do; run by the framework's Python.

    python make_models.py pytorch|tensorflow|paddle|paddle_3 WEIGHTS.onnx FOLDER

The network is that of ``resources/digits_cnn.onnx``, built anew with each framework's own layers from the weights in
that file. ``golden.npz`` in FOLDER gets 8-bit images (RGB, NHWC) and what the framework itself makes of them.
"""

from __future__ import annotations

import functools
import io
import os
import shutil
import sys
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

SIZE, CLASSES = 64, 10
# Strides of the convolutions; a plain one is followed by ReLU, two of a block by addition of the block's input.
STEM: tuple[int, ...] = (2, 1)
FIRST_BLOCKS, MIDDLE, LAST_BLOCKS = 3, 2, 1
PADDLES_SWITCH = "FLAGS_enable_pir_api"
Weights = list[tuple[NDArray[np.float32], NDArray[np.float32]]]


def read_weights(path: Path) -> Weights:
    """Return kernel and bias of each layer in the order of the graph, convolutions as OIHW."""
    graph = onnx.load(path).graph
    arrays = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    return [(arrays[node.input[1]], arrays[node.input[2]]) for node in graph.node if node.op_type in {"Conv", "Gemm"}]


def images() -> NDArray[np.uint8]:
    """Return two images in RGB, shape (2, 64, 64, 3)."""
    return np.random.default_rng(0).integers(0, 256, (2, SIZE, SIZE, 3), np.uint8)


def prepared() -> NDArray[np.float32]:
    """Return them as the network takes them, shape (2, 64, 64, 3)."""
    return (images().astype(np.float32) - np.float32(127.5)) / np.float32(127.5)


def channels_first() -> NDArray[np.float32]:
    """Return the same in NCHW."""
    return np.ascontiguousarray(prepared().transpose(0, 3, 1, 2))


def layers(
    pixels: Any,
    weights: Sequence[tuple[Any, Any]],
    convolve: Callable[[Any, Any, Any, int], Any],
    relu: Callable[[Any], Any],
) -> Any:
    """Build everything before the mean over pixels."""
    waiting = iter(weights)

    def plain(x: Any, stride: int) -> Any:
        return relu(convolve(x, *next(waiting), stride))

    def block(x: Any) -> Any:
        return relu(x + convolve(plain(x, 1), *next(waiting), 1))

    found = pixels
    for stride in STEM:
        found = plain(found, stride)
    for _ in range(FIRST_BLOCKS):
        found = block(found)
    found = plain(found, MIDDLE)
    for _ in range(LAST_BLOCKS):
        found = block(found)
    return found


def pytorch(weights: Weights, folder: Path) -> dict[str, NDArray[Any]]:
    """Write TorchScript (traced, scripted, and one with two outputs), exported programs and ONNX."""
    import torch
    from torch import nn

    class Block(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.first, self.second = (nn.Conv2d(width, width, 3, 1, 1) for _ in range(2))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.relu(x + self.second(torch.relu(self.first(x))))

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            stem = [nn.Conv2d(3, 32, 3, 2, 1), nn.ReLU(), nn.Conv2d(32, 64, 3, 1, 1), nn.ReLU()]
            self.body = nn.Sequential(
                *stem, *(Block(64) for _ in range(FIRST_BLOCKS)), nn.Conv2d(64, 64, 3, MIDDLE, 1), nn.ReLU(), Block(64)
            )
            self.head = nn.Linear(64, CLASSES)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.body(x).mean([2, 3]))

    class WithFeatures(nn.Module):
        def __init__(self, network: Network) -> None:
            super().__init__()
            self.network = network

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            features = self.network.body(x)
            return features, self.network.head(features.mean([2, 3]))

    network = Network().eval()
    found = [one for one in network.modules() if isinstance(one, nn.Conv2d | nn.Linear)]
    with torch.no_grad():
        for layer, (kernel, bias) in zip(found, weights, strict=True):
            layer.weight.copy_(torch.tensor(kernel))
            layer.bias.copy_(torch.tensor(bias))
    pixels = torch.tensor(channels_first())
    one = pixels[:1]
    torch.jit.trace(network, one).save(folder / "traced.pt")
    torch.jit.script(network).save(folder / "scripted.pt")
    two = WithFeatures(network).eval()
    torch.jit.trace(two, one).save(folder / "two_outputs.pt")
    torch.export.save(torch.export.export(network, (one,)), folder / "static.pt2")
    batch = torch.export.Dim("batch", min=1, max=64)
    torch.export.save(torch.export.export(network, (pixels,), dynamic_shapes=({0: batch},)), folder / "dynamic.pt2")
    _with_other_inputs(folder / "static.pt2", folder / "with_code.pt2")
    torch.save(network.state_dict(), folder / "state_dict.pth")
    torch.save(network.state_dict(), folder / "old_state_dict.pth", _use_new_zipfile_serialization=False)
    torch.onnx.export(
        network,
        (one,),
        folder / "exported.onnx",
        dynamo=False,
        input_names=["image"],
        output_names=["logits"],
        dynamic_axes={"image": {0: "batch"}, "logits": {0: "batch"}},
    )
    with torch.no_grad():
        return {"logits": network(pixels).numpy(), "features": two(pixels)[0].numpy()}


class _RunsCode:
    """Makes a file when it is unpickled."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, ("code_was_run",)


def _with_other_inputs(program: Path, path: Path) -> None:
    """Copy an exported program, with a Python object that runs code in place of its example inputs."""
    import torch

    buffer = io.BytesIO()
    torch.save(_RunsCode(), buffer)
    with zipfile.ZipFile(program) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            target.writestr(name, buffer.getvalue() if "sample_inputs" in name else source.read(name))


def tensorflow(weights: Weights, folder: Path) -> dict[str, NDArray[Any]]:
    """Write a SavedModel, a frozen graph and TFLite, in NHWC."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    def convolve(x: Any, kernel: Any, bias: Any, stride: int) -> Any:
        padded = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]])
        return tf.nn.conv2d(padded, kernel, stride, "VALID") + bias

    class Base(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            kernels = [one.transpose(2, 3, 1, 0) if one.ndim == 4 else one.T for one, _ in weights]
            self.kernels = [tf.Variable(one) for one in kernels]
            self.biases = [tf.Variable(bias) for _, bias in weights]

        def build(self, x: Any) -> tuple[Any, Any]:
            features = layers(x, list(zip(self.kernels, self.biases, strict=True)), convolve, tf.nn.relu)
            return features, tf.matmul(tf.reduce_mean(features, [1, 2]), self.kernels[-1]) + self.biases[-1]

    class Network(Base):
        @tf.function(input_signature=[tf.TensorSpec([None, SIZE, SIZE, 3], tf.float32, "image")])
        def __call__(self, image: Any) -> Any:
            return {"logits": self.build(image)[1]}

    class Bytes(Base):
        @tf.function(input_signature=[tf.TensorSpec([None, SIZE, SIZE, 3], tf.uint8, "image")])
        def __call__(self, image: Any) -> Any:
            return {"logits": self.build(tf.cast(image, tf.float32) / 127.5 - 1.0)[1]}

    class WithFeatures(Base):
        @tf.function(input_signature=[tf.TensorSpec([1, SIZE, SIZE, 3], tf.float32, "image")])
        def __call__(self, image: Any) -> Any:
            features, logits = self.build(image)
            return {"logits": logits, "features": features}

    network = Network()
    tf.saved_model.save(network, folder / "saved_model")
    tf.saved_model.save(Bytes(), folder / "saved_model_uint8")
    frozen = convert_variables_to_constants_v2(network.__call__.get_concrete_function())
    (folder / "frozen.pb").write_bytes(frozen.graph.as_graph_def().SerializeToString())
    two = WithFeatures()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([two.__call__.get_concrete_function()], two)
    (folder / "two_outputs.tflite").write_bytes(converter.convert())
    for kind in (tf.int8, tf.uint8):
        converter = tf.lite.TFLiteConverter.from_concrete_functions([two.__call__.get_concrete_function()], two)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([one[None]] for one in prepared())
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = kind
        (folder / f"quantised_{kind.name}.tflite").write_bytes(converter.convert())
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder / "saved_model"))
    (folder / "network.tflite").write_bytes(converter.convert())
    features = [two(tf.constant(one[None]))["features"].numpy() for one in prepared()]  # it takes one image
    return {"logits": network(tf.constant(prepared()))["logits"].numpy(), "features": np.concatenate(features)}


def paddle(weights: Weights, folder: Path, *, own_format: bool = False) -> dict[str, NDArray[Any]]:
    """Write an inference model into a folder, in the form of Paddle 2 or in Paddle 3's own."""
    os.environ[PADDLES_SWITCH] = str(int(own_format))  # read when Paddle is imported
    import paddle
    from paddle import nn

    class Block(nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = (nn.Conv2D(64, 64, 3, 1, 1) for _ in range(2))

        def forward(self, x: Any) -> Any:
            return nn.functional.relu(x + self.second(nn.functional.relu(self.first(x))))

    class Network(nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            stem = [nn.Conv2D(3, 32, 3, 2, 1), nn.ReLU(), nn.Conv2D(32, 64, 3, 1, 1), nn.ReLU()]
            blocks = [Block() for _ in range(FIRST_BLOCKS)]
            self.body = nn.Sequential(*stem, *blocks, nn.Conv2D(64, 64, 3, MIDDLE, 1), nn.ReLU(), Block())
            self.head = nn.Linear(64, CLASSES)

        def forward(self, x: Any) -> Any:
            return self.head(self.body(x).mean([2, 3]))

    network = Network()
    network.eval()
    found = [one for one in network.sublayers() if isinstance(one, nn.Conv2D | nn.Linear)]
    for layer, (kernel, bias) in zip(found, weights, strict=True):
        # Paddle's matrices are inputs by outputs.
        layer.weight.set_value(kernel if kernel.ndim == 4 else np.ascontiguousarray(kernel.T))
        layer.bias.set_value(bias)
    static = paddle.static.InputSpec([None, 3, SIZE, SIZE], "float32", "image")
    paddle.jit.save(network, str(folder / "model" / "inference"), input_spec=[static])
    if not own_format:
        (folder / "alone").mkdir()
        shutil.copy(folder / "model" / "inference.pdmodel", folder / "alone")
    return {"logits": network(paddle.to_tensor(channels_first())).numpy()}


def main(framework: str, source: Path, folder: Path) -> None:
    """Write the files and what the framework computes."""
    folder.mkdir(parents=True, exist_ok=True)
    makers = {
        "pytorch": pytorch,
        "tensorflow": tensorflow,
        "paddle": paddle,
        "paddle_3": functools.partial(paddle, own_format=True),
    }
    golden = makers[framework](read_weights(source), folder)
    np.savez(folder / "golden.npz", images=images(), **golden)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
