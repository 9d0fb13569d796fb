"""Whatever bytes come, a parser gives its result or an error of ours in one line; never another exception."""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
import yaml
from caffe_net import caffemodel
from detection_files import VOC, coco_json, voc_object, voc_xml, write_coco, write_image, write_voc
from hypothesis import HealthCheck, Phase, given, seed, settings
from toy import CLASSES, list_spec
from toy import write_image as write_pixels
from workflow_runs import ROOT

from campaign.inputs.networks import CONV, HEAD, WEIGHTS
from ovlab.caffe.model import read_model
from ovlab.caffe.prototxt import read_prototxt
from ovlab.caffe.weights import read_caffemodel
from ovlab.data.dataset import read_split
from ovlab.errors import OvlabError
from ovlab.specs import DownloadSpec, MeasurementSpec, ScenarioSpec
from ovlab.specs.base import parse_spec
from ovlab.specs.model import ModelSpec
from ovlab.tasks.detection.annotations import read_coco, read_voc, read_yolo
from ovlab_flow.yaml_files import read_yaml

SECONDS = float(os.environ.get("FUZZ_SECONDS", "4"))
EXAMPLES = 100
NAMES = ("person", "dog")


def never_surprises(strategy: st.SearchStrategy[Any], parse: Callable[[Any], object]) -> None:
    """Parse what the strategy draws until the time is over; the number of the round draws it again."""
    deadline = time.monotonic() + SECONDS
    tried = accepted = 0

    def one(drawn: Any) -> None:
        nonlocal tried, accepted
        if time.monotonic() > deadline:
            return
        tried += 1
        try:
            parse(drawn)
        except OvlabError as error:
            text = str(error)
            assert text and text.isprintable() and len(text) < 1500
        else:
            accepted += 1

    for number in itertools.count():
        checked = settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )(given(strategy)(one))
        seed(number)(checked)()
        if time.monotonic() > deadline:
            break
    print(f"{tried} inputs, {accepted} of them accepted")
    assert tried > 0


def spliced(*valid: bytes, pieces: tuple[bytes, ...] = ()) -> st.SearchStrategy[bytes]:
    """Draw bytes: any, or those of a good file with some cut out, put in twice, or replaced by others."""
    piece = st.one_of(st.binary(max_size=8), st.sampled_from((b"", *pieces, b"-1", b"9" * 400, b"nan", b"\xff", b"\0")))
    edit = st.tuples(st.floats(0, 1), st.floats(0, 1), piece)

    def apply(base: bytes, edits: list[tuple[float, float, bytes]]) -> bytes:
        for first, length, new in edits:
            start = int(first * len(base))
            # Mostly short cuts: long ones leave little to be read.
            base = base[:start] + new + base[start + int(length**4 * (len(base) - start)) :]
        return base

    changed = st.builds(apply, st.sampled_from(valid), st.lists(edit, min_size=1, max_size=6))
    return st.one_of(st.binary(max_size=300), changed, changed, changed)


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 50),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(("a.jpg", "..", ".", "/etc/passwd", "dog", "", "1e400", 10**400)),
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=6), inner, max_size=4)),
    max_leaves=8,
)


def edited(valid: Any) -> st.SearchStrategy[Any]:
    """Draw plain data: those of a good file with one or more values replaced by anything, or left out."""
    places = list(_places(valid))
    edit = st.tuples(st.sampled_from(places), st.one_of(ANYTHING, st.just(...)))

    def apply(edits: list[tuple[tuple[Any, ...], Any]]) -> Any:
        data = json.loads(json.dumps(valid))
        for path, value in edits:
            place = data
            try:
                for key in path[:-1]:
                    place = place[key]
                if value is ...:
                    del place[path[-1]]
                else:
                    place[path[-1]] = value
            except (KeyError, IndexError, TypeError):  # an earlier edit has taken the place away
                continue
        return data

    return st.builds(apply, st.lists(edit, min_size=1, max_size=3))


def _places(data: Any, path: tuple[Any, ...] = ()) -> Any:
    pairs = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in pairs:
        yield (*path, key)
        yield from _places(value, (*path, key))


PROTOTXT = (HEAD + CONV).encode()
SHIPPED = (ROOT / "resources/digits_ssd.prototxt").read_bytes()
WORDS = (
    b"layer {",
    b"}",
    b'"',
    b"dim: ",
    b"type: ",
    b"bottom: 'data'",
    b"#",
    b"'",
    b"\n",
    b"{",
    b"[",
    b"1e99",
    b"true",
)


def test_prototxt(tmp_path: Path) -> None:
    path = tmp_path / "net.prototxt"

    def parse(data: bytes) -> None:
        path.write_bytes(data)
        read_prototxt(path, ("Convolution", "ReLU", "Pooling", "PriorBox", "DetectionOutput"))

    never_surprises(spliced(PROTOTXT, SHIPPED[:3000], pieces=WORDS), parse)


def test_network(tmp_path: Path) -> None:
    path, weights = tmp_path / "net.prototxt", tmp_path / "net.caffemodel"
    weights.write_bytes(caffemodel(WEIGHTS))

    def parse(data: bytes) -> None:
        path.write_bytes(data)
        read_model(path, weights)

    never_surprises(spliced(PROTOTXT, pieces=WORDS), parse)


def test_caffemodel(tmp_path: Path) -> None:
    path = tmp_path / "net.caffemodel"
    small = {"conv": [np.ones((2, 1, 1, 1), np.float32), np.zeros(2, np.float32)]}

    def parse(data: bytes) -> None:
        path.write_bytes(data)
        read_caffemodel(path)

    pieces = (b"\xff" * 10, b"\x80" * 10, b"\x0b", b"\x0c", b"\x7f")
    never_surprises(spliced(caffemodel(small), caffemodel(small, v1=True), pieces=pieces), parse)


def test_voc(tmp_path: Path) -> None:
    good = voc_xml(voc_object(), voc_object("person"))
    root = write_voc(tmp_path, {"a": good})
    path = root / VOC / "Annotations/a.xml"

    def parse(data: bytes) -> None:
        path.write_bytes(data)
        read_voc(root, VOC, "test", NAMES)

    pieces = (b"<object>", b"</object>", b"<!DOCTYPE a>", b"&a;", b"<?xml", b"<bndbox/>", b"<size/>", b"<![CDATA[")
    never_surprises(spliced(good.encode(), pieces=pieces), parse)


def test_voc_list(tmp_path: Path) -> None:
    root = write_voc(tmp_path, {"a": voc_xml(), "b": voc_xml()})
    path = root / VOC / "ImageSets/Main/test.txt"

    def parse(data: bytes) -> None:
        path.write_bytes(data)
        read_voc(root, VOC, "test", NAMES)

    never_surprises(spliced(b"a\nb\n", pieces=(b"..", b"/", b".", b"\\", b":", b"~", b"\r", b"\x85")), parse)


def test_coco(tmp_path: Path) -> None:
    root = write_coco(tmp_path, coco_json())

    def parse(data: Any) -> None:
        (root / "instances.json").write_text(json.dumps(data), encoding="utf-8")
        read_coco(root, "val", "instances.json", NAMES)

    never_surprises(edited(coco_json()), parse)


def test_coco_bytes(tmp_path: Path) -> None:
    root = write_coco(tmp_path, coco_json())

    def parse(data: bytes) -> None:
        (root / "instances.json").write_bytes(data)
        read_coco(root, "val", "instances.json", NAMES)

    never_surprises(spliced(json.dumps(coco_json()).encode(), pieces=(b"[", b"{", b'"', b",", b"NaN", b"1e999")), parse)


def test_yolo(tmp_path: Path) -> None:
    write_image(tmp_path / "images/a.jpg")
    path = tmp_path / "labels/a.txt"
    path.parent.mkdir()

    def parse(data: bytes) -> None:
        path.write_bytes(data)
        read_yolo(tmp_path, "images", NAMES)

    never_surprises(spliced(b"0 0.5 0.5 0.1 0.1\n1 0.2 0.2 0.1 0.1\n", pieces=(b" ", b"\n", b".", b"e", b"_")), parse)


def test_list(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_pixels(tmp_path / f"images/{name}.png", np.zeros((4, 4, 3), np.uint8))
    (tmp_path / "classes.txt").write_text("".join(f"{name}\n" for name in CLASSES), encoding="utf-8")

    def parse(data: bytes) -> None:
        (tmp_path / "val.txt").write_bytes(data)
        read_split(tmp_path, list_spec(), "validation", "colours")

    never_surprises(spliced(b"a.png 0\nimages/b.png 3\n", pieces=(b" ", b"..", b"/", b".", b"\xb2", b"\n")), parse)


def test_class_names(tmp_path: Path) -> None:
    write_pixels(tmp_path / "images/a.png", np.zeros((4, 4, 3), np.uint8))
    (tmp_path / "val.txt").write_text("a.png 0\n", encoding="utf-8")

    def parse(data: bytes) -> None:
        (tmp_path / "classes.txt").write_bytes(data)
        read_split(tmp_path, list_spec(), "validation", "colours")

    never_surprises(spliced(b"n01440764 blue\ngreen\ngrey\nred\n", pieces=(b"\n", b"n0 ", b"\xe9", b"\x85")), parse)


@pytest.mark.parametrize("name", ["model/digits_ssd", "dataset/coco2017", "scenario/server", "precision/int8_accuracy"])
def test_yaml(tmp_path: Path, name: str) -> None:
    path = tmp_path / "x.yaml"
    good = (ROOT / "conf" / f"{name}.yaml").read_bytes()

    def parse(data: bytes) -> None:
        path.write_bytes(data)
        read_yaml(path, "x.yaml")

    pieces = (
        b"&a ",
        b"*a",
        b"<<: ",
        b"!!",
        b"? ",
        b"- ",
        b": ",
        b"{",
        b"[",
        b"|",
        b">",
        b"'",
        b'"',
        b"---",
        b"%",
        b"\t",
        b"${",
    )
    never_surprises(spliced(good, pieces=pieces), parse)


SPECS = {
    "model": (ModelSpec, "model/digits_cnn"),
    "detector": (None, "model/digits_ssd"),
    "dataset": (None, "dataset/digit_scenes"),
    "scenario": (ScenarioSpec, "scenario/server"),
    "measurement": (MeasurementSpec, None),
    "download": (DownloadSpec, None),
}


@pytest.mark.parametrize("name", SPECS)
def test_spec(name: str) -> None:
    from ovlab.specs import DatasetSpec

    spec, file = SPECS[name]
    if spec is None:
        spec = ModelSpec if name == "detector" else DatasetSpec
    if file is None:
        conf = yaml.safe_load((ROOT / "conf/config.yaml").read_text(encoding="utf-8"))
        good = conf[name]
    else:
        good = yaml.safe_load((ROOT / "conf" / f"{file}.yaml").read_text(encoding="utf-8"))

    def parse(data: Any) -> None:
        # What passes must go on a command line, and come back as it was.
        read = parse_spec(spec, data if isinstance(data, dict) else {}, "x.yaml")
        assert type(read).from_json(read.to_json()) == read

    never_surprises(edited(good), parse)
