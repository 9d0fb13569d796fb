"""Unpack tar archives without trusting them."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import math
import os
import tarfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any

from ovlab.download.bounds import Tally, refused, unwritable
from ovlab.download.progress import Progress
from ovlab.errors import OvlabError
from ovlab.files import CHUNK
from ovlab.specs import UnpackSpec

COMPRESSIONS: dict[bytes, Callable[..., Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
}
# Long names, further attributes and maps of sparse files before one entry; tarfile reads them into memory.
HEADERS = 1 << 20
# So many entries are kept from the first reading to the second one: about 100 MB.
KEPT = 100_000
EARLIEST_S, LATEST_S = -(2**31), 2**33
REFUSED = {
    tarfile.AbsolutePathError: "its path is absolute",
    tarfile.OutsideDestinationError: "its path leaves the folder",
    tarfile.SpecialFileError: "it is a device or pipe",
    tarfile.AbsoluteLinkError: "it links to an absolute path",
    tarfile.LinkOutsideDestinationError: "it links out of the folder",
}


class _Unpacked:
    """The unpacked stream as tarfile reads it, with a bound on what it takes at once for the headers of an entry."""

    def __init__(self, file: IO[bytes], archive: Path) -> None:
        self._file, self._archive = file, archive
        self.seek, self.tell = file.seek, file.tell
        self.allowance: float = math.inf

    def read(self, size: int = -1) -> bytes:
        if self.allowance != math.inf:
            self.allowance -= size
            if size < 0 or self.allowance < 0:
                raise OvlabError(f"{self._archive.name}: is refused: the headers of an entry are longer than 1 MB")
        return self._file.read(size)


def unpack_tar(archive: Path, folder: Path, limits: UnpackSpec, need_space: Callable[[int], None]) -> None:
    """Unpack a tar archive, also a compressed one, into a folder.

    It is read twice, so that nothing is written before all entries have been looked at.

    Raises
    ------
    OvlabError
        If an entry is refused.
    tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError without a number
        If the archive is damaged.
    """
    tally = Tally(archive, limits)
    with _opened(archive) as (tar, stream):
        members = _look_through(archive, tar, stream, tally)
        need_space(tally.size)
        if len(members) == tally.entries:
            _write(archive, tar, stream, members, folder, tally)
            return
    with _opened(archive) as (tar, stream):
        _write(archive, tar, stream, _members(tar, stream, archive), folder, tally)


def _look_through(archive: Path, tar: tarfile.TarFile, stream: _Unpacked, tally: Tally) -> list[tarfile.TarInfo]:
    """Count all entries, and return those that fit into memory."""
    kept: list[tarfile.TarInfo] = []
    last: tarfile.TarInfo | None = None
    with Progress(f"reading {archive.name}", None, "entries") as progress:
        for member in _members(tar, stream, archive):
            tally.add(member.name, member.size)
            last = member
            if tally.entries <= KEPT:
                kept.append(member)
            progress.advance()
    _check_end(archive, tar, stream, last, tally)
    return kept


def _write(
    archive: Path,
    tar: tarfile.TarFile,
    stream: _Unpacked,
    members: Iterable[tarfile.TarInfo],
    folder: Path,
    tally: Tally,
) -> None:
    links: set[PurePosixPath] = set()
    with Progress(f"unpacking {archive.name}", tally.entries, "entries") as progress:
        for member in members:
            stream.allowance = math.inf
            _check_links(archive, folder, member, links)
            _extract(archive, tar, member, folder)
            progress.advance()


@contextlib.contextmanager
def _opened(archive: Path) -> Iterator[tuple[tarfile.TarFile, _Unpacked]]:
    with archive.open("rb") as file:
        start = file.read(max(map(len, COMPRESSIONS)))
        opener = next((one for magic, one in COMPRESSIONS.items() if start.startswith(magic)), None)
    with archive.open("rb") if opener is None else opener(archive, "rb") as file:
        stream = _Unpacked(file, archive)
        stream.allowance = HEADERS
        with tarfile.open(fileobj=stream, mode="r:") as tar:  # type: ignore[call-overload]
            yield tar, stream


def _members(tar: tarfile.TarFile, stream: _Unpacked, archive: Path) -> Iterator[tarfile.TarInfo]:
    """Go through the entries, and let tarfile forget them: a million of them would fill the memory."""
    while True:
        stream.allowance = HEADERS
        before = tar.offset
        member = tar.next()
        if member is None:
            return
        if tar.offset < before:
            raise refused(archive, member.name, "it points back into the archive")
        tar.members.clear()  # type: ignore[attr-defined]
        yield member


def _check_end(
    archive: Path, tar: tarfile.TarFile, stream: _Unpacked, last: tarfile.TarInfo | None, tally: Tally
) -> None:
    stream.allowance = math.inf
    if archive.suffix.lower() != ".tar":
        # The check sum of a compressed file stands at its end, behind what tarfile reads.
        rest = 0
        while piece := stream.read(CHUNK):
            rest += len(piece)
            if rest > tally.most:
                raise OvlabError(f"{archive.name}: is refused: {rest / 1e9:.3f} GB follow after its last entry")
        return
    # tarfile takes an uncompressed archive that ends between two entries, or in the last one, for complete.
    if last is None:
        return
    blocks = -(-last.size // tarfile.BLOCKSIZE) if last.isreg() else 0
    end = last.offset_data + blocks * tarfile.BLOCKSIZE
    size = archive.stat().st_size
    if size < end or tar.offset > size:
        raise tarfile.ReadError("unexpected end of data")
    stream.seek(end)
    if stream.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise tarfile.ReadError("no end-of-archive mark")


def _check_links(archive: Path, folder: Path, member: tarfile.TarInfo, links: set[PurePosixPath]) -> None:
    """Refuse a path through a link, a link to nothing, and one whose target may lie elsewhere than it reads."""
    is_link = member.issym() or member.islnk()
    if not links and not is_link:
        return
    path = PurePosixPath(member.name)
    if links and not links.isdisjoint([*path.parents, *([] if member.issym() else [path])]):
        raise refused(archive, member.name, "its path goes through a link")
    if member.issym():
        parts = PurePosixPath(member.linkname).parts
        if ".." in parts[next((i for i, part in enumerate(parts) if part != ".."), len(parts)) :]:
            raise refused(archive, member.name, "its target goes up again after it went down")
        links.add(path)
    if member.islnk() and not PurePosixPath(member.linkname).is_absolute():
        target = folder / member.linkname
        if ".." not in PurePosixPath(member.linkname).parts and not os.path.lexists(target):
            raise refused(archive, member.name, f"it links to {member.linkname[:80]!r}, which does not precede it")


def _extract(archive: Path, tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    try:
        tar.extract(member, folder, set_attrs=not member.isdir(), filter=_data_without_odd_times)
    except tarfile.FilterError as error:
        raise refused(archive, member.name, REFUSED.get(type(error), str(error))) from None
    except (OSError, ValueError, OverflowError) as error:
        raise unwritable(archive, member.name, error) from None


def _data_without_odd_times(member: tarfile.TarInfo, path: str) -> tarfile.TarInfo | None:
    """Apply tarfile's data filter; a time that no file system knows is left out."""
    if not EARLIEST_S <= member.mtime <= LATEST_S:  # nor is NaN
        member = member.replace(mtime=None, deep=False)  # type: ignore[arg-type]
    return tarfile.data_filter(member, path)
