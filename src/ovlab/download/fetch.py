"""Find one declared file: in the mirror, on this machine, among the embedded ones, or over the network."""

from __future__ import annotations

import contextlib
import glob
import logging
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import filelock
import pooch

from ovlab.addresses import HIDDEN, show_address
from ovlab.addresses.handover import show_mirror
from ovlab.download.http import ResumingDownloader
from ovlab.download.reasons import AddressError, RefusedError
from ovlab.errors import OvlabError, nearest
from ovlab.files import sha256_of, storage_in_words
from ovlab.scratch.leftovers import DOWNLOADING, cache_folder, remove_unchecked
from ovlab.specs import DownloadSpec, FileSpec

log = logging.getLogger("ovlab.download")


@dataclass(frozen=True)
class Places:
    """Where files may be found and kept.

    Attributes
    ----------
    cache : Path
        Folder for what comes over the network, one subfolder a hash: downloaded once, it serves all experiments.
    resources : Path
        Folder of the embedded files.
    mirror : str
        A folder or base URL that is asked first; empty for none.
    limits : DownloadSpec
        What a server may take and send.
    """

    cache: Path
    resources: Path
    mirror: str = field(default="", repr=False)
    limits: DownloadSpec = field(default_factory=DownloadSpec)


@dataclass(frozen=True)
class Found:
    """A file that was found, with the hash that it was checked to have; `origin` shows no credentials."""

    path: Path
    sha256: str
    origin: str


def fetch(file: FileSpec, places: Places) -> Found:
    """Find a declared file and check its hash, wherever it comes from.

    Raises
    ------
    OvlabError
        If the file is nowhere, or its hash is not the declared one; a file with a wrong hash is not kept.
    """
    if file.path is not None:
        return _local(file, Path(file.path).expanduser(), "path")
    if file.embedded is not None:
        return _embedded(file, places.resources)
    complaints: list[str] = []
    found = _mirrored(file, places, complaints)
    if found is not None:
        return found
    for address in file.addresses:
        found = _tried(file, address, places, complaints)
        if found is not None:
            return found
        log.warning("%s", complaints[-1])
    raise OvlabError(f"{file.file_name}: {_how_to_get(file, places, complaints)}")


def _how_to_get(file: FileSpec, places: Places, complaints: list[str]) -> str:
    tried = "; ".join(complaints)
    if file.by_hand is None:
        return f"cannot be fetched ({tried}); a folder that holds it can be given as mirror=DIR"
    where = f"not in the mirror {show_mirror(places.mirror)}" if places.mirror else "no mirror=DIR was given"
    return f"must be got by hand: {file.by_hand.strip()} ({tried or where}; its sha256 is {file.sha256})"


def _local(file: FileSpec, path: Path, origin: str) -> Found:
    if not path.exists():
        siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        hint = nearest(path.name, siblings) if siblings else f" ({path.parent} does not exist)"
        raise OvlabError(f"{path}: no such file{hint}")
    if path.is_dir():
        return Found(path, "", origin)
    if not path.is_file():  # reading a pipe or /dev/zero would never end
        raise OvlabError(f"{path}: is neither a file nor a folder")
    return Found(path, _checked(file, path), origin)


def _embedded(file: FileSpec, resources: Path) -> Found:
    path = resources / str(file.embedded)
    if not path.resolve().is_relative_to(resources.resolve()):
        raise OvlabError(f"embedded: {file.embedded!r} points outside of {resources}")
    return _local(file, path, "embedded")


def _checked(file: FileSpec, path: Path) -> str:
    found = sha256_of(path)
    if file.sha256 is not None and found != file.sha256:
        raise OvlabError(f"{path}: sha256 is {found}, expected {file.sha256}")
    return found


def _mirrored(file: FileSpec, places: Places, complaints: list[str]) -> Found | None:
    if not places.mirror:
        return None
    if places.mirror.lower().startswith(("http://", "https://")):
        return _tried(file, _below(places.mirror, file.file_name), places, complaints)
    folder = Path(places.mirror).expanduser()
    if not folder.is_dir():
        raise OvlabError(f"mirror: {show_mirror(places.mirror)!r} is neither a folder nor an http address")
    for path in sorted(folder.rglob(glob.escape(file.file_name))):
        if not path.is_file():
            continue
        found = sha256_of(path)
        if found == file.sha256:
            return Found(path, found, "mirror")
        # Another file of the same name may be the right one, or the address may serve it.
        complaints.append(f"{path}: sha256 is {found}, expected {file.sha256}")
    return None


def _below(base: str, name: str) -> str:
    """Return the address of a file below a base address, whose query (a token) stays at the end."""
    path, mark, query = base.partition("?")
    return f"{path.rstrip('/')}/{quote(name)}{mark}{query}"


def _tried(file: FileSpec, address: str, places: Places, complaints: list[str]) -> Found | None:
    shown = show_address(address)
    try:
        if HIDDEN in address:
            raise AddressError("what is hidden in it is not known here; the workflow hands it over")
        return _download(file, address, places)
    except AddressError as error:
        complaints.append(f"{shown}: {error}")
    return None


def _download(file: FileSpec, address: str, places: Places) -> Found:
    folder = places.cache / cache_folder(str(file.sha256))
    target = folder / file.file_name
    partial = folder / f"{file.file_name}{DOWNLOADING}"
    shown = show_address(address)
    with storage_in_words(folder, file.file_name, file.size), contextlib.ExitStack() as stack:
        folder.mkdir(parents=True, exist_ok=True)
        # Two jobs may want the same file; the second one then finds it finished.
        stack.enter_context(filelock.FileLock(folder / ".lock"))
        remove_unchecked(folder)
        if not target.exists():
            log.info("downloading %s", shown)
        for is_last in (not partial.exists(), True):
            try:
                # pooch prints the address that it gets; the downloader has its own.
                pooch.retrieve(
                    shown,
                    known_hash=f"sha256:{file.sha256}",
                    fname=file.file_name,
                    path=folder,
                    downloader=ResumingDownloader(address, partial, file.size, places.limits),
                )
                break
            except RefusedError:
                # What an earlier attempt left may have been the start of another file, so one that was continued
                # gets a second chance from its first byte.
                if is_last:
                    raise
            except ValueError as error:
                # pooch has thrown the file away.
                if is_last:
                    found = re.findall(r"[0-9a-f]{64}", str(error))[-1]
                    raise RefusedError(f"sha256 is {found}, expected {file.sha256}; nothing was kept") from None
    return Found(target, str(file.sha256), shown)
