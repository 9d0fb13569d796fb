"""Measures of a cell: read from a row of the results, and written with unit and interval."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ovlab.report.format import Estimate, estimate_text
from ovlab.specs.reporting.measures import EXACT, MEASURES


def measured(row: Mapping[Any, Any], measure: str) -> Estimate:
    """Return a measure of a cell in its column's unit, with its interval.

    Parameters
    ----------
    row : mapping
        A row of the results.
    measure : str
        One of `ovlab.specs.reporting.measures.MEASURES`.
    """
    if measure != "accuracy_drop":
        found = Estimate.of_row(row, MEASURES[measure].column or measure)
        return Estimate(found.value, found.value, found.value) if measure in EXACT else found
    gain = Estimate.of_row(row, "accuracy_delta")
    if gain.value is None or gain.low is None or gain.high is None:
        return Estimate(None if gain.value is None else _lost(gain.value))
    return Estimate(_lost(gain.value), _lost(gain.high), _lost(gain.low))


def value_text(measure: str, found: Estimate) -> str:
    """Return a value with the unit that it is shown in and its interval."""
    how = MEASURES[measure]
    if measure in EXACT:
        found = Estimate(found.value)  # without an interval it gets as many digits as are of use
    return estimate_text(found.scaled(how.scale), how.shown, least=how.least)


def _lost(gain: float) -> float:
    return 0.0 - gain  # -0.0 would be written with its sign
