"""The jobs of an experiment: what each is called, with which settings, made from what."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ovlab.specs import (
    CalibrateSettings,
    ConvertSettings,
    DownloadSpec,
    HostSpec,
    LimitsSpec,
    PeaksSettings,
    ProfileSettings,
    ReportSettings,
    SessionSettings,
    SourceSpec,
    Spec,
    ValidateSettings,
)
from ovlab_flow.paths import has_placeholder, state_of

PLANNED_ON = "OVLAB_PLANNED_ON"
"""Environment variable of a run's jobs: identity of the host that the run was planned on.

A job that composes the grid by itself, on a node with another processor, would look for its peaks elsewhere.
"""


@dataclass(frozen=True)
class Source:
    """Files of one model or data set."""

    group: str
    name: str
    digest: str
    spec: SourceSpec

    def local_files(self, resources: str) -> list[str]:
        """Return the files on this machine that the source names; embedded ones lie in the folder `resources`."""
        named = [file.path or (f"{resources}/{file.embedded}" if file.embedded else "") for file in self.spec.files]
        return [path for path in named if path]

    def watched_files(self, resources: str) -> list[str]:
        """Return those that Snakemake can watch for changes."""
        return [path for path in self.local_files(resources) if not has_placeholder(path)]

    def unwatched_files(self, resources: str) -> list[str]:
        """Return those that it cannot, with their size and time of change."""
        return [f"{path} {state_of(path)}" for path in self.local_files(resources) if has_placeholder(path)]


@dataclass(frozen=True)
class Variant:
    """A model in one precision: its IR and its accuracy."""

    model: str
    precision: str
    digest: str
    settings: ConvertSettings | CalibrateSettings
    model_source: Source
    data_source: Source
    base: Variant | None = None

    @property
    def is_quantised(self) -> bool:
        """Whether it is calibrated, rather than converted."""
        return self.base is not None


@dataclass(frozen=True)
class Accuracy:
    """The validation of a variant; `host` is one that has the device, where it is validated on one of its own."""

    variant: Variant
    digest: str
    settings: ValidateSettings
    reference: Accuracy | None = None
    device: str | None = None
    host: str | None = None


@dataclass(frozen=True)
class Session:
    """The benchmark of all variants of one model on one device under one scenario on one host."""

    model: str
    device: str
    scenario: str
    host: str
    settings: SessionSettings
    variants: tuple[Variant, ...]


@dataclass(frozen=True)
class Machine:
    """The peaks of a device on a host."""

    device: str
    host: str
    digest: str
    settings: PeaksSettings


@dataclass(frozen=True)
class Profile:
    """The layer profiles of all variants of one model on one device of one host."""

    model: str
    device: str
    host: str
    settings: ProfileSettings
    variants: tuple[Variant, ...]
    machine: Machine


@dataclass
class Grid:
    """All jobs of one experiment.

    Attributes
    ----------
    experiment : str
        Its name.
    results : str
        Folder of the results.
    report : ReportSettings
        What the report step needs to know.
    download : DownloadSpec
        Bounds of the download step; no path or result depends on them.
    limits : LimitsSpec
        What files and code of others may take in the other steps; nothing depends on them either.
    """

    experiment: str
    results: str
    report: ReportSettings
    download: DownloadSpec
    limits: LimitsSpec
    sources: dict[tuple[str, str, str], Source] = field(default_factory=dict)
    variants: dict[tuple[str, str, str], Variant] = field(default_factory=dict)
    accuracies: dict[tuple[str, str, str], Accuracy] = field(default_factory=dict)
    sessions: dict[tuple[str, str, str, str], Session] = field(default_factory=dict)
    machines: dict[tuple[str, str], Machine] = field(default_factory=dict)
    profiles: dict[tuple[str, str, str], Profile] = field(default_factory=dict)

    def source(self, wildcards: Any) -> Source:
        """Return the source behind ``{group}/{name}/{digest}``."""
        return self.sources[wildcards.group, wildcards.name, wildcards.digest]

    def variant(self, wildcards: Any) -> Variant:
        """Return the variant behind ``{model}/{precision}/{digest}``."""
        return self.variants[wildcards.model, wildcards.precision, wildcards.digest]

    def accuracy(self, wildcards: Any) -> Accuracy:
        """Return the validation behind ``{model}/{precision}/{digest}``."""
        return self.accuracies[wildcards.model, wildcards.precision, wildcards.digest]

    def session(self, wildcards: Any) -> Session:
        """Return the session behind ``{host}/{model}/{device}/{scenario}``."""
        return self.sessions[wildcards.model, wildcards.device, wildcards.scenario, wildcards.host]

    def profile(self, wildcards: Any) -> Profile:
        """Return the profiles behind ``{host}/{model}/{device}``."""
        return self.profiles[wildcards.model, wildcards.device, wildcards.host]

    def machine(self, wildcards: Any) -> Machine:
        """Return the peaks behind ``{host}/{device}``."""
        return self.machines[wildcards.device, wildcards.host]

    def host(self, wildcards: Any) -> HostSpec:
        """Return the host behind ``{host}``: what a cluster's executor is to be asked for.

        Behind ``{model}/{precision}/{digest}`` of a validation on a device of its own, it is one that has the device.
        """
        name = getattr(wildcards, "host", None) or self.accuracy(wildcards).host
        return self.report.hosts[name] if name else HostSpec()

    def all_settings(self) -> list[Spec]:
        """Return the settings of all steps."""
        steps: list[Variant | Accuracy | Session | Machine | Profile] = [
            *self.variants.values(),
            *self.accuracies.values(),
            *self.sessions.values(),
            *self.machines.values(),
            *self.profiles.values(),
        ]
        return [*(one.settings for one in steps), *(one.spec for one in self.sources.values()), self.report]

    def reported_variants(self) -> list[Variant]:
        """Return the variants that are part of the experiment (its INT8 variants' FP32 bases may not be)."""
        return [one for one in self.variants.values() if one.precision in self.report.experiment.precisions]

    def reported_accuracies(self) -> list[Accuracy]:
        """Return the validations that are part of the experiment."""
        chosen = self.report.experiment.precisions
        return [one for one in self.accuracies.values() if one.variant.precision in chosen]

    def validations(self, *, on_device: bool) -> str:
        """Return a pattern of the digests of validations on ``validation.device``, or on a device of their own."""
        return pattern(one.digest for one in self.accuracies.values() if (one.device is not None) == on_device)

    def digests(self, *, quantised: bool) -> str:
        """Return a pattern of the digests of converted or of calibrated variants: rules share the path."""
        return pattern(one.digest for one in self.variants.values() if one.is_quantised == quantised)


def pattern(names: Iterable[str]) -> str:
    """Return a regular expression of exactly these names, to constrain a wildcard (one that never matches for none)."""
    return "|".join(sorted({re.escape(name) for name in names})) or "(?!)"
