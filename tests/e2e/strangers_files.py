"""Odd, legal and broken files as strangers have them, one model and one data set each, with what is to be read.

Every entry of ``STRANGERS`` writes its files into a folder beside the repository and gives the YAML that names them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from toy import CLASSES, colour_image, colour_onnx, quantised_onnx, write_class_folders, write_image
from workflow_runs import ROOT

Yaml = dict[str, Any]
SIZE, COUNT = 16, 12
OK, FAILED = "ok", "failed"


@dataclass
class Made:
    """The YAML of a stranger's model and data set.

    Attributes
    ----------
    model, dataset : dict
        As in ``conf/model`` and ``conf/dataset``.
    int8 : dict
        Quantisation settings of the model's own; quantised only where there are some.
    """

    model: Yaml
    dataset: Yaml
    int8: Yaml | None = None


@dataclass(frozen=True)
class Stranger:
    """One file, and what a stranger is to read of it.

    Attributes
    ----------
    name : str
        Of the model and the data set.
    make : callable
        Writes the files into a folder, and returns the YAML.
    status : str
        Of the cell.
    reads : str
        Regular expression that the cell's reason has: why it failed, or a remark.
    accuracy : float, optional
        Where it is known.
    precision : str
        Of the cell.
    """

    name: str
    make: Callable[[Path], Made]
    status: str
    reads: str = ""
    accuracy: float | None = None
    precision: str = "fp32"


STRANGERS: list[Stranger] = []


def stranger(status: str, reads: str = "", **others: Any) -> Callable[[Callable[[Path], Made]], Callable[[Path], Made]]:
    """Register a function that makes a stranger's files."""

    def register(make: Callable[[Path], Made]) -> Callable[[Path], Made]:
        STRANGERS.append(Stranger(make.__name__, make, status, reads, **others))
        return make

    return register


# What most have in common


def classifier(files: list[str | Path], framework: str = "onnx", **changes: Any) -> Yaml:
    return {
        "framework": framework,
        "files": [{"path": str(one)} for one in files],
        "licence": "CC0-1.0",
        "task": "classification",
        "preprocess": {"unit_range": True},
        "output": {"classes": len(CLASSES)},
    } | changes


def colours(folder: Path, **changes: Any) -> Yaml:
    """Images of four colours in class folders."""
    write_class_folders(folder / "images", train=2, val=3)
    return class_folders(folder, **changes)


def class_folders(folder: Path, **changes: Any) -> Yaml:
    return {
        "files": [{"path": str(folder / "images")}],
        "licence": "CC0-1.0",
        "task": "classification",
        "format": "class_folders",
        "splits": {"calibration": {"images": "train"}, "validation": {"images": "val"}},
    } | changes


def listed(folder: Path, lines: list[str], **changes: Any) -> Yaml:
    """An ImageNet list of images of four colours."""
    for i in range(COUNT):
        write_image(folder / "images" / f"{i:03}.png", colour_image(CLASSES[i % 4], i))
    (folder / "val.txt").write_text("".join(lines), encoding="utf-8")
    return {
        "files": [{"path": str(folder)}],
        "licence": "CC0-1.0",
        "task": "classification",
        "format": "imagenet_list",
        "splits": {"validation": {"images": "images", "list": "val.txt"}},
        "class_names": list(CLASSES),
    } | changes


def lines(shift: int = 0, separator: str = " ") -> list[str]:
    return [f"{i:03}.png{separator}{i % 4 + shift}\n" for i in range(COUNT)]


def toy(folder: Path, **options: Any) -> Path:
    return colour_onnx(folder / "model.onnx", **options)


def edited(path: Path, edit: Callable[[onnx.ModelProto], None]) -> Path:
    """Change an ONNX file."""
    model = onnx.load(path)
    edit(model)
    onnx.save(model, path)
    return path


# Silently wrong, worst of all


@stranger(OK, accuracy=1.0)
def names_with_mark(folder: Path) -> Made:
    """A file of class names that begins with a byte-order mark."""
    (folder / "names.txt").write_bytes(b"\xef\xbb\xbf" + "".join(f"{one}\n" for one in CLASSES).encode())
    data = listed(folder, lines(), class_names="names.txt")
    return Made(classifier([toy(folder)]), data)


@stranger(OK, accuracy=1.0)
def motion_photos(folder: Path) -> Made:
    """JPEGs with a film behind their end."""
    data = colours(folder)
    for path in (folder / "images").rglob("*.png"):
        _, jpeg = cv2.imencode(".jpg", cv2.imread(str(path)))
        path.unlink()
        path.with_suffix(".jpg").write_bytes(jpeg.tobytes() + b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 20)
    return Made(classifier([toy(folder)]), data)


@stranger(FAILED, r"the list counts from 1: .*output.label_offset: -1")
def counted_from_one(folder: Path) -> Made:
    """Labels 1 to N."""
    return Made(classifier([toy(folder)], output={}), listed(folder, lines(1)))


@stranger(OK, accuracy=1.0)
def counted_from_one_and_said(folder: Path) -> Made:
    """Labels 1 to N, and the offset that the page proposes."""
    output = {"label_offset": -1}
    data = listed(folder, lines(1), class_names=["none", *CLASSES])
    return Made(classifier([toy(folder)], output=output), data)


@stranger(OK, r"numbers, counted in the order of text")
def numbered_folders(folder: Path) -> Made:
    """Class folders 1, 2 and 10 to 11, beside a system's own."""
    for split, count in (("train", 2), ("val", 3)):
        for index, name in enumerate(("1", "2", "10", "11")):
            for i in range(count):
                seed = 1000 * index + i + (500 if split == "val" else 0)
                write_image(folder / "images" / split / name / f"{i}.png", colour_image(CLASSES[index], seed))
        for system in ("@eaDir", "__MACOSX"):
            write_image(folder / "images" / split / system / "._0.png", colour_image("red", 1))
    return Made(classifier([toy(folder)]), class_folders(folder))


@stranger(FAILED, r"is listed twice")
def an_image_twice(folder: Path) -> Made:
    return Made(classifier([toy(folder)]), listed(folder, [*lines(), "000.png 0\n"]))


@stranger(FAILED, r"line 1: byte 0xba is not UTF-8")
def names_in_gbk(folder: Path) -> Made:
    (folder / "names.txt").write_bytes("红\n绿\n蓝\n灰\n".encode("gbk"))
    return Made(classifier([toy(folder)]), listed(folder, lines(), class_names="names.txt"))


@stranger(OK, accuracy=1.0)
def names_in_utf16(folder: Path) -> Made:
    (folder / "names.txt").write_bytes("".join(f"{one}\n" for one in CLASSES).encode("utf-16"))
    return Made(classifier([toy(folder)]), listed(folder, lines(), class_names="names.txt"))


@stranger(OK, accuracy=1.0)
def list_with_tabs(folder: Path) -> Made:
    return Made(classifier([toy(folder)]), listed(folder, lines(separator="\t")))


@stranger(OK, r"4 files in 'val' left out, no image that is read: 4 .heic", accuracy=1.0)
def other_files(folder: Path) -> Made:
    """Images of every kind, and among them hidden files and images of a kind that is not read."""
    data = colours(folder)
    endings = (".jfif", ".jpe", ".gif", ".bmp", ".tif", ".webp", ".Jpg")
    for place in sorted((folder / "images").glob("*/*")):
        for number, path in enumerate(sorted(place.glob("*.png"))):
            ending = endings[number % len(endings)]
            code = {".jfif": ".jpg", ".jpe": ".jpg"}.get(ending, ending.lower())
            _, content = cv2.imencode(code, cv2.imread(str(path)))
            (place / f"other {number}{ending}").write_bytes(content.tobytes())
            path.unlink()
        (place / "._x.png").write_bytes(b"\0\5\x16\7")
        (place / "photo.heic").write_bytes(b"ftypheic")
    return Made(classifier([toy(folder)]), data)


# Detection: boxes in pixels and scores below 1 in one tensor; the weights are drawn at random


SIDE, KINDS = 32, ["cat", "dog", "bird"]


def detector(folder: Path, **changes: Any) -> Yaml:
    from yolo_head import write_head

    detection = {"decoder": "yolo", "parameters": {"head": "v8"}, "classes": KINDS, "nms_iou": 0.5}
    return {
        "framework": "onnx",
        "files": [{"path": str(write_head(folder / "model.onnx"))}],
        "licence": "CC0-1.0",
        "task": "detection",
        "preprocess": {"unit_range": True},
        "detection": detection,
    } | changes


def scenes(folder: Path, place: str = "images", count: int = 8) -> list[str]:
    names = []
    for i in range(count):
        write_image(folder / place / f"{i:03}.png", colour_image(CLASSES[i % 4], i, SIDE, SIDE))
        names.append(f"{i:03}")
    return names


def yolo_set(folder: Path, labels: dict[str, str], **changes: Any) -> Yaml:
    for name, text in labels.items():
        path = folder / "labels" / f"{name}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    splits = {
        "calibration": {"images": "images", "annotations": "labels", "portion": [0, 0.4]},
        "validation": {"images": "images", "annotations": "labels", "portion": [0.4, 1]},
    }
    return {
        "files": [{"path": str(folder)}],
        "licence": "CC0-1.0",
        "task": "detection",
        "format": "yolo",
        "metric": "voc_area",
        "class_names": KINDS,
        "splits": splits,
    } | changes


def coco_set(folder: Path, names: list[str], ids: Callable[[int], Any] = int, kinds: list[str] = KINDS) -> Yaml:
    images = [{"id": ids(i), "file_name": f"{name}.png", "width": SIDE, "height": SIDE} for i, name in enumerate(names)]
    boxes = [
        {"id": ids(100 + i), "image_id": ids(i), "category_id": ids(1 + i % len(kinds)), "bbox": [4, 4, 20, 18]}
        | {"area": 360, "iscrowd": 0}
        for i, _ in enumerate(names)
    ]
    categories = [{"id": ids(1 + i), "name": name} for i, name in enumerate(kinds)]
    (folder / "boxes.json").write_text(
        json.dumps({"images": images, "annotations": boxes, "categories": categories}), encoding="utf-8"
    )
    split = {"images": "images", "annotations": "boxes.json"}
    return {
        "files": [{"path": str(folder)}],
        "licence": "CC0-1.0",
        "task": "detection",
        "format": "coco",
        "metric": "coco",
        "splits": {"validation": split},
    }


def voc_xml(name: str, size: str, encoding: str = "utf-8", kind: str = "cat") -> bytes:
    text = (
        f'<?xml version="1.0" encoding="{encoding}"?><annotation><filename>{name}</filename>{size}'
        f"<object><name>{kind}</name><difficult>0</difficult><bndbox><xmin>5</xmin><ymin>5</ymin><xmax>25</xmax>"
        "<ymax>20</ymax></bndbox></object></annotation>"
    )
    return text.encode(encoding)


def voc_set(folder: Path, files: dict[str, bytes], xmls: dict[str, bytes], **changes: Any) -> Yaml:
    for place, contents in (("JPEGImages", files), ("Annotations", xmls)):
        (folder / "voc" / place).mkdir(parents=True)
        for name, content in contents.items():
            (folder / "voc" / place / name).write_bytes(content)
    listing = folder / "voc" / "ImageSets" / "Main" / "test.txt"
    listing.parent.mkdir(parents=True)
    listing.write_text("".join(f"{Path(one).stem}\n" for one in files if one[0] != "."), encoding="utf-8")
    return {
        "files": [{"path": str(folder / "voc")}],
        "licence": "CC0-1.0",
        "task": "detection",
        "format": "voc",
        "metric": "voc_area",
        "class_names": KINDS,
        "splits": {"validation": {"images": ".", "image_set": "test"}},
    } | changes


def picture(seed: int, ending: str = ".png") -> bytes:
    _, content = cv2.imencode(ending.lower(), colour_image(CLASSES[seed % 4], seed, SIDE, SIDE))
    return bytes(content.tobytes())


GOOD_SIZE = f"<size><width>{SIDE}</width><height>{SIDE}</height><depth>3</depth></size>"


@stranger(OK, r"0 of \d+ images have")
def labels_that_fit_no_image(folder: Path) -> Made:
    scenes(folder)
    return Made(
        detector(folder), yolo_set(folder, {"other_0": "0 0.5 0.5 0.4 0.4\n", "other_1": "1 0.5 0.5 0.4 0.4\n"})
    )


@stranger(OK, r"counted as never detected: tiger")
def one_class_of_two(folder: Path) -> Made:
    return Made(detector(folder), coco_set(folder, scenes(folder), kinds=["cat", "tiger"]))


@stranger(OK, r"EXIF orientation that turns them")
def lying_on_their_side(folder: Path) -> Made:
    """JPEGs with an EXIF orientation."""
    names = scenes(folder)
    for name in names:
        image = colour_image("red", int(name), SIDE, SIDE - 8)
        exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
        _, jpeg = cv2.imencode(".jpg", image)
        content = jpeg.tobytes()
        segment = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
        (folder / "images" / f"{name}.png").unlink()
        (folder / "images" / f"{name}.jpg").write_bytes(content[:2] + segment + content[2:])
    return Made(detector(folder), yolo_set(folder, dict.fromkeys(names, "0 0.5 0.5 0.4 0.4\n")))


@stranger(OK)
def text_ids(folder: Path) -> Made:
    return Made(detector(folder), coco_set(folder, scenes(folder), ids=lambda i: f"id-{i}"))


@stranger(OK)
def odd_voc(folder: Path) -> Made:
    """Declared encodings, names with spaces, all kinds of image files."""
    kinds = {"a photo.bmp": "utf-16", "b.tif": "gb2312", "c d.webp": "latin-1", "e.Jpg": "utf-8"}
    files = {name: picture(i, Path(name).suffix) for i, name in enumerate(kinds)}
    xmls = {f"{Path(name).stem}.xml": voc_xml(name, GOOD_SIZE, encoding) for name, encoding in kinds.items()}
    return Made(detector(folder), voc_set(folder, files | {"._x.png": b"\0\5"}, xmls | {"._x.xml": b"\0"}))


@stranger(OK)
def voc_without_size(folder: Path) -> Made:
    sizes = ("", "<size><width>0</width><height>0</height><depth>3</depth></size>")
    files = {f"{i}.png": picture(i) for i in range(4)}
    return Made(
        detector(folder), voc_set(folder, files, {f"{i}.xml": voc_xml(f"{i}.png", sizes[i % 2]) for i in range(4)})
    )


@stranger(FAILED, r"has 32x32 pixels, its annotation says 64x48")
def voc_of_another_size(folder: Path) -> Made:
    wrong = "<size><width>64</width><height>48</height><depth>3</depth></size>"
    files = {f"{i}.png": picture(i) for i in range(4)}
    return Made(detector(folder), voc_set(folder, files, {f"{i}.xml": voc_xml(f"{i}.png", wrong) for i in range(4)}))


@stranger(OK, r"part of output output0 has collapsed", precision="int8")
def collapsed_scores(folder: Path) -> Made:
    """YOLO v8's head quantised with its output."""
    names = scenes(folder, count=24)
    data = yolo_set(folder, dict.fromkeys(names, "0 0.5 0.5 0.4 0.4\n"))
    return Made(detector(folder), data, {"quantize_outputs": True})


# Faults


def _bytes_input(model: onnx.ModelProto) -> None:
    """Make an NHWC input of floats one of bytes, cast and divided inside, as TensorFlow exports it."""
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.UINT8
    first = model.graph.node[0]
    cast = helper.make_node("Cast", [first.input[0]], ["as_float"], to=TensorProto.FLOAT)
    divide = helper.make_node("Div", ["as_float", "most"], ["fraction"])
    first.input[0] = "fraction"
    model.graph.node.insert(0, divide)
    model.graph.node.insert(0, cast)
    model.graph.initializer.append(numpy_helper.from_array(np.float32(255), "most"))


@stranger(OK, accuracy=1.0)
def bytes_in_nhwc(folder: Path) -> Made:
    path = edited(toy(folder, layout="NHWC"), _bytes_input)
    return Made(classifier([path], input={"layout": "NHWC"}, preprocess={}), colours(folder))


def _text_input(model: onnx.ModelProto) -> None:
    _bytes_input(model)
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.BOOL


@stranger(FAILED, r"is of type boolean, which no image becomes")
def truths_in(folder: Path) -> Made:
    path = edited(toy(folder, layout="NHWC"), _text_input)
    return Made(classifier([path], input={"layout": "NHWC"}, preprocess={}), colours(folder))


def _nearly_nothing(model: onnx.ModelProto) -> None:
    model.graph.node[-1].CopyFrom(helper.make_node("Mul", ["gemm", "tiny"], ["scores"]))
    model.graph.initializer.append(numpy_helper.from_array(np.float32(1e-7), "tiny"))


@stranger(OK, accuracy=1.0)
def outputs_near_zero(folder: Path) -> Made:
    return Made(classifier([edited(toy(folder), _nearly_nothing)]), colours(folder))


@stranger(FAILED, r"list 'model.data' under files")
def weights_not_listed(folder: Path) -> Made:
    model = onnx.load(toy(folder))
    onnx.save(model, folder / "model.onnx", save_as_external_data=True, location="model.data", size_threshold=16)
    return Made(classifier([folder / "model.onnx"]), colours(folder))


@stranger(FAILED, r"Git LFS pointer")
def lfs_pointer(folder: Path) -> Made:
    (folder / "model.onnx").write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:" + 64 * "0" + "\nsize 1234567\n", encoding="ascii"
    )
    return Made(classifier([folder / "model.onnx"]), colours(folder))


@stranger(FAILED, r"cut short or damaged")
def broken_off(folder: Path) -> Made:
    path = toy(folder)
    path.write_bytes(path.read_bytes()[:2000])
    return Made(classifier([path]), colours(folder))


@stranger(FAILED, r"is an HTML page")
def a_web_page(folder: Path) -> Made:
    (folder / "model.onnx").write_text("<!DOCTYPE html><html><body>Sign in</body></html>", encoding="ascii")
    return Made(classifier([folder / "model.onnx"]), colours(folder))


def _wide(model: onnx.ModelProto, outputs: int) -> None:
    """Give the last layer so many outputs."""
    weights = np.random.default_rng(1).normal(0, 1, (outputs, 32)).astype(np.float32)
    for one in list(model.graph.initializer):
        if one.name in {"last", "bias"}:
            array = weights if one.name == "last" else np.zeros(outputs, np.float32)
            one.CopyFrom(numpy_helper.from_array(array, one.name))
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = outputs


@stranger(FAILED, r"output.classes: missing.*136 numbers")
def landmarks(folder: Path) -> Made:
    path = edited(toy(folder), lambda model: _wide(model, 136))
    write_class_folders(folder / "images", train=2, val=3)
    data = class_folders(folder, format="images", splits={"validation": {"images": "val"}})
    return Made(classifier([path], output={}), data)


def _map(model: onnx.ModelProto) -> None:
    del model.graph.node[3:]
    model.graph.node[2].CopyFrom(helper.make_node("Relu", ["wide"], ["scores"]))
    output = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", 32, 16, 16])
    model.graph.output[0].CopyFrom(output)


@stranger(FAILED, r"32, ?16, ?16")
def a_map(folder: Path) -> Made:
    return Made(classifier([edited(toy(folder), _map)], output={}), colours(folder))


@stranger(FAILED, r"has 2 inputs \(image, state\)")
def several_inputs(folder: Path) -> Made:
    path = toy(folder, inputs=("image", "state"), batch=1)
    return Made(classifier([path], input={"name": "image"}), colours(folder))


def _two_outputs(model: onnx.ModelProto) -> None:
    model.graph.output.append(helper.make_tensor_value_info("gemm", TensorProto.FLOAT, ["N", 4]))


@stranger(FAILED, r"output\.name.*scores.*gemm")
def two_outputs(folder: Path) -> Made:
    return Made(classifier([edited(toy(folder), _two_outputs)]), colours(folder))


@stranger(FAILED, r"4 numbers for one image, expected 10 scores by output.classes")
def other_number_of_classes(folder: Path) -> Made:
    return Made(classifier([toy(folder)], output={"classes": 10}), colours(folder))


@stranger(FAILED, r"decoder ssd: output has shape \[1, 7, 16\], expected")
def another_decoder(folder: Path) -> Made:
    model = detector(folder)
    model["detection"] = {"decoder": "ssd", "classes": KINDS}
    return Made(model, coco_set(folder, scenes(folder)))


@stranger(FAILED, r"quantised already")
def quantised_by_others(folder: Path) -> Made:
    path = quantised_onnx(colour_onnx(folder / "float.onnx"), folder / "model.onnx")
    return Made(classifier([path]), colours(folder))


@stranger(FAILED, r"saved before Paddle 2.0")
def paddle_of_long_ago(folder: Path) -> Made:
    """Paddle's 1.8: ``__model__``, a ProgramDesc without a version."""
    place = folder / "model"
    place.mkdir()
    (place / "__model__").write_bytes(b"\x0a\x1b\x08\x00\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x1a\x04\x0a\x02X0")
    (place / "__params__").write_bytes(bytes(64))
    return Made(classifier([place], "paddle"), colours(folder))


@stranger(FAILED, r"no Paddle model in it")
def not_a_paddle_folder(folder: Path) -> Made:
    place = folder / "model"
    place.mkdir()
    (place / "readme.md").write_text("weights are elsewhere", encoding="utf-8")
    return Made(classifier([place], "paddle"), colours(folder))


# Caffe


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
