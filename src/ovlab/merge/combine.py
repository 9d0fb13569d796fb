"""Settings and records of several results, as those of one experiment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ovlab.errors import OvlabError
from ovlab.merge.facts import Merged
from ovlab.merge.labels import Names
from ovlab.merge.reading import Part
from ovlab.records import Record
from ovlab.report import Records
from ovlab.specs import HERE, BaselineSpec, Cell, ExclusionSpec, ExperimentSpec, ReportSettings
from ovlab.specs.run import MOST_CELLS

AXES = Cell._fields


def combine_settings(parts: Sequence[Part], names: Sequence[Names], name: str) -> ReportSettings:
    """Make the settings of the merged report: every name that one of the parts has, and exactly the parts' cells.

    Parameters
    ----------
    parts : sequence of Part
        What is merged; comparable.
    names : sequence of dict
        What the hosts of each part are called.
    name : str
        What the merged experiment is called.

    Raises
    ------
    OvlabError
        If they are more cells than an experiment may have.
    """
    first = parts[0].settings
    cells = sum(len(part.settings.experiment.cells()) for part in parts)
    if cells > MOST_CELLS:
        raise OvlabError(f"{cells} cells in all, expected at most {MOST_CELLS}")

    def joined(group: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for part in parts:
            found = {**getattr(part.settings, group), **found}
        return {one: found[one] for part in parts for one in getattr(part.settings, group)}

    hosts = {own[one]: part.settings.hosts[one] for part, own in _pairs(parts, names) for one in part.hosts}
    imported = {(one.model, one.precision): one for part in reversed(parts) for one in part.settings.imported}
    return first.model_copy(
        update={
            "name": name,
            "experiment": _experiment(parts, names),
            **{group: joined(group) for group in ("models", "datasets", "precisions", "devices", "scenarios")},
            "hosts": hosts,
            "imported": tuple(imported.values()),
            "baseline": BaselineSpec(),  # an earlier run is one host's
        }
    )


def _pairs(parts: Sequence[Part], names: Sequence[Names]) -> list[tuple[Part, Names]]:
    return list(zip(parts, names, strict=True))


def _experiment(parts: Sequence[Part], names: Sequence[Names]) -> ExperimentSpec:
    """Cross the names of all parts, and leave out for each host what its own experiment has not got."""
    first = parts[0].settings.experiment
    united = {
        f"{axis}s": tuple(dict.fromkeys(one for part in parts for one in getattr(part.settings.experiment, f"{axis}s")))
        for axis in AXES[:-1]
    }
    united["hosts"] = tuple(name for part, own in _pairs(parts, names) for name in (own[one] for one in part.hosts))
    exclude: list[ExclusionSpec] = []
    for part, own in _pairs(parts, names):
        experiment = part.settings.experiment
        for host in part.hosts:
            for axis in AXES[:-1]:
                lacking = [one for one in united[f"{axis}s"] if one not in getattr(experiment, f"{axis}s")]
                exclude += [ExclusionSpec.model_validate({axis: one, "host": own[host]}) for one in lacking]
            exclude += [
                one.model_copy(update={"host": own[host]})
                for one in experiment.exclude
                if CellsOfHost(one).includes(host)
            ]
    claims = {key: claim for part in reversed(parts) for key, claim in part.settings.experiment.claims.items()}
    goals = dict.fromkeys(goal.to_json() for part in parts for goal in part.settings.experiment.goals)
    known = {goal.to_json(): goal for part in parts for goal in part.settings.experiment.goals}
    told = " ".join([first.description, f"Merged from {len(parts)} results."]).strip()
    # Not validated anew: crossed, the names may be more than an experiment may have; its cells are not.
    return first.model_copy(
        update={
            **united,
            "validate_on": tuple(dict.fromkeys(one for part in parts for one in part.settings.experiment.validate_on)),
            "exclude": tuple(exclude),
            "claims": claims,
            "goals": tuple(known[key] for key in goals),
            "description": told,
        }
    )


class CellsOfHost:
    """The cells of a pattern, as far as they are a host's."""

    def __init__(self, pattern: ExclusionSpec) -> None:
        self.pattern = pattern

    def includes(self, host: str) -> bool:
        """Tell whether the pattern speaks of a host."""
        any_cell = dict.fromkeys(AXES[:-1], "*")
        return self.pattern.model_copy(update=any_cell).matches(Cell("", "", "", "", host))


def combine_records(parts: Sequence[Part], names: Sequence[Names], merged: Merged) -> Records:
    """Put the records of all parts together, each with the host's new name.

    Parameters
    ----------
    parts : sequence of Part
        What is merged.
    names : sequence of dict
        What the hosts of each part are called.
    merged : Merged
        Where they come from and what differs.
    """
    of_parts = [
        Records.at([_named(path, record, own) for path, record in part.found]) for part, own in _pairs(parts, names)
    ]
    whole = Records(merged=merged)
    sources: dict[str, Record] = {}
    for part, records, own in zip(parts, of_parts, names, strict=True):
        sources |= {str(one.inputs or one.settings): one for one in records.sources} | sources
        for group in ("variants", "accuracies", "accuracy_folders", "repeated", "device_accuracies"):
            mine = getattr(whole, group)
            mine.update({key: one for key, one in getattr(records, group).items() if key not in mine})
        for group in ("sessions", "folders", "peaks", "profiles", "profile_folders"):
            getattr(whole, group).update(getattr(records, group))
        apart = frozenset(filter(part.settings.validates_apart, part.settings.devices))
        whole.parts |= dict.fromkeys(own.values(), replace(records, merged=merged, apart=apart))
    whole.sources = list(sources.values())
    return whole


def _named(path: Path, record: Record, own: Names) -> tuple[Path, Record]:
    if record.kind not in {"session", "peaks", "profile"}:
        return path, record
    host = record.settings.get("host_name", HERE)
    return path, replace(record, settings=record.settings | {"host_name": own.get(host, host)})
