"""COCO annotations: what a good file gives, and what is said about bad ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from detection_files import coco_json, turn, write_coco

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
    "size": (_set("images", 0, "height", value=-3), r"images\[0\]: height: '-3' is not a size in pixels"),
    "category twice": (_set("categories", 1, "id", value=18), r"categories\[1\]: id 18 is there twice"),
    "category name twice": (_set("categories", 1, "name", value="dog"), "class_names: 'dog' is there twice"),
    "category name": (_set("categories", 1, "name", value=5), r"categories\[1\]: name is '5', expected text"),
    "unknown category": (_set("annotations", 0, "category_id", value=2), r"annotations\[0\]: category_id 2 is none"),
    "unknown image": (_set("annotations", 0, "image_id", value=2), r"annotations\[0\]: image_id 2 is none"),
    "no id": (_set("annotations", 0, "image_id", value=None), "image_id is 'None', expected a whole number or a text"),
    "id of parts": (_set("annotations", 0, "image_id", value=[7]), r"image_id is '\[7\]', expected a whole number"),
    "half an id": (_set("images", 0, "id", value=7.5), "id is '7.5', expected a whole number or a text"),
    "empty id": (_set("images", 0, "id", value=""), "id is '', expected a whole number or a text"),
    "true": (_set("images", 0, "id", value=True), "id is 'True', expected a whole number or a text"),
    "the same id as text": (_set("images", 1, "id", value="7"), r"images\[1\]: id 7 is there twice"),
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


@pytest.mark.parametrize("of", [str, float, lambda key: f"image-{key}", lambda key: f"图 {key}"])
def test_ids_are_names(tmp_path: Path, of: Callable[[int], Any]) -> None:
    data = coco_json()
    for entry in data["images"] + data["categories"]:
        entry["id"] = of(entry["id"])
    for entry in data["annotations"]:
        entry |= {key: of(entry[key]) for key in ("id", "image_id", "category_id")}
    split = read_coco(write_coco(tmp_path, data), "val", "instances.json", ("person", "dog"))
    truth = split.images[0].truth
    assert truth is not None and truth.class_ids.tolist() == [1, 0]
    # Numbers in any form give the order of the classes, names leave that of the file.
    names = read_coco(tmp_path, "val", "instances.json").class_names
    assert names == (("person", "dog") if of in {str, float} else ("dog", "person"))


@pytest.mark.parametrize("size", [{}, {"width": 0, "height": 0}, {"width": 40}, {"width": None, "height": 30}])
def test_a_size_that_is_left_open_is_the_images_own(tmp_path: Path, size: dict[str, Any]) -> None:
    data = coco_json()
    data["images"][0] = {"id": 7, "file_name": "a.jpg"} | size
    image = read_coco(write_coco(tmp_path, data), "val", "instances.json").images[0]
    assert (image.width, image.height) == (40, 30)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_json_with_a_byte_order_mark(tmp_path: Path, encoding: str) -> None:
    root = write_coco(tmp_path, coco_json())
    (root / "instances.json").write_bytes(json.dumps(coco_json()).encode(encoding))
    assert len(read_coco(root, "val", "instances.json").images) == 2


def test_no_object_at_all_is_remarked(tmp_path: Path) -> None:
    data = coco_json() | {"annotations": []}
    split = read_coco(write_coco(tmp_path, data), "val", "instances.json")
    assert split.label_remarks == ("0 of 2 images have labels: 'instances.json' has no object on any of them",)
    assert read_coco(write_coco(tmp_path, coco_json()), "val", "instances.json").label_remarks == ()


@pytest.mark.parametrize(("upright", "size"), [(False, (40, 30)), (True, (30, 40))])
def test_which_image_boxes_refer_to_is_chosen(tmp_path: Path, upright: bool, size: tuple[int, int]) -> None:
    data = coco_json()
    data["images"] = [{"id": 7, "file_name": "a.jpg"}]
    data["annotations"] = data["annotations"][:1]
    root = write_coco(tmp_path, data)
    turn(root / "val/a.jpg", 8)
    split = read_coco(root, "val", "instances.json", upright=upright)
    assert (split.images[0].width, split.images[0].height, split.upright) == (*size, upright)
