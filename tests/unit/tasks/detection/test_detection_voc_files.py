"""Pascal VOC annotations: what good files give, and what is said about bad ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from detection_files import ENTITY_BOMB, VOC, turn, voc_object, voc_xml, write_image, write_voc

from ovlab.data import decode
from ovlab.errors import OvlabError
from ovlab.tasks.detection.annotations import AnnotatedSplit, read_voc


def read(root: Path, **arguments: object) -> AnnotatedSplit:
    return read_voc(root, VOC, "test", **arguments)  # type: ignore[arg-type]


def test_boxes_are_continuous_and_images_without_objects_stay(tmp_path: Path) -> None:
    objects = voc_object("dog", (1, 2, 10, 20)), voc_object("person", (11.0, 5, 40, 30), "1")
    split = read(write_voc(tmp_path, {"two": voc_xml(*objects), "one": voc_xml()}))
    assert [image.id for image in split.images] == [f"{VOC}/JPEGImages/two.jpg", f"{VOC}/JPEGImages/one.jpg"]
    first, second = (image.truth for image in split.images)
    assert first is not None and second is not None
    assert first.boxes.tolist() == [[0, 1, 10, 20], [10, 4, 40, 30]]
    assert [split.class_names[i] for i in first.class_ids] == ["dog", "person"]
    assert first.difficult.tolist() == [False, True]
    assert len(second) == 0
    assert (split.images[0].width, split.images[0].height, split.upright) == (40, 30, False)


def test_a_box_of_one_pixel_is_a_box(tmp_path: Path) -> None:
    truth = read(write_voc(tmp_path, {"a": voc_xml(voc_object(box=(5, 5, 5, 5)))})).images[0].truth
    assert truth is not None and truth.areas.tolist() == [1]


def test_own_class_names(tmp_path: Path) -> None:
    root = write_voc(tmp_path, {"a": voc_xml(voc_object("seven"))})
    truth = read(root, class_names=("one", "seven")).images[0].truth
    assert truth is not None and truth.class_ids.tolist() == [1]


def test_parts_of_an_object_are_not_taken_for_its_box(tmp_path: Path) -> None:
    part = f"<part><name>head</name>{voc_object().partition('</difficult>')[2].removesuffix('</object>')}</part>"
    text = voc_xml(voc_object(box=(3, 3, 20, 20)).replace("<difficult>", f"{part}<difficult>"))
    truth = read(write_voc(tmp_path, {"a": text})).images[0].truth
    assert truth is not None and truth.boxes.tolist() == [[2, 2, 20, 20]]


BAD = {
    "entities": (ENTITY_BOMB, "a.xml: refused, it declares a DTD or entities"),
    "external entity": (
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><annotation>&x;</annotation>',
        "a.xml: refused, it declares a DTD or entities",
    ),
    "no xml": ("{}", "a.xml: not XML"),
    "cut": (voc_xml(voc_object())[:-20], "a.xml: not XML"),
    "html": ("<html/>", "a.xml: the root is <html>, expected <annotation>"),
    "size in words": (voc_xml(size="<size><width>wide</width><height>30</height></size>"), "width: 'wide' is not a nu"),
    "negative size": (voc_xml(size="<size><width>-1</width><height>30</height></size>"), "width: '-1' is not a size"),
    "unknown class": (voc_xml(voc_object("horze")), "object 1: class 'horze' is none .*did you mean 'horse'"),
    "outside": (voc_xml(voc_object(box=(1, 1, 43, 10))), r"object 1: box 0, 0, 43, 10 .* leaves the image of 40x30"),
    "inverted": (voc_xml(voc_object(), voc_object(box=(9, 1, 3, 10))), "object 2: box .* is empty or inverted"),
    "nan": (voc_xml(voc_object(box=("nan", 1, 3, 10))), "object 1: xmin: 'nan' is not a number"),
    "text": (voc_xml(voc_object(box=(1, "top", 3, 10))), "object 1: ymin: 'top' is not a number"),
    "no box": (voc_xml("<object><name>dog</name></object>"), "object 1: no <bndbox>"),
    "no name": (voc_xml("<object><difficult>0</difficult></object>"), "object 1: no <name>"),
    "difficult": (voc_xml(voc_object(difficult="maybe")), "difficult is 'maybe', expected 0 or 1"),
}


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=BAD)
def test_a_bad_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(OvlabError, match=message) as caught:
        read(write_voc(tmp_path, {"a": text}))
    assert "a.xml" in str(caught.value) and "\n" not in str(caught.value)


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    root = write_voc(tmp_path, {"a": voc_xml()})
    (root / VOC / "Annotations/a.xml").write_bytes(b"\xff\xfe\x00<\x00")
    with pytest.raises(OvlabError, match=r"a\.xml, line 1: not the UTF-16 that its first bytes announce"):
        read(root)


NO_SIZE = {
    "none": "",
    "0": "<size><width>0</width><height>0</height><depth>0</depth></size>",
    "half": "<size><width>40</width></size>",
    "empty": "<size><width/><height/></size>",
}


@pytest.mark.parametrize("size", NO_SIZE.values(), ids=NO_SIZE)
def test_a_size_that_is_left_open_is_the_images_own(tmp_path: Path, size: str) -> None:
    image = read(write_voc(tmp_path, {"a": voc_xml(voc_object(), size=size)})).images[0]
    assert (image.width, image.height) == (40, 30)
    with pytest.raises(OvlabError, match="leaves the image of 40x30"):
        read(write_voc(tmp_path, {"a": voc_xml(voc_object(box=(1, 1, 60, 10)), size=size)}))


@pytest.mark.parametrize(("upright", "size"), [(False, (40, 30)), (True, (30, 40))])
def test_which_image_boxes_refer_to_is_chosen(tmp_path: Path, upright: bool, size: tuple[int, int]) -> None:
    root = write_voc(tmp_path, {"a": voc_xml(size="")})
    turn(root / VOC / "JPEGImages/a.jpg", 6)
    split = read(root, upright=upright)
    assert (split.images[0].width, split.images[0].height, split.upright) == (*size, upright)


ENCODINGS = {
    "UTF-8 without a declaration": ("", "utf-8"),
    "UTF-8 with a mark": ("", "utf-8-sig"),
    "UTF-8": ("UTF-8", "utf-8"),
    "UTF-16": ("UTF-16", "utf-16"),
    "UTF-16 without a mark": ("UTF-16", "utf-16-le"),
    "UTF-16 big-endian without a mark": ("UTF-16BE", "utf-16-be"),
    "UTF-16 declared in UTF-8": ("utf-16", "utf-8"),
    "Latin-1": ("ISO-8859-1", "latin-1"),
    "Windows": ("windows-1252", "cp1252"),
    "Japanese": ("Shift_JIS", "shift_jis"),
    "GB2312": ("GB2312", "gb2312"),
    "GBK called GB2312": ("gb2312", "gbk"),
}
NAMES = {"latin-1": "Bär", "cp1252": "Bär", "shift_jis": "犬", "gb2312": "狗", "gbk": "鎔"}  # the last is not in GB2312


@pytest.mark.parametrize(("declared", "encoding"), ENCODINGS.values(), ids=ENCODINGS)
def test_xml_is_read_in_the_encoding_that_it_declares(tmp_path: Path, declared: str, encoding: str) -> None:
    name = NAMES.get(encoding, "狗")
    root = write_voc(tmp_path, {"a": voc_xml()})
    head = f'<?xml version="1.0" encoding="{declared}"?>\n' if declared else '<?xml version="1.0"?>\n'
    (root / VOC / "Annotations/a.xml").write_bytes((head + voc_xml(voc_object(name))).encode(encoding))
    truth = read(root, class_names=("dog", name)).images[0].truth
    assert truth is not None and truth.class_ids.tolist() == [1]


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ("", r"a\.xml, line 2: byte 0xb9 is not UTF-8; save the file as UTF-8"),
        ("utf-8", r"a\.xml, line 2: byte 0xb9 is not UTF-8"),
        ("ascii", r"a\.xml, line 2: byte 0xb9 is not ascii, which it declares"),
        ("GB2313", r"a\.xml: declares the encoding 'gb2313', which is not known here"),
        ("hex", r"a\.xml: declares the encoding 'hex', which is not known here"),
    ],
)
def test_xml_in_another_encoding_than_declared(tmp_path: Path, declared: str, message: str) -> None:
    root = write_voc(tmp_path, {"a": voc_xml()})
    head = f'<?xml version="1.0" encoding="{declared}"?>\n' if declared else '<?xml version="1.0"?>\n'
    (root / VOC / "Annotations/a.xml").write_bytes((head + voc_xml(voc_object("狗"))).encode("gb2312"))
    with pytest.raises(OvlabError, match=message):
        read(root, class_names=("狗",))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
def test_entities_are_refused_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    root = write_voc(tmp_path, {"a": voc_xml()})
    (root / VOC / "Annotations/a.xml").write_bytes(ENTITY_BOMB.encode(encoding))
    with pytest.raises(OvlabError, match=r"a\.xml: refused, it declares a DTD or entities"):
        read(root)


@pytest.mark.parametrize("suffix", [".bmp", ".tif", ".TIFF", ".webp", ".Jpg", ".JPG", ".png", ".gif", ".avif"])
@pytest.mark.parametrize("name", ["a", "a dog", "a.b", "Hündin 1"])
def test_images_of_every_suffix_and_name(tmp_path: Path, suffix: str, name: str) -> None:
    root = write_voc(tmp_path, {name: voc_xml(voc_object())})
    folder = root / VOC / "JPEGImages"
    write_image(folder / f"x{suffix}")
    (folder / f"{name}.jpg").unlink()
    (folder / f"x{suffix}").rename(folder / f"{name}{suffix}")
    (folder / f"._{name}.jpg").write_bytes(b"of a Mac")
    split = read(root)
    assert [image.path.name for image in split.images] == [f"{name}{suffix}"]
    assert decode(split.images[0].path).shape == (30, 40, 3)


def test_of_images_that_are_called_alike_the_photograph_is_taken(tmp_path: Path) -> None:
    root = write_voc(tmp_path, {"a": voc_xml()})
    for suffix in (".png", ".bmp", ".gif"):
        write_image(root / VOC / f"JPEGImages/a{suffix}")
    assert read(root).images[0].path.name == "a.jpg"


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf", b"\xff\xfe"])
def test_a_list_may_have_a_byte_order_mark(tmp_path: Path, mark: bytes) -> None:
    root = write_voc(tmp_path, {"a": voc_xml(), "b": voc_xml()})
    encoding = "utf-16-le" if mark == b"\xff\xfe" else "utf-8"
    (root / VOC / "ImageSets/Main/test.txt").write_bytes(mark + "a\r\nb\r\n".encode(encoding))
    assert [image.path.stem for image in read(root).images] == ["a", "b"]


def test_no_object_at_all_is_remarked(tmp_path: Path) -> None:
    root = write_voc(tmp_path, {"a": voc_xml(), "b": voc_xml()})
    assert read(root).label_remarks == ("0 of 2 images have labels: no annotation of 'test' has an object",)
    assert read(write_voc(tmp_path, {"a": voc_xml(voc_object()), "b": voc_xml()})).label_remarks == ()


@pytest.mark.parametrize(
    ("policy", "boxes"), [("clip", [[0, 0, 40, 10], [1, 1, 5, 5]]), ("skip", [[1, 1, 5, 5]])], ids=["clip", "skip"]
)
def test_policies_for_bad_boxes(tmp_path: Path, policy: str, boxes: list[list[int]]) -> None:
    text = voc_xml(voc_object(box=(1, 1, 60, 10)), voc_object(box=(70, 1, 80, 5)), voc_object(box=(2, 2, 5, 5)))
    split = read(write_voc(tmp_path, {"a": text}), on_bad_box=policy)
    truth = split.images[0].truth
    assert truth is not None and truth.boxes.tolist() == boxes
    left_out = f"{3 - len(boxes)} bad box(es) left out (on_bad_box)"
    assert split.label_remarks == (
        ("1 bad box(es) clipped (on_bad_box)", left_out) if policy == "clip" else (left_out,)
    )


@pytest.mark.parametrize("xmax", [40, 41, 40.9])
def test_rounding_at_the_border_is_tolerated(tmp_path: Path, xmax: float) -> None:
    truth = read(write_voc(tmp_path, {"a": voc_xml(voc_object(box=(0, 1, xmax, 10)))})).images[0].truth
    assert truth is not None and truth.boxes.tolist() == [[0, 0, 40, 10]]


def test_more_than_a_pixel_is_not(tmp_path: Path) -> None:
    with pytest.raises(OvlabError, match="leaves the image"):
        read(write_voc(tmp_path, {"a": voc_xml(voc_object(box=(1, 1, 41.1, 10)))}))


LISTS: dict[str, tuple[str, str]] = {
    "twice": ("a\na\n", "line 2: image 'a' is listed twice"),
    "missing": ("a\nb\n", "line 2: no image 'b' in 'JPEGImages'"),
    "traversal": ("../../../a\n", "line 1: '../../../a' points outside"),
    "absolute": ("/etc/passwd\n", "line 1: '/etc/passwd' points outside"),
    "labelled": ("a 1\n", "line 1: 'a 1', expected one image a line"),
    "empty": ("\n", "no image found"),
}


@pytest.mark.parametrize(("listing", "message"), LISTS.values(), ids=LISTS)
def test_bad_lists(tmp_path: Path, listing: str, message: str) -> None:
    with pytest.raises(OvlabError, match=message):
        read(write_voc(tmp_path, {"a": voc_xml()}, listing))


def _drop_annotation(root: Path) -> None:
    (root / VOC / "Annotations/a.xml").unlink()


def _make_folder(root: Path) -> None:
    _drop_annotation(root)
    (root / VOC / "Annotations/a.xml").mkdir()


def _drop_list(root: Path) -> None:
    (root / VOC / "ImageSets/Main/test.txt").rename(root / VOC / "ImageSets/Main/tests.txt")


def _rename_folder(root: Path) -> None:
    (root / VOC).rename(root / "VOCdevkit/VOC2012")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_drop_annotation, r"a\.xml: no such file"),
        (_make_folder, r"a\.xml: is a folder"),
        (_drop_list, r"test\.txt: no such file; did you mean 'tests\.txt'"),
        (_rename_folder, r"no folder 'VOCdevkit/VOC2007'; did you mean 'VOC2012'"),
    ],
)
def test_missing_files(tmp_path: Path, damage: Callable[[Path], None], message: str) -> None:
    root = write_voc(tmp_path, {"a": voc_xml()})
    damage(root)
    with pytest.raises(OvlabError, match=message):
        read(root)


@pytest.mark.parametrize(("names", "message"), [((), "empty"), (("a", "a"), "'a' is there twice")])
def test_bad_class_names(tmp_path: Path, names: tuple[str, ...], message: str) -> None:
    with pytest.raises(OvlabError, match=message):
        read(write_voc(tmp_path, {"a": voc_xml()}), class_names=names)
