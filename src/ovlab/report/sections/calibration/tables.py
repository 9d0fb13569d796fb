"""What calibration did: the ledger of accuracy control, and how accuracy varies with the calibration images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ovlab.records import Record
from ovlab.report.columns import CI, PRECISION
from ovlab.report.format import MISSING, Estimate
from ovlab.report.records import Records
from ovlab.report.repeated_calibration import seed_spread
from ovlab.report.table import Column, Entry, Runs, Table
from ovlab.specs import ReportSettings

MODEL = Column("model", "model")
SEED = Column("seed", "seed", numeric=True, whole=True)


def _percent(key: str, title: str, **others: Any) -> Column:
    return Column(key, title, "%", numeric=True, scale=100, least=2, **others)


def _points(key: str, title: str, **others: Any) -> Column:
    return Column(key, title, "points", numeric=True, scale=100, least=2, **others)


def _controlled(settings: ReportSettings, records: Records) -> Iterator[tuple[str, str, Record, dict[str, Any]]]:
    for model in settings.experiment.models:
        for precision in settings.experiment.precisions:
            for record in records.calibrations(model, precision):
                if ledger := record.data.get("accuracy_control"):
                    yield model, precision, record, ledger


def control_table(settings: ReportSettings, records: Records) -> Table:
    """Make the table of accuracy control: target, outcome on the control images and on the validation images."""
    columns = [
        MODEL,
        PRECISION,
        SEED,
        Column("allowed", "allowed drop"),
        Column("control_images", "images", numeric=True, whole=True),
        _percent("control_reference", settings.reference),
        _percent("control_quantised", "all INT8"),
        _percent("control_accuracy", "as kept"),
        _points("control_delta", "control", interval=True, signed=True),
        Column("target", "target"),
        _points("accuracy_delta", "validation", interval=True, signed=True),
        Column("reverted", "reverted", numeric=True, whole=True),
        Column("stopped", "ended"),
    ]
    rows: list[list[Entry]] = []
    for model, precision, record, ledger in _controlled(settings, records):
        values = record.values
        delta = values["control_delta"]
        seed = record.settings.get("seed")
        validation = records.validation(model, precision, seed)
        final = validation.values.get("accuracy_delta") if validation is not None else None
        rows.append(
            [
                model,
                precision,
                Estimate.of(seed),
                f"{allowed_drop(ledger)}, {ledger['metric']}",
                Estimate.of(values["control_samples"].value),
                Estimate.of(values["control_reference"].value),
                Estimate.of(ledger["steps"][0]["accuracy"] if ledger["steps"] else None),
                Estimate.of(values["control_accuracy"].value),
                Estimate.of(delta.value, delta.low, delta.high),
                "met" if ledger["met"] else "MISSED",
                Estimate.of(final.value, final.low, final.high) if final is not None else Estimate(None),
                Estimate.of(values["reverted_operations"].value),
                ledger["stopped"],
            ]
        )
    caption = (
        "Accuracy control: the metric on the control images (FP32, fully quantised, as kept), its change against "
        f"{settings.reference} on the control and on the validation images, the "
        "number of operations that were reverted to floating point, and what ended the search. The search looks at the "
        "control images only; the validation images, which no step of it has seen, tell whether the target holds on "
        f"others. {CI}."
    )
    return Table("accuracy_control", caption, columns, rows, 1, made_from=("variant", "accuracy"))


def allowed_drop(ledger: dict[str, Any]) -> str:
    """Say how much accuracy may be lost."""
    number = f"{100 * ledger['max_drop']:.3g}"
    return f"{number} points" if ledger["drop_type"] == "absolute" else f"{number} % of the reference’s"


def ledger_table(settings: ReportSettings, records: Records) -> Table:
    """Make the ledger: one row a step of each search, in its order."""
    columns = [
        Column("variant", "variant"),
        Column("step", "step", numeric=True, whole=True),
        Column("reverted", "reverted to floating point", width=r"0.4\linewidth"),
        _percent("accuracy", "accuracy, control"),
        _points("drop", "drop"),
        Column("kept", "outcome"),
        Column("seconds", "after", "s", numeric=True),
    ]
    rows: list[list[Entry]] = []
    runs: list[Runs] = []
    for model, precision, record, ledger in _controlled(settings, records):
        name = f"{model} {precision}, seed {record.settings.get('seed')}"
        runs += [(record.run_id,)] * len(ledger["steps"])
        for step in ledger["steps"]:
            rows.append(
                [
                    name,
                    Estimate.of(step["step"]),
                    ", ".join(step["reverted"]) or "nothing: all layers quantised",
                    Estimate.of(step["accuracy"]),
                    Estimate.of(step["drop"]),
                    _outcome(step, ledger),
                    Estimate.of(step["seconds"]),
                ]
            )
    caption = (
        "Ledger of accuracy control: what was given back to floating point, in this order, and the accuracy on the "
        "control images afterwards. A step that was undone is no part of the variant."
    )
    return Table("ledger", caption, columns, rows, 1, runs=runs)


def _outcome(step: dict[str, Any], ledger: dict[str, Any]) -> str:
    if step["step"] == ledger["kept_step"]:
        return "the variant"
    if step["accuracy"] is None:
        return "not judged: out of time"
    return "kept" if step["kept"] else "undone"


def seeds_table(settings: ReportSettings, records: Records) -> Table:
    """Make the table of repeated calibrations: the accuracy's spread over calibration images."""
    columns = [
        MODEL,
        PRECISION,
        Column("metric", "metric"),
        _percent("accuracy", "accuracy", interval=True),
        Column("calibration_seeds", "calibrations", numeric=True, whole=True),
        Column("variants", "different variants", numeric=True, whole=True),
        _percent("accuracy_min", "least"),
        _percent("accuracy_max", "most"),
        _points("accuracy_std", "standard deviation"),
        Column("accuracy_by_seed", "each, in %"),
    ]
    rows: list[list[Entry]] = []
    for model in settings.experiment.models:
        for precision in settings.experiment.precisions:
            spread = seed_spread(records, model, precision)
            main = records.accuracies.get((model, precision))
            if not spread or main is None or not main.ok:
                continue
            value = main.values["accuracy"]
            hashes = {one.data.get("sha256", {}).get("model.bin") for one in records.calibrations(model, precision)}
            rows.append(
                [
                    model,
                    precision,
                    main.data["metric"] or MISSING,
                    Estimate.of(value.value, value.low, value.high),
                    Estimate.of(spread["calibration_seeds"]),
                    Estimate.of(len(hashes - {None})),
                    Estimate.of(spread["accuracy_min"]),
                    Estimate.of(spread["accuracy_max"]),
                    Estimate.of(spread["accuracy_std"]),
                    ", ".join(f"{100 * float(one):.2f}" for one in spread["accuracy_by_seed"].split(";")),
                ]
            )
    caption = (
        "Is it luck? Calibration repeated with other calibration images, all validated on the same images. The "
        f"accuracy with its interval is that of the first, which was measured for speed. {CI}."
    )
    return Table("calibration_seeds", caption, columns, rows, 1, made_from=("accuracy", "variant"))


def missed_targets(settings: ReportSettings, records: Records) -> list[str]:
    """Say of every variant whose target was missed, also of repeated calibrations, that it was."""
    return [
        f"{model} {precision}, seed {record.settings.get('seed')}: {ledger['complaint']}."
        for model, precision, record, ledger in _controlled(settings, records)
        if ledger["complaint"]
    ]
