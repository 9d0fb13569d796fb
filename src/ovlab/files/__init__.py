"""Files that are whole or absent: atomic writes, hashes, canonical JSON."""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path
from typing import Any

from ovlab.files.decoding import decode_text, marked_encoding
from ovlab.files.opening import NotAFileError, open_file, open_handle
from ovlab.files.storage import require_room, require_writable, size_text, storage_in_words, temporary_folder
from ovlab.files.writing import atomic_path, folders_flushed_once, move, write_atomically, write_text
from ovlab.text import visible_json

__all__ = [
    "CHUNK",
    "HASHES",
    "NotAFileError",
    "atomic_path",
    "decode_text",
    "digest_of",
    "folders_flushed_once",
    "known_sha256",
    "marked_encoding",
    "move",
    "open_file",
    "open_handle",
    "read_json",
    "require_room",
    "require_writable",
    "sha256_of",
    "sha256_of_data",
    "size_text",
    "storage_in_words",
    "temporary_folder",
    "write_atomically",
    "write_json",
    "write_text",
]

CHUNK = 1 << 20
HASHES = ".sha256.json"


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
