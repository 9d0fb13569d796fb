"""The benchmark step: one session, that is all variants of a model on one device under one scenario."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ovlab.errors import OvlabError, UnavailableError
from ovlab.files import known_sha256, write_atomically
from ovlab.inputs import open_source
from ovlab.measure.device.placement import DIVISION
from ovlab.measure.device.properties import compile_properties, require_device
from ovlab.measure.device.property_checks import check_properties
from ovlab.measure.host.exclusive import exclusive_host
from ovlab.measure.host.footprint import require_memory
from ovlab.measure.host.place import named_host, require_host
from ovlab.measure.parent.launch_plan import LaunchPlan
from ovlab.measure.parent.launches import VariantUnderTest
from ovlab.measure.parent.measurement import SessionMeasurement, measure
from ovlab.measure.parent.outcome import Outcome, outcomes_of
from ovlab.measure.parent.same_execution import Twin, find_twins, outcome_of_twin
from ovlab.records import Quantity, Record, Status, require_usable
from ovlab.runtime import read_ir
from ovlab.scratch import scratch_folder
from ovlab.specs import ScenarioSpec, SessionSettings

log = logging.getLogger("ovlab.measure")


@dataclass(frozen=True)
class Variant:
    """A variant's record and the folder of its IR."""

    record: Record
    folder: Path


def benchmark(settings: SessionSettings, variants: Mapping[str, Variant], source: Record, folder: Path) -> Record:
    """Measure a session.

    Parameters
    ----------
    settings : SessionSettings
        Device, scenario, precisions and how to measure.
    variants : mapping
        The variants by precision.
    source : Record
        The downloaded data set: real images are the inputs.
    folder : Path
        Gets ``samples.parquet`` (round, precision, position, start_s, latency_ms): every sample, none dropped. No
        file if nothing was measured. A sweep's choice has its own, ``sweep.parquet``.

    Returns
    -------
    Record
        Of kind ``session``; ``data["rows"]`` holds status, reason, values and effective settings by precision.
        Its status is ``failed`` if a row failed, ``unavailable`` if all rows are.

    Raises
    ------
    OvlabError
        If this is not the host that was asked for.
    """
    place = require_host(settings)
    rows: dict[str, Outcome] = {}
    able: list[str] = []
    files = (f"device/{settings.device_name}.yaml", f"scenario/{settings.scenario_name}.yaml")
    for name, precision in settings.precisions.items():
        try:
            require_usable(variants[name].record, variants[name].folder, "variant")
            with named_host(settings):
                require_device(settings.device, files[0])
                check_properties(settings.device, settings.scenario, files)
                compile_properties(settings.device, settings.scenario, precision)
            able.append(name)
        except UnavailableError as error:
            rows[name] = Outcome("unavailable", str(error))
        except OvlabError as error:
            rows[name] = Outcome("failed", str(error))
    measured = SessionMeasurement()
    twins: dict[str, Twin] = {}
    if able:
        with scratch_folder() as scratch, exclusive_host() as alone:
            plans: dict[str, LaunchPlan] = {}
            for name in able:
                model = variants[name].folder / "model.xml"
                try:
                    images = _save_images(settings, name, source, model, scratch / f"{len(plans)}.npy")
                except OvlabError as error:
                    rows[name] = Outcome("failed", str(error))
                    continue
                plans[name] = LaunchPlan(settings, model, images, _properties(settings, name))
            if plans:
                weights = {name: variants[name].record.data["sha256"]["model.bin"] for name in plans}
                twins = find_twins(settings, plans, weights, scratch)
                plans = {name: plan for name, plan in plans.items() if name not in twins}
                measured = measure(settings, plans, scratch, folder)
        measured.data["alone"] = asdict(alone)
    default = settings.default_precision
    rows |= {name: Outcome("failed", error) for name, error in measured.errors.items()}
    shown = twins[default].name if default in twins else default
    rows |= outcomes_of(settings, measured, shown, [name for name, one in variants.items() if _is_quantised(one)])
    rows |= {name: outcome_of_twin(twin, rows[twin.name]) for name, twin in twins.items()}
    rows = {name: rows[name] for name in settings.precisions}
    record = _record(settings, variants, rows, measured, folder)
    record.data["host"] = place
    return record


def _is_quantised(variant: Variant) -> bool:
    """Whether others made a variant, whose graph quantises what it computes."""
    imported = variant.record.data.get("imported")
    return bool(imported and imported["quantisation"]["quantisers"])


def _save_images(settings: SessionSettings, name: str, source: Record, model: Path, path: Path) -> Path:
    """Decode images of the validation split, so that decoding is no part of what is timed.

    What surely cannot run, for its batch or its memory, is refused first.
    """
    from ovlab.data.inputs import save_images  # not needed where the device is absent

    open_source(source, f"download of data set {settings.dataset_name}")
    require_memory(read_ir(model), settings.scenario.batch, settings.measurement.images)
    resize = settings.precisions[name].resize_of(settings.resize)
    images = settings.measurement.images
    save_images(path, model, source, settings.dataset, settings.dataset_name, resize, images)
    return path


def _properties(settings: SessionSettings, name: str) -> Callable[[ScenarioSpec], dict[str, Any]]:
    """Return what gives the properties that a precision is compiled with under a scenario."""
    return lambda scenario: compile_properties(settings.device, scenario, settings.precisions[name])


def _record(
    settings: SessionSettings,
    variants: Mapping[str, Variant],
    rows: dict[str, Outcome],
    measured: SessionMeasurement,
    folder: Path,
) -> Record:
    written = measured.written | _write_samples(measured.variants, folder / "samples.parquet")
    statuses = {row.status for row in rows.values()}
    failed = [f"{name}: {row.reason}" for name, row in rows.items() if row.status == "failed"]
    status: Status = "failed" if failed else "unavailable" if statuses == {"unavailable"} else "ok"
    reason = "; ".join(failed) or (next(iter(rows.values())).reason if status == "unavailable" else "")
    if reason:
        log.warning("%s: %s", status, reason)
    launches = {
        name: [
            {"round": one.round, "position": one.position}
            | {
                key: value
                for key, value in one.result.items()
                if key not in {"settings", "shares", "kernels", "layers", "graph", *DIVISION}
            }
            for one in variant.launches
        ]
        for name, variant in measured.variants.items()
    }
    return Record(
        kind="session",
        settings=settings.plain(),
        status=status,
        reason=reason,
        inputs={
            f"{name}/{file}": digest
            for name, variant in variants.items()
            for file, digest in variant.record.data.get("sha256", {}).items()
        }
        | written,
        files=written,
        values={"measuring_time": Quantity(measured.seconds, "s")},
        data={"rows": {name: asdict(row) for name, row in rows.items()}, "launches": launches} | measured.data,
    )


def _write_samples(variants: Mapping[str, VariantUnderTest], path: Path) -> dict[str, str]:
    """Write all samples and return the file's hash by its name; nothing where nothing was measured."""
    path.unlink(missing_ok=True)
    if not any(variant.launches for variant in variants.values()):
        return {}
    import pandas as pd

    parts = [
        pd.DataFrame(
            {
                "precision": name,
                "round": launch.round,
                "position": launch.position,
                "start_s": launch.start_s,
                "latency_ms": launch.latency_ms,
            }
        )
        for name, variant in variants.items()
        for launch in variant.launches
    ]
    frame = pd.concat(parts, ignore_index=True)
    write_atomically(path, lambda partial: frame.to_parquet(partial, index=False))
    return {path.name: known_sha256(path)}
