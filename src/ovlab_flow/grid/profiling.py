"""The jobs that say why a variant is as fast as it is: profiles of layers, and the machine's peaks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ovlab.environment import host_identity
from ovlab.files import digest_of
from ovlab.specs import Cell, PeaksSettings, ProfileSettings
from ovlab_flow.compose import RunSpec, Selection
from ovlab_flow.grid.jobs import Machine, Profile, Variant
from ovlab_flow.grid.quiet import quiet


def profile_jobs(
    run: RunSpec, selection: Selection, cells: Iterable[Cell], variant_of: Callable[[str, str], Variant]
) -> Iterator[Profile]:
    """Plan a profile for each model on each physical device; what a virtual one runs on has its own.

    Parameters
    ----------
    run : RunSpec
        The experiment.
    selection : Selection
        What it selects.
    cells : iterable of Cell
        Its cells: only precisions that are measured on a device are profiled on it.
    variant_of : callable
        From a model and a precision to the variant that is measured.
    """
    precisions: dict[tuple[str, str], dict[str, None]] = {}
    for cell in cells:
        if not selection.devices[cell.device].is_virtual:
            precisions.setdefault((cell.model, cell.device), {})[cell.precision] = None
    machines: dict[str, Machine] = {}
    for (model, device), names in precisions.items():
        machine = machines.setdefault(device, _machine(run, selection, device))
        variants = tuple(variant_of(model, precision) for precision in names)
        yield Profile(model, device, _settings(run, selection, model, list(names), device), variants, machine)


def _machine(run: RunSpec, selection: Selection, device: str) -> Machine:
    settings = PeaksSettings(
        device_name=device,
        device=selection.devices[device].model_copy(update={"description": ""}),
        host=host_identity(),
        peaks=run.profiling.peaks,
    )
    return Machine(device, digest_of(settings.plain()), settings)


def _settings(run: RunSpec, selection: Selection, model: str, precisions: list[str], device: str) -> ProfileSettings:
    parts = quiet(selection.variants[model, precisions[0]])
    return ProfileSettings(
        model_name=model,
        device_name=device,
        dataset_name=parts.model.dataset,
        dataset=parts.dataset,
        resize=parts.model.preprocess.resize,
        precisions={one: quiet(selection.variants[model, one]).precision for one in precisions},
        reference=run.reference,
        device=selection.devices[device].model_copy(update={"description": ""}),
        profiling=run.profiling,
        noise=run.measurement.noise,
        seed=run.seed,
    )
