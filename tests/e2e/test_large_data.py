"""Large data of real users passes with the bounds that ship: generated files of that size and shape.

On disk: 9 GB for the model, 1 GB for the annotations; about three minutes on two cores. A test is skipped where
the disk or the memory has no room. Times and memory are printed (``pytest -s``); only the memory is bounded.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from toy import CLASSES, SCORES, Lab, colour_onnx, convert_settings, folders_spec, model_spec, write_class_folders
from workflow_runs import ROOT

from ovlab.files import read_json
from ovlab.memory import available_memory
from ovlab.records import write_record
from ovlab.specs import DatasetSpec, Spec

WIDE, LAYERS = 16_384, 4
"""Each layer of so many inputs and outputs has 1.07 GB of weights."""
WEIGH = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=sys.stderr).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e9)
sys.exit(code)
"""
DECODER = """
import numpy as np
from ovlab.metrics.detection import Detections
from ovlab.tasks.decoders import decoder

@decoder("own")
def own(outputs, *, width, height, classes):
    return Detections(np.zeros(0, int), np.zeros(0), np.zeros((0, 4)))
"""


def run(name: str, folder: Path, settings: dict[str, Any], **options: object) -> tuple[dict[str, Any], float]:
    """Run a step with the bounds that ship, and return its record and the most memory of a process, in GB."""
    path = folder / f"{name}.json"
    path.write_text(json.dumps(settings), encoding="utf-8")
    record = folder / name / "record.json"
    command = [sys.executable, str(ROOT / "scripts" / f"{name}.py"), f"--settings={path}", f"--record={record}"]
    command += [f"--{option}={value}" for option, value in options.items()]
    began = time.monotonic()
    # Asked of a small process: one that this one has forked would count this one's memory as its own.
    done = subprocess.run(
        [sys.executable, "-c", WEIGH, *command],
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    gigabytes = float(done.stdout.splitlines()[-1])
    print(f"\n{name}: {time.monotonic() - began:.0f} s, {gigabytes:.2f} GB at most", flush=True)
    return read_json(record), gigabytes


def downloaded(folder: Path, root: Path) -> Path:
    """Take a folder of files for a source, and return its record."""
    folder.mkdir()
    places = {"files": folder / "files", "cache": folder / "cache", "resources": ROOT / "resources"}
    run("download", folder, {"files": [{"path": str(root)}]}, **places)
    return folder / "download/record.json"


def validated(folder: Path, lab: Lab, dataset: Spec, data: Path, **changes: Any) -> tuple[dict[str, Any], float]:
    settings = lab.validate_settings(dataset=dataset.plain(), **changes).plain()
    write_record(lab.folder / "variant.json", lab.record)
    return run("validate", folder, settings, variant=lab.folder / "variant.json", data=data)


def require_room(folder: Path, disk_gb: float, memory_gb: float) -> None:
    free, available = shutil.disk_usage(folder).free / 1e9, available_memory() / 1e9
    if free < disk_gb or available < memory_gb:
        pytest.skip(
            f"needs {disk_gb} GB of disk and {memory_gb} GB of memory, there are {free:.0f} and {available:.0f}"
        )


@pytest.mark.parametrize(("width", "height"), [(9_300, 7_500), (15_000, 12_000)])
def test_images_up_to_the_limit(tmp_path: Path, lab: Lab, width: int, height: int) -> None:
    """70 megapixels, as photographs have them, and 180, the most that ships: a JPEG of noise and one of a scan."""
    require_room(tmp_path, 1, 4)
    data = write_class_folders(tmp_path / "data", train=1, val=1)
    pixels = np.random.default_rng(0).integers(0, 256, (height // 4, width // 4, 3), np.uint8)
    large = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR)
    assert cv2.imwrite(str(data / "val/blue/large.jpg"), large)
    record, gigabytes = validated(tmp_path, lab, folders_spec(), downloaded(tmp_path / "source", data))
    assert record["values"]["samples"]["value"] == 5
    # The decoded image, once as it is and once in the other order of channels, beside the libraries.
    assert gigabytes < 0.6 + 3 * width * height * 3 / 1e9


def coco_of_full_size(root: Path, images: int = 118_287, objects: int = 860_001) -> Path:
    """Write annotations of the size and shape of COCO's ``instances_train2017.json``, and its images, as links."""
    draw = np.random.default_rng(0)
    (root / "train").mkdir(parents=True)
    cv2.imwrite(str(root / "one.png"), np.full((48, 64, 3), 99, np.uint8))
    entries = []
    for number in range(images):
        (root / "train" / f"{number:012}.png").symlink_to("../one.png")
        entries.append(
            f'{{"license": 3, "file_name": "{number:012}.png", "coco_url": "http://example.org/train/{number:012}.png",'
            f'"height": 48, "width": 64, "date_captured": "2013-11-14 11:18:45", "id": {number}}}'
        )
    outlines = [
        json.dumps([[round(x, 2) for x in draw.uniform(0, 48, size).tolist()]]) for size in draw.integers(8, 88, 500)
    ]
    with (root / "instances.json").open("w", encoding="utf-8") as file:
        file.write('{"info": {}, "licenses": [], "images": [' + ",".join(entries) + '], "annotations": [')
        for number in range(objects):
            file.write("," if number else "")
            file.write(
                f'{{"segmentation": {outlines[number % 500]}, "area": {number % 997}.375, "iscrowd": 0, "image_id": '
                f'{number * 31 % images}, "bbox": [1.25, 2.5, {number % 40 + 1}.5, {number % 30 + 1}.25], '
                f'"category_id": {number % 80 + 1}, "id": {number}}}'
            )
        names = [{"supercategory": "thing", "id": one, "name": f"class {one}"} for one in range(1, 81)]
        file.write('], "categories": ' + json.dumps(names) + "}")
    return root


def test_annotations_of_the_size_of_coco(tmp_path: Path, lab: Lab) -> None:
    require_room(tmp_path, 3, 4)
    data = coco_of_full_size(tmp_path / "data")
    size = (data / "instances.json").stat().st_size
    assert size > 400e6
    (tmp_path / "own_decoder.py").write_text(DECODER, encoding="utf-8")
    names = [f"class {one}" for one in range(1, 81)]
    dataset = DatasetSpec.model_validate(
        {
            "licence": "none",
            "task": "detection",
            "format": "coco",
            "metric": "coco",
            "class_names": names,
            "splits": {"validation": {"images": "train", "annotations": "instances.json"}},
        }
    )
    detection = {"decoder": "own", "decoder_file": str(tmp_path / "own_decoder.py"), "classes": names}
    model = lab.model.plain() | {"task": "detection", "detection": detection}
    source = downloaded(tmp_path / "source", data)
    record, gigabytes = validated(tmp_path, lab, dataset, source, model=model, validation={"limit": 200})
    assert record["values"]["samples"]["value"] == 200
    assert gigabytes < 2.5


@pytest.fixture
def large_model(tmp_path: Path) -> Iterator[Path]:
    """An ONNX file whose weights, 4.3 GB, lie in another file, as ONNX has it beyond 2 GB."""
    require_room(tmp_path, 12, 19)
    folder = tmp_path / "model"
    folder.mkdir()
    model = onnx.load(colour_onnx(tmp_path / "toy.onnx"))
    names = ["pixels", *(f"wide{number}" for number in range(LAYERS))]
    block = np.random.default_rng(0).normal(0, WIDE**-0.5, 1 << 22).astype(np.float32)
    with (folder / "weights.bin").open("wb") as file:
        for number in range(LAYERS):  # equal ones would be kept once
            for _ in range(WIDE * WIDE // block.size):
                file.write(block * (1 + np.float32(number / 8)))
    tensors = []
    for number in range(LAYERS):
        tensor = TensorProto(name=f"w{number}", data_type=TensorProto.FLOAT, dims=[WIDE, WIDE])
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", "weights.bin"), ("offset", number * WIDE**2 * 4), ("length", WIDE**2 * 4)):
            tensor.external_data.add(key=key, value=str(value))
        tensors.append(tensor)
    first = np.zeros((3, WIDE), np.float32)
    first[range(3), range(3)] = 1
    last = np.zeros((WIDE, len(CLASSES)), np.float32)
    last[:3] = SCORES.T
    nodes = [
        helper.make_node("GlobalAveragePool", ["image"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["colours"]),
        helper.make_node("MatMul", ["colours", "first"], [names[0]]),
        *(helper.make_node("MatMul", [names[n], f"w{n}"], [names[n + 1]]) for n in range(LAYERS)),
        helper.make_node("MatMul", [names[-1], "last"], ["scores"]),
    ]
    small = [numpy_helper.from_array(array, name) for name, array in (("first", first), ("last", last))]
    graph = helper.make_graph(nodes, "large", model.graph.input, model.graph.output, [*small, *tensors])
    large = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (folder / "large.onnx").write_bytes(large.SerializeToString())
    yield folder
    shutil.rmtree(tmp_path, ignore_errors=True)  # before the next test, and not kept as other folders are


def test_a_model_of_4_gb_with_external_data(tmp_path: Path, large_model: Path) -> None:
    data = write_class_folders(tmp_path / "data", train=1, val=1)
    spec = model_spec(large_model, entry="large.onnx")
    settings = convert_settings(spec, folders_spec()).plain()
    files, images = downloaded(tmp_path / "files", large_model), downloaded(tmp_path / "images", data)
    record, gigabytes = run("convert", tmp_path, settings, model=files, data=images)
    assert record["status"] == "ok"
    assert (tmp_path / "convert/model.bin").stat().st_size > 4.2e9
    assert gigabytes < 19  # four times the weights: OpenVINO and ONNX Runtime, which it is compared with, each twice
