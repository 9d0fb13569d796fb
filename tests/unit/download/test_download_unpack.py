"""Archives are unpacked without being trusted."""

from __future__ import annotations

import io
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from ovlab.download.unpack import is_archive, unpack
from ovlab.errors import OvlabError

# Noise does not compress: cutting an archive in the middle cuts the data.
NOISE = np.random.default_rng(0).bytes(60_000)
FILES = {"a/one.bin": NOISE[:30_000], "a/b/two.bin": NOISE[30_000:], "empty": b""}
KINDS = ["zip", "tar", "tar.gz", "tgz", "tar.bz2", "tar.xz"]


def make(path: Path, files: dict[str, bytes]) -> Path:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return path
    with tarfile.open(path, "w:" + path.name.split(".")[-1].replace("tgz", "gz").replace("tar", "")) as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return path


def tar_with(path: Path, change: Callable[[tarfile.TarInfo], None]) -> Path:
    with tarfile.open(path, "w") as tar:
        entry = tarfile.TarInfo("entry")
        change(entry)
        tar.addfile(entry)
    return path


def found_in(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind(tmp_path: Path, kind: str) -> None:
    assert is_archive(f"A.{kind.upper()}")
    unpack(make(tmp_path / f"a.{kind}", FILES), tmp_path / "out")
    assert found_in(tmp_path / "out") == FILES


def test_other_files_are_no_archives() -> None:
    assert not any(map(is_archive, ["a.onnx", "a.gz", "zip", "a.tar.zst"]))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("left", [0.0, 0.02, 0.4, 0.8])
def test_truncated(tmp_path: Path, kind: str, left: float) -> None:
    archive = make(tmp_path / f"a.{kind}", FILES)
    content = archive.read_bytes()
    archive.write_bytes(content[: int(len(content) * left)])
    with pytest.raises(OvlabError, match=rf"^a\.{kind}: the archive is damaged or truncated \(.+\)$"):
        unpack(archive, tmp_path / "out")


def test_a_tar_that_ends_between_two_entries(tmp_path: Path) -> None:
    archive = make(tmp_path / "a.tar", {"one": b"1" * 512, "two": b"2" * 512})
    content = archive.read_bytes()
    for end in (1024, 1536, 2048):  # after the first entry, after the second header, after the second entry
        archive.write_bytes(content[:end])
        with pytest.raises(OvlabError, match="damaged or truncated"):
            unpack(archive, tmp_path / "out")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "tar"])  # which has no check sums
def test_damaged_far_inside(tmp_path: Path, kind: str) -> None:
    # Longer than one block of bzip2, so that the damage is not met when the file is opened.
    archive = make(tmp_path / f"a.{kind}", {"long": np.random.default_rng(0).bytes(1_200_000)})
    content = bytearray(archive.read_bytes())
    content[1_000_000:1_000_200] = bytes(200)
    archive.write_bytes(content)
    with pytest.raises(OvlabError, match=rf"^a\.{kind}: the archive is damaged or truncated"):
        unpack(archive, tmp_path / "out")


@pytest.mark.parametrize("kind", KINDS)
def test_not_an_archive_at_all(tmp_path: Path, kind: str) -> None:
    (tmp_path / f"a.{kind}").write_bytes(b"<html>not found</html>" * 100)
    with pytest.raises(OvlabError, match="damaged or truncated"):
        unpack(tmp_path / f"a.{kind}", tmp_path / "out")


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../evil", "its path leaves the folder"),
        ("a/../../evil", "its path leaves the folder"),
        ("..\\evil", "its path leaves the folder"),
        ("/tmp/evil", "its path is absolute"),  # noqa: S108 (nothing is written there)
        ("C:\\evil", "its path is absolute"),
    ],
)
def test_an_entry_that_points_outside(tmp_path: Path, kind: str, name: str, why: str) -> None:
    archive = make(tmp_path / f"a.{kind}", {"good": b"1", name: b"2"})
    with pytest.raises(OvlabError) as caught:
        unpack(archive, tmp_path / "in" / "out")
    assert str(caught.value) == f"a.{kind}: entry {name!r} is refused: {why}"
    assert found_in(tmp_path / "in") == {}


def _link(target: str, kind: bytes = tarfile.SYMTYPE) -> Callable[[tarfile.TarInfo], None]:
    def change(entry: tarfile.TarInfo) -> None:
        entry.type, entry.linkname = kind, target

    return change


def _fifo(entry: tarfile.TarInfo) -> None:
    entry.type = tarfile.FIFOTYPE


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_link("/etc/hosts"), "it links to an absolute path"),
        (_link("../../x"), "it links out of the folder"),
        (_link("../x", tarfile.LNKTYPE), "it links out of the folder"),
        (_fifo, "it is a device or pipe"),
    ],
)
def test_tar_entries_that_are_refused(tmp_path: Path, change: Callable[[tarfile.TarInfo], None], why: str) -> None:
    with pytest.raises(OvlabError) as caught:
        unpack(tar_with(tmp_path / "a.tar", change), tmp_path / "out")
    assert str(caught.value) == f"a.tar: entry 'entry' is refused: {why}"
    assert list((tmp_path / "out").iterdir()) == []


def test_a_link_inside_a_tar_is_fine(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        entry = tarfile.TarInfo("data/one")
        entry.size = 1
        tar.addfile(entry, io.BytesIO(b"1"))
        link = tarfile.TarInfo("data/two")
        link.type, link.linkname = tarfile.SYMTYPE, "one"
        tar.addfile(link)
    unpack(tmp_path / "a.tar", tmp_path / "out")
    assert (tmp_path / "out" / "data" / "two").read_bytes() == b"1"


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    entry = zipfile.ZipInfo("link")
    entry.create_system, entry.external_attr = 3, 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(entry, "/etc/hosts")
    with pytest.raises(OvlabError, match=r"^a\.zip: entry 'link' is refused: it is a link$"):
        unpack(tmp_path / "a.zip", tmp_path / "out")


def _patched(path: Path, offset_local: int, offset_central: int, value: int) -> None:
    """Overwrite a 16-bit field of the only entry, in its local header and in the central directory."""
    content = bytearray(path.read_bytes())
    central = content.index(b"PK\x01\x02")
    for place in (offset_local, central + offset_central):
        content[place : place + 2] = value.to_bytes(2, "little")
    path.write_bytes(content)


def test_an_encrypted_zip(tmp_path: Path) -> None:
    archive = make(tmp_path / "a.zip", {"secret": b"x" * 100})
    _patched(archive, 6, 8, 1)  # general purpose flags, bit 0
    with pytest.raises(OvlabError, match=r"^a\.zip: entry 'secret' is encrypted$"):
        unpack(archive, tmp_path / "out")


def test_a_zip_with_an_unknown_compression(tmp_path: Path) -> None:
    archive = make(tmp_path / "a.zip", {"odd": b"x" * 100})
    _patched(archive, 8, 10, 9)  # Deflate64
    with pytest.raises(OvlabError, match=r"^a\.zip: .*compression method"):
        unpack(archive, tmp_path / "out")


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_an_archive_that_does_not_fit(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=59_999))
    with pytest.raises(OvlabError, match=rf"out.* is full: a\.{kind}, unpacked, needs 60\.0 kB, 60\.0 kB are free$"):
        unpack(make(tmp_path / f"a.{kind}", FILES), tmp_path / "out")
    assert found_in(tmp_path / "out") == {}
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=60_000))
    unpack(tmp_path / f"a.{kind}", tmp_path / "out")
    assert found_in(tmp_path / "out") == FILES
