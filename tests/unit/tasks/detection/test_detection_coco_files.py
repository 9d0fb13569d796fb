"""COCO annotations: what a good file gives, and what is said about bad ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from detection_files import coco_json, write_coco

from ovlab.errors import OvlabError
from ovlab.tasks.detection.annotations import read_coco


def test_all_images_in_the_order_of_the_file(tmp_path: Path) -> None:
    split = read_coco(write_coco(tmp_path, coco_json()), "val", "instances.json")
    assert split.class_names == ("person", "dog")  # by id, which has gaps
    assert [image.id for image in split.images] == ["val/a.jpg", "val/b.jpg"]
    first, second = (image.truth for image in split.images)
    assert first is not None and second is not None
    assert first.boxes.tolist() == [[1.5, 2, 11.5, 22], [0, 0, 40, 30]]
    assert first.class_ids.tolist() == [1, 0]
    assert first.areas.tolist() == [150.5, 1200]
    assert first.crowd.tolist() == [False, True]
    assert len(second) == 0 and (split.images[1].width, split.images[1].height) == (40, 30)


def test_declared_class_names_give_the_order(tmp_path: Path) -> None:
    split = read_coco(write_coco(tmp_path, coco_json()), "val", "instances.json", ("dog", "cat", "person"))
    truth = split.images[0].truth
    assert truth is not None and truth.class_ids.tolist() == [0, 2]
    with pytest.raises(OvlabError, match=r"category 18: class 'dog' is none .*did you mean 'dogs'"):
        read_coco(tmp_path, "val", "instances.json", ("dogs", "person"))


def _set(*path: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(data: dict[str, Any]) -> None:
        place: Any = data
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value

    return change


def _without(*path: Any) -> Callable[[dict[str, Any]], None]:
    def change(data: dict[str, Any]) -> None:
        place: Any = data
        for key in path[:-1]:
            place = place[key]
        del place[path[-1]]

    return change


BAD: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "no images": (_without("images"), "no list of 'images'"),
    "image twice": (_set("images", 1, "id", value=7), r"images\[1\]: id 7 is there twice"),
    "file twice": (_set("images", 1, "file_name", value="a.jpg"), r"images\[1\]: file 'a.jpg' is there twice"),
    "traversal": (_set("images", 0, "file_name", value="../a.jpg"), r"images\[0\]: '../a.jpg' points outside of 'val'"),
    "windows": (_set("images", 0, "file_name", value="..\\a.jpg"), r"images\[0\]: .* points outside of 'val'"),
    "absolute": (_set("images", 0, "file_name", value="/etc/passwd"), "points outside of 'val'"),
    "no file": (_set("images", 0, "file_name", value="c.jpg"), r"images\[0\]: no image 'c.jpg' in 'val'"),
    "no name": (_without("images", 0, "file_name"), r"images\[0\]: no 'file_name'"),
    "no size": (_without("images", 0, "width"), r"images\[0\]: no 'width'"),
    "size": (_set("images", 0, "height", value=-3), r"images\[0\]: height: '-3' is not a size in pixels"),
    "category twice": (_set("categories", 1, "id", value=18), r"categories\[1\]: id 18 is there twice"),
    "category name twice": (_set("categories", 1, "name", value="dog"), "class_names: 'dog' is there twice"),
    "category name": (_set("categories", 1, "name", value=5), r"categories\[1\]: name is '5', expected text"),
    "unknown category": (_set("annotations", 0, "category_id", value=2), r"annotations\[0\]: category_id 2 is none"),
    "unknown image": (_set("annotations", 0, "image_id", value=2), r"annotations\[0\]: image_id 2 is none"),
    "id as text": (_set("annotations", 0, "image_id", value="7"), "image_id is '7', expected a whole number"),
    "object twice": (_set("annotations", 1, "id", value=1), r"annotations\[1\]: id 1 is there twice"),
    "short box": (_set("annotations", 0, "bbox", value=[1, 2, 3]), r"bbox is '\[1, 2, 3\]', expected \[x, y"),
    "nan": (_set("annotations", 0, "bbox", value=[1, 2, float("nan"), 3]), "bbox: 'nan' is not a number"),
    "huge": (_set("annotations", 0, "bbox", value=[1, 2, 10**400, 3]), "bbox: '1000.*' is not a number"),
    "outside": (_set("annotations", 0, "bbox", value=[30, 2, 20, 3]), r"annotations\[0\]: box 30, 2, 50, 5 .* leaves"),
    "empty": (_set("annotations", 0, "bbox", value=[3, 2, 0, 3]), "is empty or inverted"),
    "negative": (_set("annotations", 0, "bbox", value=[9, 2, -5, 3]), "is empty or inverted"),
    "crowd": (_set("annotations", 0, "iscrowd", value=3), "iscrowd is '3', expected 0 or 1"),
    "area": (_set("annotations", 0, "area", value=-1), "area is -1"),
    "not an object": (_set("annotations", 0, value=[]), r"annotations\[0\]: no 'image_id'"),
}


@pytest.mark.parametrize(("change", "message"), BAD.values(), ids=BAD)
def test_a_bad_entry_is_named(tmp_path: Path, change: Callable[[dict[str, Any]], None], message: str) -> None:
    data = coco_json()
    change(data)
    with pytest.raises(OvlabError, match=message) as caught:
        read_coco(write_coco(tmp_path, data), "val", "instances.json")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<annotation/>", "not JSON"),
        ('{"images": [', "not JSON"),
        ("[" * 200_000, "not JSON"),
        ("[]", "expected an object with images"),
        ('{"images": {}, "categories": [], "annotations": []}', "no list of 'images'"),
        ('{"images": [], "categories": [], "annotations": []}', "class_names: empty"),
        ('{"images": [], "categories": [{"id": 1, "name": "dog"}], "annotations": []}', "no image found"),
    ],
)
def test_what_is_not_coco(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(OvlabError, match=message):
        read_coco(write_coco(tmp_path, text), "val", "instances.json")


def test_the_annotation_file_lies_in_the_data_set(tmp_path: Path) -> None:
    write_coco(tmp_path / "root", coco_json())
    with pytest.raises(OvlabError, match="points outside"):
        read_coco(tmp_path / "root", "val", "../instances.json")
    with pytest.raises(OvlabError, match=r"instance\.json: no such file; did you mean 'instances\.json'"):
        read_coco(tmp_path / "root", "val", "instance.json")


def test_rounding_at_the_border_is_tolerated(tmp_path: Path) -> None:
    data = coco_json()
    data["annotations"][0]["bbox"] = [-0.4, 0, 40.9, 30.2]
    truth = read_coco(write_coco(tmp_path, data), "val", "instances.json").images[0].truth
    assert truth is not None and truth.boxes[0].tolist() == [0, 0, 40, 30]


def test_an_empty_box_can_be_skipped(tmp_path: Path) -> None:
    data = coco_json()
    data["annotations"][0]["bbox"] = [3, 3, 0, 5]
    for policy in ("clip", "skip"):
        split = read_coco(write_coco(tmp_path, data), "val", "instances.json", on_bad_box=policy)  # type: ignore[arg-type]
        truth = split.images[0].truth
        assert truth is not None and truth.class_ids.tolist() == [0]
