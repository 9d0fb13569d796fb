"""The records of an experiment, by the names of their cells."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from ovlab.errors import OvlabError, one_line
from ovlab.merge.facts import Merged
from ovlab.records import Kind, Record, read_record, require_intact
from ovlab.specs import HERE, Cell, ReportSettings

SAMPLES = "samples.parquet"
SessionKey = tuple[str, str, str, str]
"""Model, device, scenario, host."""
ProfileKey = tuple[str, str, str]
"""Model, device, host."""


# Folders above a record, by its kind: the names of its cell.
PLACES: dict[Kind, tuple[str, ...]] = {
    "variant": ("model_name", "precision_name", "digest"),
    "accuracy": ("model_name", "precision_name", "digest"),
    "session": ("host_name", "model_name", "device_name", "scenario_name"),
    "peaks": ("host_name", "device_name", "digest"),
    "profile": ("host_name", "model_name", "device_name"),
}


def elsewhere(host: str) -> tuple[str, ...]:
    """Return what a file's name says of a host: nothing of the one that the workflow ran on."""
    return () if host == HERE else (host,)


def read_reported(path: Path, kind: Kind, check: Callable[[Record, Path], None] = require_intact) -> Record:
    """Read a record for the report: one that cannot be relied on becomes a failed one that says why.

    That is so if it cannot be read, or if it or a file beside it was changed after it was made; the names of its cell
    are those of its folders then.

    Parameters
    ----------
    path : Path
        The record.
    kind : str
        What it is of.
    check : callable
        ``check(record, folder)`` raises `OvlabError` where a file beside the record is not what it was; by default each
        is read. A bundle has read them all, and may come without some.
    """
    try:
        record = read_record(path, kind)
        if record.ok:
            check(record, path.parent)
    except OvlabError as error:
        names = PLACES.get(kind, ())
        folders = path.resolve().parent.parts[-len(names) :] if names else ()
        return Record(kind, dict(zip(names, folders, strict=False)), status="failed", reason=str(error))
    return record


@dataclass
class Records:
    """The records of an experiment, by the names in their settings.

    `sessions` go by (model, device, scenario, host), `profiles` by (model, device, host), `peaks` by (device, host).
    `folders` is where sessions keep their samples, `accuracy_folders` where validations keep their predictions.
    Where calibration is repeated, `variants`, `accuracies` and `accuracy_folders` hold the first of each, which is the
    one that is measured; `repeated` holds all of them, by (kind, model, precision). These are validated on
    ``validation.device``; `device_accuracies` holds those of devices of their own, by (model, precision, device), and
    `apart` names these devices where it is not the report's settings that do: in a part of merged results.

    Where results of several folders are merged, `merged` says of which, and `parts` holds what each host's folder left:
    its variants and accuracies may be others. Those of all hosts are here the first folder's that has them.
    """

    sources: list[Record] = field(default_factory=list)
    variants: dict[tuple[str, str], Record] = field(default_factory=dict)
    accuracies: dict[tuple[str, str], Record] = field(default_factory=dict)
    sessions: dict[SessionKey, Record] = field(default_factory=dict)
    folders: dict[SessionKey, Path] = field(default_factory=dict)
    accuracy_folders: dict[tuple[str, str], Path] = field(default_factory=dict)
    repeated: dict[tuple[str, str, str], list[Record]] = field(default_factory=dict)
    peaks: dict[tuple[str, str], Record] = field(default_factory=dict)
    profiles: dict[ProfileKey, Record] = field(default_factory=dict)
    profile_folders: dict[ProfileKey, Path] = field(default_factory=dict)
    parts: dict[str, Records] = field(default_factory=dict)
    merged: Merged | None = None
    device_accuracies: dict[tuple[str, str, str], Record] = field(default_factory=dict)
    apart: frozenset[str] | None = None

    @classmethod
    def of(
        cls,
        sources: Iterable[Record],
        variants: Iterable[Record],
        accuracies: Iterable[Record],
        sessions: Iterable[Record],
        session_folders: Iterable[Path] = (),
        accuracy_folders: Iterable[Path] = (),
        peaks: Iterable[Record] = (),
        profiles: Iterable[Record] = (),
        profile_folders: Iterable[Path] = (),
    ) -> Records:
        """Sort records by the names of their cells.

        Parameters
        ----------
        sources, variants, accuracies, sessions : iterable of Record
            The records.
        session_folders : iterable of Path
            Where the sessions' samples lie, in the order of `sessions`; may be left out.
        accuracy_folders : iterable of Path
            Where the predictions lie, in the order of `accuracies`; may be left out.
        peaks, profiles : iterable of Record
            What the machine's devices do at best, and the profiles of layers; none where they are turned off.
        profile_folders : iterable of Path
            Where the nodes lie, in the order of `profiles`.
        """
        sessions, profiles = list(sessions), list(profiles)
        validated = list(itertools.zip_longest(accuracies, accuracy_folders))
        apart = [one for one, _ in validated if one.settings.get("device_name")]
        accuracies = [one for one, _ in validated if not one.settings.get("device_name")]
        accuracy_folders = [folder for one, folder in validated if folder and not one.settings.get("device_name")]

        def key(record: Record, *names: str) -> tuple[str, ...]:
            # Records from before there were hosts name none.
            return tuple(
                record.settings.get("host_name", HERE) if name == "host" else record.settings[f"{name}_name"]
                for name in names
            )

        repeated: dict[tuple[str, str, str], list[Record]] = {}
        for one in (*variants, *accuracies):
            repeated.setdefault((one.kind, *key(one, "model", "precision")), []).append(one)  # type: ignore[arg-type]

        def first(wanted: str) -> dict[tuple[str, str], Record]:
            return {
                (model, precision): ones[0] for (kind, model, precision), ones in repeated.items() if kind == wanted
            }

        return cls(
            list(sources),
            first("variant"),
            first("accuracy"),
            {key(one, "model", "device", "scenario", "host"): one for one in sessions},  # type: ignore[misc]
            {
                key(one, "model", "device", "scenario", "host"): folder  # type: ignore[misc]
                for one, folder in zip(sessions, session_folders, strict=False)
            },
            {
                key(one, "model", "precision"): folder  # type: ignore[misc]
                for one, folder in reversed(list(zip(accuracies, accuracy_folders, strict=False)))
            },
            repeated,
            {key(one, "device", "host"): one for one in peaks},  # type: ignore[misc]
            {key(one, "model", "device", "host"): one for one in profiles},  # type: ignore[misc]
            {
                key(one, "model", "device", "host"): folder  # type: ignore[misc]
                for one, folder in zip(profiles, profile_folders, strict=False)
            },
            device_accuracies={key(one, "model", "precision", "device"): one for one in apart},  # type: ignore[misc]
        )

    @classmethod
    def at(cls, found: Sequence[tuple[Path, Record]]) -> Records:
        """Sort records of all kinds, each with its path; what they have left lies beside them."""
        kinds: dict[Kind, list[tuple[Path, Record]]] = {}
        for path, record in found:
            kinds.setdefault(record.kind, []).append((path, record))

        def of(kind: Kind) -> list[Record]:
            return [record for _, record in kinds.get(kind, [])]

        def folders(kind: Kind) -> list[Path]:
            return [path.parent for path, _ in kinds.get(kind, [])]

        return cls.of(
            sources=of("source"),
            variants=of("variant"),
            accuracies=of("accuracy"),
            sessions=of("session"),
            session_folders=folders("session"),
            accuracy_folders=folders("accuracy"),
            peaks=of("peaks"),
            profiles=of("profile"),
            profile_folders=folders("profile"),
        )

    @property
    def hosts(self) -> list[str]:
        """The hosts that measured, or were asked to, in the experiment's order."""
        return list(dict.fromkeys(names[-1] for kind in (self.sessions, self.profiles, self.peaks) for names in kind))

    def place(self, device: str, host: str) -> str:
        """Name a device for sentences, with its host where there are several: ``cpu of node7``."""
        return f"{device} of {host}" if len(self.hosts) > 1 else device

    def of_host(self, host: str) -> Records:
        """Return the records that the variants of a host, and their accuracies, are among."""
        return self.parts.get(host, self)

    def found_by_host(self) -> list[Record]:
        """Return the records of steps that found themselves on the host that was asked: they tell what it is."""
        found = [*self.sessions.values(), *self.profiles.values(), *self.peaks.values()]
        return [record for record in found if record.ok or "host" in record.data]

    def by_host(self) -> dict[str, Records]:
        """Return what each host measured, with all that is of no host."""

        def of(host: str, kind: dict[Any, Any]) -> dict[Any, Any]:
            return {names: one for names, one in kind.items() if names[-1] == host}

        return {
            host: replace(
                self.of_host(host),
                sessions=of(host, self.sessions),
                folders=of(host, self.folders),
                peaks=of(host, self.peaks),
                profiles=of(host, self.profiles),
                profile_folders=of(host, self.profile_folders),
            )
            for host in self.hosts
        }

    def calibrations(self, model: str, precision: str) -> list[Record]:
        """Return the variants that repeated calibrations made, that which is measured first."""
        return self.repeated.get(("variant", model, precision), [])

    def imports_quantised(self, model: str, precision: str) -> bool:
        """Whether others made a variant whose graph quantises what it computes."""
        record = self.variants.get((model, precision))
        imported = record.data.get("imported") if record is not None else None
        return bool(imported and imported["quantisation"]["quantisers"])

    def validations(self, model: str, precision: str) -> list[Record]:
        """Return the accuracies of these variants."""
        return self.repeated.get(("accuracy", model, precision), [])

    def validates_apart(self, settings: ReportSettings, device: str) -> bool:
        """Tell whether a device has accuracies of its own."""
        return settings.validates_apart(device) if self.apart is None else device in self.apart

    def accuracy_of(self, settings: ReportSettings, cell: Cell) -> Record | None:
        """Return the accuracy that counts for a cell: its device's own where that is asked for."""
        if self.validates_apart(settings, cell.device):
            return self.device_accuracies.get((cell.model, cell.precision, cell.device))
        return self.accuracies.get((cell.model, cell.precision))

    def validation(self, model: str, precision: str, seed: int | None) -> Record | None:
        """Return the accuracy of the variant that was calibrated with a seed."""
        found = (one for one in self.validations(model, precision) if one.settings.get("calibration_seed") == seed)
        return next(found, None)

    def samples(self, model: str, device: str, scenario: str, host: str = HERE) -> pd.DataFrame | None:
        """Return all samples of a session (precision, round, position, start_s, latency_ms), None if not at hand.

        Raises
        ------
        OvlabError
            If the file is there but cannot be read.
        """
        folder = self.folders.get((model, device, scenario, host))
        path = folder / SAMPLES if folder is not None else None
        if path is None or not path.exists():
            return None
        try:
            return pd.read_parquet(path)
        except (OSError, ValueError) as error:
            raise OvlabError(f"{path}: cannot be read as samples of a session ({one_line(error)})") from None

    def of_all_hosts(self) -> list[Record]:
        """Return all records, those of merged hosts' own variants and accuracies too, each once."""
        parts = [record for part in self.parts.values() for record in part.everything()]
        # Folders may hold copies of one run.
        return list({(one.kind, one.run_id, str(one.settings)): one for one in [*self.everything(), *parts]}.values())

    def everything(self) -> list[Record]:
        """Return all records: sources, variants, accuracies, sessions, peaks, profiles."""
        repeated = [record for records in self.repeated.values() for record in records]
        return [
            *self.sources,
            *repeated,
            *self.device_accuracies.values(),
            *self.sessions.values(),
            *self.peaks.values(),
            *self.profiles.values(),
        ]
