"""A source becomes one folder: whole or absent, with a record of where everything came from."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import zipfile
from pathlib import Path

import pytest

from ovlab.download import Places, download
from ovlab.errors import OvlabError
from ovlab.files import HASHES
from ovlab.inputs.listing import LISTING, TIMES
from ovlab.specs import FileSpec, GeneratorSpec, SourceSpec


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "cache", tmp_path / "resources")


def local(path: Path, content: bytes, *, unpack: bool | None = None) -> FileSpec:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return FileSpec(path=str(path), unpack=unpack)


def zipped(path: Path, **entries: str) -> FileSpec:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as file:
        for name, text in entries.items():
            file.writestr(f"inside/{name}", text)
    return FileSpec(path=str(path))


def test_files_and_archives_lie_side_by_side(tmp_path: Path, places: Places) -> None:
    source = SourceSpec(files=(local(tmp_path / "in" / "a.bin", b"abc"), zipped(tmp_path / "in" / "b.zip", c="12345")))
    folder = tmp_path / "out" / "files"
    record = download(source, folder, places)
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*")) == ["a.bin", "inside", "inside/c"]
    assert record.ok
    assert record.data["root"] == folder.as_posix()
    assert record.inputs["a.bin"] == hashlib.sha256(b"abc").hexdigest()
    assert [entry["origin"] for entry in record.data["files"]] == ["path", "path"]
    assert record.value("size") == pytest.approx(8e-6)
    beside = [HASHES, "files", f"files{LISTING}", f"files{LISTING}{TIMES}"]
    assert sorted(path.name for path in folder.parent.iterdir()) == beside


def test_unpacking_can_be_declined(tmp_path: Path, places: Places) -> None:
    archive = zipped(tmp_path / "in" / "b.zip", c="1").model_copy(update={"unpack": False})
    download(SourceSpec(files=(archive,)), tmp_path / "files", places)
    assert [path.name for path in (tmp_path / "files").iterdir()] == ["b.zip"]


def test_a_folder_is_used_where_it_is(tmp_path: Path, places: Places) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a").write_bytes(b"abc")
    record = download(SourceSpec(files=(FileSpec(path=str(tmp_path / "data")),)), tmp_path / "files", places)
    assert record.data["root"] == (tmp_path / "data").as_posix()
    assert record.inputs == {}
    assert not (tmp_path / "files").exists()


def test_a_folder_must_be_alone(tmp_path: Path, places: Places) -> None:
    (tmp_path / "data").mkdir()
    files = (FileSpec(path=str(tmp_path / "data")), local(tmp_path / "a", b"a"))
    with pytest.raises(OvlabError, match="data is a folder; a folder must be the only file of its source"):
        download(SourceSpec(files=files), tmp_path / "files", places)


def test_an_earlier_folder_is_replaced_as_a_whole(tmp_path: Path, places: Places) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "old").write_bytes(b"")
    download(SourceSpec(files=(local(tmp_path / "new", b"1"),)), folder, places)
    assert [path.name for path in folder.iterdir()] == ["new"]


def test_generated_data(tmp_path: Path, places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    def fake(name: str, folder: Path, **parameters: object) -> None:
        (folder / name).write_text(repr(parameters), encoding="utf-8")

    monkeypatch.setattr("ovlab.download.generate", fake)
    source = SourceSpec(generator=GeneratorSpec(name="dots", parameters={"count": 3}))
    record = download(source, tmp_path / "files", places)
    assert (tmp_path / "files" / "dots").read_text(encoding="utf-8") == "{'count': 3}"
    assert record.settings["generator"] == {"name": "dots", "parameters": {"count": 3}}


def test_an_unknown_generator(tmp_path: Path, places: Places) -> None:
    with pytest.raises(OvlabError, match="unknown generator 'digit'; did you mean 'digits'"):
        download(SourceSpec(generator=GeneratorSpec(name="digit")), tmp_path / "files", places)
    assert not (tmp_path / "files").exists()


def test_a_full_disk_leaves_nothing(tmp_path: Path, places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    files = (local(tmp_path / "in" / "a", b"a"), local(tmp_path / "in" / "b", b"b"))

    def until_full(source: Path, target: Path) -> None:
        target.write_bytes(source.read_bytes())
        if source.name == "b":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))

    monkeypatch.setattr(shutil, "copyfile", until_full)
    with pytest.raises(OSError, match=r"its disk \(.+\) is full: what is written there needs more"):
        download(SourceSpec(files=files), tmp_path / "out" / "files", places)
    assert list((tmp_path / "out").iterdir()) == []
