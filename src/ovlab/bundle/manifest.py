"""The manifest: SHA-256 of every file of a bundle, as ``sha256sum --check`` reads it."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

from ovlab.bundle.layout import MANIFEST
from ovlab.errors import OvlabError

CHUNK = 1 << 20
LARGEST = 1 << 30
"""Bytes of a manifest: some million files."""
LONGEST_NAME = 4096
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


class Readable(Protocol):
    """What can be read in chunks."""

    def read(self, size: int, /) -> bytes | None:
        """Return at most so many bytes; none at the end."""


class Writable(Protocol):
    """What can be written to."""

    def write(self, data: bytes, /) -> object:
        """Write all of the bytes."""


def why_bad_name(name: str) -> str:
    """Say why a file of a bundle cannot be called so, on any system; empty if it can."""
    parts = name.split("/")
    complaints = {
        "its path is empty or too long": not name or len(name) > LONGEST_NAME,
        "its path is absolute": name.startswith("/") or re.match(r"[A-Za-z]:", name) is not None,
        "its path leaves the folder": ".." in parts,
        "its path has an empty part": "" in parts or "." in parts,
        "its path has a backslash": "\\" in name,
        "its path has a sign that no text has": any(unicodedata.category(sign) in {"Cc", "Cs"} for sign in name),
    }
    return next((why for why, is_so in complaints.items() if is_so), "")


def same_elsewhere(name: str) -> str:
    """Return what names have in common that are one file where case or composition of letters does not count."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def check_names(names: Iterable[str], where: str) -> None:
    """Refuse names that are unsafe, or that are the same file, here or on another system.

    Raises
    ------
    OvlabError
        Naming the first one, `where` in front.
    """
    seen: dict[str, str] = {}
    for name in names:
        if why := why_bad_name(name):
            raise OvlabError(f"{where}: {name!r} is refused: {why}")
        if (other := seen.setdefault(same_elsewhere(name), name)) != name:
            raise OvlabError(f"{where}: {name!r} and {other!r} are the same file where case does not count")
    folders = {same_elsewhere(parent) for name in seen.values() for parent in parents(name)}
    if clash := sorted(folders & seen.keys()):
        raise OvlabError(f"{where}: {seen[clash[0]]!r} is a file, and a folder of other files")


def parents(name: str) -> Iterator[str]:
    """Yield the folders that a file lies in, as names."""
    while "/" in name:
        name = name.rpartition("/")[0]
        yield name


def hash_stream(stream: Readable, copy: Writable | None = None) -> tuple[str, int]:
    """Read a stream to its end and return its SHA-256 and size, writing a copy of it where one is wanted."""
    digest, size = hashlib.sha256(), 0
    while chunk := stream.read(CHUNK):
        digest.update(chunk)
        size += len(chunk)
        if copy is not None:
            copy.write(chunk)
    return digest.hexdigest(), size


def format_manifest(hashes: Mapping[str, str]) -> str:
    """Return the manifest of files with these hashes, sorted by name."""
    return "".join(f"{hashes[name]}  {name}\n" for name in sorted(hashes) if name != MANIFEST)


def parse_manifest(text: str) -> dict[str, str]:
    """Read a manifest.

    Returns
    -------
    dict of str
        SHA-256 by name.

    Raises
    ------
    OvlabError
        If a line is none, a name is unsafe or stands twice, or the order is not that of names.
    """
    hashes: dict[str, str] = {}
    lines = text.split("\n")
    if lines.pop() != "":
        raise OvlabError(f"{MANIFEST}: its last line is cut short")
    for number, line in enumerate(lines, 1):
        matched = _LINE.fullmatch(line)
        if matched is None:
            raise OvlabError(f"{MANIFEST}, line {number}: {line!r}, expected SHA-256, two blanks and a path")
        sha256, name = matched.groups()
        if name in hashes:
            raise OvlabError(f"{MANIFEST}, line {number}: {name} stands in it twice")
        hashes[name] = sha256
    check_names(hashes, MANIFEST)
    if MANIFEST in hashes or list(hashes) != sorted(hashes):
        raise OvlabError(f"{MANIFEST}: is not sorted, or lists itself: it was edited")
    return hashes


def walk(folder: Path) -> Iterator[str]:
    """Yield the names of all files below a folder, in no order; links and whatever is no file are refused.

    Raises
    ------
    OvlabError
        Naming the first link, or what is neither file nor folder.
    """
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        for path in here.iterdir():
            name = path.relative_to(folder).as_posix()
            if path.is_symlink():
                raise OvlabError(f"{name!r} is refused: it is a link")
            if path.is_dir():
                waiting.append(path)
            elif path.is_file():
                yield name
            else:
                raise OvlabError(f"{name!r} is refused: it is neither file nor folder")


def compare_hashes(expected: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """Return one line for each file that is missing, too many or changed."""
    lines = [f"{name}: missing, but the manifest lists it" for name in sorted(expected.keys() - found.keys())]
    lines += [f"{name}: is not in the manifest" for name in sorted(found.keys() - expected.keys() - {MANIFEST})]
    return lines + [
        f"{name}: was changed (SHA-256 {found[name][:12]}..., the manifest says {expected[name][:12]}...)"
        for name in sorted(expected.keys() & found.keys())
        if expected[name] != found[name]
    ]
