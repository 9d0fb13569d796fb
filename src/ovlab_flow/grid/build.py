"""The grid of an experiment: which files every job makes, from what, with which settings.

Everything here is plain data: the rules ask it for the settings and the digests behind a path. A digest stands for
all settings that a file depends on, so different settings never share a path, and going back to
earlier settings finds the earlier files.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence

from ovlab.errors import OvlabError, nearest
from ovlab.files import digest_of
from ovlab.specs import (
    CalibrateSettings,
    Cell,
    CellPattern,
    ClaimSpec,
    ConvertSettings,
    ImportedVariant,
    ReportSettings,
    SessionSettings,
    SourceSpec,
    ValidateSettings,
)
from ovlab_flow.command_line import check_sizes
from ovlab_flow.compose import Composer, Parts, RunSpec, Selection
from ovlab_flow.extension import check_extension, extension_file
from ovlab_flow.grid.jobs import Grid, Session, Source, Variant
from ovlab_flow.grid.profiling import profile_jobs
from ovlab_flow.grid.quiet import quiet
from ovlab_flow.grid.validating import accuracy_job, device_validations
from ovlab_flow.imported import check_sources

# Folders of `results` that experiments share.
RESERVED = {"sources", "variants", "accuracy", "peaks", "logs"}


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
    for axis in Cell._fields:
        for one in getattr(experiment, f"{axis}s"):
            composer.check_name(axis, one, f"{where}: experiment.{axis}s")
    for exclusion in experiment.exclude:
        _check_pattern(composer, exclusion, f"{where}: experiment.exclude")
    for key, claim in experiment.claims.items():
        _check_claim(composer, claim, f"{where}: experiment.claims.{key}")
    for number, goal in enumerate(experiment.goals):
        _check_pattern(composer, goal.where, f"{where}: experiment.goals.{number}.where")
    cells = experiment.cells()
    if not cells:
        raise OvlabError(f"{where}: experiment.exclude leaves no cell")
    composer.check_name("precision", run.reference, "reference")
    others = (_distinct(cells, axis) for axis in ("device", "scenario", "host"))
    selection = composer.select(_variants_of(run, cells), *others)
    composer.refuse_unused()
    check_sources({pair: parts.model for pair, parts in selection.variants.items()}, selection.sources)
    grid = Grid(name, run.results, _report_settings(name, run, selection), run.download, run.limits)
    for (model, precision), parts in selection.variants.items():
        if precision == run.reference and parts.precision.is_compressed:
            raise OvlabError(f"reference: {precision} is itself made from the reference, expected one such as fp32")
        _check_fit(composer, model, precision, parts)
        _add_variant(grid, run, model, precision, parts)
    validations = device_validations(grid, run, cells, selection.variants)
    grid.accuracies |= {(one.variant.model, one.variant.precision, one.digest): one for one in validations}
    for (model, device, scenario, host), members in _sessions_of(cells).items():
        settings = _session_settings(run, selection, members)
        variants = tuple(_find(grid, model, member.precision) for member in members)
        grid.sessions[model, device, scenario, host] = Session(model, device, scenario, host, settings, variants)
    if experiment.profile:
        for job in profile_jobs(run, selection, cells, lambda model, precision: _find(grid, model, precision)):
            grid.profiles[job.model, job.device, job.host] = job
            grid.machines[job.device, job.host] = job.machine
    check_sizes(grid.all_settings(), where)
    return grid


def _check_pattern(composer: Composer, pattern: CellPattern, where: str) -> None:
    """Refuse to choose cells by what no file is called: it would choose nothing without a word.

    A name that is just not selected is in order: overrides select less than the file.
    """
    for axis in Cell._fields:
        name, names = getattr(pattern, axis), composer.names(axis)
        if not fnmatch.filter(names, name):
            raise OvlabError(f"{where}: unknown {axis} {name!r}{nearest(name, names)}")


def _check_claim(composer: Composer, claim: ClaimSpec, where: str) -> None:
    """Refuse a claim about what no file is called."""
    _check_pattern(composer, claim.left.where, f"{where}.left.where")
    named = claim.right.cell.plain() if claim.right is not None and claim.right.cell is not None else {}
    for axis, name in named.items():
        if name is not None:
            composer.check_name(axis, name, f"{where}.right.cell")


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
    if parts.precision.source is not None:
        check_extension(parts.precision.source.extension, f"model {model} in precision {precision}: source")
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


def _add_variant(grid: Grid, run: RunSpec, model: str, precision: str, parts: Parts) -> None:
    """Add a variant and its validation; where calibration is repeated, one of each a seed, the measured one first."""
    model_source = _source(grid, "models", model, parts.variant_model.source())
    data_source = _source(grid, "datasets", parts.model.dataset, parts.dataset.source())
    # The reference comes first in what is composed, so it is there.
    base = _find(grid, model, run.reference) if parts.precision.is_compressed else None
    made_from = {"model": model_source.digest, "data": data_source.digest, "base": base.digest if base else None}
    for seed in range(run.seed, run.seed + parts.precision.calibration_seeds):
        settings = _variant_settings(seed, model, precision, parts)
        digest = digest_of({"settings": settings.plain(), "from": made_from})
        variant = Variant(model, precision, digest, settings, model_source, data_source, base)
        grid.variants.setdefault((model, precision, digest), variant)
        _add_accuracy(grid, run, variant, quiet(parts), seed if parts.precision.draws_images else None)


def _variant_settings(seed: int, model: str, precision: str, parts: Parts) -> ConvertSettings | CalibrateSettings:
    known = quiet(parts)
    if not known.precision.is_compressed:
        return ConvertSettings(
            model_name=model,
            precision_name=precision,
            model=known.variant_model,
            dataset=known.dataset,
            weights=known.precision.weights,
            extension=extension_file(known.variant_model.extension),
            imported=known.precision.source is not None,
        )
    controls = _controls_accuracy(parts)
    splits = parts.dataset.splits if controls else known.dataset.splits
    return CalibrateSettings(
        model_name=model,
        precision_name=precision,
        dataset_name=known.model.dataset,
        dataset=known.dataset.model_copy(update={"splits": splits}),
        resize=known.model.preprocess.resize,
        quantization=known.precision.quantization,
        weight_compression=known.precision.weight_compression,
        seed=seed if known.precision.draws_images else 0,
        model=known.model if controls else None,
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
        model=parts.variant_model,
        dataset=parts.dataset,
        precision=parts.precision,
        validation=run.validation if compared else run.validation.of_reference(),
        calibration_seed=seed,
    )
    job = accuracy_job(variant, settings, reference)
    grid.accuracies.setdefault((variant.model, variant.precision, job.digest), job)


def _source(grid: Grid, group: str, name: str, spec: SourceSpec) -> Source:
    source = Source(group, name, digest_of(spec.plain()), spec)
    return grid.sources.setdefault((group, name, source.digest), source)


def _find(grid: Grid, model: str, precision: str) -> Variant:
    return next(one for one in grid.variants.values() if (one.model, one.precision) == (model, precision))


def _sessions_of(cells: Iterable[Cell]) -> dict[tuple[str, str, str, str], list[Cell]]:
    """Gather the cells that are measured together, by (model, device, scenario, host)."""
    sessions: dict[tuple[str, str, str, str], list[Cell]] = {}
    for cell in cells:
        sessions.setdefault((cell.model, cell.device, cell.scenario, cell.host), []).append(cell)
    return sessions


def _session_settings(run: RunSpec, selection: Selection, members: Sequence[Cell]) -> SessionSettings:
    model, _, device, scenario, host = members[0]
    parts = quiet(selection.variants[model, members[0].precision])
    return SessionSettings(
        host_name=host,
        expect=selection.hosts[host].expect,
        model_name=model,
        device_name=device,
        scenario_name=scenario,
        dataset_name=parts.model.dataset,
        dataset=parts.dataset,
        resize=parts.model.preprocess.resize,
        precisions={one.precision: quiet(selection.variants[model, one.precision]).precision for one in members},
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
        precisions={
            precision: parts.precision.model_copy(update={"source": None})
            for (_, precision), parts in selection.variants.items()
        },
        imported=tuple(ImportedVariant(model=m, precision=p, source=one) for (m, p), one in selection.sources.items()),
        devices=selection.devices,
        scenarios=selection.scenarios,
        hosts=selection.hosts,
        baseline=run.baseline,
    )
