"""Files that are whole or absent: atomic writes, hashes, canonical JSON."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path
from typing import Any

from ovlab.errors import OvlabError
from ovlab.text import visible_json

CHUNK = 1 << 20
HASHES = ".sha256.json"
# Opening a named pipe would wait for a writer, a terminal would become this process's own; Windows has neither.
_READ = os.O_RDONLY
for _flag in ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY"):
    _READ |= getattr(os, _flag, 0)
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class NotAFileError(OvlabError):
    """What was to be read is a folder, a named pipe, a socket or a device."""


def open_handle(path: Path | str) -> tuple[int, os.stat_result]:
    """Open a file for reading, whoever made it, and return its descriptor and its state.

    Raises
    ------
    NotAFileError
        If it is no regular file: reading a named pipe would wait, a device such as ``/dev/zero`` has no end.
    OSError
        If it cannot be opened.
    """
    handle = os.open(path, _READ)
    state = os.fstat(handle)
    if not stat.S_ISREG(state.st_mode):
        os.close(handle)
        raise NotAFileError(f"{path}: is {_KINDS.get(stat.S_IFMT(state.st_mode), 'something else')}, expected a file")
    return handle, state


def open_file(path: Path | str) -> FileIO:
    """Open a file for reading, unbuffered; see :func:`open_handle` for what is raised."""
    return FileIO(open_handle(path)[0], "rb")


@contextlib.contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Give a temporary path beside `target` that becomes `target` if the block succeeds.

    The temporary file lies in the same folder (so that the rename is atomic), is flushed to disk before the
    rename, and is removed if the block fails: a killed run leaves nothing that looks finished.

    Parameters
    ----------
    target : Path
        The file to write. Its folder is made if it is missing.

    Yields
    ------
    Path
        The path to write to; it keeps the suffix of `target`, which many writers look at.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.stem}.", suffix=f".partial{target.suffix}")
    os.close(handle)
    partial = Path(name)
    try:
        yield partial
        _flush(partial)
        # mkstemp makes files that only their owner reads; results are to be shared.
        partial.chmod(0o666 & ~_umask())
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def write_atomically(target: Path, write: Callable[[Path], object]) -> None:
    """Call ``write(path)`` on a temporary path that then becomes `target`."""
    with atomic_path(target) as partial:
        write(partial)


def write_text(target: Path, text: str) -> None:
    """Write `text` to `target` as UTF-8 with Unix line ends, atomically."""
    with atomic_path(target) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")


def write_json(target: Path, data: Any) -> None:
    """Write `data` to `target` as indented JSON, atomically. NaN is refused: it is not JSON.

    Text stays as it is; of it, control signs and direction marks are written as JSON's escapes.
    """
    write_text(target, visible_json(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False)) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file."""
    with open_file(path) as file:
        return json.loads(file.read().decode("utf-8"))


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open_file(path) as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def known_sha256(path: Path) -> str:
    """Return the SHA-256 of a file that is read again and again, computed once for each content.

    It is noted in ``.sha256.json`` beside the file, with the file's size and time of change; while these stay as they
    were, the note counts. A folder that cannot be written to goes without a note.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    notes = path.with_name(HASHES)
    known = _read_notes(notes)
    state = path.stat()
    seen = [state.st_size, state.st_mtime_ns]
    note = known.get(path.name)
    if isinstance(note, list) and note[:-1] == seen and isinstance(note[-1], str):
        return note[-1]
    sha256 = sha256_of(path)
    with contextlib.suppress(OSError):
        write_json(notes, {**_read_notes(notes), path.name: [*seen, sha256]})
    return sha256


def _read_notes(path: Path) -> dict[str, Any]:
    try:
        notes = read_json(path)
    except (OSError, ValueError):
        return {}
    return notes if isinstance(notes, dict) else {}


def digest_of(data: Any) -> str:
    """Return the short identity of plain data: the same data, the same eight hexadecimal digits.

    Parameters
    ----------
    data : JSON-compatible
        Dictionaries are compared without regard to the order of their keys.
    """
    return sha256_of_data(data)[:8]


def sha256_of_data(data: Any) -> str:
    """Return the SHA-256 of plain data as 64 hexadecimal digits; see `digest_of`."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    # A name of a file that is no UTF-8 has surrogates in it, which have an encoding here alone.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
