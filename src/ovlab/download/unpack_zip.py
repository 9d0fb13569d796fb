"""Unpack zip archives without trusting them."""

from __future__ import annotations

import contextlib
import os
import stat
import struct
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ovlab.download.bounds import Tally, refused, unwritable
from ovlab.download.progress import Progress
from ovlab.errors import OvlabError
from ovlab.specs import UnpackSpec

# The records at the end of a zip archive (PKWARE's APPNOTE.TXT, 4.3.14 and 4.3.16): number of entries, and size of
# the list of entries. The one for large archives, and the one that says where it is, precede the common one.
END, END_64 = struct.Struct("<10xHL"), struct.Struct("<32xQQ")
END_MARK, END_MARK_64 = b"PK\x05\x06", b"PK\x06\x06"
BEFORE_END = 56 + 20
LONGEST_END = BEFORE_END + 22 + 65_535
LOCAL_HEADER = 30
# A longer list (in bytes, or in bytes an accepted entry) is not read into memory.
SHORT_LIST, LISTED_BYTES = 1 << 20, 256


def unpack_zip(archive: Path, folder: Path, limits: UnpackSpec, need_space: Callable[[int], None]) -> None:
    """Unpack a zip archive into a folder; nothing is written before all entries have been looked at.

    Raises
    ------
    OvlabError
        If an entry is refused.
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError
        If the archive is damaged.
    """
    with open_zip(archive, limits) as (file, entries):
        need_space(sum(entry.file_size for entry in entries))
        with Progress(f"unpacking {archive.name}", len(entries), "entries") as progress:
            for entry in entries:
                try:
                    file.extract(entry, folder)
                except (OSError, ValueError) as error:
                    raise unwritable(archive, entry.filename, error) from None
                progress.advance()


@contextlib.contextmanager
def open_zip(archive: Path, limits: UnpackSpec) -> Iterator[tuple[zipfile.ZipFile, list[zipfile.ZipInfo]]]:
    """Open a zip archive once all of its entries have been looked at.

    Yields
    ------
    tuple of ZipFile and list of ZipInfo

    Raises
    ------
    OvlabError
        If an entry is refused.
    zipfile.BadZipFile
        If the archive is damaged.
    """
    _check_list(archive, limits)
    with zipfile.ZipFile(archive) as file:
        entries = file.infolist()
        _check_entries(archive, entries, file.start_dir, limits)
        yield file, entries


def _check_list(archive: Path, limits: UnpackSpec) -> None:
    """Refuse a list of entries that is too long, before `zipfile` makes objects of all of it."""
    with archive.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - LONGEST_END))
        tail = file.read()
    at = tail.rfind(END_MARK)
    if at < 0 or len(tail) < at + END.size:
        return  # zipfile says what is wrong
    entries, size = END.unpack_from(tail, at)
    if at >= BEFORE_END and tail[at - BEFORE_END :].startswith(END_MARK_64):
        entries, size = END_64.unpack_from(tail, at - BEFORE_END)
    # The number is only what the archive says; the size is what is read.
    if entries > limits.entries or size > max(SHORT_LIST, LISTED_BYTES * limits.entries):
        raise OvlabError(
            f"{archive.name}: is refused: it lists {entries} entries in {size / 1e6:.0f} MB, more than "
            f"{limits.entries} (download.unpack.entries)"
        )


def _check_entries(archive: Path, entries: Sequence[zipfile.ZipInfo], end: int, limits: UnpackSpec) -> None:
    tally = Tally(archive, limits)
    for entry in entries:
        tally.add(entry.filename, entry.file_size)
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise refused(archive, entry.filename, "it is a link")
        if entry.flag_bits & 0x1:
            raise OvlabError(f"{archive.name}: entry {entry.filename!r} is encrypted")
    # Entries that share their bytes make much out of little, and are made on purpose.
    begin_of_next = end
    for entry in sorted(entries, key=lambda one: one.header_offset, reverse=True):
        if entry.header_offset + LOCAL_HEADER + len(entry.orig_filename) + entry.compress_size > begin_of_next:
            raise refused(archive, entry.filename, "it overlaps another entry or the end of the archive")
        begin_of_next = entry.header_offset
