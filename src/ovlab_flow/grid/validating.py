"""Validations: of each variant on ``validation.device``, and on the devices that an experiment asks for besides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ovlab.files import digest_of
from ovlab.specs import Cell, ValidateSettings
from ovlab_flow.compose import Parts, RunSpec
from ovlab_flow.grid.jobs import Accuracy, Grid, Variant
from ovlab_flow.grid.quiet import quiet


def accuracy_job(
    variant: Variant,
    settings: ValidateSettings,
    reference: Accuracy | None,
    device: str | None = None,
    host: str | None = None,
) -> Accuracy:
    """Return the validation of a variant, with the digest of all that it is made from."""
    made_from = {"variant": variant.digest, "data": variant.data_source.digest}
    made_from |= {"reference": reference.digest if reference else ""}
    digest = digest_of({"settings": settings.plain(), "from": made_from})
    return Accuracy(variant, digest, settings, reference, device, host)


def device_validations(
    grid: Grid, run: RunSpec, cells: Sequence[Cell], variants: Mapping[tuple[str, str], Parts]
) -> Iterator[Accuracy]:
    """Yield the validations on devices that ``experiment.validate_on`` names, each model's reference first.

    A variant is validated on a device if a cell has both; the reference, for the differences, wherever a variant is.
    Of repeated calibrations it is the one that is measured. Images and layers are looked at on ``validation.device``
    alone.

    Parameters
    ----------
    grid : Grid
        With its variants.
    variants : dict
        What each variant is composed of, by (model, precision).
    """
    for device in filter(grid.report.validates_apart, run.experiment.validate_on):
        spec = grid.report.devices[device].model_copy(update={"description": ""})
        validation = run.validation.of_reference().model_copy(update={"device": spec.device})
        references: dict[str, Accuracy] = {}
        for (model, precision), parts in variants.items():
            hosts = [
                cell.host
                for cell in cells
                if (cell.model, cell.device) == (model, device) and precision in {cell.precision, run.reference}
            ]
            if not hosts:
                continue
            own = quiet(parts)
            variant = next(one for one in grid.variants.values() if (one.model, one.precision) == (model, precision))
            settings = ValidateSettings(
                model_name=model,
                precision_name=precision,
                model=own.variant_model,
                dataset=own.dataset,
                precision=own.precision,
                validation=validation,
                calibration_seed=run.seed if own.precision.draws_images else None,
                device_name=device,
                device=spec,
            )
            job = accuracy_job(variant, settings, references.get(model), device, hosts[0])
            if precision == run.reference:
                references[model] = job
            yield job
