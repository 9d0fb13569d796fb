"""The download step: bring all files of one model or data set into one folder."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

from ovlab.download.fetch import Found, Places, fetch
from ovlab.download.unpack import is_archive, unpack
from ovlab.errors import OvlabError
from ovlab.files import known_sha256, move, require_room
from ovlab.generators import generate
from ovlab.inputs.listing import LISTING, write_listing
from ovlab.records import Quantity, Record
from ovlab.scratch import PARTIAL, scratch_folder
from ovlab.specs import FileSpec, SourceSpec, UnpackSpec

__all__ = ["Places", "download"]

log = logging.getLogger("ovlab.download")


def download(source: SourceSpec, folder: Path, places: Places) -> Record:
    """Fetch, check and unpack (or generate) all files of a source.

    Parameters
    ----------
    source : SourceSpec
        The declared files.
    folder : Path
        Becomes the folder that holds them. It appears under this name only when it is complete.
    places : Places
        Where to look, where to keep what comes over the network, and the bounds on it and on archives.

    Returns
    -------
    Record
        ``data["root"]`` is the folder to read from, ``data["files"]`` lists name, sha256 and origin,
        ``data["listing"]`` is the list of all files in the folder (`ovlab.inputs.listing`), beside it: its hash is
        that of their content.

    Raises
    ------
    OvlabError
        If a file cannot be had, has another hash, or is an archive that cannot be unpacked safely.
    """
    found = [(file, fetch(file, places)) for file in source.files]
    folder.parent.mkdir(parents=True, exist_ok=True)
    in_place = [item.path for _, item in found if item.path.is_dir()]
    if in_place:
        if len(found) > 1 or source.generator is not None:
            raise OvlabError(f"files: {in_place[0]} is a folder; a folder must be the only file of its source")
        root = in_place[0]
    else:
        _assemble(source, found, folder, places.limits.unpack)
        root = folder
    return _record(source, found, root, folder)


def _assemble(source: SourceSpec, found: list[tuple[FileSpec, Found]], folder: Path, limits: UnpackSpec) -> None:
    with scratch_folder(folder.parent, prefix=f".{folder.name}.", suffix=PARTIAL) as scratch:
        partial = scratch / "files"
        partial.mkdir()
        for file, item in found:
            if _is_unpacked(file):
                log.info("unpacking %s", item.path.name)
                unpack(item.path, partial, limits)
            else:
                require_room(folder.parent, file.file_name, item.path.stat().st_size)
                shutil.copyfile(item.path, partial / file.file_name)
        if source.generator is not None:
            generate(source.generator.name, partial, **source.generator.parameters)
        if folder.exists():
            shutil.rmtree(folder)
        move(partial, folder)


def _is_unpacked(file: FileSpec) -> bool:
    return file.unpack if file.unpack is not None else is_archive(file.file_name)


def _record(source: SourceSpec, found: list[tuple[FileSpec, Found]], root: Path, folder: Path) -> Record:
    files: list[dict[str, Any]] = [
        {"name": file.file_name, "sha256": item.sha256, "origin": item.origin} for file, item in found
    ]
    listing = folder.with_name(folder.name + LISTING)
    # What was copied as it is has the hash that it was fetched with.
    known = {file.file_name: item.sha256 for file, item in found if not _is_unpacked(file)}
    size = write_listing(root, listing, known, hashed=root == folder)
    return Record(
        kind="source",
        settings=source.plain(),
        inputs={entry["name"]: entry["sha256"] for entry in files if entry["sha256"]},
        files={listing.name: known_sha256(listing)},
        values={"size": Quantity(size / 1e6, "MB")},
        data={"root": root.as_posix(), "listing": listing.as_posix(), "files": files},
    )
