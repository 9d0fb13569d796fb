"""YOLO text labels and images without annotations."""

from __future__ import annotations

from pathlib import Path

import PIL.Image
import pytest
from detection_files import turn, write_image

from ovlab.data import CorruptImageError
from ovlab.errors import OvlabError
from ovlab.tasks.detection.annotations import read_plain, read_yolo

NAMES = ("cat", "dog")


def write(root: Path, labels: dict[str, str | None]) -> Path:
    (root / "labels/val").mkdir(parents=True)
    for name, text in labels.items():
        write_image(root / f"images/val/{name}.png")
        if text is not None:
            (root / f"labels/val/{name}.txt").write_text(text)
    return root


def test_fractions_become_pixels(tmp_path: Path) -> None:
    split = read_yolo(write(tmp_path, {"b": "1 0.5 0.5 0.25 0.5\n\n0 0.5 0.5 1 1\n", "a": None}), "images/val", NAMES)
    assert [image.id for image in split.images] == ["images/val/a.png", "images/val/b.png"]
    without, having = (image.truth for image in split.images)
    assert without is not None and len(without) == 0
    assert having is not None and having.boxes.tolist() == [[15, 7.5, 25, 22.5], [0, 0, 40, 30]]
    assert having.class_ids.tolist() == [1, 0]
    assert split.upright


@pytest.mark.parametrize(("orientation", "size"), [(1, (40, 30)), (3, (40, 30)), (6, (30, 40)), (8, (30, 40))])
def test_labels_refer_to_the_upright_image(tmp_path: Path, orientation: int, size: tuple[int, int]) -> None:
    write(tmp_path, {})
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    (tmp_path / "images/val").mkdir(parents=True)
    PIL.Image.new("RGB", (40, 30)).save(tmp_path / "images/val/a.jpg", exif=exif)
    (tmp_path / "labels/val/a.txt").write_text("0 0.5 0.5 1 1")
    image = read_yolo(tmp_path, "images/val", NAMES).images[0]
    assert (image.width, image.height) == size
    assert image.truth is not None and image.truth.boxes.tolist() == [[0, 0, *size]]


BAD = {
    "segment": ("0 .1 .1 .2 .2 .3 .3", "line 1: 7 numbers, expected 5"),
    "text": ("0 .5 .5 .1 wide", "line 1: 'wide' is not a number"),
    "class": ("0 .5 .5 .1 .1\n2 .5 .5 .1 .1", "line 2: class '2' is out of range, expected 0 to 1"),
    "negative class": ("-1 .5 .5 .1 .1", "class '-1' is out of range"),
    "fraction of a class": ("0.5 .5 .5 .1 .1", "class '0.5' is out of range"),
    "pixels": ("0 20 15 10 10", "line 1: box .* leaves the image of 40x30"),
    "empty": ("0 .5 .5 0 .1", "is empty or inverted"),
    "infinite": ("0 inf .5 .1 .1", "'inf' is not a number"),
}


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=BAD)
def test_a_bad_line_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(OvlabError, match=rf"a\.txt, {'' if message.startswith('line') else '.*'}{message}"):
        read_yolo(write(tmp_path, {"a": text}), "images/val", NAMES)


def test_folders(tmp_path: Path) -> None:
    write(tmp_path, {"a": "0 .5 .5 .1 .1"})
    with pytest.raises(OvlabError, match="no folder 'images/vall'; did you mean 'val'"):
        read_yolo(tmp_path, "images/vall", NAMES)
    (tmp_path / "images").rename(tmp_path / "photos")
    with pytest.raises(OvlabError, match="no folder 'images' to put 'labels' for"):
        read_yolo(tmp_path, "photos/val", NAMES)
    truth = read_yolo(tmp_path, "photos/val", NAMES, "labels/val").images[0].truth
    assert truth is not None and len(truth) == 1


def test_two_images_with_one_label_file(tmp_path: Path) -> None:
    write_image(write(tmp_path, {"a": None}) / "images/val/a.jpg")
    with pytest.raises(OvlabError, match=r"a\.png: has the same label file as 'a\.jpg'"):
        read_yolo(tmp_path, "images/val", NAMES)


def test_an_image_that_is_none(tmp_path: Path) -> None:
    (write(tmp_path, {"a": None}) / "images/val/a.png").write_bytes(b"no image")
    with pytest.raises(CorruptImageError, match=r"a\.png: cannot be decoded as an image"):
        read_yolo(tmp_path, "images/val", NAMES)


def test_plain_images_have_no_annotations(tmp_path: Path) -> None:
    for name in ("b/2.jpg", "a.png", "b/.hidden.jpg"):
        write_image(tmp_path / "photos" / name)
    (tmp_path / "photos/readme.txt").write_text("no image")
    split = read_plain(tmp_path, "photos")
    assert [image.id for image in split.images] == ["photos/a.png", "photos/b/2.jpg"]
    assert all(image.truth is None and image.width is None for image in split.images)
    assert split.class_names == ()
    (tmp_path / "empty").mkdir()
    with pytest.raises(OvlabError, match="no image found"):
        read_plain(tmp_path, "empty")


@pytest.mark.parametrize(
    ("labels", "remarks"),
    [
        ({"a": "", "b": ""}, ()),
        ({"a": "", "b": None}, ("1 of 2 images have labels: the others count as images without objects",)),
        ({"a": None, "b": None}, ("0 of 2 images have labels: no file in 'labels/val' has the name of one",)),
    ],
)
def test_images_without_a_label_file_are_remarked(
    tmp_path: Path, labels: dict[str, str | None], remarks: tuple[str, ...]
) -> None:
    assert read_yolo(write(tmp_path, labels), "images/val", NAMES).label_remarks == remarks


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    root = write(tmp_path, {"a": "0 .5 .5 .1 .1"})
    for name in ("b.heic", "c.HEIC", "d.mp4", "._a.png", "Thumbs.db", "@eaDir/a.png", "classes.txt"):
        (root / "images/val" / name).parent.mkdir(exist_ok=True)
        (root / "images/val" / name).write_bytes(b"")
    split = read_yolo(root, "images/val", NAMES)
    assert [image.path.name for image in split.images] == ["a.png"]
    assert split.remarks == ("3 files in 'images/val' left out, no image that is read: 2 .heic, 1 .mp4",)
    assert read_plain(root, "images/val").remarks == split.remarks


@pytest.mark.parametrize("upright", [True, False])
def test_which_image_labels_refer_to_is_chosen(tmp_path: Path, upright: bool) -> None:
    root = write(tmp_path, {"a": "0 0.5 0.5 1 1"})
    write_image(root / "images/val/a.jpg")
    (root / "images/val/a.png").unlink()
    turn(root / "images/val/a.jpg", 6)
    split = read_yolo(root, "images/val", NAMES, upright=upright)
    assert (split.images[0].width, split.images[0].height) == ((30, 40) if upright else (40, 30))
    assert split.upright == upright
