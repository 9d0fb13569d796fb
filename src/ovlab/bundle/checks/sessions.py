"""Sessions: every number of a row from the launches and their samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ovlab.bundle.checks.numbers import differences, first_faults, shown
from ovlab.bundle.checks.tables import read_table
from ovlab.errors import OvlabError
from ovlab.measure.device.inspection import precision_label
from ovlab.measure.host.noise_bounds import complaint
from ovlab.measure.parent.launches import Launch, VariantUnderTest, paired
from ovlab.measure.parent.outcome import label_complaint
from ovlab.measure.parent.quantities import session_values
from ovlab.records import Quantity, Record
from ovlab.report.records import SAMPLES
from ovlab.specs import SessionSettings
from ovlab.stats.launches import ratio_interval

NOT_RECORDED = ("compile_time_cached",)
"""Quantities of launches that leave no trace but their result."""
NANOSECONDS = 2e-9
"""Seconds by which the end of a launch may be off: its samples are kept in s and ms, its clock counted ns."""
KINDS = {"precision": "text", "round": "whole", "position": "whole", "start_s": "number", "latency_ms": "number"}
SPEEDUPS = ("speedup", "speedup_over_default")
MALFORMED = (KeyError, TypeError, ValueError, AttributeError, IndexError, ZeroDivisionError)


def check_session(record: Record, folder: Path, name: str) -> tuple[list[str], int]:
    """Recompute a session's rows.

    Parameters
    ----------
    record : Record
        Of kind ``session``.
    folder : Path
        Where its samples lie.
    name : str
        What to call it: its path in the bundle.

    Returns
    -------
    tuple of list of str and int
        A line for each number that does not follow from the samples, and how many samples there are.
    """
    try:
        return _check(record, folder, name)
    except OvlabError as error:
        return [f"{name}: {error}"], 0
    except MALFORMED as error:
        return [f"{name}: is no session ({type(error).__name__}: {error})"], 0


def _check(record: Record, folder: Path, name: str) -> tuple[list[str], int]:
    launches: Mapping[str, list[dict[str, Any]]] = record.data.get("launches", {})
    if not any(launches.values()):
        return _without_launches(record, name), 0
    if SAMPLES not in record.files:
        return [f"{name}: has launches, but names no {SAMPLES}"], 0
    samples_name = f"{name.rpartition('/')[0]}/{SAMPLES}"
    frame = read_table(folder / SAMPLES, samples_name, KINDS)
    variants: dict[str, VariantUnderTest] = {}
    faults: list[str] = []
    groups = dict(iter(frame.groupby(["precision", "round", "position"], sort=False, observed=True)))
    for precision, results in launches.items():
        variant = VariantUnderTest(request=_no_request)
        for result in results:
            rows = groups.pop((precision, result["round"], result["position"]), None)
            where = f"{name}, {precision}, round {result['round']}"
            if rows is None:
                faults.append(f"{where}: {samples_name} has no sample of this launch")
                continue
            start_s, latency_ms = (rows[key].to_numpy(dtype=np.float64) for key in ("start_s", "latency_ms"))
            launch = Launch(result["round"], result["position"], result, start_s, latency_ms)
            faults += _launch_faults(launch, where)
            variant.launches.append(launch)
        variants[precision] = variant
    faults += [
        f"{samples_name}: {len(rows)} samples of {key[0]}, round {key[1]}, of which the record knows no launch"
        for key, rows in groups.items()
    ]
    if not faults:  # else every number below would be told again
        faults = first_faults(_row_faults(record, variants, name))
    return faults, len(frame)


def _no_request(*_: object) -> Any:
    raise TypeError("a recorded launch is not made again")


def _without_launches(record: Record, name: str) -> list[str]:
    rows = record.data.get("rows", {})
    return [f"{name}, {precision}: has numbers, but no launch" for precision, row in rows.items() if row.get("values")]


def _launch_faults(launch: Launch, where: str) -> Iterator[str]:
    result, latency_ms = launch.result, launch.latency_ms
    if not (np.isfinite(latency_ms) & (latency_ms > 0)).all():
        yield f"{where}: a latency is not a positive number"
        return
    if result["samples"] != len(latency_ms):
        yield f"{where}: samples: {result['samples']}, the file has {len(latency_ms)}"
        return
    # As `ovlab.measure.child.launch` has it: from the first start to the last end.
    elapsed = float((launch.start_s + latency_ms / 1e3).max() - launch.start_s[0])
    if abs(elapsed - result["elapsed_s"]) > NANOSECONDS + 1e-9 * elapsed:
        yield f"{where}: elapsed_s: {shown(result['elapsed_s'])}, {shown(elapsed)} was recomputed from the samples"
    rate = len(latency_ms) * result["batch"] / result["elapsed_s"]
    yield from differences(result["throughput_fps"], rate, f"{where}: throughput_fps")


def _row_faults(record: Record, variants: Mapping[str, VariantUnderTest], name: str) -> Iterator[str]:
    settings = SessionSettings.model_validate(record.settings)
    rows: Mapping[str, Mapping[str, Any]] = record.data["rows"]
    values = {one: session_values(variant, []) for one, variant in variants.items() if variant.launches}
    default = _measured_as(rows, variants, settings.default_precision)
    for precision, row in rows.items():
        where = f"{name}, {precision}"
        if not row["values"]:
            continue
        measured = precision if precision in values else _measured_as(rows, variants, precision)
        if measured is None or measured not in values:
            yield f"{where}: has numbers, but no launch"
            continue
        recomputed = dict(values[measured])
        for key, base in zip(SPEEDUPS, (settings.reference, default), strict=True):
            if base in values and (key in row["values"] or not _is_mislabelled(rows[base])):
                recomputed[key] = _speedup(variants, measured, base)
        own = {key: value for key, value in row["values"].items() if key not in NOT_RECORDED}
        expected = {key: value for key, value in recomputed.items() if key not in NOT_RECORDED}
        yield from differences(own, expected, where)
        yield from _label_faults(settings, precision, row, where)
        noisy = complaint(settings.measurement.noise, variants[measured].launches)
        if noisy and noisy not in row["reason"]:
            yield f"{where}: reason: {shown(row['reason'])}, but its launches were {noisy}"


def _speedup(variants: Mapping[str, VariantUnderTest], measured: str, base: str) -> Quantity:
    if measured == base:
        return Quantity(1.0, "ratio", 1.0, 1.0)
    return Quantity.of(ratio_interval(*paired(variants[measured], variants[base])), "ratio")


def _measured_as(
    rows: Mapping[str, Mapping[str, Any]], variants: Mapping[str, VariantUnderTest], precision: str | None
) -> str | None:
    """Return the precision whose launches a row tells of: one that is executed exactly as another has its numbers."""
    if precision is None or (precision in variants and variants[precision].launches):
        return precision
    reason = rows.get(precision, {}).get("reason", "")
    return next((one for one in variants if f"executed exactly as {one} (" in reason), None)


def _is_mislabelled(row: Mapping[str, Any]) -> bool:
    return bool(row["status"] == "failed")


def _label_faults(settings: SessionSettings, precision: str, row: Mapping[str, Any], where: str) -> Iterator[str]:
    """Yield what is wrong with the label of a row: the precision that was executed."""
    effective = row["effective"]
    label = precision_label(effective["executed_shares"])
    yield from differences(effective["executed_precision"], label, f"{where}: executed_precision")
    wrong = label_complaint(settings.precisions[precision], label, settings.device, effective["executed_shares"])
    if wrong and row["status"] == "ok":
        yield f"{where}: status: 'ok', but {wrong}"
