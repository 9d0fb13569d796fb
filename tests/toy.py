"""What the tests are tried on: a tiny colour classifier, folders of generated images, and their specs and records."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from ovlab.convert import ir_hashes
from ovlab.records import Record
from ovlab.specs import ConvertSettings, DatasetSpec, ExtensionFile, ModelSpec, SessionSettings, ValidateSettings

# In BGR, as OpenCV writes them. Class index is the position among the sorted names, as in a class folder.
COLOURS = {"blue": (230, 20, 20), "green": (20, 230, 20), "grey": (120, 120, 120), "red": (20, 20, 230)}
CLASSES = tuple(COLOURS)
HIDDEN = 32
# Score of each class from the mean red, green and blue (in 0..1): grey wins where no colour stands out.
SCORES = np.array([[-0.5, -0.5, 1.0], [-0.5, 1.0, -0.5], [0.0, 0.0, 0.0], [1.0, -0.5, -0.5]], np.float32)
BIAS = np.array([0.0, 0.0, 0.2, 0.0], np.float32)


def colour_onnx(
    path: Path,
    *,
    batch: int | str = "N",
    size: int | str = 16,
    dtype: type[np.floating[Any]] = np.float32,
    flatten: tuple[int, ...] | None = None,
    bias: NDArray[np.float32] = BIAS,
    inputs: tuple[str, ...] = ("image",),
    layout: str = "NCHW",
) -> Path:
    """Write a colour classifier: 3x3 convolution, ReLU, global mean, 4 classes; weights made by hand.

    `flatten` makes the reshape before the last layer a fixed one, so that the model cannot take another batch.
    A second input is added to the scores.
    """
    kind = TensorProto.FLOAT16 if dtype == np.float16 else TensorProto.FLOAT
    kernel = np.zeros((HIDDEN, 3, 3, 3), dtype)
    kernel[range(3), range(3), 1, 1] = 1  # the first three channels pass the colours on
    kernel[3:] = np.random.default_rng(0).normal(0, 0.1, kernel[3:].shape)
    last = np.zeros((len(CLASSES), HIDDEN), dtype)
    last[:, :3] = SCORES
    weights = {"kernel": kernel, "last": last, "bias": bias.astype(dtype)}
    nodes = [
        helper.make_node("Conv", ["pixels", "kernel"], ["wide"], name="conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["wide"], ["relu"], name="relu"),
        helper.make_node("GlobalAveragePool", ["relu"], ["mean"], name="mean"),
        helper.make_node("Gemm", ["flat", "last", "bias"], ["gemm"], name="gemm", transB=1),
    ]
    if flatten is None:
        nodes.insert(3, helper.make_node("Flatten", ["mean"], ["flat"]))
    else:
        weights["target"] = np.array(flatten, np.int64)
        nodes.insert(3, helper.make_node("Reshape", ["mean", "target"], ["flat"]))
    order, shape = [0, 1, 2, 3], [batch, 3, size, size]
    if layout == "NHWC":
        order, shape = [0, 3, 1, 2], [batch, size, size, 3]
    nodes.insert(0, helper.make_node("Transpose", [inputs[0]], ["pixels"], perm=order))
    ports = [helper.make_tensor_value_info(inputs[0], kind, shape)]
    scores = "gemm"
    for extra in inputs[1:]:
        ports.append(helper.make_tensor_value_info(extra, kind, [1, len(CLASSES)]))
        nodes.append(helper.make_node("Add", [scores, extra], [f"with_{extra}"]))
        scores = f"with_{extra}"
    nodes.append(helper.make_node("Identity", [scores], ["scores"]))
    graph = helper.make_graph(
        nodes,
        "colours",
        ports,
        [helper.make_tensor_value_info("scores", kind, [batch, len(CLASSES)])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def quantised_onnx(source: Path, path: Path, **options: Any) -> Path:
    """Quantise a colour classifier as ONNX Runtime's static quantisation does; `options` are its own."""
    from int8_by_others import qdq_onnx  # with ONNX Runtime's tools, which most tests do without

    shades = [colour_image(name, seed, 16, 16) for name in CLASSES for seed in range(2)]
    inputs = [np.float32(one[..., ::-1].transpose(2, 0, 1)[None] / 255) for one in shades]
    return qdq_onnx(source, path, "image", inputs, **options)


def colour_image(name: str, seed: int, height: int = 24, width: int = 20) -> NDArray[np.uint8]:
    """Make an image of one colour with noise, BGR; different for every seed."""
    noise = np.random.default_rng(seed).integers(-15, 16, (height, width, 3))
    return (np.array(COLOURS[name]) + noise).clip(0, 255).astype(np.uint8)


def write_image(path: Path, image: NDArray[np.uint8]) -> None:
    """Write an image; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)


def write_class_folders(root: Path, train: int = 4, val: int = 3) -> Path:
    """Write ``train/<class>/<i>.png`` and ``val/<class>/<i>.png``."""
    for index, name in enumerate(CLASSES):
        for i in range(train + val):
            place = root / ("train" if i < train else "val") / name / f"{i}.png"
            write_image(place, colour_image(name, 1000 * index + i))
    return root


def write_imagenet_list(root: Path, count: int = 12) -> Path:
    """Write ``images/<i>.png``, the list ``val.txt`` and the class names ``classes.txt``."""
    lines = []
    for i in range(count):
        write_image(root / "images" / f"{i:03}.png", colour_image(CLASSES[i % 4], i))
        lines.append(f"{i:03}.png {i % 4}\n")
    (root / "val.txt").write_text("".join(lines), encoding="utf-8")
    (root / "classes.txt").write_text("".join(f"{name}\n" for name in CLASSES), encoding="utf-8")
    return root


def folders_spec(**changes: Any) -> DatasetSpec:
    """Spec of :func:`write_class_folders`."""
    splits = {"calibration": {"images": "train"}, "validation": {"images": "val"}}
    data = {"licence": "CC0-1.0", "task": "classification", "format": "class_folders", "splits": splits}
    return DatasetSpec.model_validate(data | changes)


def list_spec(**changes: Any) -> DatasetSpec:
    """Spec of :func:`write_imagenet_list`."""
    data: dict[str, Any] = {
        "licence": "CC0-1.0",
        "task": "classification",
        "format": "imagenet_list",
        "splits": {"validation": {"images": "images", "list": "val.txt"}},
        "class_names": "classes.txt",
    }
    return DatasetSpec.model_validate(data | changes)


def model_spec(path: Path, **changes: Any) -> ModelSpec:
    """Spec of a colour classifier."""
    data: dict[str, Any] = {
        "framework": "onnx",
        "files": [{"path": str(path)}],
        "licence": "CC0-1.0",
        "task": "classification",
        "dataset": "colours",
        "preprocess": {"unit_range": True},
    }
    return ModelSpec.model_validate(data | changes)


def source_record(root: Path) -> Record:
    """The record of a download whose files lie in `root`."""
    return Record(kind="source", settings={}, data={"root": str(root)})


@dataclass
class Lab:
    """A converted toy model with its images: what every later step starts from."""

    onnx: Path
    model: ModelSpec
    dataset: DatasetSpec
    data: Path
    folder: Path
    record: Record

    @property
    def source(self) -> Record:
        """The data set's record."""
        return source_record(self.data)

    def record_of(self, folder: Path) -> Record:
        """The record of a variant that a test has made itself."""
        return replace(self.record, files=ir_hashes(folder))

    def validate_settings(self, **changes: Any) -> ValidateSettings:
        """Settings of the validate step."""
        plain: dict[str, Any] = {
            "model_name": "toy",
            "precision_name": "fp32",
            "model": self.model.plain(),
            "dataset": self.dataset.plain(),
            "precision": {"inference_precision": "f32"},
            "validation": {},
        }
        return ValidateSettings.model_validate(plain | changes)

    def session_settings(self, **changes: Any) -> SessionSettings:
        """Settings of a short session with two precisions."""
        plain: dict[str, Any] = {
            "model_name": "toy",
            "device_name": "cpu",
            "scenario_name": "single_stream",
            "dataset_name": "colours",
            "dataset": self.dataset.plain(),
            "resize": {},
            "precisions": {"fp32": {"inference_precision": "f32"}, "fp16": {"inference_precision": "f32"}},
            "reference": "fp32",
            "device": {"device": "CPU"},
            "scenario": {"mode": "synchronous", "performance_hint": "LATENCY", "threads": 1},
            "measurement": {
                "launches": 2,
                "max_launches": 2,
                "warm_up_s": 0.0,
                "duration_s": 0.25,
                "images": 3,
                "cached_launches": 0,
            },
            "seed": 0,
        }
        return SessionSettings.model_validate(plain | changes)


def convert_settings(
    model: ModelSpec, dataset: DatasetSpec, weights: str = "f32", extension: ExtensionFile | None = None
) -> ConvertSettings:
    """Settings of the convert step."""
    return ConvertSettings.model_validate(
        {
            "model_name": "toy",
            "precision_name": "fp32",
            "model": model.plain(),
            "dataset": dataset.plain(),
            "weights": weights,
            "extension": None if extension is None else extension.plain(),
        }
    )
