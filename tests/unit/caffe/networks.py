"""Small networks of the patterns of ShuffleNet, SE-ResNet, EAST, ENet and SegNet, with random weights."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from caffe_net import Array


class Network:
    """A prototxt that grows layer by layer, and the shapes of its blobs."""

    def __init__(self, channels: int, height: int, width: int) -> None:
        self.lines = [f'name: "net" input: "data" input_shape {{ dim: [1, {channels}, {height}, {width}] }}']
        self.shapes: dict[str, list[tuple[int, ...]]] = {}

    def layer(self, kind: str, top: str, *bottoms: str, setting: str = "", name: str = "", tops: str = "") -> str:
        names = " ".join(f'bottom: "{bottom}"' for bottom in bottoms)
        line = f'layer {{ name: "{name or top}" type: "{kind}" {names} top: "{top}" {tops} {setting} }}'
        self.lines.append(line)
        return top

    def conv(self, top: str, bottom: str, inside: int, out: int, size: str, kind: str = "Convolution") -> str:
        """``size``: kernel, stride, pad, group, dilation and bias in prototxt's words."""
        words = dict(word.split("=") for word in size.split())
        kernel = (int(words.get("kernel_h", words.get("kernel_size", 1))),)
        kernel += (int(words.get("kernel_w", words.get("kernel_size", 1))),)
        group = int(words.get("group", inside if "epthwise" in kind else 1))
        blobs = [(inside, out // group, *kernel) if kind == "Deconvolution" else (out, inside // group, *kernel)]
        self.shapes[top] = blobs if words.get("bias_term") == "false" else [*blobs, (out,)]
        fields = " ".join(f"{key}: {value}" for key, value in words.items())
        setting = f"convolution_param {{ num_output: {out} {fields} weight_filler {{ type: 'msra' }} }}"
        return self.layer(kind, top, bottom, setting=setting)

    def norm(self, top: str, channels: int) -> str:
        """BatchNorm and Scale in place."""
        self.shapes |= {f"{top}/bn": [(channels,)] * 2 + [(1,)], f"{top}/scale": [(channels,)] * 2}
        self.layer("BatchNorm", top, top, name=f"{top}/bn", setting="batch_norm_param { use_global_stats: true }")
        setting = "scale_param { bias_term: true filler { value: 1 } }"
        return self.layer("Scale", top, top, name=f"{top}/scale", setting=setting)

    def affine(self, top: str, channels: int) -> str:
        """SegNet's BN in place, in its inference form."""
        self.shapes[f"{top}/bn"] = [(1, channels, 1, 1)] * 2
        setting = "bn_param { bn_mode: INFERENCE scale_filler { value: 1 } shift_filler { type: 'constant' } }"
        return self.layer("BN", top, top, name=f"{top}/bn", setting=setting)

    def relu(self, top: str, kind: str = "ReLU", channels: int = 0) -> str:
        """An activation in place; with channels of PReLU."""
        if kind == "PReLU":
            self.shapes[f"{top}/relu"] = [(channels,)]
        return self.layer(kind, top, top, name=f"{top}/relu")

    def dense(self, top: str, bottom: str, inside: int, out: int) -> str:
        self.shapes[top] = [(out, inside), (out,)]
        return self.layer("InnerProduct", top, bottom, setting=f"inner_product_param {{ num_output: {out} }}")

    def blobs(self) -> dict[str, list[Array]]:
        """Weights of a size that keeps values near 1; what is a variance or a scale is positive."""
        rng = np.random.default_rng(11)
        return {
            name: [
                rng.standard_normal(shape, np.float32) / np.float32(math.sqrt(math.prod(shape[1:]) / 2))
                if len(shape) > 1 and shape[0] > 1
                else rng.uniform(0.5, 1.5, shape).astype(np.float32)
                for shape in shapes
            ]
            for name, shapes in self.shapes.items()
        }

    def text(self) -> str:
        return "\n".join(self.lines) + "\n"


def shufflenet() -> Network:
    net = Network(3, 32, 32)
    net.relu(net.norm(net.conv("conv1", "data", 3, 12, "kernel_size=3 stride=2 pad=1 bias_term=false"), 12))
    net.conv("a1", "conv1", 12, 12, "kernel_size=1 group=3 bias_term=false")
    net.relu(net.norm("a1", 12))
    net.layer("ShuffleChannel", "a1s", "a1", setting="shuffle_channel_param { group: 3 }")
    net.conv("a2", "a1s", 12, 12, "kernel_size=3 stride=2 pad=1 bias_term=false", "ConvolutionDepthwise")
    net.norm("a2", 12)
    net.norm(net.conv("a3", "a2", 12, 24, "kernel_size=1 group=3 bias_term=false"), 24)
    net.layer("Pooling", "a4", "conv1", setting="pooling_param { pool: AVE kernel_size: 3 stride: 2 }")
    net.relu(net.layer("Concat", "a", "a4", "a3"))
    net.norm(net.conv("b1", "a", 36, 36, "kernel_size=1 group=3 bias_term=false"), 36)
    net.layer("ShuffleChannel", "b1s", "b1", setting="shuffle_channel_param { group: 3 }")
    net.relu(net.layer("Eltwise", "b", "a", "b1s", setting="eltwise_param { operation: SUM }"))
    net.layer("Pooling", "pool", "b", setting="pooling_param { pool: AVE global_pooling: true }")
    net.conv("out", "pool", 36, 10, "kernel_size=1")
    return net


def se_resnet(*, as_opencv: bool = False) -> Network:
    """With `as_opencv` Axpy's last two bottoms change places: OpenCV 4.14 takes them so, SENet's fork does not."""
    net = Network(3, 24, 24)
    net.relu(net.norm(net.conv("conv1", "data", 3, 8, "kernel_size=7 stride=2 pad=3 bias_term=false"), 8))
    net.layer("Pooling", "pool1", "conv1", setting="pooling_param { pool: MAX kernel_size: 3 stride: 2 }")
    net.relu(net.norm(net.conv("reduce", "pool1", 8, 6, "kernel_size=1 bias_term=false"), 6))
    net.norm(net.conv("increase", "reduce", 6, 16, "kernel_size=3 pad=1 bias_term=false"), 16)
    net.layer(
        "Pooling", "squeeze", "increase", setting="pooling_param { pool: AVE engine: CAFFE global_pooling: true }"
    )
    net.relu(net.conv("down", "squeeze", 16, 4, "kernel_size=1"))
    net.relu(net.conv("up", "down", 4, 16, "kernel_size=1"), "Sigmoid")
    net.norm(net.conv("proj", "pool1", 8, 16, "kernel_size=1 bias_term=false"), 16)
    net.relu(net.layer("Axpy", "block", "up", *(("proj", "increase") if as_opencv else ("increase", "proj"))))
    net.layer("Pooling", "mean", "block", setting="pooling_param { pool: AVE kernel_size: 6 stride: 1 }")
    net.layer("Softmax", "out", net.dense("fc", "mean", 16, 10))
    return net


def east() -> Network:
    net = Network(3, 32, 32)
    net.norm(net.conv("c1", "data", 3, 8, "kernel_size=3 stride=2 pad=1 bias_term=false"), 8)
    net.layer("Power", "c1_shift", "c1", setting="power_param { power: 1 scale: 1 shift: 3 }")
    net.relu("c1_shift", "ReLU6")
    net.layer("Power", "c1_div", "c1_shift", setting="power_param { power: 1 scale: 0.16666666 shift: 0 }")
    net.layer("Eltwise", "h1", "c1", "c1_div", setting="eltwise_param { operation: PROD }")
    net.norm(net.conv("dw", "h1", 8, 8, "kernel_size=3 stride=2 pad=1 group=8 bias_term=false"), 8)
    net.layer("Pooling", "dw_pool", "dw", setting="pooling_param { pool: AVE global_pooling: true }")
    net.relu(net.dense("fc1", "dw_pool", 8, 4), "ReLU6")
    net.relu(net.dense("fc2", "fc1", 4, 8), "Sigmoid")
    net.relu(net.layer("Scale", "se", "dw", "fc2", setting="scale_param { axis: 0 bias_term: false }"))
    net.norm(net.conv("linear", "se", 8, 12, "kernel_size=1 bias_term=false"), 12)
    net.conv("up", "linear", 12, 12, "kernel_size=4 stride=2 pad=1 group=12 bias_term=false", "Deconvolution")
    net.layer("Concat", "merge", "up", "h1", setting="concat_param { axis: 1 }")
    net.relu(net.conv("score", "merge", 20, 1, "kernel_size=1"), "Sigmoid")
    net.relu(net.conv("angle", "merge", 20, 1, "kernel_size=1"), "Sigmoid")
    net.layer("Power", "turn", "angle", setting="power_param { scale: 1.5707964 shift: -0.7853982 }")
    net.relu(net.conv("box", "merge", 20, 4, "kernel_size=1"), "Sigmoid")
    net.layer("Power", "sides", "box", setting="power_param { scale: 64 }")
    net.layer("Concat", "out", "sides", "turn")
    return net


def enet() -> Network:
    net = Network(3, 24, 32)
    net.conv("c0", "data", 3, 13, "kernel_size=3 stride=2 pad=1")
    net.layer("Pooling", "p0", "data", setting="pooling_param { pool: MAX kernel_size: 2 stride: 2 }")
    net.relu(net.affine(net.layer("Concat", "i0", "c0", "p0"), 16), "PReLU", 16)
    net.relu(net.conv("d1", "i0", 16, 4, "kernel_size=2 stride=2"), "PReLU", 4)
    net.relu(net.conv("d2", "d1", 4, 4, "kernel_h=5 kernel_w=1 pad_h=2 pad_w=0"), "PReLU", 4)
    net.relu(net.conv("d3", "d2", 4, 4, "kernel_h=1 kernel_w=5 pad_h=0 pad_w=2"), "PReLU", 4)
    net.relu(net.conv("d4", "d3", 4, 4, "kernel_size=3 pad=2 dilation=2"), "PReLU", 4)
    net.conv("d5", "d4", 4, 16, "kernel_size=1")
    pool = "pooling_param { pool: MAX kernel_size: 2 stride: 2 }"
    net.layer("Pooling", "pool", "i0", setting=pool, tops='top: "mask"')
    net.relu(net.layer("Eltwise", "sum", "d5", "pool"), "PReLU", 16)
    net.conv("e1", "sum", 16, 16, "kernel_size=1 bias_term=false")
    net.layer("Upsample", "e2", "e1", "mask", setting="upsample_param { scale: 2 }")
    net.conv("e3", "sum", 16, 16, "kernel_size=2 stride=2", "Deconvolution")
    net.relu(net.layer("Eltwise", "e", "e2", net.affine("e3", 16)))
    net.conv("out", "e", 16, 5, "kernel_size=2 stride=2", "Deconvolution")
    return net


def segnet() -> Network:
    net = Network(3, 23, 30)
    pool = "pooling_param { pool: MAX kernel_size: 2 stride: 2 }"
    net.relu(net.affine(net.conv("c1", "data", 3, 8, "kernel_size=3 pad=1"), 8))
    net.layer("Pooling", "pool1", "c1", setting=pool, tops='top: "mask1"')
    net.relu(net.affine(net.conv("c2", "pool1", 8, 12, "kernel_size=3 pad=1"), 12))
    net.layer("Pooling", "pool2", "c2", setting=pool, tops='top: "mask2"')
    net.layer("Upsample", "up2", "pool2", "mask2", setting="upsample_param { scale: 2 upsample_w: 15 upsample_h: 12 }")
    net.relu(net.affine(net.conv("d2", "up2", 12, 8, "kernel_size=3 pad=1"), 8))
    net.layer("Upsample", "up1", "d2", "mask1", setting="upsample_param { scale: 2 upsample_w: 30 upsample_h: 23 }")
    net.conv("scores", "up1", 8, 11, "kernel_size=3 pad=1")
    net.layer("ArgMax", "out", "scores", setting="argmax_param { axis: 1 }")
    return net


NETWORKS: dict[str, Callable[[], Network]] = {
    "shufflenet": shufflenet,
    "se_resnet": se_resnet,
    "east": east,
    "enet": enet,
    "segnet": segnet,
}


def image_for(net: Network) -> Array:
    """An input of the network's size, the same in every run."""
    shape = [int(n) for n in net.lines[0].split("[")[1].split("]")[0].split(",")]
    return np.random.default_rng(12).uniform(-1, 1, shape).astype(np.float32)
