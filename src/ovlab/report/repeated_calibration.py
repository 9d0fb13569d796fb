"""Repeated calibrations and accuracy targets: what they mean for a row of the results."""

from __future__ import annotations

from statistics import stdev
from typing import Any

from ovlab.report.records import Records


def seed_spread(records: Records, model: str, precision: str) -> dict[str, Any]:
    """Return the spread of accuracy over repeated calibrations; empty if there was only one, or one has no accuracy.

    Returns
    -------
    dict
        ``calibration_seeds`` (how many), ``accuracy_min``, ``accuracy_max``, ``accuracy_std`` (sample standard
        deviation, fractions), ``accuracy_by_seed`` (all, in the order of the seeds, joined by ``;``).
    """
    repeated = records.validations(model, precision)
    values = [one.value("accuracy") for one in repeated if one.ok]
    known = [value for value in values if value is not None]
    if len(repeated) < 2 or len(known) < 2:
        return {}
    return {
        "calibration_seeds": len(known),
        "accuracy_min": min(known),
        "accuracy_max": max(known),
        "accuracy_std": stdev(known),
        "accuracy_by_seed": ";".join(repr(value) for value in known),
    }


def failed_calibration(records: Records, model: str, precision: str) -> str:
    """Say which of the repeated calibrations failed, empty if none did."""
    for one in records.validations(model, precision)[1:]:
        if not one.ok:
            return f"calibration with seed {one.settings.get('calibration_seed')}: {one.reason}"
    return ""


def missed_target(records: Records, model: str, precision: str) -> str:
    """Say that the measured variant missed its accuracy target, empty if it did not."""
    record = records.variants.get((model, precision))
    ledger = record.data.get("accuracy_control") if record is not None else None
    return str(ledger["complaint"]) if ledger else ""
