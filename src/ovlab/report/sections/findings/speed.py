"""How fast a precision is, in sentences: against the reference, against the device's default, under other loads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from ovlab.arithmetic import TITLES
from ovlab.report.format import Estimate, counted, estimate_text, joined, show


def verdict(speedup: Estimate) -> str:
    """Return ``faster``, ``slower``, ``same`` (no difference could be measured) or ``unknown`` (no interval)."""
    if speedup.value is None or speedup.low is None:
        return "unknown"
    if speedup.contains(1):
        return "same"
    return "faster" if speedup.value > 1 else "slower"


def over_default_sentences(rows: list[dict[Any, Any]], defaults: Mapping[tuple[str, str], str]) -> list[str]:
    """Say how fast a precision is against what the devices do by themselves.

    Parameters
    ----------
    rows : list of dict
        Rows of the results.
    defaults : mapping
        By device and scenario, what the device's default is executed in; empty where it does not tell.

    Returns
    -------
    list of str
        Empty where no default was measured.
    """
    sentences = []
    for row in rows:
        speedup = Estimate.of_row(row, "speedup_over_default")
        if speedup.value is None or speedup.low is None:
            continue
        device, executed = row["device"], defaults.get((row["device"], row["scenario"]), "")
        title = "+".join(TITLES.get(one, one) for one in executed.split("+"))
        own = f"OpenVINO’s default on {device}{f' ({title})' if title else ''}"
        number = estimate_text(speedup, least=1)
        if speedup.exact:
            sentences.append(f"It is executed as {own}.")
        elif verdict(speedup) == "same":
            sentences.append(f"No difference in speed from {own} could be measured ({number} times as fast).")
        else:
            slower = "Slower than the default: " if verdict(speedup) == "slower" else ""
            sentences.append(f"{slower}{number} times as fast as {own}.")
    return sentences


def speed_sentences(rows: list[dict[Any, Any]], reference: str) -> list[str]:
    """Say how fast a precision is against the reference: one sentence for all devices with the same verdict."""
    verdicts: dict[str, list[dict[Any, Any]]] = {}
    for row in rows:
        verdicts.setdefault(verdict(Estimate.of_row(row, "speedup")), []).append(row)
    return [_speed_sentence(outcome, group, reference) for outcome, group in verdicts.items()]


def _speed_sentence(outcome: str, rows: list[dict[Any, Any]], reference: str) -> str:
    numbers = [(row["device"], estimate_text(Estimate.of_row(row, "speedup"), least=1)) for row in rows]
    if outcome in {"faster", "slower"}:
        (device, number), *others = numbers
        parts = [f"{number} times as fast as {reference} on {device}", *(f"{n} times on {d}" for d, n in others)]
        return f"{'Slower: ' if outcome == 'slower' else ''}{joined(parts)}."
    if outcome == "same":
        parts = [f"{device} ({number} times as fast)" for device, number in numbers]
        return f"No difference in speed from {reference} could be measured on {joined(parts)}."
    return joined([_unknown_speed(row, reference) for row in rows]) + "."


def _unknown_speed(row: dict[Any, Any], reference: str) -> str:
    speedup, device = Estimate.of_row(row, "speedup"), row["device"]
    if speedup.value is None:
        if pd.notna(row.get("offered_rate")):
            return f"On {device} no speed-up is known, since no highest rate was found for both it and {reference}"
        return f"On {device} no speed-up is known, since {reference} was not measured there"
    made = f" after {counted(int(row['launches']), 'launch')}" if pd.notna(row.get("launches")) else ""
    return (
        f"{show(speedup).value} times as fast as {reference} on {device}, its interval unknown{made}: no evidence yet"
    )


def other_scenarios(rows: list[dict[Any, Any]], headline: list[dict[Any, Any]]) -> list[str]:
    """Say how the rows of other scenarios differ from those of the headline, or that they do not."""
    heads = {row["device"]: Estimate.of_row(row, "speedup") for row in headline}
    same: dict[str, list[str]] = {}
    different: list[str] = []
    for row in rows:
        speedup, head = Estimate.of_row(row, "speedup"), heads.get(row["device"])
        if head is not None and _overlap(head, speedup) and verdict(head) == verdict(speedup):
            same.setdefault(row["device"], []).append(row["scenario"])
            continue
        doubt = {"same": ", no difference measured", "unknown": ", interval unknown"}.get(verdict(speedup), "")
        number = "unknown" if speedup.value is None else f"{estimate_text(speedup, least=1)} times"
        different.append(f"{number} ({row['scenario']} on {row['device']}{doubt})")
    devices: dict[tuple[str, ...], list[str]] = {}
    for device, scenarios in same.items():
        devices.setdefault(tuple(scenarios), []).append(device)
    where = [f"{joined(list(scenarios))} on {joined(names)}" for scenarios, names in devices.items()]
    sentences = [f"The same, within the intervals, under {'; '.join(where)}."] if where else []
    return sentences + ([f"Other loads: {'; '.join(different)}."] if different else [])


def _overlap(first: Estimate, second: Estimate) -> bool:
    if first.low is None or first.high is None or second.low is None or second.high is None:
        return False
    return first.low <= second.high and second.low <= first.high
