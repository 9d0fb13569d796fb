"""Layers and small networks whose outputs OpenCV 4.14's Caffe importer gave: ``opencv_golden.npz``.

OpenCV 5 has no such importer. With version 4.14 in a folder of its own, this writes the file anew::

    pip install --no-deps --target FOLDER 'opencv-python-headless<5'
    PYTHONPATH=FOLDER .venv/bin/python tests/unit/caffe/opencv_cases.py
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from caffe_net import Array, caffemodel
from networks import east, image_for, se_resnet, shufflenet

GOLDEN = Path(__file__).with_name("opencv_golden.npz")
IMAGE = (1, 6, 8, 10)


@dataclass(frozen=True)
class Case:
    """A layer (the inside of its block, without name, bottoms and top), its inputs and its blobs."""

    layer: str
    inputs: tuple[tuple[int, ...], ...] = (IMAGE,)
    blobs: tuple[tuple[int, ...], ...] = ()
    low: float = -3.0
    high: float = 3.0
    fractional_sizes: bool = False
    rois: bool = field(default=False)  # the second input are regions

    def arrays(self, name: str) -> tuple[list[Array], list[Array]]:
        """Inputs and blobs, the same in every run."""
        rng = np.random.default_rng(list(name.encode()))
        inputs = [rng.uniform(self.low, self.high, shape).astype(np.float32) for shape in self.inputs]
        if self.rois:
            inputs[1] = np.array([[0, 4, 6, 40, 30], [0, 9, 9, 12, 9], [0, 30, 20, 62, 47]], np.float32)
        return inputs, [rng.uniform(0.5, 2, shape).astype(np.float32) for shape in self.blobs]

    def prototxt(self) -> str:
        """A network of this layer between inputs ``x``, ``y``, ``z`` and top ``out``."""
        names = "xyz"[: len(self.inputs)]
        lines = [
            f'input: "{name}" input_shape {{ {" ".join(f"dim: {n}" for n in shape)} }}'
            for name, shape in zip(names, self.inputs, strict=True)
        ]
        bottoms = " ".join(f'bottom: "{name}"' for name in names)
        return "\n".join([*lines, f'layer {{ name: "out" {self.layer} {bottoms} top: "out" }}\n'])


PRIORS = {"inputs": ((1, 8, 2, 3), (1, 3, 40, 60))}
CASES = {
    "abs_val": Case('type: "AbsVal"'),
    "bnll": Case('type: "BNLL"'),
    "elu": Case('type: "ELU" elu_param { alpha: 0.5 }'),
    "exp": Case('type: "Exp" exp_param { base: 2 scale: 0.5 shift: 1 }'),
    "mish": Case('type: "Mish"'),
    "power": Case('type: "Power" power_param { power: 2 scale: 0.5 shift: 1 }'),
    "relu6": Case('type: "ReLU6"', high=9.0),
    "swish": Case('type: "Swish"'),
    "mvn": Case('type: "MVN"'),
    "mvn_across_channels": Case('type: "MVN" mvn_param { across_channels: true }'),
    "mvn_mean_alone": Case('type: "MVN" mvn_param { normalize_variance: false }'),
    "normalize": Case('type: "Normalize" norm_param { across_spatial: false channel_shared: false }', blobs=((6,),)),
    "shuffle_channel": Case('type: "ShuffleChannel" shuffle_channel_param { group: 3 }'),
    "reorg": Case('type: "Reorg" reorg_param { stride: 2 }', inputs=((1, 4, 8, 10),)),
    "permute": Case('type: "Permute" permute_param { order: [0, 2, 3, 1] }'),
    "interp": Case('type: "Interp" interp_param { height: 13 width: 7 }'),
    "lrn": Case('type: "LRN" lrn_param { local_size: 3 alpha: 0.5 beta: 0.6 }'),
    "deconvolution": Case(
        'type: "Deconvolution" convolution_param { num_output: 4 kernel_size: 4 stride: 2 pad: 1 group: 2 }',
        blobs=((6, 2, 4, 4), (4,)),
    ),
    "pooling_over_the_edge": Case('type: "Pooling" pooling_param { pool: AVE kernel_size: 3 stride: 2 pad: 1 }'),
    "roi_pooling": Case(
        'type: "ROIPooling" roi_pooling_param { pooled_h: 3 pooled_w: 4 spatial_scale: 0.25 }',
        inputs=((1, 3, 12, 16), (3, 5)),
        rois=True,
    ),
    "psroi_pooling": Case(
        'type: "PSROIPooling" psroi_pooling_param { output_dim: 2 group_size: 3 spatial_scale: 0.25 }',
        inputs=((1, 18, 12, 16), (3, 5)),
        rois=True,
    ),
    "prior_box": Case(
        'type: "PriorBox" prior_box_param { min_size: 10 max_size: 40 aspect_ratio: 2 flip: true clip: true '
        "variance: [0.1, 0.1, 0.2, 0.2] }",
        **PRIORS,
    ),
    "prior_box_of_fractional_size": Case(
        'type: "PriorBox" prior_box_param { min_size: 10.24 max_size: 25.6 clip: false variance: 0.1 step: 16 '
        "offset: 0.25 }",
        **PRIORS,
        fractional_sizes=True,
    ),
    "prior_box_at_offsets": Case(
        'type: "PriorBox" prior_box_param { min_size: 8 clip: false variance: 0.1 '
        "offset_h: [0.25, 0.75] offset_w: [0.5, 0.125] }",
        **PRIORS,
    ),
    "prior_box_of_listed_sizes": Case(
        'type: "PriorBox" prior_box_param { width: 10 width: 20 height: 30 height: 5 clip: false variance: 0.1 }',
        **PRIORS,
    ),
}


def main() -> None:
    """Write the golden file with the OpenCV that this runs on."""
    import cv2

    outputs: dict[str, Array] = {}
    for name, case in CASES.items():
        inputs, blobs = case.arrays(name)
        with tempfile.TemporaryDirectory() as folder:
            net = cv2.dnn.readNetFromCaffe(*write_files(folder, case.prototxt(), {"out": blobs}))
        for key, value in zip("xyz", inputs, strict=False):
            net.setInput(value, key)
        outputs[name] = net.forward("out").astype(np.float32)
    for name, network, tops in (
        ("shufflenet", shufflenet(), {"out": "out"}),
        ("se_resnet", se_resnet(as_opencv=True), {"out": "out"}),
        ("east", east(), {"out": "out", "score": "score/relu"}),
    ):
        with tempfile.TemporaryDirectory() as folder:
            net = cv2.dnn.readNetFromCaffe(*write_files(folder, network.text(), network.blobs()))
        net.setInput(image_for(network))
        found = net.forward(list(tops.values()))
        outputs |= {f"{name}/{top}": value for top, value in zip(tops, found, strict=True)}
    np.savez_compressed(GOLDEN, version=np.array(cv2.__version__), **outputs)
    sys.stdout.write(f"{GOLDEN}: {len(outputs)} outputs of OpenCV {cv2.__version__}\n")


def write_files(folder: str, text: str, blobs: Mapping[str, Sequence[Array]]) -> tuple[str, str]:
    """Write a prototxt and a caffemodel."""
    prototxt, weights = Path(folder) / "net.prototxt", Path(folder) / "net.caffemodel"
    prototxt.write_text(text)
    weights.write_bytes(caffemodel(blobs))
    return str(prototxt), str(weights)


if __name__ == "__main__":
    main()
