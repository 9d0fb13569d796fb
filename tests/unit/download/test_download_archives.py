"""Archives that are made to hurt are refused in one line, soon; large real ones pass with what ships."""

from __future__ import annotations

import bz2
import gzip
import io
import logging
import lzma
import os
import struct
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from ovlab.download import unpack_tar
from ovlab.download.bounds import Tally
from ovlab.download.unpack import unpack
from ovlab.errors import OvlabError
from ovlab.specs import UnpackSpec

LONGEST_S = 5.0


def refusal(archive: Path, folder: Path, limits: UnpackSpec | None = None) -> str:
    """Return why an archive is not unpacked, after making sure that this took neither long nor much memory."""
    started, before = time.monotonic(), psutil.Process().memory_info().rss
    with pytest.raises(OvlabError) as caught:
        unpack(archive, folder, limits)
    assert time.monotonic() - started < LONGEST_S
    assert psutil.Process().memory_info().rss - before < 200e6
    text = str(caught.value)
    assert len(text) < 400
    assert "\n" not in text
    assert text.startswith(f"{archive.name}: ")
    return text.removeprefix(f"{archive.name}: ")


def tar_of(path: Path, entries: Iterable[tarfile.TarInfo], **options: Any) -> Path:
    with tarfile.open(path, "w", **options) as tar:
        for entry in entries:
            tar.addfile(entry, io.BytesIO(bytes(entry.size)))
    return path


def entry(name: str, size: int = 0, **attributes: Any) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size = size
    for key, value in attributes.items():
        setattr(info, key, value)
    return info


def zip_of(path: Path, names: Iterable[str], content: bytes = b"") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, content)
    return path


def archive_of(path: Path, names: Iterable[str]) -> Path:
    """Make an archive of empty files, of the kind that its name says."""
    return zip_of(path, names) if path.suffix == ".zip" else tar_of(path, map(entry, names))


def named(name: str) -> str:
    """Return how a refusal begins."""
    return f"entry {name if len(name) <= 80 else name[:80] + '...'!r} is refused: "


DEEP = "d/" * 5000 + "f"


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_nesting(tmp_path: Path, kind: str) -> None:
    told = refusal(archive_of(tmp_path / f"a.{kind}", [DEEP]), tmp_path / "out")
    assert told == named(DEEP) + "it lies in 5000 folders, more than 50 (download.unpack.depth)"
    assert list((tmp_path / "out").iterdir()) == []


def test_the_depth_counts_folders(tmp_path: Path) -> None:
    limits = UnpackSpec(depth=2)
    unpack(zip_of(tmp_path / "a.zip", ["a/b/c", "./a/./b//d"]), tmp_path / "out", limits)
    assert (tmp_path / "out" / "a" / "b" / "d").exists()
    assert "it lies in 3 folders, more than 2 " in refusal(
        zip_of(tmp_path / "b.zip", ["a/b/c/d"]), tmp_path / "out", limits
    )


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize(
    ("names", "why"),
    [
        (["x" * 300], "it cannot be written (file name too long)"),
        (["a", "a/b"], "it cannot be written (not a directory)"),
        (["a/b", "a"], "it cannot be written (is a directory)"),
    ],
)
def test_names_that_no_folder_takes(tmp_path: Path, kind: str, names: list[str], why: str) -> None:
    told = refusal(archive_of(tmp_path / f"a.{kind}", names), tmp_path / "out")
    assert told in {named(names[-1]) + why, named(names[-1]) + "it cannot be written (file exists)"}


@pytest.mark.parametrize(
    "mtime", [float("nan"), float("inf"), 1e30, -1e30, 2**70, 2**33 + 1, -(2**31) - 1], ids=lambda mtime: f"{mtime:.3g}"
)
def test_odd_times_are_ignored(tmp_path: Path, mtime: float) -> None:
    info = entry("a/f", 5)
    info.pax_headers = {"mtime": repr(mtime)}
    unpack(tar_of(tmp_path / "a.tar", [info], format=tarfile.PAX_FORMAT), tmp_path / "out")
    assert abs((tmp_path / "out" / "a" / "f").stat().st_mtime - time.time()) < 60


def test_usual_times_are_kept(tmp_path: Path) -> None:
    unpack(tar_of(tmp_path / "a.tar", [entry("f", mtime=1_000_000_000)]), tmp_path / "out")
    assert (tmp_path / "out" / "f").stat().st_mtime == 1_000_000_000


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    return entry(name, type=kind, linkname=target)


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        ([link("l", "nowhere", tarfile.LNKTYPE)], "'l' is refused: it links to 'nowhere', which does not precede it"),
        ([link("l", "f", tarfile.LNKTYPE), entry("f")], "'l' is refused: it links to 'f', which does not precede it"),
        ([link("l", "l", tarfile.LNKTYPE)], "'l' is refused: it links to 'l', which does not precede it"),
        ([entry("d/f"), link("l", "d"), entry("l/f")], "'l/f' is refused: its path goes through a link"),
        ([entry("f"), link("l", "f"), entry("l", 3)], "'l' is refused: its path goes through a link"),
        (
            [link("d/e/s", "../.."), link("t", "d/e/s/../x")],
            "'t' is refused: its target goes up again after it went down",
        ),
    ],
)
def test_links(tmp_path: Path, entries: list[tarfile.TarInfo], why: str) -> None:
    assert refusal(tar_of(tmp_path / "a.tar", entries), tmp_path / "out") == f"entry {why}"


def test_hard_links_and_links_upwards_are_fine(tmp_path: Path) -> None:
    entries = [entry("d/f", 3), link("d/g", "d/f", tarfile.LNKTYPE), link("e/up", "../d/f")]
    unpack(tar_of(tmp_path / "a.tar", entries), tmp_path / "out")
    assert {(tmp_path / "out" / name).read_bytes() for name in ("d/f", "d/g", "e/up")} == {bytes(3)}


ZEROS_GB = 3
OPENERS: dict[str, Callable[..., Any]] = {"tar.gz": gzip.open, "tar.bz2": bz2.open, "tar.xz": lzma.open}


@pytest.mark.parametrize("kind", ["tar.gz", "tar.bz2", "tar.xz"])
def test_much_out_of_little_in_a_tar(tmp_path: Path, kind: str) -> None:
    # The header alone says that 3 GB follow; they need not be there for the archive to be refused.
    with OPENERS[kind](tmp_path / f"a.{kind}", "wb") as file:
        file.write(entry("zeros", ZEROS_GB * 10**9).tobuf() + bytes(100_000))
    told = refusal(tmp_path / f"a.{kind}", tmp_path / "out")
    assert told.startswith("entry 'zeros' is refused: with it 3.000 GB come out, more than 100 times the 0.000 GB of")
    assert told.endswith("(download.unpack.ratio)")


def test_much_out_of_little_in_a_zip(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "a.zip", ["zeros"], bytes(30_000_000))
    told = refusal(archive, tmp_path / "out", UnpackSpec(always_gb=0.01))
    assert told.startswith("entry 'zeros' is refused: with it 0.030 GB come out, more than 100 times the 0.000 GB of")
    unpack(archive, tmp_path / "out", UnpackSpec(always_gb=0.01, ratio=1100))
    unpack(archive, tmp_path / "small")  # a small archive may hold what it likes
    assert (tmp_path / "small" / "zeros").stat().st_size == 30_000_000
    told = refusal(archive, tmp_path / "no", UnpackSpec(size_gb=0.01))
    assert told == "entry 'zeros' is refused: with it 0.030 GB come out, more than 0.01 GB (download.unpack.size_gb)"


def test_a_zip_that_says_less_than_it_holds(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "a.zip", ["zeros"], bytes(30_000_000))
    content = archive.read_bytes()
    archive.write_bytes(content.replace(struct.pack("<L", 30_000_000), struct.pack("<L", 1000)))
    assert "the archive is damaged or truncated" in refusal(archive, tmp_path / "out")
    assert sum(path.stat().st_size for path in (tmp_path / "out").rglob("*")) <= 1000


def test_much_after_the_last_entry(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "a.tar.gz", "wb", compresslevel=1) as file:
        file.write(entry("f").tobuf() + bytes(1024))
        for _ in range(60):
            file.write(bytes(1_000_000))
    told = refusal(tmp_path / "a.tar.gz", tmp_path / "out", UnpackSpec(always_gb=0.01))
    assert told.startswith("is refused: ")
    assert told.endswith(" GB follow after its last entry")


def header(kind: bytes, size: int) -> bytes:
    return entry("././@LongLink", size, type=kind).tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE])
@pytest.mark.parametrize("is_first", [True, False])
def test_headers_that_fill_the_memory(tmp_path: Path, kind: bytes, is_first: bool) -> None:
    before = b"" if is_first else entry("f").tobuf()
    with gzip.open(tmp_path / "a.tar.gz", "wb", compresslevel=1) as file:
        file.write(before + header(kind, 40_000_000))
        for _ in range(40):
            file.write(bytes(1_000_000))
    assert (
        refusal(tmp_path / "a.tar.gz", tmp_path / "out") == "is refused: the headers of an entry are longer than 1 MB"
    )


def test_hundreds_of_headers(tmp_path: Path) -> None:
    one = header(tarfile.GNUTYPE_LONGNAME, 2) + b"a\0".ljust(512, b"\0")
    for before in (b"", entry("f").tobuf()):
        (tmp_path / "a.tar").write_bytes(before + one * 5000 + entry("f").tobuf() + bytes(1024))
        told = refusal(tmp_path / "a.tar", tmp_path / "out")
        assert told in {
            "is refused: an entry has hundreds of headers",
            "is refused: the headers of an entry are longer than 1 MB",
        }


def test_a_map_of_a_sparse_file_that_goes_on(tmp_path: Path) -> None:
    # Old GNU sparse files: a flag in the header says that a block of the map follows, and another one there.
    first = bytearray(entry("f", type=tarfile.GNUTYPE_SPARSE).tobuf(tarfile.GNU_FORMAT))
    first[482] = 1
    first[148:156] = b" " * 8
    first[148:156] = b"%06o\0 " % sum(first)
    more = (struct.pack("12s", b"00000000001") * 42).ljust(504, b"\0") + b"\1" + bytes(7)
    (tmp_path / "a.tar").write_bytes(bytes(first) + more * 20_000)
    assert refusal(tmp_path / "a.tar", tmp_path / "out") == "is refused: the headers of an entry are longer than 1 MB"


@pytest.mark.parametrize("size", ["-512", "-5", "-1024", str(2**63), "9" * 4000])
def test_sizes_that_are_none(tmp_path: Path, size: str) -> None:
    record = f" size={size}\n"
    length = len(record) + len(str(len(record) + 4))
    text = f"{length}{record}".encode()
    pax = header(tarfile.XHDTYPE, len(text)) + text.ljust(-(-len(text) // 512) * 512, b"\0")
    (tmp_path / "a.tar").write_bytes(pax + entry("f").tobuf() + bytes(1024))
    refusal(tmp_path / "a.tar", tmp_path / "out")


def overlapping(path: Path, count: int, told: int) -> Path:
    """Let many entries of a zip's list, of which it tells some, stand for the same compressed bytes."""
    zip_of(path, ["f"], bytes(1000))
    content = path.read_bytes()
    start, end = content.index(b"PK\x01\x02"), content.index(b"PK\x05\x06")
    listed = content[start:end] * count
    tail = bytearray(content[end:])
    large = b""
    if count < 2**16:
        struct.pack_into("<HHLL", tail, 8, told, told, len(listed), start)
    else:
        struct.pack_into("<HHLL", tail, 8, 2**16 - 1, 2**16 - 1, 2**32 - 1, 2**32 - 1)
        large = struct.pack("<4sQHHLLQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, told, told, len(listed), start)
        large += struct.pack("<4sLQL", b"PK\x06\x07", 0, start + len(listed), 1)
    path.write_bytes(content[:start] + listed + large + tail)
    return path


def test_entries_that_overlap(tmp_path: Path) -> None:
    archive = overlapping(tmp_path / "a.zip", 400, 400)
    assert (
        refusal(archive, tmp_path / "out")
        == "entry 'f' is refused: it overlaps another entry or the end of the archive"
    )
    assert list((tmp_path / "out").iterdir()) == []


def test_a_zip_behind_other_bytes_is_fine(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "a.zip", ["f", "g"], b"content" * 100)
    archive.write_bytes(b"#!/bin/sh\nexit\n" + archive.read_bytes())
    unpack(archive, tmp_path / "out")
    assert (tmp_path / "out" / "g").read_bytes() == b"content" * 100


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_too_many_entries(tmp_path: Path, kind: str) -> None:
    names = [f"{number}" for number in range(50)]
    archive = archive_of(tmp_path / f"a.{kind}", names)
    told = refusal(archive, tmp_path / "out", UnpackSpec(entries=49))
    if kind == "zip":
        assert told == "is refused: it lists 50 entries in 0 MB, more than 49 (download.unpack.entries)"
    else:
        assert told == "entry '49' is refused: the archive holds more than 49 (download.unpack.entries)"
    assert list((tmp_path / "out").iterdir()) == []
    unpack(archive, tmp_path / "out", UnpackSpec(entries=50))
    assert len(list((tmp_path / "out").iterdir())) == 50


@pytest.mark.parametrize("count", [50, 70_000])  # beyond 65535 the number stands in another record
def test_a_zip_that_lies_about_its_number_of_entries(tmp_path: Path, count: int) -> None:
    limits = UnpackSpec(entries=count - 1)
    told = refusal(overlapping(tmp_path / "a.zip", count, 1), tmp_path / "out", limits)
    assert told == f"entry 'f' is refused: the archive holds more than {count - 1} (download.unpack.entries)"
    told = refusal(overlapping(tmp_path / "b.zip", count, count), tmp_path / "out", limits)
    assert told.startswith(f"is refused: it lists {count} entries in ")


def test_a_list_of_entries_that_is_too_long_is_not_read(tmp_path: Path) -> None:
    archive = overlapping(tmp_path / "a.zip", 70_000, 1)
    told = refusal(archive, tmp_path / "out", UnpackSpec(entries=10_000))
    assert told == "is refused: it lists 1 entries in 3 MB, more than 10000 (download.unpack.entries)"


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_the_log_says_how_far_it_is(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("ovlab.download.progress.EVERY_S", 0.0)
    archive = archive_of(tmp_path / f"a.{kind}", "abc")
    caplog.set_level(logging.INFO)
    unpack(archive, tmp_path / "out")
    assert f"unpacking a.{kind}: 2 entries of 3 entries" in caplog.text


def test_entries_that_are_not_kept_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpack_tar, "KEPT", 3)
    entries = [entry(f"d/{number}", number) for number in range(10)]
    for kind in ("", "gz"):
        archive = tar_of(tmp_path / f"a.tar{kind and '.'}{kind}", [])
        with tarfile.open(archive, f"w:{kind}") as tar:
            for one in entries:
                tar.addfile(one, io.BytesIO(bytes(one.size)))
        unpack(archive, tmp_path / f"out{kind}")
        sizes = sorted(path.stat().st_size for path in (tmp_path / f"out{kind}" / "d").iterdir())
        assert sizes == list(range(10))


def sparse(path: Path, size: int) -> Path:
    with path.open("wb") as file:
        file.truncate(size)
    return path


@pytest.mark.parametrize(
    ("packed", "files", "size"),
    [
        (147_897_477_120, 1_281_167, 110_000),  # ImageNet's training images, one tar
        (19_336_861_798, 118_287, 163_000),  # COCO's training images, zip
        (252_907_541, 12, 105_000_000),  # COCO's annotations, zip
        (3_700_000_000, 2, 2_100_000_000),  # a model of 4 GB with its data apart
        (30_000_000, 500_000, 2_000),  # labels: many small texts, compressed well
    ],
)
def test_large_real_archives_pass_with_what_ships(tmp_path: Path, packed: int, files: int, size: int) -> None:
    tally = Tally(sparse(tmp_path / "a", packed), UnpackSpec())
    for number in range(files):
        tally.add(f"data/train/n01440764/{number}.JPEG", size)
    assert (tally.entries, tally.size) == (files, files * size)


def test_a_tar_of_eight_gigabytes_is_looked_through_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.tar"
    with path.open("wb") as file:
        for number in range(4):
            file.write(entry(f"model/{number}.bin", 2 * 10**9).tobuf(tarfile.GNU_FORMAT))
            file.seek(2 * 10**9, os.SEEK_CUR)
        file.truncate(file.tell() + 10_240)
    written: list[str] = []
    monkeypatch.setattr(tarfile.TarFile, "extract", lambda tar, member, *args, **kwargs: written.append(member.name))
    monkeypatch.setattr("shutil.disk_usage", lambda _path: SimpleNamespace(free=10**12))
    unpack(path, tmp_path / "out")
    assert written == [f"model/{number}.bin" for number in range(4)]
