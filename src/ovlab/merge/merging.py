"""Merge results of several hosts or people into one report."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ovlab.bundle.layout import MERGED, RECORDS
from ovlab.errors import OvlabError
from ovlab.files import write_json
from ovlab.merge.combine import combine_records, combine_settings
from ovlab.merge.comparable import require_comparable, require_distinct
from ovlab.merge.differences import find_differences
from ovlab.merge.facts import Merged, Origin
from ovlab.merge.labels import check_label, name_hosts
from ovlab.merge.reading import OWN, open_part
from ovlab.report import report

log = logging.getLogger("ovlab.merge")
SCHEMA = "ovlab/merged/1"
SUFFIX = "_merged"


@dataclass(frozen=True)
class Results:
    """Results that are to be merged: a folder of results or a bundle, and what its host is to be called.

    Attributes
    ----------
    path : Path
        As it was given.
    label : str, optional
        The host's name; without one it is taken from the records.
    """

    path: Path
    label: str | None = None

    @classmethod
    def of(cls, text: str) -> Results:
        """Read ``DIR``, or ``HOST=DIR``; what exists as it stands is a folder or a bundle, whatever is in its name."""
        label, sign, path = text.partition("=")
        if not sign or Path(text).exists() or "/" in label:
            return cls(Path(text))
        return cls(Path(path), label)


def merge(
    results: Sequence[Results],
    into: Path,
    *,
    experiment: str | None = None,
    name: str | None = None,
    processes: int = 1,
) -> Path:
    """Write the report of several results of one experiment: ``INTO/NAME/report``.

    Parameters
    ----------
    results : sequence of Results
        Two at least.
    into : Path
        Folder of results that gets it.
    experiment : str, optional
        The experiment; may be left out where each of the results has one.
    name : str, optional
        What the merged experiment is called; by default ``EXPERIMENT_merged``.
    processes : int
        How many may draw its figures (:func:`ovlab.report.report`).

    Returns
    -------
    Path
        The page.

    Raises
    ------
    OvlabError
        If something is no results, is there twice, is not comparable, or would be overwritten.
    """
    if len(results) < 2:
        raise OvlabError(f"merge: {len(results)} of the results, expected two or more folders or bundles")
    if name is not None:
        check_label(name)
    with contextlib.ExitStack() as stack:
        parts = [stack.enter_context(open_part(one.path, experiment)) for one in results]
        require_distinct(parts)
        require_comparable(parts)
        names = name_hosts(parts, [one.label for one in results])
        origins = [
            Origin(label, host, part.results, part.settings.name, part.bundle)
            for part, own in zip(parts, names, strict=True)
            for host, label in own.items()
        ]
        merged = Merged(tuple(origins), tuple(find_differences(parts, names)))
        called = name or f"{parts[0].settings.name}{SUFFIX}"
        folder = into / called
        _require_own(folder)
        page = folder / "report/index.html"
        settings = combine_settings(parts, names, called)
        page.parent.mkdir(parents=True, exist_ok=True)
        write_json(folder / MERGED, {"schema": SCHEMA, **asdict(merged)})
        report(settings, combine_records(parts, names, merged), page, processes=processes)
    for one in merged.differences:
        told = "; ".join(f"{value} ({', '.join(hosts)})" for value, hosts in one.hosts_by_value().items())
        log.warning("differs: %s: %s", " ".join([one.what, *one.concerns.values()]), told)
    return page


def _require_own(folder: Path) -> None:
    """Refuse to write over what is no merged report.

    Raises
    ------
    OvlabError
        If the folder holds results of another kind.
    """
    # A workflow has made the folder of the report before.
    if not (folder / MERGED).is_file() and any((folder / name).exists() for name in (RECORDS, *OWN.values())):
        raise OvlabError(f"{folder}: holds results that are not a merged report's; choose another name or folder")
