"""Recorded numbers beside recomputed ones."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, is_dataclass
from typing import Any

RELATIVE, ABSOLUTE = 1e-9, 1e-12
"""How far a number may be from the recomputed one: the order of a sum differs between processors, by round-off."""
MOST_FAULTS = 20
"""Of one record or table: the first ones say enough."""


def same_number(first: float, second: float) -> bool:
    """Whether two numbers are equal up to round-off; NaN equals NaN."""
    return (math.isnan(first) and math.isnan(second)) or math.isclose(first, second, rel_tol=RELATIVE, abs_tol=ABSOLUTE)


def differences(recorded: Any, recomputed: Any, where: str) -> Iterator[str]:
    """Yield a line for each leaf of nested plain data that is not as recomputed.

    Parameters
    ----------
    recorded, recomputed : JSON-compatible
        Quantities and other dataclasses are taken as their fields.
    where : str
        What a line begins with: file and key.
    """
    recorded, recomputed = _plain(recorded), _plain(recomputed)
    if isinstance(recorded, Mapping) and isinstance(recomputed, Mapping):
        for key in [*recomputed, *(key for key in recorded if key not in recomputed)]:
            inner = f"{where}.{key}"
            if key not in recorded:
                yield f"{inner}: missing, {shown(recomputed[key])} was recomputed"
            elif key not in recomputed:
                yield f"{inner}: {shown(recorded[key])}, but there is none"
            else:
                yield from differences(recorded[key], recomputed[key], inner)
    elif isinstance(recorded, list) and isinstance(recomputed, list) and len(recorded) == len(recomputed):
        for number, (one, other) in enumerate(zip(recorded, recomputed, strict=True)):
            yield from differences(one, other, f"{where}[{number}]")
    elif not _same(recorded, recomputed):
        yield f"{where}: {shown(recorded)}, {shown(recomputed)} was recomputed"


def _same(first: Any, second: Any) -> bool:
    numbers = [isinstance(one, int | float) and not isinstance(one, bool) for one in (first, second)]
    return same_number(first, second) if all(numbers) else bool(first == second and type(first) is type(second))


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return list(value) if isinstance(value, tuple) else value


def shown(value: Any) -> str:
    """Return a value as a line quotes it: numbers in full."""
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:117]}..."


def first_faults(found: Iterator[str]) -> list[str]:
    """Return the first lines, and how many more there are."""
    lines = list(found)
    rest = len(lines) - MOST_FAULTS
    return lines if rest <= 0 else [*lines[:MOST_FAULTS], f"{lines[0].partition(':')[0]}: and {rest} more"]
