"""Unpack archives without trusting them."""

from __future__ import annotations

import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from ovlab.errors import OvlabError
from ovlab.files import CHUNK

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")


def is_archive(name: str) -> bool:
    """Tell by its name whether a file is an archive that is unpacked."""
    return name.lower().endswith(SUFFIXES)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a zip or tar archive into a folder.

    Absolute paths, paths that leave the folder, links that do, devices and the like are refused, not renamed.

    Raises
    ------
    OvlabError
        If the archive is damaged or truncated, does not fit on the disk, or holds an entry that is refused.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        if archive.name.lower().endswith(".zip") or (not is_archive(archive.name) and zipfile.is_zipfile(archive)):
            _unpack_zip(archive, folder)
        else:
            _unpack_tar(archive, folder)
    except tarfile.FilterError as error:
        raise OvlabError(f"{archive.name}: entry {error.tarinfo.name!r} is refused: {_why(error)}") from None
    except NotImplementedError as error:
        raise OvlabError(f"{archive.name}: cannot be unpacked ({error})") from None
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError) as error:
        raise _damaged(archive, error) from None
    except OSError as error:
        if error.errno is not None:
            raise
        raise _damaged(archive, error) from None  # gzip and bz2 have no exception of their own


def _damaged(archive: Path, error: Exception) -> OvlabError:
    # tarfile lists every format that it has tried on lines of their own.
    reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(":")
    return OvlabError(f"{archive.name}: the archive is damaged or truncated ({reason})")


def _why(error: tarfile.FilterError) -> str:
    reasons = {
        tarfile.AbsolutePathError: "its path is absolute",
        tarfile.OutsideDestinationError: "its path leaves the folder",
        tarfile.SpecialFileError: "it is a device or pipe",
        tarfile.AbsoluteLinkError: "it links to an absolute path",
        tarfile.LinkOutsideDestinationError: "it links out of the folder",
    }
    return reasons.get(type(error), str(error))


def _unpack_tar(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as tar:
        members = tar.getmembers()
        _check_space(archive, folder, sum(member.size for member in members))
        _check_truncation(archive, tar, members)
        # The check sum of a gzip file stands at its end, behind what tarfile reads.
        while tar.fileobj is not None and tar.fileobj.read(CHUNK):
            pass
        # The data filter strips leading slashes; an archive that has them was not made for us, so say so.
        for member in members:
            _check_name(archive, member.name)
        tar.extractall(folder, members=members, filter="data")


def _check_truncation(archive: Path, tar: tarfile.TarFile, members: list[tarfile.TarInfo]) -> None:
    # tarfile takes an uncompressed archive that ends between two entries, or in the last one, for complete.
    if not members or archive.suffix.lower() != ".tar":
        return
    blocks = -(-members[-1].size // tarfile.BLOCKSIZE) if members[-1].isreg() else 0
    end = members[-1].offset_data + blocks * tarfile.BLOCKSIZE
    if archive.stat().st_size < end or tar.offset > archive.stat().st_size:
        raise tarfile.ReadError("unexpected end of data")
    with archive.open("rb") as file:
        file.seek(end)
        if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError("no end-of-archive mark")


def _unpack_zip(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as file:
        entries = file.infolist()
        _check_space(archive, folder, sum(entry.file_size for entry in entries))
        for entry in entries:
            _check_name(archive, entry.filename)
            if stat.S_ISLNK(entry.external_attr >> 16):
                raise OvlabError(f"{archive.name}: entry {entry.filename!r} is refused: it is a link")
            if entry.flag_bits & 0x1:
                raise OvlabError(f"{archive.name}: entry {entry.filename!r} is encrypted")
        file.extractall(folder)


def _check_name(archive: Path, name: str) -> None:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or (path.parts and ":" in path.parts[0]):
        why = "its path leaves the folder" if ".." in path.parts else "its path is absolute"
        raise OvlabError(f"{archive.name}: entry {name!r} is refused: {why}")


def _check_space(archive: Path, folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise OvlabError(f"{archive.name}: {needed / 1e9:.1f} GB to unpack, but {free / 1e9:.1f} GB free on the disk")
