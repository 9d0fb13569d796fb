"""Scenes of digits in the layout of Pascal VOC."""

from __future__ import annotations

import hashlib

import cv2
import numpy as np
import pytest
from defusedxml.ElementTree import parse

from ovlab.errors import OvlabError
from ovlab.generators import _paint as paint
from ovlab.generators import generate
from ovlab.generators.digits import SPLITS, load_digits, split_indices
from ovlab.generators.scenes import CLASSES, ROOT, compose

SCENES = 30
SCENES_SHA256 = "e0c0e6d44b38964a9d053212a4552c2f977c624917e079b75d3b3eef70fd6f3f"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("scenes")
    generate("scenes", path, seed=3, calibration=4, validation=SCENES)
    return path / ROOT


@pytest.fixture(scope="module")
def scenes():
    return [compose("validation", number, seed=3) for number in range(SCENES)]


def test_same_seed_same_bytes(folder, tmp_path):
    generate("scenes", tmp_path, seed=3, calibration=4, validation=5)
    for path in sorted((tmp_path / ROOT).rglob("*_0000?.*")):
        assert path.read_bytes() == (folder / path.relative_to(tmp_path / ROOT)).read_bytes()


def test_pixels_are_the_same_on_every_machine(scenes):
    """A fixed hash: all painting is in integers. A change here makes digits_ssd a model of other scenes."""
    digest = hashlib.sha256()
    for scene in scenes[:8]:
        digest.update(scene.image.tobytes() + repr(scene.objects).encode())
    assert digest.hexdigest() == SCENES_SHA256


def test_other_seed_or_split_other_scene(scenes):
    for other in (compose("validation", 0, seed=4), compose("calibration", 0, seed=3)):
        assert other.image.shape != scenes[0].image.shape or (other.image != scenes[0].image).any()


@pytest.mark.parametrize("split", SPLITS)
def test_only_digits_of_the_split(split):
    own = set(split_indices()[split])
    used = {item.digit for number in range(20) for item in compose(split, number, seed=1).objects}
    assert len(used) > 30 and used <= own


def test_labels_are_the_digits(scenes):
    _, labels = load_digits()
    objects = [item for scene in scenes for item in scene.objects]
    assert all(item.label == labels[item.digit] for item in objects)
    assert {item.label for item in objects} == set(range(10))


def test_scenes_vary(scenes):
    heights = [item.box[3] - item.box[1] + 1 for scene in scenes for item in scene.objects]
    assert min(heights) < 50 and max(heights) > 150
    assert len({scene.image.shape for scene in scenes}) > SCENES // 2
    assert len({len(scene.objects) for scene in scenes}) >= 4
    flags = [(item.truncated, item.occluded, item.difficult) for scene in scenes for item in scene.objects]
    assert all(0 < sum(column) < len(flags) / 2 for column in zip(*flags, strict=True))


def test_box_encloses_the_ink_tightly():
    """A digit painted alone on a flat ground changes pixels of its box, up to each edge, and none outside of it."""
    image = np.full((120, 160, 3), 40, np.uint8)
    mask = paint.digit_mask(load_digits()[0][5], 70, 60, 20)
    paint.blend(image, 30, 50, mask, np.array([250, 250, 250]))
    rows, columns = np.nonzero((image > 145).all(axis=2))
    assert (rows.min(), columns.min()) == (30, 50)
    assert (rows.max() + 1, columns.max() + 1) == (30 + mask.shape[0], 50 + mask.shape[1])
    image[30 : 30 + mask.shape[0], 50 : 50 + mask.shape[1]] = 40
    assert (image == 40).all()


def test_layout(folder):
    listed = (folder / "ImageSets/Main/validation.txt").read_text().split()
    assert listed == [f"validation_{number:05d}" for number in range(SCENES)]
    assert len((folder / "ImageSets/Main/calibration.txt").read_text().split()) == 4
    assert not (folder / "ImageSets/Main/train.txt").exists()
    assert {path.stem for path in (folder / "JPEGImages").glob("*.jpg")} == {
        path.stem for path in (folder / "Annotations").glob("*.xml")
    }


def test_annotations_describe_the_images(folder, scenes):
    for number, scene in enumerate(scenes):
        tree = parse(folder / "Annotations" / f"validation_{number:05d}.xml")
        image = cv2.imread(str(folder / "JPEGImages" / tree.findtext("filename")))
        size = [int(tree.findtext(f"size/{key}")) for key in ("height", "width", "depth")]
        assert size == list(image.shape) == list(scene.image.shape)
        assert np.abs(image[..., ::-1].astype(int) - scene.image).mean() < 8  # JPEG, not another picture
        objects = tree.findall("object")
        assert len(objects) == len(scene.objects) >= 1
        for element, item in zip(objects, scene.objects, strict=True):
            assert element.findtext("name") == CLASSES[item.label]
            corners = [int(element.findtext(f"bndbox/{key}")) for key in ("xmin", "ymin", "xmax", "ymax")]
            assert corners == [value + 1 for value in item.box]
            assert 1 <= corners[0] < corners[2] <= size[1] and 1 <= corners[1] < corners[3] <= size[0]
            assert element.findtext("difficult") == str(int(item.difficult))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"seed": 1, "calibration": 2, "validation": -1}, r"validation is -1, expected an integer from 0 to 99999"),
        ({"seed": 1, "calibration": 2.5, "validation": 1}, r"calibration is 2.5, expected an integer"),
        ({"seed": "one", "calibration": 2, "validation": 1}, r"seed is 'one', expected an integer"),
        ({"seed": 1, "calibration": 0, "validation": 0}, r"all 0, expected some scenes"),
        ({"seed": 1, "calibration": 2}, r"parameter 'validation' is missing"),
        ({"seed": 1, "calibration": 2, "validation": 1, "test": 3}, r"unknown parameter 'test'"),
    ],
)
def test_wrong_parameters(tmp_path, parameters, message):
    with pytest.raises(OvlabError, match=message):
        generate("scenes", tmp_path, **parameters)
    assert not list(tmp_path.iterdir())
