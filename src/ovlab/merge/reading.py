"""Read what is to be merged: folders of results, and bundles."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ovlab.bundle import open_bundle
from ovlab.bundle.layout import INFO, MERGED, RECORDS, SETTINGS
from ovlab.errors import OvlabError, nearest, one_line
from ovlab.files import open_file
from ovlab.records import VERSION, Kind, Record, require_intact
from ovlab.report.records import PLACES, read_reported
from ovlab.specs import ReportSettings
from ovlab.text import shortened
from ovlab.verdict import put_aside_name

HINT = "run the workflow there again, which makes what is missing"
# The folder that a kind's records lie in: one that experiments share, or one of the experiment's own.
SHARED: dict[Kind, str] = {"source": "sources", "variant": "variants", "accuracy": "accuracy", "peaks": "peaks"}
OWN: dict[Kind, str] = {"session": "sessions", "profile": "profiles"}
KINDS: dict[str, Kind] = {f"{kind}.json": kind for kind in (*SHARED, *OWN)}
NAMES: dict[Kind, int] = {kind: len(places) for kind, places in PLACES.items()} | {"source": 3}


@dataclass(frozen=True)
class Part:
    """One experiment of a folder of results or of a bundle.

    Attributes
    ----------
    results : str
        As it was given.
    path : Path
        The folder of results; in the case of a zip archive where it was unpacked.
    settings : ReportSettings
        What its report was made with.
    found : list of (Path, Record)
        Its records, each with its path.
    bundle : str
        SHA-256 of a bundle's manifest; empty for a folder.
    """

    results: str
    path: Path
    settings: ReportSettings
    found: list[tuple[Path, Record]]
    bundle: str = ""

    @property
    def hosts(self) -> tuple[str, ...]:
        """Its hosts, as its experiment names them."""
        return self.settings.experiment.hosts


@contextlib.contextmanager
def open_part(results: Path, experiment: str | None = None) -> Iterator[Part]:
    """Open a folder of results or a bundle.

    Parameters
    ----------
    results : Path
        A folder of results, a bundle's folder, or a bundle's zip archive, which is unpacked until the block ends.
    experiment : str, optional
        Which of its experiments; may be left out where there is one.

    Raises
    ------
    OvlabError
        If it is neither, is a bundle that does not hold what it says, has no such experiment, or was written by another
        version of ovlab.
    """
    if results.is_file() or (results / INFO).is_file():
        try:
            opening = contextlib.ExitStack()
            bundle = opening.enter_context(open_bundle(results, models=False))
            name = bundle.info.experiment
            if (bundle.experiment / MERGED).is_file():
                raise OvlabError("is the bundle of a merged report; merge the bundles in its folder 'parts'")
            if experiment not in {None, name}:
                raise OvlabError(f"no experiment {experiment!r} in it; it is of {name}")
            settings = read_settings(bundle.experiment / SETTINGS)
            found = [(path, bundle.read(path, kind)) for kind, path in bundle.records()]
        except OvlabError as error:
            raise OvlabError(f"{results}: {error}") from None
        with opening:
            yield Part(str(results), bundle.results, settings, found, bundle.fingerprint)
        return
    name = experiment_of(results, experiment)
    settings = read_settings(results / name / SETTINGS)
    if settings.name != name:
        raise OvlabError(f"{results / name / SETTINGS}: is of experiment {settings.name}, expected {name}")
    yield Part(str(results), results, settings, [_read(path, kind) for kind, path in records_of(results, name)])


def experiment_of(folder: Path, experiment: str | None) -> str:
    """Return the experiment that is meant, if the folder holds a report of it."""
    if not folder.is_dir():
        near = [one.name for one in folder.parent.iterdir()] if folder.parent.is_dir() else []
        raise OvlabError(f"{folder}: no such folder or bundle{nearest(folder.name, near) if near else ''}")
    if any((folder / name).is_file() for name in (RECORDS, Path(RECORDS).name)):
        raise OvlabError(f"{folder}: is a part of a folder of results, expected the whole: {_whole(folder)}")
    names = sorted(path.parents[1].name for path in folder.glob(f"*/{RECORDS}") if path.is_file())
    began = sorted({path.parent.name for place in OWN.values() for path in folder.glob(f"*/{place}")} - set(names))
    merged = sorted(path.parents[1].name for path in folder.glob(f"*/{MERGED}"))
    if experiment in merged or (experiment is None and merged and not names):
        raise OvlabError(
            f"{folder}: {experiment or merged[0]} is a merged report; merge the results that it was made from "
            f"({experiment or merged[0]}/{MERGED} names them)"
        )
    if experiment in began or (experiment is None and began and not names):
        raise OvlabError(f"{folder}: {experiment or began[0]} never came to its report (no {RECORDS}); {HINT}")
    if not names:
        raise OvlabError(f"{folder}: no folder of results and no bundle (no EXPERIMENT/{RECORDS}, no {INFO})")
    if experiment is None and len(names) > 1:
        raise OvlabError(f"{folder}: holds several experiments ({', '.join(names)}); say which one is meant")
    if experiment is not None and experiment not in names:
        raise OvlabError(f"{folder}: no experiment {experiment!r} in it; there is {', '.join(names)}")
    return experiment or names[0]


def _whole(folder: Path) -> Path:
    """Return the folder of results that an experiment's folder, or its report's, is in."""
    return folder.absolute().parent if (folder / RECORDS).is_file() else folder.absolute().parents[1]


def read_settings(path: Path) -> ReportSettings:
    """Read the settings that a report was made with.

    Raises
    ------
    OvlabError
        If there are none, or another version of ovlab wrote them.
    """
    try:
        with open_file(path) as file:
            text = file.read().decode("utf-8")
    except FileNotFoundError:
        raise OvlabError(f"{path}: missing: an older version of ovlab made this report; {HINT}") from None
    except (OSError, ValueError) as error:
        raise OvlabError(f"{path}: cannot be read ({one_line(error)})") from None
    try:
        return ReportSettings.from_json(text, str(path))
    except OvlabError as error:
        raise OvlabError(f"{error}; if another version of ovlab made this report, {HINT}") from None


def records_of(folder: Path, experiment: str) -> list[tuple[Kind, Path]]:
    """Return the records that a report was made from, as they lie in the folder now: it may have been carried away.

    Raises
    ------
    OvlabError
        If their list cannot be read, or names a file where this version of ovlab keeps none.
    """
    listed = folder / experiment / RECORDS
    try:
        lines = listed.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise OvlabError(f"{listed}: cannot be read ({one_line(error)})") from None
    found: list[tuple[Kind, Path]] = []
    for line in lines:
        parts = Path(line).parts
        kind = KINDS.get(parts[-1]) if parts else None
        inside = _inside(parts, kind, experiment) if kind is not None else ()
        if kind is None or not inside:
            raise OvlabError(f"{listed}: {shortened(line)}: this version of ovlab keeps no record there; {HINT}")
        found.append((kind, folder.joinpath(*inside)))
    return found


def _inside(parts: tuple[str, ...], kind: Kind, experiment: str) -> tuple[str, ...]:
    """Return a record's path in the folder of results; empty if it is elsewhere."""
    place = (experiment, OWN[kind]) if kind in OWN else (SHARED[kind],)
    inside = parts[-(len(place) + NAMES[kind] + 1) :]
    return inside if inside[: len(place)] == place and ".." not in inside else ()


def _read(path: Path, kind: Kind) -> tuple[Path, Record]:
    """Read a record; that of a failed step, which the verdict has put aside, says why it failed."""
    aside = path.with_name(put_aside_name(path))
    found = aside if aside.is_file() and not path.exists() else path
    record = read_reported(found, kind, _check_read)
    if f"expected 'ovlab/{kind}/{VERSION}'" in record.reason:  # its cells have not failed: they cannot be read
        raise OvlabError(f"{record.reason}: another version of ovlab wrote it; {HINT}")
    return path, record


def _check_read(record: Record, folder: Path) -> None:
    """Compare the files that reports read; models and images, which they do not, need not be there."""
    if record.kind not in {"source", "variant"}:
        require_intact(record, folder)
