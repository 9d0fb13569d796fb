"""Bundles of merged reports: the bundles of what was merged, and the report that they make."""

from __future__ import annotations

import contextlib
import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ovlab.bundle.layout import MERGED, RESULTS, read_bounded_json
from ovlab.bundle.opening import open_bundle
from ovlab.errors import OvlabError
from ovlab.merge.merging import Results, merge
from ovlab.records import Record

PARTS = "parts"
"""Folder of a merged report's bundle that holds the bundles of what was merged."""


@dataclass(frozen=True)
class Part:
    """One of the results that were merged.

    Attributes
    ----------
    results, experiment, bundle : str
        As ``merged.json`` says.
    hosts : dict of str
        What its hosts are called in the merged report, by what they are called in it.
    """

    results: str
    experiment: str
    bundle: str
    hosts: dict[str, str]

    @property
    def label(self) -> str | None:
        """What has to be said for its hosts to be called so again; None where they have their own names."""
        (was, host), *more = self.hosts.items()
        if not more:
            return host
        label = host.removesuffix(f"-{was}")
        return label if all(one == f"{label}-{own}" for own, one in self.hosts.items()) and label != host else None


def parts_of(folder: Path) -> list[Part]:
    """Read what a merged report was made from, in its order.

    Parameters
    ----------
    folder : Path
        The merged experiment's, with ``report`` in it.

    Raises
    ------
    OvlabError
        If the list cannot be read.
    """
    data: Any = read_bounded_json(folder / MERGED, f"{folder.name}/{MERGED}")
    try:
        hosts: dict[tuple[str, str, str], dict[str, str]] = {}
        for one in data["origins"]:
            key = (str(one["results"]), str(one["experiment"]), str(one["bundle"]))
            hosts.setdefault(key, {})[str(one["was"])] = str(one["host"])
    except (KeyError, TypeError) as error:
        raise OvlabError(f"{folder.name}/{MERGED}: is no list of merged results ({error!r})") from None
    if not hosts:
        raise OvlabError(f"{folder.name}/{MERGED}: names no results")
    return [Part(*key, own) for key, own in hosts.items()]


def collect_merged(results: Path, name: str, target: Path, write_part: Callable[[Path, str, Path], object]) -> None:
    """Bring what a merged report was made from into the folder of a bundle, each as a bundle, and merge it there.

    Parameters
    ----------
    results : Path
        The results folder that has the merged report.
    name : str
        What the merged experiment is called.
    target : Path
        Folder of the bundle.
    write_part : callable
        ``write_part(results, experiment, folder)`` bundles an experiment of a results folder.

    Raises
    ------
    OvlabError
        If what was merged is not there any more, is another bundle by now, or makes other hosts.
    """
    parts = parts_of(results / name)
    for number, part in enumerate(parts, 1):
        path = Path(part.results)
        if not path.exists():
            raise OvlabError(
                f"{results / name / MERGED}: {part.results}: is not there any more; bundle where it is, or merge anew"
            )
        inside = target / PARTS / str(number)
        if part.bundle:
            _copy_bundle(path, inside, part.bundle)
        else:
            write_part(path, part.experiment, inside)
    merge_parts(target, parts, name, target / RESULTS)
    made = [one.hosts for one in parts_of(target / RESULTS / name)]
    if made != [one.hosts for one in parts]:
        raise OvlabError(f"{results / name}: its hosts are called otherwise now; merge anew with HOST=RESULTS")


def _copy_bundle(path: Path, target: Path, fingerprint: str) -> None:
    with open_bundle(path) as bundle:
        if bundle.fingerprint != fingerprint:
            raise OvlabError(f"{path}: is another bundle than the one that was merged (SHA-256 {fingerprint[:12]}...)")
        shutil.copytree(bundle.folder, target)


def merge_parts(bundle: Path, parts: Sequence[Part], name: str, into: Path) -> None:
    """Merge the bundles that a bundle holds; they are called by their places in it, wherever it lies.

    Raises
    ------
    OvlabError
        If they cannot be merged.
    """
    target = into.resolve()
    with contextlib.chdir(bundle), _quiet("ovlab.report", "ovlab.merge"):
        sources = [Results(Path(PARTS, str(number)), part.label) for number, part in enumerate(parts, 1)]
        merge(sources, target, name=name)


@contextlib.contextmanager
def _quiet(*names: str) -> Iterator[None]:
    """Leave out what is said of reports as they are made, which has been said before."""
    levels = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


def records_of_parts(bundle: Path, parts: Sequence[Part]) -> list[Record]:
    """Return the records of all bundles that a bundle holds."""
    found: list[Record] = []
    for number in range(1, len(parts) + 1):
        with open_bundle(bundle / PARTS / str(number)) as one:
            found += [one.read(path, kind) for kind, path in one.records()]
    return found
