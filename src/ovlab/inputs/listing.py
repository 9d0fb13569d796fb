"""The files of a source as they were when it was made, and whether they are still the same when they are read.

The download step lists every file with its size and its hash. A step that reads the source opens the list; from then on
whatever it reads below that folder is compared: the size and the time of change cost nothing, since the file is open
anyway; only where the time differs is the hash asked (a copy of the results has other times). A file that is not on the
list is as wrong as one that is on it and gone.

Times stand in a file of their own: the list is an input of later steps, and its hash says which content they have read,
not when that was unpacked. Without the times, or with those of another list, every file is hashed as it is read. Of
files that are not hashed, the time is all there is, and stands in the list.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from ovlab.errors import OvlabError
from ovlab.files import known_sha256, sha256_of, write_atomically, write_text
from ovlab.records import MEND, Record, require_ok

LISTING = ".lst"
"""What follows the name of the folder in the name of its list, which lies beside it."""
HASHED_BYTES = 20e9
"""A source of more bytes is compared by size and time alone: hashing it would take as long as unpacking it."""
TIMES = ".times"
"""What follows the name of the list in the name of the file that holds the times of its files."""
BY_TIME = "@"
"""What begins the entry of a file that is not hashed, in the place of its hash; its time of change follows."""


class ChangedFileError(OvlabError):
    """A file is not what it was when its source was made."""


class ListedFile(NamedTuple):
    """A file as it was: its size in bytes, its time of change in nanoseconds where known, and its SHA-256 if hashed."""

    size: int
    mtime_ns: int | None
    sha256: str | None


class _Open:
    """The lists that this process has opened: files by their full path, and the folders that these lie in."""

    files: dict[str, ListedFile] = {}
    roots: dict[str, str] = {}


def write_listing(root: Path, target: Path, known: Mapping[str, str], *, hashed: bool) -> int:
    """List all files below a folder.

    Parameters
    ----------
    root : Path
        The folder.
    target : Path
        Gets an entry ``size sha256 path``, ended by a NUL, for every file; beside it are their times.
    known : mapping
        Hashes that are known already, by path below `root`.
    hashed : bool
        Whether to hash the others; not if they are the user's own or more than `HASHED_BYTES`.

    Returns
    -------
    int
        Bytes of all files.
    """
    found = list(_walk(root))
    total = sum(state.st_size for _, state in found)
    hashed = hashed and total <= HASHED_BYTES

    def entry(path: str, state: os.stat_result) -> bytes:
        sha256 = known.get(path) or (sha256_of(root / path) if hashed else f"{BY_TIME}{state.st_mtime_ns}")
        return b"%d %s %s\0" % (state.st_size, sha256.encode(), os.fsencode(path))

    content = b"".join(entry(path, state) for path, state in found)
    times = " ".join([hashlib.sha256(content).hexdigest(), *(str(state.st_mtime_ns) for _, state in found)])
    write_atomically(target, lambda partial: partial.write_bytes(content))
    write_text(_times_of(target), times)
    return total


def _times_of(listing: Path) -> Path:
    return listing.with_name(listing.name + TIMES)


def _walk(root: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the regular files below a folder with their state, links to folders followed once."""
    seen = {_identity(root.stat())}
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        with os.scandir(root / folder) as entries:
            for entry in sorted(entries, key=lambda one: one.name):
                path = f"{folder}{entry.name}"
                if entry.is_dir():
                    if entry.is_symlink():
                        if (identity := _identity(entry.stat())) in seen:
                            continue
                        seen.add(identity)
                    waiting.append(f"{path}/")
                elif entry.is_file():
                    yield path, entry.stat()


def _identity(state: os.stat_result) -> tuple[int, int]:
    return state.st_dev, state.st_ino


def open_source(source: Record, what: str) -> Path:
    """Return the folder of a source's files; what is read below it is compared with its list from now on.

    Parameters
    ----------
    source : Record
        Of kind ``source``.
    what : str
        What it is, for the reason of one that failed.

    Raises
    ------
    OvlabError
        If the source failed, or its list was changed.
    """
    require_ok(source, what)
    root = Path(source.data["root"])
    listing = source.data.get("listing")
    if listing is None:  # made before there were lists
        return root
    recorded = source.files[Path(listing).name]
    if _Open.roots.get(f"{root}/") == recorded:
        return root
    _check_listing(Path(listing), recorded)
    _Open.files |= {f"{root}/{path}": file for path, file in _read(Path(listing))}
    _Open.roots[f"{root}/"] = recorded
    return root


def _check_listing(listing: Path, recorded: str) -> None:
    try:
        is_intact = known_sha256(listing) == recorded
    except OSError:
        is_intact = False
    if not is_intact:
        raise ChangedFileError(f"{listing}: is missing or was changed after it was made; {MEND}")


def _read(listing: Path) -> Iterator[tuple[str, ListedFile]]:
    content = listing.read_bytes()
    entries = parse_listing(content)
    times = _read_times(listing, hashlib.sha256(content).hexdigest(), len(entries))
    for (path, listed), time in zip(entries, times, strict=True):
        yield path, listed if listed.sha256 is None else listed._replace(mtime_ns=time)


def parse_listing(content: bytes) -> list[tuple[str, ListedFile]]:
    """Read the entries of a list, as `write_listing` writes them: paths below the folder, and the files as they were.

    Raises
    ------
    ValueError
        If it is no such list.
    """
    found = []
    for entry in os.fsdecode(content).split("\0")[:-1]:
        size, sha256, path = entry.split(" ", 2)
        is_hashed = not sha256.startswith(BY_TIME)
        changed = None if is_hashed else int(sha256.removeprefix(BY_TIME))
        found.append((path, ListedFile(int(size), changed, sha256 if is_hashed else None)))
    return found


def _read_times(listing: Path, sha256: str, number: int) -> list[int] | list[None]:
    """Read the times of a list's files; without them, or if they are another list's, none of them is known."""
    try:
        of, *times = _times_of(listing).read_text(encoding="ascii").split(" ")
        if of == sha256 and len(times) == number:
            return list(map(int, times))
    except (OSError, ValueError):
        pass
    return [None] * number


def compare_read(path: Path, state: os.stat_result, data: bytes) -> None:
    """Compare a file that was read with the list of the source that it belongs to, if one is open.

    Raises
    ------
    ChangedFileError
        If it was changed or is not on the list.
    """
    if not _Open.roots:
        return
    name = str(path)
    listed = _Open.files.get(name)
    if listed is None:
        if is_below_source(name):
            raise ChangedFileError(f"{path}: was added after the files beside it were listed; {MEND}")
    elif listed.mtime_ns != state.st_mtime_ns or listed.size != len(data):
        _require_same(path, listed, len(data), lambda: hashlib.sha256(data).hexdigest())


def _require_same(path: Path, listed: ListedFile, size: int, sha256: Callable[[], str]) -> None:
    if size != listed.size:
        raise ChangedFileError(f"{path}: was changed after it was listed ({size} bytes, then {listed.size}); {MEND}")
    if listed.sha256 is None:
        raise ChangedFileError(f"{path}: was changed after it was listed (by its time of change); {MEND}")
    found = sha256()
    if found != listed.sha256:
        raise ChangedFileError(
            f"{path}: was changed after it was listed (SHA-256 {found[:12]}..., then {listed.sha256[:12]}...); {MEND}"
        )


def is_below_source(name: str) -> bool:
    """Tell whether a path lies in the folder of a source whose list is open."""
    return any(name.startswith(root) for root in _Open.roots)


def is_listed(path: Path) -> bool:
    """Tell whether a file is on the list of a source that is open."""
    return str(path) in _Open.files


def require_as_listed(folder: Path, found: set[str]) -> None:
    """Check that the files found below a folder are on the list, and that none on the list is gone.

    Parameters
    ----------
    folder : Path
        Below a source's root.
    found : set of str
        Paths of files that exist.

    Raises
    ------
    ChangedFileError
        Naming the first that was added or is gone.
    """
    if not is_below_source(f"{folder}/"):
        return
    if added := found - _Open.files.keys():
        raise ChangedFileError(f"{min(added)}: was added after the files beside it were listed; {MEND}")
    prefix = f"{folder}/"
    for name in _Open.files:
        if name.startswith(prefix) and name not in found and not Path(name).exists():
            raise ChangedFileError(f"{name}: was removed after it was listed; {MEND}")


def require_unchanged(source: Record) -> None:
    """Compare all files of a source with its list, for those who hand the folder on to others.

    Raises
    ------
    ChangedFileError
        Naming the first that was changed, added or removed.
    """
    listing = source.data.get("listing")
    if listing is None:
        return
    _check_listing(Path(listing), source.files[Path(listing).name])
    root = Path(source.data["root"])
    listed = dict(_read(Path(listing)))
    for path, state in _walk(root) if root.is_dir() else ():
        file = listed.pop(path, None)
        full = root / path
        if file is None:
            raise ChangedFileError(f"{full}: was added after the files beside it were listed; {MEND}")
        if (state.st_size, state.st_mtime_ns) != file[:2]:
            _require_same(full, file, state.st_size, functools.partial(sha256_of, full))
    if listed:
        raise ChangedFileError(f"{root / min(listed)}: was removed after it was listed; {MEND}")
