"""What others' folders and text files hold besides what one expects."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from toy import CLASSES, colour_image, folders_spec, list_spec, write_class_folders, write_image, write_imagenet_list

from ovlab.data import decode, read_split
from ovlab.data.folders import find_files, is_ignored, left_out, list_images
from ovlab.data.images import IMAGE_SUFFIXES
from ovlab.errors import OvlabError
from ovlab.files import decode_text
from ovlab.specs import DatasetSpec

SYSTEM = ["@eaDir", "__MACOSX", ".DS_Store", "Thumbs.db", "lost+found", ".hidden", "._x.png", "$RECYCLE.BIN"]


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    return write_class_folders(tmp_path / "data")


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    return write_imagenet_list(tmp_path / "data")


def images_spec() -> DatasetSpec:
    return folders_spec(format="images")


@pytest.mark.parametrize("name", [*SYSTEM, "THUMBS.DB", "__macosx", "System Volume Information"])
def test_what_systems_put_beside_files_is_none_of_them(name: str) -> None:
    assert is_ignored(name)


@pytest.mark.parametrize("name", ["macosx", "lost", "x._png", "__init__", "eaDir", "cat"])
def test_what_is_only_alike_is(name: str) -> None:
    assert not is_ignored(name)


@pytest.mark.parametrize("name", SYSTEM)
@pytest.mark.parametrize("kind", ["class_folders", "images"])
def test_folders_of_systems_are_no_classes_and_hold_no_images(folders: Path, name: str, kind: str) -> None:
    spec = folders_spec(format=kind)
    expected = read_split(folders, spec, "validation")
    for place in (folders / "val", folders / "val" / "red"):
        (place / name).mkdir()
        write_image(place / name / "x.png", colour_image("red", 7))
    assert read_split(folders, spec, "validation") == expected


def test_hidden_images_are_left_out_in_every_format(folders: Path) -> None:
    for place in ("val", "val/red"):
        shutil.copy(folders / "val/red/4.png", folders / place / "._4.png")
    for spec in (folders_spec(), images_spec()):
        split = read_split(folders, spec, "validation")
        assert len(split.images) == 12
        assert split.remarks == ()


def test_every_suffix_that_is_taken_can_be_decoded(tmp_path: Path) -> None:
    image = colour_image("red", 0, 64, 80)
    for suffix in sorted(IMAGE_SUFFIXES):
        written = {".jfif": ".jpg", ".dib": ".bmp", ".pnm": ".ppm"}.get(suffix, suffix)
        write_image(tmp_path / f"x{written}", image if suffix not in {".pgm", ".pbm"} else image[..., 0])
        (tmp_path / f"x{written}").rename(tmp_path / f"of{suffix}")
        assert decode(tmp_path / f"of{suffix}").shape == (64, 80, 3)
    assert len(list_images(tmp_path)) == len(IMAGE_SUFFIXES)


@pytest.mark.parametrize("name", ["x.JPG", "x.Jpg", "x.jfif", "x.jpe", "x.GIF", "x.TIF", "x.Webp"])
def test_suffixes_in_any_case(folders: Path, name: str) -> None:
    shutil.copy(folders / "val/red/4.png", folders / "val/red" / name)
    for spec in (folders_spec(), images_spec()):
        assert name in [image.path.name for image in read_split(folders, spec, "validation").images]


def test_what_is_left_out_is_counted_and_said(folders: Path) -> None:
    for name in ("red/a.heic", "blue/b.HEIC", "blue/c.mp4", "red/readme.txt", "red/LICENSE", "red/.x.heic"):
        (folders / "val" / name).write_bytes(b"")
    said = "3 files in 'val' left out, no image that is read: 2 .heic, 1 .mp4"
    for spec in (folders_spec(), images_spec()):
        assert read_split(folders, spec, "validation").remarks == (said,)
    assert left_out({".gif2": 1}, "val") == ("1 file in 'val' left out, no image that is read: 1 .gif2",)
    assert left_out(find_files(folders / "train").others, "train") == ()


def test_an_image_in_no_class_is_told(folders: Path) -> None:
    shutil.copy(folders / "val/red/4.png", folders / "val/4.png")
    split = read_split(folders, folders_spec(), "validation")
    assert (len(split.images), split.remarks) == (12, ("1 image(s) in 'val' left out: in no class's folder",))


def test_images_in_subfolders_are_of_the_class_above(folders: Path) -> None:
    (folders / "val/red/more").mkdir()
    shutil.copy(folders / "val/red/4.png", folders / "val/red/more/9.png")
    images = read_split(folders, folders_spec(), "validation").images
    assert [image.label for image in images if image.id == "val/red/more/9.png"] == [3]


@pytest.mark.parametrize(
    ("names", "is_told"),
    [(["1", "2", "10"], True), (["0", "1", "2"], False), (["01", "02", "10"], False), (["1", "10", "two"], False)],
)
def test_numeric_class_folders_out_of_order_are_told(tmp_path: Path, names: list[str], is_told: bool) -> None:
    for name in names:
        write_image(tmp_path / "val" / name / "0.png", colour_image("red", 0))
    split = read_split(tmp_path, folders_spec(), "validation")
    assert any("counted in the order of text" in remark for remark in split.label_remarks) == is_told
    assert not read_split(tmp_path, folders_spec(class_names=names), "validation").label_remarks


MARKED = {"none": "utf-8", "UTF-8": "utf-8-sig", "UTF-16": "utf-16", "UTF-32": "utf-32"}


@pytest.mark.parametrize("encoding", MARKED.values(), ids=MARKED)
def test_byte_order_marks_are_no_part_of_names(listed: Path, encoding: str) -> None:
    for name in ("classes.txt", "val.txt"):
        text = (listed / name).read_text(encoding="utf-8").replace("blue", "蓝")
        (listed / name).write_bytes(text.replace("\n", "\r\n").encode(encoding))
    split = read_split(listed, list_spec(), "validation")
    assert split.class_names == ("蓝", *CLASSES[1:])
    assert len(split.images) == 12


@pytest.mark.parametrize("name", ["classes.txt", "val.txt"])
@pytest.mark.parametrize(
    ("encoding", "line", "what"),
    [("gbk", 2, "byte 0xc2 is not UTF-8; save"), ("utf-16-le", 1, "holds a zero byte; save the file as UTF-8")],
)
def test_another_encoding_is_told_with_file_and_line(
    listed: Path, name: str, encoding: str, line: int, what: str
) -> None:
    (listed / name).write_bytes("red 1\n绿.png 2\n".encode(encoding))
    with pytest.raises(OvlabError) as caught:
        read_split(listed, list_spec(), "validation")
    assert f"{name}, line {line}: {what}" in str(caught.value)


def test_text_that_is_not_what_its_mark_says() -> None:
    with pytest.raises(OvlabError, match=r"^f, line 1: not the UTF-16 that its first bytes announce$"):
        decode_text(b"\xff\xfea", "f")
    assert decode_text(b"", "f") == ""


@pytest.mark.parametrize("gap", [" ", "\t", " \t ", "   "])
def test_lists_with_tabs(listed: Path, gap: str) -> None:
    (listed / "val.txt").write_text(f"000.png{gap}0\nimages/001.png{gap}1\n", encoding="utf-8")
    assert [image.label for image in read_split(listed, list_spec(), "validation").images] == [0, 1]


@pytest.mark.parametrize("again", ["000.png", "images/000.png", "./000.png"])
def test_an_image_that_is_listed_twice(listed: Path, again: str) -> None:
    (listed / "val.txt").write_text(f"000.png 0\n001.png 1\n{again} 0\n", encoding="utf-8")
    with pytest.raises(OvlabError) as caught:
        read_split(listed, list_spec(), "validation")
    assert str(caught.value) == "val.txt, line 3: image 'images/000.png' is listed twice (first in line 1)"


@pytest.mark.parametrize(("first", "is_told"), [(1, True), (0, False)])
def test_a_list_that_counts_from_one_is_told_so(listed: Path, first: int, is_told: bool) -> None:
    lines = [f"{i:03}.png {first if i == 0 else i}\n" for i in range(5)]
    (listed / "val.txt").write_text("".join(lines), encoding="utf-8")
    with pytest.raises(OvlabError) as caught:
        read_split(listed, list_spec(), "validation")
    assert ("the list counts from 1" in str(caught.value)) == is_told
    assert str(caught.value).startswith("val.txt, line 5: class index 4 is out of range, expected 0 to 3")


def test_the_docs_say_which_images_are_read() -> None:
    text = (Path(__file__).parents[3] / "docs/configuration.md").read_text(encoding="utf-8")
    assert [suffix for suffix in sorted(IMAGE_SUFFIXES) if f"{suffix} " not in text and f"{suffix}`" not in text] == []
