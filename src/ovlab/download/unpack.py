"""Unpack archives without trusting them."""

from __future__ import annotations

import lzma
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

from ovlab.download.unpack_tar import unpack_tar
from ovlab.download.unpack_zip import unpack_zip
from ovlab.errors import OvlabError, StorageError
from ovlab.files import require_room
from ovlab.specs import UnpackSpec

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")


def is_archive(name: str) -> bool:
    """Tell by its name whether a file is an archive that is unpacked."""
    return name.lower().endswith(SUFFIXES)


def unpack(archive: Path, folder: Path, limits: UnpackSpec | None = None) -> None:
    """Unpack a zip or tar archive into a folder.

    Absolute paths, paths that leave the folder, links that do, devices and the like are refused, not renamed.

    Parameters
    ----------
    archive, folder : Path
        From where to where.
    limits : UnpackSpec, optional
        How much the archive may hold; by default what ships.

    Raises
    ------
    OvlabError
        If the archive is damaged or truncated, does not fit on the disk, holds more than `limits`, or an entry that
        is refused.
    """
    limits = limits or UnpackSpec()
    folder.mkdir(parents=True, exist_ok=True)

    def need_space(size: int) -> None:
        require_room(folder, f"{archive.name}, unpacked,", size)

    is_zip = archive.name.lower().endswith(".zip") or (not is_archive(archive.name) and zipfile.is_zipfile(archive))
    try:
        (unpack_zip if is_zip else unpack_tar)(archive, folder, limits, need_space)
    except RecursionError:  # tarfile calls itself for each of the headers that may precede an entry
        raise OvlabError(f"{archive.name}: is refused: an entry has hundreds of headers") from None
    except NotImplementedError as error:
        raise OvlabError(f"{archive.name}: cannot be unpacked ({error})") from None
    except (
        tarfile.TarError,
        zipfile.BadZipFile,
        zlib.error,
        lzma.LZMAError,
        struct.error,
        EOFError,
        ValueError,
    ) as error:
        raise _damaged(archive, error) from None
    except OSError as error:
        if error.errno is not None or isinstance(error, StorageError):
            raise
        raise _damaged(archive, error) from None  # gzip and bz2 have no exception of their own


def _damaged(archive: Path, error: Exception) -> OvlabError:
    # tarfile lists every format that it has tried on lines of their own.
    reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(":")
    return OvlabError(f"{archive.name}: the archive is damaged or truncated ({reason})")
