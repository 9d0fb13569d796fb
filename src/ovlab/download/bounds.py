"""What an archive may hold: its entries are counted against bounds before they are written."""

from __future__ import annotations

import errno
from pathlib import Path

from ovlab.errors import OvlabError
from ovlab.specs import UnpackSpec

SHOWN_NAME = 80
LARGEST = 2**63  # no file system has a larger file
# The host's errors, which are none of the archive's entry.
HOST_ERRORS = frozenset(
    {
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EFBIG,
        errno.EROFS,
        errno.EACCES,
        errno.EPERM,
        errno.EIO,
        errno.EMFILE,
        errno.ENFILE,
    }
)


def refused(archive: Path, name: str, why: str) -> OvlabError:
    """Make the error that names an archive's entry and says why it is not unpacked."""
    shown = name if len(name) <= SHOWN_NAME else f"{name[:SHOWN_NAME]}..."
    return OvlabError(f"{archive.name}: entry {shown!r} is refused: {why}")


class Tally:
    """What the entries of one archive come to, within its bounds.

    Parameters
    ----------
    archive : Path
        The archive; its own size bounds what may come out of it.
    limits : UnpackSpec
        The bounds.

    Attributes
    ----------
    size, entries : int
        Bytes and entries so far.
    most : int
        Most bytes that may come out of the archive.
    """

    def __init__(self, archive: Path, limits: UnpackSpec) -> None:
        self.size = self.entries = 0
        self._archive, self._limits = archive, limits
        packed = archive.stat().st_size
        by_ratio = max(limits.always_gb * 1e9, limits.ratio * packed)
        self.most = int(min(limits.size_gb * 1e9, by_ratio))
        self._bound = (
            f"more than {limits.size_gb:g} GB (download.unpack.size_gb)"
            if limits.size_gb * 1e9 <= by_ratio
            else f"more than {limits.ratio:g} times the {packed / 1e9:.3f} GB of the archive (download.unpack.ratio)"
        )

    def add(self, name: str, size: int) -> None:
        """Count an entry.

        Raises
        ------
        OvlabError
            If its path leaves the folder or is too deep, or if with it the archive holds too much.
        """
        # Plain text, as a path object for each of a million entries would take longer than all else here.
        parts = name.replace("\\", "/").split("/")
        if ".." in parts:
            raise refused(self._archive, name, "its path leaves the folder")
        if (not parts[0] and len(parts) > 1) or (":" in name and ":" in _named(parts)[0]):
            raise refused(self._archive, name, "its path is absolute")
        if len(parts) > self._limits.depth and (folders := len(_named(parts)) - 1) > self._limits.depth:
            why = f"it lies in {folders} folders, more than {self._limits.depth} (download.unpack.depth)"
            raise refused(self._archive, name, why)
        if not 0 <= size < LARGEST:
            raise refused(self._archive, name, "its size cannot be")
        self.entries += 1
        self.size += size
        if self.entries > self._limits.entries:
            why = f"the archive holds more than {self._limits.entries} (download.unpack.entries)"
            raise refused(self._archive, name, why)
        if self.size > self.most:
            raise refused(self._archive, name, f"with it {self.size / 1e9:.3f} GB come out, {self._bound}")


def _named(parts: list[str]) -> list[str]:
    """Leave out what names no folder."""
    return [part for part in parts if part not in {"", "."}] or [""]


def unwritable(archive: Path, name: str, error: Exception) -> Exception:
    """Return what to raise for an entry that cannot be written: the host's own errors stay as they are."""
    if isinstance(error, OSError):
        if error.errno is None or error.errno in HOST_ERRORS:
            return error
        return refused(archive, name, f"it cannot be written ({(error.strerror or str(error)).lower()})")
    return refused(archive, name, f"it cannot be written ({error})")
