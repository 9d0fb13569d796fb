"""The files of a source are compared, when they are read, with what they were when the source was made."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from ovlab.data import load_some, read_split
from ovlab.download import Places, download
from ovlab.errors import OvlabError
from ovlab.inputs import ChangedFileError, open_source, read_text, require_unchanged
from ovlab.inputs import listing as listings
from ovlab.records import Record, read_record, write_record
from ovlab.specs import DatasetSpec, ResizeSpec, SourceSpec
from ovlab.verdict import failed_step

CLASSES = {
    "licence": "none",
    "task": "classification",
    "format": "class_folders",
    "files": [{"path": "x"}],
    "splits": {"validation": {"images": "val"}},
}
YOLO = CLASSES | {
    "task": "detection",
    "format": "yolo",
    "metric": "coco",
    "class_names": ["a", "b"],
    "splits": {"validation": {"images": "images"}},
}
PICKED = (1 << 30, 1 << 30)


@pytest.fixture(autouse=True)
def _nothing_is_open(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(listings._Open, "files", {})
    monkeypatch.setattr(listings._Open, "roots", {})
    yield


def image(path: Path, level: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((8, 8, 3), level, np.uint8))


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    content = tmp_path / "content"
    for number in range(4):
        image(content / "val" / "ab"[number % 2] / f"{number}.bmp", number)
        image(content / "images" / f"{number}.bmp", number)
        (content / "labels").mkdir(exist_ok=True)
        (content / "labels" / f"{number}.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    return Path(shutil.make_archive(str(tmp_path / "data"), "zip", content))


def made(path: Path, folder: Path) -> Record:
    places = Places(folder / "cache", folder / "resources")
    source = SourceSpec.model_validate({"files": [{"path": str(path)}]})
    record = download(source, folder / "data set" / "files", places)
    write_record(folder / "data set" / "source.json", record)
    return record


def read_all(source: Record, dataset: dict[str, object] | None = None) -> None:
    root = open_source(source, "download of data set")
    spec = DatasetSpec.model_validate(dataset or CLASSES)
    split = read_split(root, spec, "validation")
    assert len(load_some(split, 4, 8, 8, ResizeSpec(), spec)) == 4


def swapped(root: Path) -> Path:
    one = root / "val" / "a" / "0.bmp"
    image(one, 200)
    return one


def longer(root: Path) -> Path:
    one = root / "val" / "a" / "0.bmp"
    time = one.stat().st_mtime_ns
    one.write_bytes(one.read_bytes() + b"\0")
    os.utime(one, ns=(time, time))
    return one


def removed(root: Path) -> Path:
    one = root / "val" / "b" / "1.bmp"
    one.unlink()
    return one


def added(root: Path) -> Path:
    one = root / "val" / "b" / "more.bmp"
    image(one, 7)
    return one


CHANGES = [
    (swapped, r"was changed after it was listed \(SHA-256"),
    (longer, r"was changed after it was listed \(\d+ bytes, then \d+\)"),
    (removed, "was removed after it was listed"),
    (added, "was added after the files beside it were listed"),
]


@pytest.mark.parametrize(("change", "message"), CHANGES)
def test_a_changed_file_is_named_by_who_reads_it_and_the_source_is_made_anew(
    tmp_path: Path, archive: Path, change: Callable[[Path], Path], message: str
) -> None:
    source = made(archive, tmp_path)
    read_all(source)
    record = tmp_path / "data set" / "source.json"
    assert failed_step(record, thorough=True) is None
    one = change(Path(source.data["root"]))
    expected = rf"{one}: {message}.*the next run of the workflow makes it anew$"
    with pytest.raises(ChangedFileError, match=expected):
        read_all(source)
    with pytest.raises(ChangedFileError, match=expected):
        require_unchanged(source)
    step = failed_step(record, thorough=True)
    assert step is not None
    assert step.reason.startswith(f"{one}: was ")
    again = made(archive, tmp_path)
    listings._Open.roots.clear()
    read_all(again)


def test_a_copy_with_other_times_is_the_same(tmp_path: Path, archive: Path) -> None:
    source = made(archive, tmp_path)
    for path in Path(source.data["root"]).rglob("*.bmp"):
        os.utime(path, ns=PICKED)
    read_all(source)
    require_unchanged(source)


def test_the_same_content_made_at_another_time_has_the_same_hashes(tmp_path: Path, archive: Path) -> None:
    first = made(archive, tmp_path / "one")
    later = tmp_path / "later"
    shutil.unpack_archive(archive, later)
    for path in later.rglob("*"):
        os.utime(path, ns=PICKED)
    second = made(Path(shutil.make_archive(str(tmp_path / "again"), "tar", later)), tmp_path / "two")
    assert first.files == second.files
    root = Path(first.data["root"])
    assert {one.stat().st_mtime_ns for one in root.rglob("*.bmp")} != {PICKED[1]}


@pytest.mark.parametrize("damage", ["none", "missing", "of another list", "cut", "no numbers"])
def test_times_only_spare_work(tmp_path: Path, archive: Path, damage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    source = made(archive, tmp_path)
    times = Path(source.data["listing"] + listings.TIMES)
    match damage:
        case "missing":
            times.unlink()
        case "of another list":
            times.write_text("0" * 64 + times.read_text()[64:])
        case "cut":
            times.write_text(times.read_text().rpartition(" ")[0])
        case "no numbers":
            times.write_text(times.read_text().replace(" ", " x"))
    root = Path(source.data["root"])
    hashed: list[Path] = []
    compare = listings._require_same

    def compared(path: Path, *rest: Any) -> None:
        hashed.append(path)
        compare(path, *rest)

    monkeypatch.setattr(listings, "_require_same", compared)
    read_all(source)
    require_unchanged(source)
    assert bool(hashed) == (damage != "none")
    swapped(root)
    with pytest.raises(ChangedFileError, match=r"0\.bmp: was changed after it was listed \(SHA-256"):
        read_all(source)


@pytest.mark.parametrize("change", ["edit", "remove", "add"])
def test_labels_are_compared_too(tmp_path: Path, archive: Path, change: str) -> None:
    source = made(archive, tmp_path)
    labels = Path(source.data["root"]) / "labels"
    if change == "add":
        image(labels.parent / "images" / "9.bmp", 9)
        (labels / "9.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    elif change == "edit":
        (labels / "2.txt").write_text("1 0.5 0.5 0.5 0.5\n")
    else:
        (labels / "2.txt").unlink()
    with pytest.raises(OvlabError, match=r"[29]\.(txt|bmp): (was changed|was added|no such file)"):
        read_all(source, YOLO)


def test_a_folder_of_the_users_own_is_compared_by_size_and_time(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    for number in range(4):
        image(folder / "val" / "ab"[number % 2] / f"{number}.bmp", number)
    source = made(folder, tmp_path)
    read_all(source)
    one = folder / "val" / "a" / "0.bmp"
    os.utime(one, ns=PICKED)
    with pytest.raises(ChangedFileError, match=rf"{one}: was changed after it was listed \(by its time of change\)"):
        read_all(source)


def test_a_large_source_is_not_hashed(tmp_path: Path, archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listings, "HASHED_BYTES", 100)
    source = made(archive, tmp_path)
    read_all(source)
    os.utime(Path(source.data["root"]) / "val" / "a" / "0.bmp", ns=PICKED)
    with pytest.raises(ChangedFileError, match="by its time of change"):
        read_all(source)


def test_the_list_itself_is_compared(tmp_path: Path, archive: Path) -> None:
    source = made(archive, tmp_path)
    listing = Path(source.data["listing"])
    swapped(Path(source.data["root"]))
    listing.write_bytes(listing.read_bytes()[:-1])
    with pytest.raises(ChangedFileError, match=rf"{listing}: is missing or was changed"):
        open_source(read_record(tmp_path / "data set" / "source.json"), "data")
    assert failed_step(tmp_path / "data set" / "source.json") is not None
    listing.unlink()
    with pytest.raises(ChangedFileError, match="is missing or was changed"):
        open_source(source, "data")


def test_names_of_any_bytes_and_links_are_listed(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "mine", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    (elsewhere / "far.txt").write_text("far")
    (folder / "link").symlink_to(elsewhere)
    (folder / "loop").symlink_to(folder)
    odd = ["new\nline", "tab\t", " space ", os.fsdecode(b"\xff\xfe")]
    for name in odd:
        (folder / name).write_text("x")
    source = made(folder, tmp_path)
    root = open_source(source, "data")
    require_unchanged(source)
    for name in [*odd, "link/far.txt"]:
        read_text(root / name)
    with pytest.raises(ChangedFileError, match="was added"):
        (elsewhere / "new.txt").write_text("y")
        read_text(root / "link" / "new.txt")


def test_what_has_no_list_is_read_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text")
    root = open_source(Record(kind="source", settings={}, data={"root": str(tmp_path)}), "data")
    assert read_text(root / "a.txt") == "text"
    with pytest.raises(OvlabError, match=r"^download of x: gone$"):
        open_source(Record(kind="source", settings={}, status="failed", reason="gone"), "download of x")
