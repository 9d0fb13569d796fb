"""The results: one row a cell, from the records of an experiment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from ovlab.records import Record
from ovlab.report.records import Records
from ovlab.report.repeated_calibration import failed_calibration, missed_target, seed_spread
from ovlab.specs import Cell, ReportSettings

MISSING = "its record is missing"
NOISY, ALSO = "noisy: ", "; also: "  # what a session begins a reason with, and what it puts before another remark
HEADLINE_SCENARIO = "single_stream"
# The columns that others rely on (docs/results.md says what each is); further ones follow them.
COLUMNS = [
    "experiment",
    "model",
    "dataset",
    "precision",
    "device",
    "scenario",
    "status",
    "reason",
    "metric",
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "accuracy_delta",
    "accuracy_delta_low",
    "accuracy_delta_high",
    "samples",
    "latency_ms_p50",
    "latency_ms_p50_low",
    "latency_ms_p50_high",
    "latency_ms_p90",
    "latency_ms_p99",
    "throughput_fps",
    "throughput_fps_low",
    "throughput_fps_high",
    "speedup",
    "speedup_low",
    "speedup_high",
    "batch",
    "infer_requests",
    "streams",
    "threads",
    "execution_devices",
    "executed_precision",
    "int8_time_share",
    "model_size_mb",
    "compile_ms",
    "first_inference_ms",
    "peak_rss_mb",
    "run_id",
]
EXTRA_COLUMNS = [
    "host",
    "speedup_over_default",
    "speedup_over_default_low",
    "speedup_over_default_high",
    "latency_ms_p95",
    "latency_ms_max",
    "top5",
    "agreement",
    "accuracy_p",
    "detectable_drop",
    "launches",
    "timed_inferences",
    "cpu_ms_per_image",
    "cpu_s_per_inference",
    "energy_mj_per_inference",
    "energy_mj_per_inference_psys",
    "compile_cached_ms",
    "steady_rss_mb",
    "offered_rate",
    "max_rate",
    "max_rate_low",
    "max_rate_high",
    "capacity",
    "dispatch_lag_ms_p99",
    "spread_between_launches",
    "slowest_over_best",
    "spread_within_launches",
    "executed_int8_mac_share",
    "int8_layer_share",
    "compute_time_share",
    "compute_time_share_low",
    "compute_time_share_high",
    "bandwidth_time_share",
    "bandwidth_time_share_low",
    "bandwidth_time_share_high",
    "noisy_launches",
    "other_load",
    "steal",
    "calibration_seeds",
    "accuracy_min",
    "accuracy_max",
    "accuracy_std",
    "accuracy_by_seed",
    "accuracy_device",
    "accuracy_run_id",
    "variant_run_id",
    "differs",
]
COUNTS = [
    "samples",
    "batch",
    "infer_requests",
    "streams",
    "threads",
    "launches",
    "timed_inferences",
    "noisy_launches",
    "calibration_seeds",
]
# Column to quantity of the accuracy record, with its bounds where the column has some.
ACCURACY = {"accuracy": "accuracy", "accuracy_delta": "accuracy_delta", "samples": "samples", "top5": "top5"} | {
    "agreement": "agreement",
    "accuracy_p": "accuracy_p",
    "detectable_drop": "detectable_drop",
}
SESSION = {
    "latency_ms_p50": "latency_p50",
    "latency_ms_p90": "latency_p90",
    "latency_ms_p95": "latency_p95",
    "latency_ms_p99": "latency_p99",
    "latency_ms_max": "latency_max",
    "throughput_fps": "throughput",
    "speedup": "speedup",
    "speedup_over_default": "speedup_over_default",
    "batch": "batch",
    "infer_requests": "infer_requests",
    "compile_ms": "compile_time",
    "first_inference_ms": "first_inference",
    "peak_rss_mb": "peak_rss",
    "launches": "launches",
    "timed_inferences": "timed_inferences",
    "cpu_ms_per_image": "cpu_time_per_image",
    "cpu_s_per_inference": "cpu_time_per_inference",
    "energy_mj_per_inference": "energy_package",
    "energy_mj_per_inference_psys": "energy_psys",
    "compile_cached_ms": "compile_time_cached",
    "steady_rss_mb": "steady_rss",
    "offered_rate": "offered_rate",
    "max_rate": "max_rate",
    "capacity": "capacity",
    "dispatch_lag_ms_p99": "dispatch_lag_p99",
    "spread_between_launches": "spread_between_launches",
    "slowest_over_best": "slowest_over_best",
    "spread_within_launches": "spread_within_launches",
    "noisy_launches": "noisy_launches",
    "other_load": "other_load",
    "steal": "steal",
}


def results_frame(settings: ReportSettings, records: Records) -> pd.DataFrame:
    """Make the results: one row a cell, in the experiment's order.

    Parameters
    ----------
    settings : ReportSettings
        The experiment.
    records : Records
        What its steps left.

    Returns
    -------
    DataFrame
        With at least the columns of the contract; fractions in 0..1, times in ms, sizes in MB (10^6 bytes). What is
        not known is missing, never 0.
    """
    rows = [_row(settings, cell, records.of_host(cell.host)) for cell in settings.experiment.cells()]
    frame = pd.DataFrame(rows, columns=[*COLUMNS, *EXTRA_COLUMNS])
    return frame.astype(dict.fromkeys(COUNTS, "Int64"))


def _row(settings: ReportSettings, cell: Cell, records: Records) -> dict[str, Any]:
    row: dict[str, Any] = {"experiment": settings.name, **cell._asdict()}
    row["dataset"] = settings.models[cell.model].dataset
    variant = records.variants.get((cell.model, cell.precision))
    accuracy = records.accuracy_of(settings, cell)
    session = records.sessions.get((cell.model, cell.device, cell.scenario, cell.host))
    row |= _with_calibration(cell, _status(cell, variant, accuracy, session), records, accuracy)
    if variant is not None and variant.ok:
        row["model_size_mb"] = variant.value("model_size")
    if accuracy is not None and accuracy.ok:
        row["metric"] = accuracy.data["metric"] or None
        row["accuracy_device"] = accuracy.data.get("device")
        row |= _quantities(_plain_quantities(accuracy), ACCURACY)
        if cell.precision == settings.reference and row.get("accuracy") is not None:
            row |= {"accuracy_delta": 0.0, "accuracy_delta_low": 0.0, "accuracy_delta_high": 0.0}
        if not records.validates_apart(settings, cell.device):  # of a device's own only the measured one is validated
            row |= seed_spread(records, cell.model, cell.precision)
    row |= {f"{one.kind}_run_id": one.run_id for one in (variant, accuracy) if one is not None}
    if session is not None:
        row["run_id"] = session.run_id
        row |= _session_part(cell, settings, session)
    if row["status"] == "ok":
        row |= _profile_part(cell, records.profiles.get((cell.model, cell.device, cell.host)))
    return row | ({"differs": "; ".join(records.merged.marks(cell))} if records.merged is not None else {})


def _status(cell: Cell, variant: Record | None, accuracy: Record | None, session: Record | None) -> dict[str, str]:
    """Tell how a cell went: it fails if any step on its way failed."""
    outcome = session.data.get("rows", {}).get(cell.precision) if session is not None else None
    if outcome is None:
        reason = session.reason if session is not None and session.reason else MISSING
        return {"status": "failed", "reason": f"benchmark: {reason}"}
    if outcome["status"] == "ok" and (accuracy is None or not accuracy.ok):
        status = accuracy.status if accuracy is not None else "failed"
        return {"status": status, "reason": f"validation: {accuracy.reason if accuracy is not None else MISSING}"}
    if outcome["status"] == "ok" and variant is not None and variant.status == "failed":
        return {"status": "failed", "reason": f"variant: {variant.reason}"}
    return {"status": outcome["status"], "reason": outcome["reason"]}


def _with_calibration(cell: Cell, outcome: dict[str, str], records: Records, accuracy: Record | None) -> dict[str, str]:
    """Add what calibration has to say: a repetition that failed, an accuracy target that was missed."""
    if outcome["status"] != "ok":
        return outcome
    if failed := failed_calibration(records, cell.model, cell.precision):
        return {"status": "failed", "reason": failed}
    variant = records.variants.get((cell.model, cell.precision))
    reasons = [outcome["reason"], missed_target(records, cell.model, cell.precision), *_remarks(accuracy, variant)]
    known = [reason for reason in reasons if reason]
    if known[:1] == [outcome["reason"]] and outcome["reason"].startswith(NOISY) and ALSO not in outcome["reason"]:
        return {"status": "ok", "reason": ALSO.join([known[0], "; ".join(known[1:])]) if known[1:] else known[0]}
    return {"status": "ok", "reason": "; ".join(known)}


def _remarks(accuracy: Record | None, variant: Record | None) -> list[str]:
    """Return what is to be known of the images: those that are validated on, then those that calibrated."""
    validated = list(accuracy.data.get("remarks", [])) if accuracy is not None else []
    calibrated = variant.data.get("remarks", []) if variant is not None else []
    return [*validated, *(f"calibration: {remark}" for remark in calibrated if remark not in validated)]


def _plain_quantities(record: Record) -> dict[str, Mapping[str, Any]]:
    """Return a record's quantities as plain dictionaries, as a session's rows hold theirs."""
    return {name: vars(quantity) for name, quantity in record.values.items()}


def _quantities(values: Mapping[str, Mapping[str, Any]], names: Mapping[str, str]) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for column, name in names.items():
        if (quantity := values.get(name)) is None:
            continue
        row[column] = quantity["value"]
        for bound in ("low", "high"):
            if f"{column}_{bound}" in {*COLUMNS, *EXTRA_COLUMNS}:
                row[f"{column}_{bound}"] = quantity[bound]
    return row


def _session_part(cell: Cell, settings: ReportSettings, session: Record) -> dict[str, Any]:
    outcome = session.data.get("rows", {}).get(cell.precision)
    if outcome is None or not outcome["values"]:
        return {}
    row = _quantities(outcome["values"], SESSION)
    effective = outcome["effective"]
    inner: dict[str, Any] = next(iter(effective["members"].values()), {})
    row["streams"] = _whole_number(effective.get("NUM_STREAMS", inner.get("NUM_STREAMS")))
    row["threads"] = _whole_number(effective.get("INFERENCE_NUM_THREADS", inner.get("INFERENCE_NUM_THREADS")))
    row["execution_devices"] = "+".join(effective.get("EXECUTION_DEVICES", []))
    row["executed_precision"] = effective["executed_precision"]
    row["executed_int8_mac_share"] = effective["executed_shares"].get("i8", 0.0)
    if cell.precision == settings.reference:
        row |= {"speedup": 1.0, "speedup_low": 1.0, "speedup_high": 1.0}
    return row


def _profile_part(cell: Cell, profile: Record | None) -> dict[str, Any]:
    """Return what the profile of the layers says; nothing where they were not profiled."""
    found = profile.data.get("variants", {}).get(cell.precision) if profile is not None and profile.ok else None
    if found is None or found["status"] != "ok":
        return {}
    shares, explained = found["coverage"]["shares"], found["verdict"]["shares"]
    row = {"int8_time_share": shares["time"]["value"], "int8_layer_share": shares["layers"]["value"]}
    for part in ("compute", "bandwidth"):
        row |= _quantities({part: explained[part]}, {f"{part}_time_share": part})
    return row | ({"executed_precision": found["executed_precision"]} if found["executed_precision"] else {})


def _whole_number(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError):
        return None


def headline_scenario(ok: pd.DataFrame) -> str:
    """Return the scenario that findings begin with: ``single_stream`` where it was measured, else the first."""
    names = list(ok["scenario"].unique())
    return HEADLINE_SCENARIO if HEADLINE_SCENARIO in names or not names else names[0]


def absent_devices(frame: pd.DataFrame) -> list[str]:
    """Return the devices of which no cell could be measured since they are not there."""
    devices = frame.groupby("device", sort=False)
    return [str(device) for device, rows in devices if (rows["status"] == "unavailable").all()]


def rows_of(frame: pd.DataFrame) -> list[dict[Any, Any]]:
    """Return rows of the results as dictionaries by column.

    As ``to_dict("records")`` does, which takes many times as long for the few rows of a hundred columns that sections
    ask for again and again.
    """
    columns = list(frame.columns)
    rows = frame.to_numpy(dtype=object)
    return [{name: None if one is pd.NA else one for name, one in zip(columns, row, strict=True)} for row in rows]
