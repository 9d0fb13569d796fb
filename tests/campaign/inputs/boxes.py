"""Annotations of objects: Pascal VOC, COCO, YOLO."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

from detection_files import ENTITY_BOMB, VOC, coco_json, voc_object, voc_xml, write_coco, write_image, write_voc

from campaign.cases import Command, Family, Room

VOCS, COCOS, YOLOS = Family("VOC"), Family("COCO"), Family("YOLO")
FAMILIES = (VOCS, COCOS, YOLOS)


def voc(name: str, xml: str | bytes, words: str, listing: str | bytes | None = None) -> None:
    def made(room: Room) -> Command:
        root = write_voc(room.here / "data", {"a": voc_xml()})
        (root / VOC / "Annotations/a.xml").write_bytes(xml if isinstance(xml, bytes) else xml.encode())
        if listing is not None:
            path = root / VOC / "ImageSets/Main/test.txt"
            path.write_bytes(listing if isinstance(listing, bytes) else listing.encode())
        split = {"images": VOC, "image_set": "test"}
        return room.detect(root, {"format": "voc", "splits": {"validation": split}})

    VOCS.add(name, made, rf"^failed: .*{words}")


GOOD = voc_xml(voc_object())
voc("entities", ENTITY_BOMB, r"a\.xml: refused, it declares a DTD or entities")
voc(
    "entity of a file",
    '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation>&x;</annotation>',
    r"a\.xml: refused, it declares a DTD",
)
voc("a DTD elsewhere", '<!DOCTYPE a SYSTEM "http://127.0.0.1:1/a.dtd"><annotation/>', r"a\.xml: refused, it declares")
voc("empty", "", r"a\.xml: not XML")
voc("text", "no XML", r"a\.xml: not XML")
voc("cut", GOOD[:60], r"a\.xml: not XML")
voc("binary", bytes(range(256)), r"a\.xml: not UTF-8 text")
voc("UTF-16", GOOD.encode("utf-16"), r"a\.xml: not UTF-8 text")
voc("declares another encoding", f'<?xml version="1.0" encoding="odd"?>{GOOD}', r"a\.xml: not XML")
voc("declares UTF-7", f'<?xml version="1.0" encoding="UTF-7"?>{GOOD}', r"a\.xml: not XML")
voc("other root", "<html/>", "the root is <html>, expected <annotation>")
voc("control signs in the root", "<a\u202eb/>", r"a\.xml")
voc("nested 100000 deep", "<a>" * 100_000 + "</a>" * 100_000, r"a\.xml")
voc("nested in an annotation", "<annotation>" + "<a>" * 50_000 + "</a>" * 50_000 + "</annotation>", r"a\.xml")
voc("no size", "<annotation/>", r"a\.xml: no size of the image")
for size in ("0", "-40", "nan", "inf", "1e400", "4e1.5", "9" * 5000, "forty", "40.5", "\u0664"):
    xml = voc_xml(voc_object(), size=f"<size><width>{size}</width><height>30</height></size>")
    voc(f"width {size[:8]}", xml, r"a\.xml: width: .* is not a (size|number)" if size != "\u0664" else "a.xml")
for x in ("nan", "inf", "-inf", "1e400", "9" * 5000, "one", "", "0x10", "1,5"):
    voc(f"xmin {x[:8]!r}", voc_xml(voc_object(box=(x, 1, 10, 10))), r"a\.xml, object 1: .*xmin")
voc("box outside", voc_xml(voc_object(box=(1, 1, 1000, 1000))), "object 1: box .*leaves the image")
voc("box inverted", voc_xml(voc_object(box=(10, 10, 1, 1))), "object 1: box .*is empty or inverted")
voc("huge box", voc_xml(voc_object(box=("-1e308", "-1e308", "1e308", "1e308"))), "object 1: box")
voc("unknown class", voc_xml(voc_object("dgo")), "class 'dgo' is none of the data set's; did you mean 'dog'")
voc("class of 100000 letters", voc_xml(voc_object("x" * 100_000)), "is none of the data set's")
voc("class of control signs", voc_xml(voc_object("\u202edog")), "is none of the data set's")
voc("difficult", voc_xml(voc_object(difficult="maybe")), "difficult is 'maybe', expected 0 or 1")
voc(
    "no box",
    "<annotation><size><width>40</width><height>30</height></size><object><name>dog</name></object></annotation>",
    "no <bndbox>",
)
for line in ("../../../../canary/canary", "/etc/passwd", "..", ".", "nowhere", "a\0b", "x" * 10_000, "\x1b[31m"):
    voc(f"list {line[:12]!r}", GOOD, "test.txt, line 1: ", line + "\n")
voc("list: twice", GOOD, "line 2: image 'a' is listed twice", "a\na\n")
voc("list: two columns", GOOD, "line 1: 'a 1', expected one image a line", "a 1\n")
voc("list: empty", GOOD, "no image found", "")
voc("list: Latin-1", GOOD, r"test\.txt: not UTF-8 text", b"caf\xe9\n")


def coco(name: str, change: Callable[[dict[str, Any]], Any] | str | bytes, words: str) -> None:
    def made(room: Room) -> Command:
        root = write_coco(room.here / "data", coco_json())
        if callable(change):
            data = copy.deepcopy(coco_json())
            replaced = change(data)
            text: str | bytes = json.dumps(data if replaced is None else replaced)
        else:
            text = change
        (root / "instances.json").write_bytes(text if isinstance(text, bytes) else text.encode())
        split = {"images": "val", "annotations": "instances.json"}
        return room.detect(root, {"format": "coco", "splits": {"validation": split}})

    COCOS.add(name, made, rf"^failed: .*{words}")


def put(*path: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(data: dict[str, Any]) -> None:
        place: Any = data
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value

    return change


coco("empty", "", r"instances\.json: not JSON")
coco("cut", json.dumps(coco_json())[:100], r"instances\.json: not JSON")
coco("binary", bytes(range(256)), r"instances\.json: not UTF-8 text")
coco("a list", "[]", "expected an object with images, categories, annotations")
coco("a number", "5", "expected an object with")
coco("null", "null", "expected an object with")
coco("nested 100000 deep", "[" * 100_000, r"instances\.json: not JSON")
coco("nested in objects", '{"a":' * 100_000, r"instances\.json: not JSON")
coco("a number of 5000 digits", '{"images": [' + "9" * 5000 + "]}", r"instances\.json: ")
coco("an id of 5000 digits", json.dumps(coco_json()).replace('"id": 7', '"id": ' + "9" * 5000), r"instances\.json: ")
for key in ("images", "categories", "annotations"):
    coco(f"{key}: missing", lambda data, key=key: data.pop(key) and None, f"no list of '{key}'")
    coco(f"{key}: a text", put(key, value="all"), f"no list of '{key}'")
    coco(f"{key}: of numbers", put(key, value=[1, 2]), rf"{key}\[0\]: no '")
    coco(f"{key}: of nulls", put(key, value=[None]), rf"{key}\[0\]: no '")
for value in ("7", None, 1.5, True, [7], {"a": 7}):
    coco(f"image id {value!r}", put("images", 0, "id", value=value), "id is .*, expected a whole number")
for value in ("../../canary/canary.txt", "/etc/passwd", "..", ".", "", "a\0.jpg", 5, None, ["a.jpg"], "C:\\a.jpg"):
    coco(f"file name {value!r}", put("images", 0, "file_name", value=value), r"images\[0\]: ")
for value in (0, -1, 1.5, "wide", None, [40], float("nan"), float("inf"), True):
    coco(f"image width {value!r}", put("images", 0, "width", value=value), r"images\[0\]: width: .*is not a ")
coco("image twice", lambda data: data["images"].append(data["images"][0]), "id 7 is there twice")
coco("category twice", lambda data: data["categories"].append(data["categories"][0]), "is there twice")
coco("category name", put("categories", 0, "name", value=["dog"]), "name is .*, expected text")
coco("category unknown", put("categories", 0, "name", value="dgo"), "did you mean 'dog'")
coco("unknown image", put("annotations", 0, "image_id", value=99), "image_id 99 is none of the images'")
coco("unknown category", put("annotations", 0, "category_id", value=99), "category_id 99 is none of the categories'")
BOXES = (
    [],
    [1, 2, 3],
    [1, 2, 3, "x"],
    [None] * 4,
    "box",
    {"x": 1},
    [float("nan")] * 4,
    [0, 0, 10**400, 1],
    [0, 0, -5, 5],
)
for value in BOXES:
    coco(f"bbox {str(value)[:20]}", put("annotations", 0, "bbox", value=value), r"annotations\[0\]: .*(bbox|box)")
for value in (-1, float("nan"), "large", [1], {"a": 1}):
    coco(f"area {value!r}", put("annotations", 0, "area", value=value), r"annotations\[0\]: area")
for value in (2, -1, "yes", [1], {"a": 1}):
    coco(f"crowd {value!r}", put("annotations", 0, "iscrowd", value=value), r"annotations\[0\]: iscrowd")
coco("no image", put("images", value=[]), "none of the images'|no image")


def yolo(name: str, text: str | bytes, words: str) -> None:
    def made(room: Room) -> Command:
        root = room.here / "data"
        write_image(root / "images/a.jpg")
        room.write("data/labels/a.txt", text)
        return room.detect(root, {"format": "yolo", "splits": {"validation": {"images": "images"}}})

    YOLOS.add(name, made, rf"^failed: .*{words}")


yolo("four numbers", "0 0.5 0.5 0.1\n", r"a\.txt, line 1: 4 numbers, expected 5")
yolo("polygon", "0 " + "0.5 " * 40 + "\n", r"a\.txt, line 1: 41 numbers, expected 5")
yolo("text", "dog 0.5 0.5 0.1 0.1\n", "'dog' is not a number")
for x in ("nan", "inf", "1e400", "0x1", "1_0e500", "9" * 5000):
    yolo(f"x {x[:8]}", f"0 {x} 0.5 0.1 0.1\n", r"a\.txt, line 1: ")
for number in ("-1", "2", "0.5", "1e300", "9" * 300):
    yolo(f"class {number[:8]}", f"{number} 0.5 0.5 0.1 0.1\n", r"a\.txt, line 1: class .* is out of range")
yolo("in pixels", "0 20 15 10 10\n", "line 1: box .*leaves the image")
yolo("negative width", "0 0.5 0.5 -0.1 0.1\n", "line 1: box .*is empty or inverted")
yolo("binary", bytes(range(256)), r"a\.txt: not UTF-8 text")
yolo("UTF-16", "0 0.5 0.5 0.1 0.1\n".encode("utf-16"), r"a\.txt: not UTF-8 text")
yolo("NUL", "0 0.5 0.5 0.1 0.1\0\n", r"a\.txt, line 1: ")
yolo("control signs", "\x1b[31m 0.5 0.5 0.1 0.1\n", r"a\.txt, line 1: ")
yolo("a line of 20 MB", "0 " * 10_000_000, r"a\.txt, line 1: 10000000 numbers")
