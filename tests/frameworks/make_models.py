"""Write one network in a framework's own formats, as its users do; run by the framework's Python.

    python make_models.py pytorch|tensorflow|paddle WEIGHTS.onnx FOLDER

The network is that of ``resources/digits_cnn.onnx``, built anew with each framework's own layers from the weights in
that file. ``golden.npz`` in FOLDER gets an input in NCHW and what the framework itself makes of it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
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
Weights = list[tuple[NDArray[np.float32], NDArray[np.float32]]]


def read_weights(path: Path) -> Weights:
    """Return kernel and bias of each layer in the order of the graph, convolutions as OIHW."""
    graph = onnx.load(path).graph
    arrays = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    return [(arrays[node.input[1]], arrays[node.input[2]]) for node in graph.node if node.op_type in {"Conv", "Gemm"}]


def image() -> NDArray[np.float32]:
    """Return two inputs, shape (2, 3, 64, 64), of the range that the network knows."""
    return np.random.default_rng(0).uniform(-1, 1, (2, 3, SIZE, SIZE)).astype(np.float32)


def layers(
    pixels: Any,
    weights: Weights,
    convolve: Callable[[Any, NDArray[np.float32], NDArray[np.float32], int], Any],
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
    pixels = torch.tensor(image())
    one = pixels[:1]
    torch.jit.trace(network, one).save(folder / "traced.pt")
    torch.jit.script(network).save(folder / "scripted.pt")
    two = WithFeatures(network).eval()
    torch.jit.trace(two, one).save(folder / "two_outputs.pt")
    torch.jit.script(two).save(folder / "two_outputs_scripted.pt")
    torch.export.save(torch.export.export(network, (one,)), folder / "static.pt2")
    torch.export.save(torch.export.export(two, (one,)), folder / "two_outputs.pt2")
    batch = torch.export.Dim("batch", min=1, max=64)
    torch.export.save(torch.export.export(network, (pixels,), dynamic_shapes=({0: batch},)), folder / "dynamic.pt2")
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


def tensorflow(weights: Weights, folder: Path) -> dict[str, NDArray[Any]]:
    """Write a SavedModel, a frozen graph and TFLite, in NHWC."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    def convolve(x: Any, kernel: NDArray[np.float32], bias: NDArray[np.float32], stride: int) -> Any:
        padded = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]])
        return tf.nn.conv2d(padded, kernel.transpose(2, 3, 1, 0), stride, "VALID") + bias

    def build(x: Any) -> tuple[Any, Any]:
        features = layers(x, weights, convolve, tf.nn.relu)
        kernel, bias = weights[-1]
        return features, tf.matmul(tf.reduce_mean(features, [1, 2]), kernel.T) + bias

    pixels = image().transpose(0, 2, 3, 1)

    class Network(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, SIZE, SIZE, 3], tf.float32, "image")])
        def __call__(self, image: Any) -> Any:
            return {"logits": build(image)[1]}

    class Bytes(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, SIZE, SIZE, 3], tf.uint8, "image")])
        def __call__(self, image: Any) -> Any:
            return {"logits": build(tf.cast(image, tf.float32) / 127.5 - 1.0)[1]}

    class WithFeatures(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([1, SIZE, SIZE, 3], tf.float32, "image")])
        def __call__(self, image: Any) -> Any:
            features, logits = build(image)
            return {"logits": logits, "features": features}

    network = Network()
    tf.saved_model.save(network, folder / "saved_model")
    tf.saved_model.save(Bytes(), folder / "saved_model_uint8")
    frozen = convert_variables_to_constants_v2(network.__call__.get_concrete_function())
    (folder / "frozen.pb").write_bytes(frozen.graph.as_graph_def().SerializeToString())
    for name, module in (("float", WithFeatures()),):
        concrete = module.__call__.get_concrete_function()
        converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], module)
        (folder / f"two_outputs_{name}.tflite").write_bytes(converter.convert())
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder / "saved_model"))
    (folder / "network.tflite").write_bytes(converter.convert())
    return {"logits": network(tf.constant(pixels))["logits"].numpy()}


def paddle(weights: Weights, folder: Path) -> dict[str, NDArray[Any]]:
    """Write an inference model, alone in a folder and as a pair of files."""
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
    paddle.jit.save(network, str(folder / "paddle" / "inference"), input_spec=[static])
    return {"logits": network(paddle.to_tensor(image())).numpy()}


def main(framework: str, source: Path, folder: Path) -> None:
    """Write the files and what the framework computes."""
    folder.mkdir(parents=True, exist_ok=True)
    makers = {"pytorch": pytorch, "tensorflow": tensorflow, "paddle": paddle}
    golden = makers[framework](read_weights(source), folder)
    np.savez(folder / "golden.npz", input=image(), **golden)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
