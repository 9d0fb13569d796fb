"""Open a bundle without trusting it: a folder, or a zip archive that is unpacked into a scratch folder."""

from __future__ import annotations

import contextlib
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ovlab.bundle.layout import (
    INFO,
    KINDS,
    MANIFEST,
    RECORDS,
    RESULTS,
    BundleInfo,
    read_bounded,
    read_bounded_json,
    read_bounded_text,
    read_info,
)
from ovlab.bundle.manifest import (
    LARGEST,
    check_names,
    compare_hashes,
    hash_stream,
    parse_manifest,
    walk,
)
from ovlab.download.progress import Progress
from ovlab.download.unpack_zip import open_zip
from ovlab.errors import OvlabError
from ovlab.files import open_file, require_room
from ovlab.records import Kind, Record
from ovlab.report.records import read_reported
from ovlab.scratch import scratch_folder
from ovlab.specs import UnpackSpec

AT_ONCE = 2
"""Files that are read at the same time: what a disk and two cores gain by."""
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError)


@dataclass(frozen=True)
class OpenedBundle:
    """A bundle whose files are those of its manifest.

    Attributes
    ----------
    folder : Path
        Where its files are: the bundle itself, or what it was unpacked into.
    info : BundleInfo
        What it says of itself.
    hashes : dict of str
        SHA-256 of each file by its path in the bundle, as found; the manifest's own too.
    size : int
        Bytes of all of its files.
    """

    folder: Path
    info: BundleInfo
    hashes: dict[str, str]
    size: int = 0

    @property
    def results(self) -> Path:
        """The results folder: ``<results>/<experiment>/report`` and the records' folders."""
        return self.folder / RESULTS

    @property
    def experiment(self) -> Path:
        """The folder of the experiment in the results folder."""
        return self.results / self.info.experiment

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the manifest, which stands for everything in the bundle."""
        return self.hashes[MANIFEST]

    def records(self) -> list[tuple[Kind, Path]]:
        """Return kind and path of each record of the experiment, in the report's order.

        Raises
        ------
        OvlabError
            If the list of records names a file that the bundle has not got, or one that is no record.
        """
        listed = f"{RESULTS}/{self.info.experiment}/{RECORDS}"
        found: list[tuple[Kind, Path]] = []
        for name in read_bounded_text(self.folder / listed, listed).splitlines():
            if name not in self.hashes or not name.startswith(f"{RESULTS}/"):
                raise OvlabError(f"{listed}: {name!r} is no file of the bundle's results")
            data = read_bounded_json(self.folder / name, name)
            schema = data.get("schema") if isinstance(data, dict) else None
            if not isinstance(schema, str) or schema not in KINDS:
                raise OvlabError(f"{name}: is {schema!r}, expected a record ({', '.join(KINDS)})")
            found.append((KINDS[schema], self.folder / name))
        return found

    def read(self, path: Path, kind: Kind) -> Record:
        """Read a record of the bundle as the report does; files of models and data that it comes without are no fault.

        Nothing is written into the bundle.
        """
        return read_reported(path, kind, self.check_beside)

    def check_beside(self, record: Record, folder: Path) -> None:
        """Check that the files beside a record are those that its step has left.

        Raises
        ------
        OvlabError
            Naming the first file that is missing or another one.
        """
        for name, sha256 in record.files.items():
            inside = (folder / name).relative_to(self.folder).as_posix()
            found = self.hashes.get(inside)
            if found is None and not (record.kind == "variant" and not self.info.models):
                raise OvlabError(f"{inside}: missing, but its record names it")
            if found not in {None, sha256}:
                raise OvlabError(f"{inside}: is not the file that its record names (SHA-256 {sha256[:12]}...)")


@contextlib.contextmanager
def open_bundle(path: Path, limits: UnpackSpec | None = None, *, models: bool = True) -> Iterator[OpenedBundle]:
    """Open a bundle, having checked every file against its manifest.

    Parameters
    ----------
    path : Path
        A folder, or a zip archive, which is unpacked into a scratch folder that goes with the block.
    limits : UnpackSpec, optional
        How much a zip archive may hold; by default as for downloads.
    models : bool
        Whether the files of models in an archive are unpacked too: records and report need none of them. They are
        checked in any case.

    Yields
    ------
    OpenedBundle
        Its `results` is a results folder as a run leaves it.

    Raises
    ------
    OvlabError
        If it is no bundle, or a file is missing, too many, changed, or called so that it would lie elsewhere. Whether
        the numbers follow from the samples is for `ovlab.bundle.verify`.
    """
    with contextlib.ExitStack() as stack:
        if path.is_dir():
            opened = _check_folder(path)
        elif path.is_file():
            scratch = stack.enter_context(scratch_folder()) / "bundle"
            scratch.mkdir()
            opened = _unpack(path, scratch, limits or UnpackSpec(), models=models)
        else:
            raise OvlabError(f"{path}: no such bundle, expected a folder or a zip archive")
        yield opened


def _check_folder(folder: Path) -> OpenedBundle:
    names = sorted(walk(folder))
    _require_bundle(names, folder)
    check_names(names, folder.name)
    manifest = read_bounded(folder / MANIFEST, MANIFEST, LARGEST)

    def hash_file(name: str) -> tuple[str, int]:
        with open_file(folder / name) as file:
            return hash_stream(file)

    total = sum((folder / name).stat().st_size for name in names)
    with Progress(f"checking {folder.name}", total, "B") as progress:
        hashes = _hashes(names, manifest, hash_file, progress)
    return OpenedBundle(folder, read_info(folder), hashes, total)


def _unpack(archive: Path, folder: Path, limits: UnpackSpec, *, models: bool) -> OpenedBundle:
    try:
        with open_zip(archive, limits) as (file, entries):
            files = [entry for entry in entries if not entry.is_dir()]
            names = [entry.filename for entry in files]
            for name, count in Counter(names).items():
                if count > 1:
                    raise OvlabError(f"{archive.name}: entry {name!r} is in it {count} times")
            _require_bundle(names, archive)
            check_names(names, archive.name)
            manifest = _read_entry(file, MANIFEST)
            wanted = {entry.filename: entry.file_size for entry in files if models or not _of_model(entry.filename)}
            require_room(folder, f"{archive.name}, unpacked,", sum(wanted.values()))

            def extract(name: str) -> tuple[str, int]:
                with file.open(name) as source:
                    if name not in wanted:
                        return hash_stream(source)
                    target = folder / name
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with target.open("xb") as copy:
                        return hash_stream(source, copy)

            total = sum(entry.file_size for entry in files)
            with Progress(f"unpacking {archive.name}", total, "B") as progress:
                hashes = _hashes(names, manifest, extract, progress)
    except DAMAGED as error:
        raise OvlabError(f"{archive.name}: the archive is damaged or truncated ({error})") from None
    return OpenedBundle(folder, read_info(folder), hashes, total)


def _of_model(name: str) -> bool:
    """Tell whether a file is one of a model's, which bundles may come without."""
    if name.startswith(f"{RESULTS}/sources/models/"):
        return "/files/" in name
    return name.startswith(f"{RESULTS}/variants/") and not name.endswith("/variant.json")


def _read_entry(file: zipfile.ZipFile, name: str) -> bytes:
    with file.open(name) as stream:
        data = stream.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise OvlabError(f"{name}: is larger than {LARGEST / 1e6:.0f} MB, which no manifest is")
    return data


def _require_bundle(names: list[str], path: Path) -> None:
    """Refuse what is something else, before anything in it is read: a crate of another program, or no crate."""
    for needed in (INFO, MANIFEST):
        if needed not in names:
            raise OvlabError(f"{path.name}: is no bundle of ovlab's, or a part is missing: there is no {needed} in it")


def _hashes(
    names: list[str], manifest: bytes, hash_one: Callable[[str], tuple[str, int]], progress: Progress
) -> dict[str, str]:
    """Hash what the manifest lists, and refuse everything else; `hash_one` returns SHA-256 and size.

    Several at once: decompression, checksums and reading let other threads go on.

    Raises
    ------
    OvlabError
        With the first fault, and how many more there are.
    """
    try:
        expected = parse_manifest(manifest.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise OvlabError(f"{MANIFEST}: is no UTF-8 text ({error})") from None
    unlisted = set(names) - expected.keys() - {MANIFEST}
    listed = [name for name in names if name not in unlisted]
    found: dict[str, str] = {}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            for name, (sha256, size) in zip(listed, pool.map(hash_one, listed), strict=True):
                found[name] = sha256
                progress.advance(size)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    faults = compare_hashes(expected, found | dict.fromkeys(unlisted, ""))
    if faults:
        raise BundleError(faults)
    return found


class BundleError(OvlabError):
    """Files are missing, too many or changed.

    Attributes
    ----------
    faults : list of str
        A line for each.
    """

    def __init__(self, faults: list[str]) -> None:
        super().__init__(faults[0] + (f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""))
        self.faults = faults
