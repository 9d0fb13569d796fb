"""Which images a split has, and their labels."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path
from typing import Any

import pytest
from toy import CLASSES, folders_spec, list_spec, write_class_folders, write_imagenet_list

from ovlab.data import SplitImage, read_split, shared_images
from ovlab.data.reading import inside
from ovlab.errors import OvlabError
from ovlab.specs import DatasetSpec


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    return write_class_folders(tmp_path / "data")


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    return write_imagenet_list(tmp_path / "data")


def rewrite(root: Path, *lines: str) -> None:
    (root / "val.txt").write_text("\n".join(lines), encoding="utf-8")


def complaint(root: Path, spec: DatasetSpec, name: str = "validation") -> str:
    with pytest.raises(OvlabError) as caught:
        read_split(root, spec, name, "colours")
    return str(caught.value)


def test_class_folders(folders: Path) -> None:
    split = read_split(folders, folders_spec(), "validation")
    assert split.class_names == CLASSES
    assert [image.id for image in split.images[:4]] == [
        "val/blue/4.png",
        "val/blue/5.png",
        "val/blue/6.png",
        "val/green/4.png",
    ]
    assert [image.label for image in split.images] == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3
    assert all(image.path == folders / image.id for image in split.images)


def test_only_images_count(folders: Path) -> None:
    (folders / "val" / "blue" / "notes.txt").write_text("", encoding="utf-8")
    (folders / "val" / ".cache").mkdir()
    shutil.copy(folders / "val" / "blue" / "4.png", folders / "val" / "blue" / "Z.JPEG")
    split = read_split(folders, folders_spec(), "validation")
    assert [image.path.name for image in split.images if image.label == 0] == ["4.png", "5.png", "6.png", "Z.JPEG"]
    assert split.class_names == CLASSES


def test_class_names_give_the_indices(folders: Path) -> None:
    names = ["red", "violet", "grey", "green", "blue"]
    split = read_split(folders, folders_spec(class_names=names), "validation")
    assert {image.path.parent.name: image.label for image in split.images} == {
        "red": 0,
        "grey": 2,
        "green": 3,
        "blue": 4,
    }
    assert split.class_names == tuple(names)


def test_an_unknown_class_folder(folders: Path) -> None:
    spec = folders_spec(class_names=["red", "green", "gray", "blue"])
    assert complaint(folders, spec) == "colours: folder 'grey' is none of its class_names; did you mean 'gray'?"


def test_imagenet_list(listed: Path) -> None:
    split = read_split(listed, list_spec(), "validation")
    assert [(image.id, image.label) for image in split.images[:3]] == [
        ("images/000.png", 0),
        ("images/001.png", 1),
        ("images/002.png", 2),
    ]
    assert len(split.images) == 12
    assert split.class_names == CLASSES


def test_a_list_may_name_its_folder_skip_lines_and_use_spaces(listed: Path) -> None:
    shutil.copy(listed / "images" / "000.png", listed / "images" / "a b.png")
    rewrite(listed, "images/001.png 1", "", "  a b.png   0 ")
    split = read_split(listed, list_spec(), "validation")
    assert [(image.id, image.label) for image in split.images] == [("images/001.png", 1), ("images/a b.png", 0)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("000.png", "val.txt, line 2: '000.png' is not 'path class-index'"),
        ("000.png red", "val.txt, line 2: '000.png red' is not 'path class-index'"),
        ("000.png -1", "val.txt, line 2: '000.png -1' is not 'path class-index'"),
        ("000.png \N{SUPERSCRIPT TWO}", "val.txt, line 2: '000.png \N{SUPERSCRIPT TWO}' is not 'path class-index'"),
        ("7", "val.txt, line 2: '7' is not 'path class-index'"),
        ("000.png 4", "val.txt, line 2: class index 4 is out of range, expected 0 to 3"),
        ("900.png 1", "val.txt, line 2: no image '900.png' in 'images'"),
        ("../000.png 1", "val.txt, line 2: '../000.png' points outside of the data set"),
        ("/000.png 1", "val.txt, line 2: '/000.png' points outside of the data set"),
    ],
)
def test_a_bad_line_in_a_list(listed: Path, line: str, expected: str) -> None:
    rewrite(listed, "000.png 0", line)
    assert complaint(listed, list_spec()) == expected


def test_without_class_names_any_index_may_be_right(listed: Path) -> None:
    rewrite(listed, "000.png 999")
    split = read_split(listed, list_spec(class_names=None), "validation")
    assert (split.images[0].label, split.class_names) == (999, ())


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"splits": {"validation": {"images": "image", "list": "val.txt"}}},
            "colours: splits.validation.images: no folder 'image'; did you mean 'images'?",
        ),
        (
            {"splits": {"validation": {"images": "images", "list": "vals.txt"}}},
            "colours: splits: no file 'vals.txt'",
        ),
        ({"class_names": "names.txt"}, "colours: class_names: no file 'names.txt'"),
    ],
)
def test_something_declared_is_missing(listed: Path, changes: dict[str, Any], expected: str) -> None:
    assert complaint(listed, list_spec(**changes)) == expected


def test_a_split_that_is_not_declared(listed: Path) -> None:
    assert complaint(listed, list_spec(), "calibration") == (
        "colours: splits.calibration: missing, but needed (declared: validation)"
    )


def test_a_root_that_is_missing(tmp_path: Path) -> None:
    assert complaint(tmp_path / "nowhere", folders_spec()).endswith("no folder 'val'; there are none")


def test_an_empty_split(listed: Path) -> None:
    rewrite(listed, "", " ")
    assert complaint(listed, list_spec()) == "colours: splits.validation: no image found in 'images'"


def test_names_without_their_synset(listed: Path) -> None:
    (listed / "classes.txt").write_text(
        "n01440764 tench, Tinca tinca\nnight owl\n\nn1 \n n02 two words \n", encoding="utf-8"
    )
    split = read_split(listed, list_spec(), "validation")
    assert split.class_names == ("tench, Tinca tinca", "night owl", "n1", "two words")


def portion(listed: Path, low: float, high: float) -> list[str]:
    spec = list_spec(splits={"validation": {"images": "images", "list": "val.txt", "portion": [low, high]}})
    return [image.id for image in read_split(listed, spec, "validation").images]


def test_portions_are_disjoint_and_together_complete(listed: Path) -> None:
    edges = [0.0, 0.2, 0.5, 1.0]
    parts = [portion(listed, low, high) for low, high in itertools.pairwise(edges)]
    assert [len(part) for part in parts] == [2, 4, 6]
    assert sorted(itertools.chain.from_iterable(parts)) == portion(listed, 0.0, 1.0)


def test_a_portion_is_the_same_forever(listed: Path) -> None:
    # Computed apart from the library: the four names with the smallest SHA-256, in the order of the list.
    chosen = portion(listed, 0, 1 / 3)
    assert chosen == ["images/003.png", "images/006.png", "images/007.png", "images/010.png"]
    lines = (listed / "val.txt").read_text(encoding="utf-8").splitlines()
    rewrite(listed, *reversed(lines))
    assert sorted(portion(listed, 0, 1 / 3)) == chosen


def images(root: Path, **contents: bytes) -> list[SplitImage]:
    for name, content in contents.items():
        (root / name).write_bytes(content)
    return [SplitImage(name, root / name) for name in contents]


def test_shared_images_are_found_by_content(tmp_path: Path) -> None:
    first = images(tmp_path, a=b"one", b=b"two", c=b"longer")
    second = images(tmp_path, x=b"eno", y=b"two", z=b"one", w=b"longest")
    assert sorted(shared_images(first, second)) == [("a", "z"), ("b", "y")]
    assert shared_images(first[2:], second) == []


def test_files_of_different_size_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = images(tmp_path, a=b"one"), images(tmp_path, b=b"longer")

    def refuse(path: Path) -> bytes:
        raise AssertionError(f"{path} was read")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert shared_images(first, second) == []


@pytest.mark.parametrize(
    "name", ["", ".", "./", "..", "a/../../b", "/etc/passwd", "C:\\a", "a\0b", "x" * 256, "a/" * 1500]
)
def test_a_name_in_a_file_of_others_stays_in_its_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(OvlabError, match=r"^list, line 1: .*(points outside of|is longer than)"):
        inside(tmp_path, name, "list, line 1")


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("classes.txt", "", "colours: class_names: 'classes.txt' is empty, expected one name a line"),
        ("classes.txt", "\n \n", "colours: class_names: 'classes.txt' is empty, expected one name a line"),
        ("../classes.txt", "a", "colours: class_names: '../classes.txt' points outside of 'data'"),
        ("/etc/passwd", "a", "colours: class_names: '/etc/passwd' points outside of 'data'"),
        ("", "a", "colours: class_names: '' points outside of 'data'"),
    ],
)
def test_class_names_are_in_a_file_of_the_data_set(listed: Path, name: str, content: str, expected: str) -> None:
    (listed / "classes.txt").write_text(content, encoding="utf-8")
    with pytest.raises(OvlabError) as caught:
        read_split(listed, list_spec(class_names=name), "validation", "colours")
    assert str(caught.value) == expected


def test_a_class_index_of_thousands_of_digits(listed: Path) -> None:
    (listed / "val.txt").write_text(f"000.png {'9' * 5000}\n", encoding="utf-8")
    with pytest.raises(OvlabError, match=r"val\.txt, line 1: '000.png 9+\.\.\.9+' is not 'path class-index'"):
        read_split(listed, list_spec(), "validation", "colours")


def test_a_name_in_a_list_that_no_file_can_have(listed: Path) -> None:
    (listed / "val.txt").write_text(f"000.png 0\n{'x' * 300}.png 1\n", encoding="utf-8")
    with pytest.raises(OvlabError, match=r"^val\.txt, line 2: 'x+\.png' is longer than the name of a file can be$"):
        read_split(listed, list_spec(), "validation", "colours")
