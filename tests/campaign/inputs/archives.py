"""Archives that are made to hurt."""

from __future__ import annotations

import gzip
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from test_download_archives import DEEP, OPENERS, archive_of, entry, header, link, overlapping, tar_of, zip_of

from campaign.cases import Command, Family, Room

ARCHIVES = Family("archives")
FAMILIES = (ARCHIVES,)
MAGIC = {"zip": b"PK\x03\x04", "tar.gz": b"\x1f\x8b\x08\x00", "tar.bz2": b"BZh9", "tar.xz": b"\xfd7zXZ\x00"}


def add(name: str, archive: str, make: Callable[[Path, Room], object], words: str, **unpack: object) -> None:
    def made(room: Room) -> Command:
        make(room.here / archive, room)
        return room.download({"path": str(room.here / archive), "unpack": True}, unpack=unpack)

    ARCHIVES.add(name, made, rf"^failed: .*{words}")


for kind in ("zip", "tar"):
    add(f"{kind}: nested", f"a.{kind}", lambda path, room: archive_of(path, [DEEP]), "it lies in 5000 folders")
    add(f"{kind}: long name", f"a.{kind}", lambda path, room: archive_of(path, ["x" * 300]), "file name too long")
    add(f"{kind}: file as folder", f"a.{kind}", lambda path, room: archive_of(path, ["a", "a/b"]), "cannot be written")
    for name in ("../canary/pwned", "a/../../../canary/pwned", "..", "..\\..\\canary\\pwned", "C:\\pwned"):
        add(f"{kind}: {name}", f"a.{kind}", lambda path, room, name=name: archive_of(path, [name]), "is refused: ")
    add(
        f"{kind}: absolute",
        f"a.{kind}",
        lambda path, room: archive_of(path, [f"{room.canary}/pwned"]),
        "is refused: ",
    )
    add(
        f"{kind}: control signs",
        f"a.{kind}",
        lambda path, room: archive_of(path, ["../\x1b[31m\n\u202e"]),
        "is refused: ",
    )
    add(f"{kind}: empty", f"a.{kind}", lambda path, room: path.write_bytes(b""), "a.*")
    add(f"{kind}: text", f"a.{kind}", lambda path, room: path.write_bytes(b"no archive" * 100), "a.*")
    add(
        f"{kind}: cut in half",
        f"a.{kind}",
        lambda path, room: (archive_of(path, [f"f{n}" for n in range(99)]), _cut(path)),
        "damaged or truncated|is no ",
    )
    add(
        f"{kind}: many entries",
        f"a.{kind}",
        lambda path, room: archive_of(path, [f"f{n}" for n in range(1001)]),
        r"more than 1000 \(download.unpack.entries\)",
        entries=1000,
    )

for kind in ("tar.gz", "tar.bz2", "tar.xz"):

    def bomb(path: Path, room: Room, kind: str = kind) -> None:
        with OPENERS[kind](path, "wb") as file:
            file.write(entry("zeros", 3 * 10**9).tobuf() + bytes(100_000))

    add(f"{kind}: 3 GB out of little", f"a.{kind}", bomb, r"3\.000 GB come out, more than 100 times")
    add(
        f"{kind}: only its first bytes",
        f"a.{kind}",
        lambda path, room, kind=kind: path.write_bytes(MAGIC[kind]),
        "a.*",
    )
    add(
        f"{kind}: cut in half",
        f"a.{kind}",
        lambda path, room, kind=kind: (_packed(path, kind), _cut(path)),
        "damaged or truncated|is no ",
    )


def _cut(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def _packed(path: Path, kind: str) -> None:
    with OPENERS[kind](path, "wb") as file:
        file.write(entry("f", 5000).tobuf() + bytes(range(256)) * 20 + bytes(1024))


def _links(*entries: tarfile.TarInfo) -> Callable[[Path, Room], object]:
    return lambda path, room: tar_of(path, entries)


HARD = tarfile.LNKTYPE
add("hard link to nowhere", "a.tar", _links(link("l", "nowhere", HARD)), "does not precede it")
add("hard link to itself", "a.tar", _links(link("l", "l", HARD)), "does not precede it")
add("hard link outside", "a.tar", _links(link("l", "../../canary/canary.txt", HARD)), "is refused: ")
add("hard link absolute", "a.tar", _links(link("l", "/etc/passwd", HARD)), "is refused: ")
add("symbolic link outside", "a.tar", _links(link("l", "../../../canary"), entry("l/pwned")), "is refused: ")
add("symbolic link absolute", "a.tar", _links(link("l", "/etc"), entry("l/pwned")), "is refused: ")
add("through a link", "a.tar", _links(entry("d/f"), link("l", "d"), entry("l/f")), "its path goes through a link")
add("up and down", "a.tar", _links(link("d/e/s", "../.."), link("t", "d/e/s/../x")), "goes up again")
for what, kind in (("pipe", tarfile.FIFOTYPE), ("device", tarfile.CHRTYPE), ("block device", tarfile.BLKTYPE)):
    add(f"a {what}", "a.tar", _links(entry("p", type=kind, devmajor=1, devminor=5)), "is refused: ")
for kind in (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE):

    def long(path: Path, room: Room, kind: bytes = kind) -> None:
        with gzip.open(path, "wb", compresslevel=1) as file:
            file.write(header(kind, 40_000_000))
            for _ in range(40):
                file.write(bytes(1_000_000))

    add(f"header {kind!r} of 40 MB", "a.tar.gz", long, "the headers of an entry are longer than 1 MB")


def hundreds(path: Path, room: Room) -> None:
    one = header(tarfile.GNUTYPE_LONGNAME, 2) + b"a\0".ljust(512, b"\0")
    path.write_bytes(one * 5000 + entry("f").tobuf() + bytes(1024))


add("hundreds of headers", "a.tar", hundreds, "hundreds of headers|longer than 1 MB")
for size in ("-512", "-5", str(2**63), "9" * 4000):

    def sized(path: Path, room: Room, size: str = size) -> None:
        record = f" size={size}\n"
        text = f"{len(record) + len(str(len(record) + 4))}{record}".encode()
        pax = header(tarfile.XHDTYPE, len(text)) + text.ljust(-(-len(text) // 512) * 512, b"\0")
        path.write_bytes(pax + entry("f").tobuf() + bytes(1024))

    add(f"size {size[:12]}", "a.tar", sized, "a.tar")
add("overlapping entries", "a.zip", lambda path, room: overlapping(path, 400, 400), "it overlaps another entry")
add(
    "a list that lies",
    "a.zip",
    lambda path, room: overlapping(path, 5000, 1),
    r"more than 100 \(download.unpack.entries\)",
    entries=100,
)


def less(path: Path, room: Room) -> None:
    zip_of(path, ["zeros"], bytes(30_000_000))
    content = path.read_bytes()
    path.write_bytes(content.replace(struct.pack("<L", 30_000_000), struct.pack("<L", 1000)))


add("says less than it holds", "a.zip", less, "the archive is damaged or truncated")
add(
    "30 MB out of little",
    "a.zip",
    lambda path, room: zip_of(path, ["zeros"], bytes(30_000_000)),
    "more than 100 times",
    always_gb=0.01,
)


def encrypted(path: Path, room: Room) -> None:
    zip_of(path, ["f"], b"secret")
    content = bytearray(path.read_bytes())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)


def odd_method(path: Path, room: Room) -> None:
    zip_of(path, ["f"], b"content" * 99)
    content = bytearray(path.read_bytes())
    struct.pack_into("<H", content, 8, 97)
    struct.pack_into("<H", content, content.index(b"PK\x01\x02") + 10, 97)
    path.write_bytes(content)


def zip_link(path: Path, room: Room) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("l")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "../../canary")
        archive.writestr("l/pwned", "x")


def wrong_sum(path: Path, room: Room) -> None:
    zip_of(path, ["f"], b"content" * 99)
    content = bytearray(path.read_bytes())
    content[40] ^= 0xFF
    path.write_bytes(content)


add("encrypted", "a.zip", encrypted, "a.zip")
add("unknown compression", "a.zip", odd_method, "a.zip")
add("a link in a zip", "a.zip", zip_link, "is refused: ")
add("wrong checksum", "a.zip", wrong_sum, "damaged or truncated")
