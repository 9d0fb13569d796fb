"""The grid of an experiment: which files every job makes, from what, with which settings.

Everything here is plain data: the rules ask it for the settings and the digests behind a path. A digest stands for
all settings that a file depends on, so different settings never share a path, and going back to
earlier settings finds the earlier files.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ovlab.errors import OvlabError, nearest
from ovlab.files import digest_of
from ovlab.specs import (
    CalibrateSettings,
    Cell,
    ConvertSettings,
    DownloadSpec,
    ExclusionSpec,
    LimitsSpec,
    ReportSettings,
    SessionSettings,
    SourceSpec,
    Spec,
    ValidateSettings,
)
from ovlab_flow.command_line import check_sizes
from ovlab_flow.compose import Composer, Parts, RunSpec, Selection
from ovlab_flow.extension import check_extension, extension_file
from ovlab_flow.paths import has_placeholder, state_of

# Folders of `results` that experiments share.
RESERVED = {"sources", "variants", "accuracy", "logs"}


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
    """The validation of a variant."""

    variant: Variant
    digest: str
    settings: ValidateSettings
    reference: Accuracy | None = None


@dataclass(frozen=True)
class Session:
    """The benchmark of all variants of one model on one device under one scenario."""

    model: str
    device: str
    scenario: str
    settings: SessionSettings
    variants: tuple[Variant, ...]


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
    sessions: dict[tuple[str, str, str], Session] = field(default_factory=dict)

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
        """Return the session behind ``{model}/{device}/{scenario}``."""
        return self.sessions[wildcards.model, wildcards.device, wildcards.scenario]

    def all_settings(self) -> list[Spec]:
        """Return the settings of all steps."""
        steps: list[Variant | Accuracy | Session] = [
            *self.variants.values(),
            *self.accuracies.values(),
            *self.sessions.values(),
        ]
        return [*(one.settings for one in steps), *(one.spec for one in self.sources.values()), self.report]

    def reported_variants(self) -> list[Variant]:
        """Return the variants that are part of the experiment (its INT8 variants' FP32 bases may not be)."""
        return [one for one in self.variants.values() if one.precision in self.report.experiment.precisions]

    def reported_accuracies(self) -> list[Accuracy]:
        """Return the validations that are part of the experiment."""
        chosen = self.report.experiment.precisions
        return [one for one in self.accuracies.values() if one.variant.precision in chosen]

    def digests(self, *, quantised: bool) -> str:
        """Return a pattern of the digests of converted or of calibrated variants: rules share the path."""
        return pattern(one.digest for one in self.variants.values() if one.is_quantised == quantised)


def pattern(names: Iterable[str]) -> str:
    """Return a regular expression of exactly these names, to constrain a wildcard (one that never matches for none)."""
    return "|".join(sorted({re.escape(name) for name in names})) or "(?!)"


def build_grid(composer: Composer, name: str) -> Grid:
    """Cross an experiment's names into jobs and check that they fit together.

    Raises
    ------
    OvlabError
        If a name is unknown, nothing is left after exclusions, a model's task does not fit its data set, or a
        precision needs a split that the data set has not got.
    """
    run = composer.run()
    where = composer.where("experiment", name)
    if name in RESERVED:
        raise OvlabError(f"{where}: an experiment cannot be called {name!r}: that folder of the results is shared")
    experiment = run.experiment
    for axis in ("model", "precision", "device", "scenario"):
        for one in getattr(experiment, f"{axis}s"):
            composer.check_name(axis, one, f"{where}: experiment.{axis}s")
    for exclusion in experiment.exclude:
        _check_exclusion(composer, exclusion, f"{where}: experiment.exclude")
    cells = experiment.cells()
    if not cells:
        raise OvlabError(f"{where}: experiment.exclude leaves no cell")
    composer.check_name("precision", run.reference, "reference")
    selection = composer.select(_variants_of(run, cells), _distinct(cells, "device"), _distinct(cells, "scenario"))
    composer.refuse_unused()
    grid = Grid(name, run.results, _report_settings(name, run, selection), run.download, run.limits)
    for (model, precision), parts in selection.variants.items():
        if precision == run.reference and parts.precision.is_compressed:
            raise OvlabError(f"reference: {precision} is itself made from the reference, expected one such as fp32")
        _check_fit(composer, model, precision, parts)
        _add_variant(grid, run, model, precision, parts)
    for model, device, scenario in dict.fromkeys((cell.model, cell.device, cell.scenario) for cell in cells):
        members = [c.precision for c in cells if (c.model, c.device, c.scenario) == (model, device, scenario)]
        settings = _session_settings(run, selection, model, members, device, scenario)
        variants = tuple(_find(grid, model, precision) for precision in members)
        grid.sessions[model, device, scenario] = Session(model, device, scenario, settings, variants)
    check_sizes(grid.all_settings(), where)
    return grid


def _check_exclusion(composer: Composer, exclusion: ExclusionSpec, where: str) -> None:
    """Refuse an exclusion of what no file is called: it would exclude nothing without a word.

    One of what is just not selected is in order: overrides select less than the file that excludes.
    """
    for axis in Cell._fields:
        name, names = getattr(exclusion, axis), composer.names(axis)
        if not fnmatch.filter(names, name):
            raise OvlabError(f"{where}: unknown {axis} {name!r}{nearest(name, names)}")


def _distinct(cells: Iterable[Cell], axis: str) -> list[str]:
    return list(dict.fromkeys(getattr(cell, axis) for cell in cells))


def _variants_of(run: RunSpec, cells: Sequence[Cell]) -> list[tuple[str, str]]:
    """List the (model, precision) pairs of the cells, for every model the reference first.

    INT8 is made from the reference and accuracy is compared with it, so it is there even if no cell has it.
    """
    wanted = {(cell.model, cell.precision) for cell in cells}
    precisions = list(dict.fromkeys([run.reference, *run.experiment.precisions]))
    return [
        (model, precision)
        for model in _distinct(cells, "model")
        for precision in precisions
        if precision == run.reference or (model, precision) in wanted
    ]


def _check_fit(composer: Composer, model: str, precision: str, parts: Parts) -> None:
    check_extension(parts.model.extension, composer.where("model", model))
    if parts.model.task != parts.dataset.task:
        raise OvlabError(
            f"{composer.where('model', model)}: task is {parts.model.task}, but its data set "
            f"{parts.model.dataset} is for {parts.dataset.task}"
        )
    where = composer.where("dataset", parts.model.dataset)
    if parts.precision.draws_images and "calibration" not in parts.dataset.splits:
        raise OvlabError(f"{where}: splits.calibration: missing, but needed by precision {precision}")
    if _controls_accuracy(parts):
        try:
            parts.dataset.control_split()
        except OvlabError as error:
            raise OvlabError(f"{where}: {error} (precision {precision})") from None


def _controls_accuracy(parts: Parts) -> bool:
    quantization = parts.precision.quantization
    return quantization is not None and quantization.accuracy_control is not None


def _quiet(parts: Parts) -> Parts:
    """Blank what no result depends on, so that an edited description reruns nothing."""
    words = {"description": "", "homepage": None, "licence": ""}
    return Parts(
        parts.model.model_copy(update=words),
        parts.dataset.without_control().model_copy(update=words | {"files": (), "generator": None}),
        parts.precision.model_copy(update={"description": "", "calibration_seeds": 1}),
    )


def _add_variant(grid: Grid, run: RunSpec, model: str, precision: str, parts: Parts) -> None:
    """Add a variant and its validation; where calibration is repeated, one of each a seed, the measured one first."""
    model_source = _source(grid, "models", model, parts.model.source())
    data_source = _source(grid, "datasets", parts.model.dataset, parts.dataset.source())
    # The reference comes first in what is composed, so it is there.
    base = _find(grid, model, run.reference) if parts.precision.is_compressed else None
    made_from = {"model": model_source.digest, "data": data_source.digest, "base": base.digest if base else None}
    for seed in range(run.seed, run.seed + parts.precision.calibration_seeds):
        settings = _variant_settings(seed, model, precision, parts)
        digest = digest_of({"settings": settings.plain(), "from": made_from})
        variant = Variant(model, precision, digest, settings, model_source, data_source, base)
        grid.variants.setdefault((model, precision, digest), variant)
        _add_accuracy(grid, run, variant, _quiet(parts), seed if parts.precision.draws_images else None)


def _variant_settings(seed: int, model: str, precision: str, parts: Parts) -> ConvertSettings | CalibrateSettings:
    quiet = _quiet(parts)
    if not quiet.precision.is_compressed:
        return ConvertSettings(
            model_name=model,
            precision_name=precision,
            model=quiet.model,
            dataset=quiet.dataset,
            weights=quiet.precision.weights,
            extension=extension_file(parts.model.extension),
        )
    controls = _controls_accuracy(parts)
    splits = parts.dataset.splits if controls else quiet.dataset.splits
    return CalibrateSettings(
        model_name=model,
        precision_name=precision,
        dataset_name=quiet.model.dataset,
        dataset=quiet.dataset.model_copy(update={"splits": splits}),
        resize=quiet.model.preprocess.resize,
        quantization=quiet.precision.quantization,
        weight_compression=quiet.precision.weight_compression,
        seed=seed if quiet.precision.draws_images else 0,
        model=quiet.model if controls else None,
    )


def _add_accuracy(grid: Grid, run: RunSpec, variant: Variant, parts: Parts, seed: int | None) -> None:
    reference = None
    if variant.precision != run.reference:
        reference = next(
            (
                one
                for one in grid.accuracies.values()
                if (one.variant.model, one.variant.precision) == (variant.model, run.reference)
            ),
            None,
        )
    # Of repeated calibrations only the accuracy counts; images and layers are looked at for the one that is measured.
    compared = reference is not None and seed in {None, run.seed}
    settings = ValidateSettings(
        model_name=variant.model,
        precision_name=variant.precision,
        model=parts.model,
        dataset=parts.dataset,
        precision=parts.precision,
        validation=run.validation if compared else run.validation.of_reference(),
        calibration_seed=seed,
    )
    made_from = {"variant": variant.digest, "data": variant.data_source.digest}
    made_from |= {"reference": reference.digest if reference else ""}
    digest = digest_of({"settings": settings.plain(), "from": made_from})
    grid.accuracies.setdefault(
        (variant.model, variant.precision, digest), Accuracy(variant, digest, settings, reference)
    )


def _source(grid: Grid, group: str, name: str, spec: SourceSpec) -> Source:
    source = Source(group, name, digest_of(spec.plain()), spec)
    return grid.sources.setdefault((group, name, source.digest), source)


def _find(grid: Grid, model: str, precision: str) -> Variant:
    return next(one for one in grid.variants.values() if (one.model, one.precision) == (model, precision))


def _session_settings(
    run: RunSpec, selection: Selection, model: str, precisions: list[str], device: str, scenario: str
) -> SessionSettings:
    parts = _quiet(selection.variants[model, precisions[0]])
    return SessionSettings(
        model_name=model,
        device_name=device,
        scenario_name=scenario,
        dataset_name=parts.model.dataset,
        dataset=parts.dataset,
        resize=parts.model.preprocess.resize,
        precisions={one: _quiet(selection.variants[model, one]).precision for one in precisions},
        reference=run.reference,
        device=selection.devices[device].model_copy(update={"description": ""}),
        scenario=selection.scenarios[scenario].model_copy(update={"description": ""}),
        measurement=run.measurement,
        seed=run.seed,
    )


def _report_settings(name: str, run: RunSpec, selection: Selection) -> ReportSettings:
    return ReportSettings(
        name=name,
        experiment=run.experiment,
        reference=run.reference,
        measurement=run.measurement,
        validation=run.validation,
        seed=run.seed,
        models={model: parts.model for (model, _), parts in selection.variants.items()},
        datasets={parts.model.dataset: parts.dataset for parts in selection.variants.values()},
        precisions={precision: parts.precision for (_, precision), parts in selection.variants.items()},
        devices=selection.devices,
        scenarios=selection.scenarios,
    )
