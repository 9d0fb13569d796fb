"""From the records of an experiment to one row a cell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from ovlab.errors import OvlabError, one_line
from ovlab.records import Record
from ovlab.report.seeds import failed_calibration, missed_target, seed_spread
from ovlab.specs import Cell, ReportSettings

MISSING = "its record is missing"
SAMPLES = "samples.parquet"
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
    "noisy_launches",
    "other_load",
    "steal",
    "calibration_seeds",
    "accuracy_min",
    "accuracy_max",
    "accuracy_std",
    "accuracy_by_seed",
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


@dataclass
class Records:
    """The records of an experiment, by the names in their settings.

    `folders` is where sessions keep their samples, `accuracy_folders` where validations keep their predictions.
    Where calibration is repeated, `variants`, `accuracies` and `accuracy_folders` hold the first of each, which is the
    one that is measured; `repeated` holds all of them, by (kind, model, precision).
    """

    sources: list[Record] = field(default_factory=list)
    variants: dict[tuple[str, str], Record] = field(default_factory=dict)
    accuracies: dict[tuple[str, str], Record] = field(default_factory=dict)
    sessions: dict[tuple[str, str, str], Record] = field(default_factory=dict)
    folders: dict[tuple[str, str, str], Path] = field(default_factory=dict)
    accuracy_folders: dict[tuple[str, str], Path] = field(default_factory=dict)
    repeated: dict[tuple[str, str, str], list[Record]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        sources: Iterable[Record],
        variants: Iterable[Record],
        accuracies: Iterable[Record],
        sessions: Iterable[Record],
        session_folders: Iterable[Path] = (),
        accuracy_folders: Iterable[Path] = (),
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
        """
        sessions, accuracies = list(sessions), list(accuracies)

        def key(record: Record, *names: str) -> tuple[str, ...]:
            return tuple(record.settings[f"{name}_name"] for name in names)

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
            {key(one, "model", "device", "scenario"): one for one in sessions},  # type: ignore[misc]
            {
                key(one, "model", "device", "scenario"): folder  # type: ignore[misc]
                for one, folder in zip(sessions, session_folders, strict=False)
            },
            {
                key(one, "model", "precision"): folder  # type: ignore[misc]
                for one, folder in reversed(list(zip(accuracies, accuracy_folders, strict=False)))
            },
            repeated,
        )

    def calibrations(self, model: str, precision: str) -> list[Record]:
        """Return the variants that repeated calibrations made, that which is measured first."""
        return self.repeated.get(("variant", model, precision), [])

    def validations(self, model: str, precision: str) -> list[Record]:
        """Return the accuracies of these variants."""
        return self.repeated.get(("accuracy", model, precision), [])

    def validation(self, model: str, precision: str, seed: int | None) -> Record | None:
        """Return the accuracy of the variant that was calibrated with a seed."""
        found = (one for one in self.validations(model, precision) if one.settings.get("calibration_seed") == seed)
        return next(found, None)

    def samples(self, model: str, device: str, scenario: str) -> pd.DataFrame | None:
        """Return all samples of a session (precision, round, position, start_s, latency_ms), None if not at hand.

        Raises
        ------
        OvlabError
            If the file is there but cannot be read.
        """
        folder = self.folders.get((model, device, scenario))
        path = folder / SAMPLES if folder is not None else None
        if path is None or not path.exists():
            return None
        try:
            return pd.read_parquet(path)
        except (OSError, ValueError) as error:
            raise OvlabError(f"{path}: cannot be read as samples of a session ({one_line(error)})") from None

    def everything(self) -> list[Record]:
        """Return all records: sources, variants, accuracies, sessions."""
        repeated = [record for records in self.repeated.values() for record in records]
        return [*self.sources, *repeated, *self.sessions.values()]


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
    rows = [_row(settings, cell, records) for cell in settings.experiment.cells()]
    frame = pd.DataFrame(rows, columns=[*COLUMNS, *EXTRA_COLUMNS])
    return frame.astype(dict.fromkeys(COUNTS, "Int64"))


def _row(settings: ReportSettings, cell: Cell, records: Records) -> dict[str, Any]:
    row: dict[str, Any] = {"experiment": settings.name, **cell._asdict()}
    row["dataset"] = settings.models[cell.model].dataset
    variant = records.variants.get((cell.model, cell.precision))
    accuracy = records.accuracies.get((cell.model, cell.precision))
    session = records.sessions.get((cell.model, cell.device, cell.scenario))
    row |= _with_calibration(cell, _status(cell, accuracy, session), records)
    if variant is not None and variant.ok:
        row["model_size_mb"] = variant.value("model_size")
    if accuracy is not None and accuracy.ok:
        row["metric"] = accuracy.data["metric"] or None
        row |= _quantities(vars_of(accuracy), ACCURACY)
        if cell.precision == settings.reference and row.get("accuracy") is not None:
            row |= {"accuracy_delta": 0.0, "accuracy_delta_low": 0.0, "accuracy_delta_high": 0.0}
        row |= seed_spread(records, cell.model, cell.precision)
    if session is not None:
        row["run_id"] = session.run_id
        row |= _session_part(cell, settings, session)
    return row


def _status(cell: Cell, accuracy: Record | None, session: Record | None) -> dict[str, str]:
    """Tell how a cell went: it fails if any step on its way failed."""
    outcome = session.data.get("rows", {}).get(cell.precision) if session is not None else None
    if outcome is None:
        reason = session.reason if session is not None and session.reason else MISSING
        return {"status": "failed", "reason": f"benchmark: {reason}"}
    if outcome["status"] == "ok" and (accuracy is None or not accuracy.ok):
        status = accuracy.status if accuracy is not None else "failed"
        return {"status": status, "reason": f"validation: {accuracy.reason if accuracy is not None else MISSING}"}
    return {"status": outcome["status"], "reason": outcome["reason"]}


def _with_calibration(cell: Cell, outcome: dict[str, str], records: Records) -> dict[str, str]:
    """Add what calibration has to say: a repetition that failed, an accuracy target that was missed."""
    if outcome["status"] != "ok":
        return outcome
    if failed := failed_calibration(records, cell.model, cell.precision):
        return {"status": "failed", "reason": failed}
    reasons = [outcome["reason"], missed_target(records, cell.model, cell.precision)]
    return {"status": "ok", "reason": "; ".join(reason for reason in reasons if reason)}


def vars_of(record: Record) -> dict[str, Mapping[str, Any]]:
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
    row["streams"] = _number(effective.get("NUM_STREAMS", inner.get("NUM_STREAMS")))
    row["threads"] = _number(effective.get("INFERENCE_NUM_THREADS", inner.get("INFERENCE_NUM_THREADS")))
    row["execution_devices"] = "+".join(effective.get("EXECUTION_DEVICES", []))
    row["executed_precision"] = effective["executed_precision"]
    row["executed_int8_mac_share"] = effective["executed_shares"].get("i8", 0.0)
    if cell.precision == settings.reference:
        row |= {"speedup": 1.0, "speedup_low": 1.0, "speedup_high": 1.0}
    return row


def _number(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError):
        return None
