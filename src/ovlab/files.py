"""Files that are whole or absent: atomic writes, hashes, canonical JSON."""

from __future__ import annotations

import codecs
import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ovlab.errors import OvlabError
from ovlab.text import visible_json

CHUNK = 1 << 20
HASHES = ".sha256.json"
_MARKED = (  # the marks of UTF-32 begin like those of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)


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


def decode_text(data: bytes, where: str) -> str:
    """Return the text of a file that others wrote, without its byte order mark.

    Parameters
    ----------
    data : bytes
        What the file holds: UTF-8, or UTF-16 or UTF-32 with a byte order mark that says so.
    where : str
        What to call the file in an error.

    Raises
    ------
    OvlabError
        Naming file and line, if it is in another encoding.
    """
    encoding = marked_encoding(data) or "utf-8"
    if encoding.startswith("utf-8") and b"\0" in data:
        line = data.count(b"\n", 0, data.index(b"\0")) + 1
        raise OvlabError(f"{where}, line {line}: holds a zero byte; save the file as UTF-8 (is it UTF-16, or no text?)")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line, byte = data.count(b"\n", 0, error.start) + 1, data[error.start]
        if encoding.startswith("utf-8"):
            hint = "; save the file as UTF-8 (is it GBK, Latin-1 or the like?)"
            raise OvlabError(f"{where}, line {line}: byte 0x{byte:02x} is not UTF-8{hint}") from None
        raise OvlabError(f"{where}, line {line}: not the {encoding.upper()} that its first bytes announce") from None


def marked_encoding(data: bytes) -> str | None:
    """Return the encoding that a byte order mark announces, None without one."""
    return next((encoding for mark, encoding in _MARKED if data.startswith(mark)), None)


def read_json(path: Path) -> Any:
    """Read a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
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
