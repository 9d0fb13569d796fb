"""The jobs that say why a variant is as fast as it is: profiles of layers, and the machine's peaks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ovlab.environment import describe_host, host_identity
from ovlab.files import digest_of
from ovlab.specs import Cell, HostSpec, PeaksSettings, ProfileSettings
from ovlab_flow.compose import RunSpec, Selection
from ovlab_flow.grid.jobs import Machine, Profile, Variant
from ovlab_flow.grid.quiet import quiet


def profile_jobs(
    run: RunSpec, selection: Selection, cells: Iterable[Cell], variant_of: Callable[[str, str], Variant]
) -> Iterator[Profile]:
    """Plan a profile for each model on each physical device of each host; what a virtual one runs on has its own.

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
    precisions: dict[tuple[str, str, str], dict[str, None]] = {}
    for cell in cells:
        if not selection.devices[cell.device].is_virtual:
            precisions.setdefault((cell.model, cell.device, cell.host), {})[cell.precision] = None
    machines: dict[tuple[str, str], Machine] = {}
    for (model, device, host), names in precisions.items():
        if (device, host) not in machines:
            machines[device, host] = _machine(run, selection, device, host)
        variants = tuple(variant_of(model, precision) for precision in names)
        settings = _settings(run, selection, model, list(names), device, host)
        yield Profile(model, device, host, settings, variants, machines[device, host])


def _machine(run: RunSpec, selection: Selection, device: str, host: str) -> Machine:
    settings = PeaksSettings(
        host_name=host,
        expect=selection.hosts[host].expect,
        device_name=device,
        device=selection.devices[device].model_copy(update={"description": ""}),
        host=_identity(selection.hosts[host]),
        peaks=run.profiling.peaks,
    )
    return Machine(device, host, digest_of(settings.plain()), settings)


def _identity(host: HostSpec) -> str:
    """Return what a host's peaks depend on: what is on this machine, or what is said of another one."""
    if host.asks_for_nothing:
        return host_identity()
    return digest_of([host.model_copy(update={"description": ""}).plain(), describe_host()["packages"]["openvino"]])


def _settings(
    run: RunSpec, selection: Selection, model: str, precisions: list[str], device: str, host: str
) -> ProfileSettings:
    parts = quiet(selection.variants[model, precisions[0]])
    return ProfileSettings(
        host_name=host,
        expect=selection.hosts[host].expect,
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
