"""The handwritten digits as a folder of images."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from ovlab.errors import OvlabError
from ovlab.generators import GENERATORS, generate
from ovlab.generators.digits import CLASSES, SPLITS, load_digits, split_indices, write_digits

COUNTS = {"train": 900, "calibration": 300, "validation": 597}
SPLITS_SHA256 = "509bf7dbe6591cb79d759eee00a27aceaa45193dd9635c2f334cffb9e497d526"
DIGITS_24_SHA256 = "716f93e0f85f75e3ec5304ccec8d6d4ebb57809bdc73cbd3ce412b144889219c"


def tree_hash(folder: Path) -> str:
    """Hash names and contents of all files."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("digits")
    write_digits(path, size=24)
    return path


def test_splits_are_disjoint_and_complete():
    indices = [index for split in SPLITS for index in split_indices()[split]]
    assert sorted(indices) == list(range(1797))


def test_splits_are_stratified():
    _, labels = load_digits()
    for split, per_class in (("train", 90), ("calibration", 30)):
        assert np.bincount(labels[list(split_indices()[split])]).tolist() == [per_class] * 10
    validation = np.bincount(labels[list(split_indices()["validation"])])
    assert validation.min() >= 54 and validation.max() <= 63


def test_splits_are_those_that_the_models_were_trained_on():
    """Another shuffle would leak training digits into the validation of the models in resources/."""
    listed = ";".join(",".join(map(str, split_indices()[split])) for split in SPLITS)
    assert hashlib.sha256(listed.encode()).hexdigest() == SPLITS_SHA256


def test_one_folder_a_class(folder):
    for split, count in COUNTS.items():
        assert sorted(path.name for path in (folder / split).iterdir()) == list(CLASSES)
        assert len(list((folder / split).glob("*/*.png"))) == count


def test_images_are_the_digits(folder):
    images, labels = load_digits()
    index = split_indices()["validation"][17]
    path = folder / "validation" / CLASSES[labels[index]] / f"{index:04d}.png"
    written = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert written.shape == (24, 24) and written.dtype == np.uint8
    shrunk = cv2.resize(written, (8, 8), interpolation=cv2.INTER_AREA)
    assert np.corrcoef(shrunk.ravel(), images[index].ravel())[0, 1] > 0.97


def test_bytes_are_the_same_on_every_machine(folder):
    """A fixed hash: integer arithmetic and stored PNG blocks leave no room for a difference."""
    assert tree_hash(folder) == DIGITS_24_SHA256


def test_size_is_the_images_size(tmp_path):
    write_digits(tmp_path, size=64)
    assert cv2.imread(str(next(tmp_path.glob("train/3/*.png"))), cv2.IMREAD_COLOR).shape == (64, 64, 3)


@pytest.mark.parametrize("size", [7, 513, 0, -64, 64.0, "64", None, True])
def test_wrong_size(tmp_path, size):
    with pytest.raises(OvlabError, match=r"generator 'digits': size is .*, expected an integer from 8 to 512"):
        generate("digits", tmp_path, size=size)
    assert not list(tmp_path.iterdir())


def test_unknown_generator(tmp_path):
    with pytest.raises(OvlabError, match="unknown generator 'digit'; did you mean 'digits'"):
        generate("digit", tmp_path)


def test_unknown_parameter(tmp_path):
    with pytest.raises(OvlabError, match="generator 'digits': unknown parameter 'sise'; did you mean 'size'"):
        generate("digits", tmp_path, sise=64)


def test_missing_parameter(tmp_path):
    with pytest.raises(OvlabError, match="generator 'digits': parameter 'size' is missing"):
        generate("digits", tmp_path)


def test_folder_in_use(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OvlabError, match="is not an empty folder"):
        generate("digits", tmp_path, size=8)
    with pytest.raises(OvlabError, match="is not an empty folder"):
        generate("digits", tmp_path / "notes.txt", size=8)


def test_registry_calls_the_generator(tmp_path):
    generate("digits", tmp_path / "new", size=8)
    assert len(list((tmp_path / "new").rglob("*.png"))) == 1797
    assert sorted(GENERATORS) == ["digits", "scenes"]
