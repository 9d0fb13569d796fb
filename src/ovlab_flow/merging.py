"""What ``--config merge=...`` asks for: which results become one report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snakemake.exceptions import WorkflowError

from ovlab.bundle.layout import INFO, MANIFEST, RECORDS, SETTINGS, TABLE
from ovlab.errors import OvlabError
from ovlab.merge.reading import experiment_of
from ovlab.text import shortened
from ovlab_flow.paths import has_placeholder

EXPECTED = "expected a list of folders and bundles, [DIR, BUNDLE.zip], or of hosts with theirs, [{HOST: DIR}, ...]"


@dataclass(frozen=True)
class MergePlan:
    """Which results are merged.

    Attributes
    ----------
    arguments : list of str
        As `scripts/merge.py` takes them: ``DIR`` or ``HOST=DIR``.
    watched : list of str
        Files that change when one of the results does.
    """

    arguments: list[str]
    watched: list[str]


def merge_plan(wanted: Any, experiment: str) -> MergePlan:
    """Read the option and look whether there are such results.

    Parameters
    ----------
    wanted : list
        As the option has it.
    experiment : str
        The experiment that is merged.

    Raises
    ------
    WorkflowError
        In one line, if the option is none, or something is no results of that experiment.
    """
    arguments: list[str] = []
    watched: list[str] = []
    try:
        for host, path in _named(wanted):
            if has_placeholder(path):
                raise OvlabError(f"{path}: Snakemake takes {{...}} and <...> in a path for something else; rename it")
            arguments.append(path if host is None else f"{host}={path}")
            watched += _watched(Path(path), experiment)
    except OvlabError as error:
        raise WorkflowError(f"--config merge: {error}") from None
    return MergePlan(arguments, watched)


def _named(wanted: Any) -> Iterator[tuple[str | None, str]]:
    """Yield what is merged, with the host's name where one is given."""
    if isinstance(wanted, dict):
        wanted = [{host: path} for host, path in wanted.items()]
    if not isinstance(wanted, list):
        raise OvlabError(f"{shortened(wanted)}, {EXPECTED}")
    for one in wanted:
        pairs = list(one.items()) if isinstance(one, dict) else [(None, one)]
        for host, path in pairs:
            if not isinstance(path, str) or not path or (host is not None and not isinstance(host, str)):
                raise OvlabError(f"{shortened(one)}, {EXPECTED}")
            yield host, path


def _watched(path: Path, experiment: str) -> list[str]:
    if path.is_file():
        return [str(path)]
    if (path / INFO).is_file():
        return [str(path / MANIFEST)]
    folder = path / experiment_of(path, experiment)
    return [str(folder / name) for name in (RECORDS, SETTINGS, TABLE) if (folder / name).is_file()]
