"""Which variant of a model is best, in one sentence that says nothing that was not measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from ovlab.report.format import Estimate, estimate_text, interval_text, joined, show, typographic
from ovlab.report.records import Records
from ovlab.report.results import headline_scenario, rows_of
from ovlab.report.sections.findings.speed import verdict
from ovlab.report.task_words import metric_title
from ovlab.specs import ReportSettings, default_precision
from ovlab.stats.launches import ratio_interval

FEWEST_ROUNDS = 2
Row = dict[Any, Any]
Launch = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer for a model: what matters most, its interval, the rest of the sentence, and what is to be added."""

    model: str
    scenario: str
    lead: str
    interval: str = ""
    rest: str = "."
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Best:
    """The fastest variant of a model.

    Attributes
    ----------
    row : dict
        Its row of the results.
    others : list of dict
        The other variants on the same device, by falling speed.
    lossless : dict, optional
        The fastest without a measured loss of accuracy, where the fastest of all has one.
    """

    row: Row
    others: list[Row]
    lossless: Row | None = None


def answers(settings: ReportSettings, ok: pd.DataFrame, records: Records) -> list[Answer]:
    """Answer for each model with a measured cell and each host, in the experiment's order.

    Parameters
    ----------
    settings : ReportSettings
        The experiment.
    ok : DataFrame
        The results' rows with status ``ok``.
    records : Records
        The sessions' launches, by whose rounds variants are compared.
    """
    found = []
    for (model, host), cells in ok.groupby(["model", "host"], sort=False):
        one = _answer(settings, str(model), cells, records)
        found.append(one if len(records.hosts) < 2 else replace(one, scenario=f"{one.scenario}, {host}"))
    return found


def best_variant(cells: pd.DataFrame, reference: str) -> Best | None:
    """Find the fastest variant under the headline scenario, on the first device with a speed-up.

    Parameters
    ----------
    cells : DataFrame
        The measured cells of one model.

    Returns
    -------
    Best or None
        None if no speed-up is known.
    """
    headline = cells[(cells["scenario"] == headline_scenario(cells)) & cells["speedup"].notna()]
    rows = rows_of(headline[headline["precision"] != reference])
    rows = [row for row in rows if row["device"] == rows[0]["device"]]
    if not rows:
        return None
    ordered = sorted(rows, key=lambda row: -float(row["speedup"]))
    best, *others = ordered
    lossless = next((row for row in ordered if not _loses(row)), None) if _loses(best) else None
    return Best(best, others, lossless)


def _speedup(row: Row) -> Estimate:
    return Estimate.of_row(row, "speedup")


def _loses(row: Row) -> bool:
    delta = Estimate.of_row(row, "accuracy_delta")
    return delta.high is not None and delta.high < 0


def _answer(settings: ReportSettings, model: str, cells: pd.DataFrame, records: Records) -> Answer:
    scenario, reference = headline_scenario(cells), settings.reference
    best = best_variant(cells, reference)
    if best is None:
        return Answer(model, scenario, "No speed-up is known", rest=_only_latency(cells, scenario))
    speedup, device, name = _speedup(best.row), best.row["device"], best.row["precision"]
    number = show(speedup, least=1)
    outcome = verdict(speedup)
    if outcome in {"same", "slower"}:
        lead = f"No variant is {'measurably ' if outcome == 'same' else ''}faster than {reference}"
        rest = f" on {device}: the fastest, {name}, is {estimate_text(speedup, least=1)} times as fast."
        return Answer(model, scenario, lead, rest=rest)
    lead = f"{name} is {typographic(number.value)} times as fast as {reference}"
    if outcome == "unknown":
        return Answer(model, scenario, lead, rest=f" on {device}, its interval unknown: no evidence yet.")
    rest = f" on {device}{_against_default(settings, best.row)}{_accuracy(settings, best.row)}."
    notes = [*_equals(best, default_precision(settings.precisions), records), *_lossless(best)]
    notes += _elsewhere(cells[cells["scenario"] == scenario], best.row)
    return Answer(model, scenario, lead, interval_text(number), rest, tuple(notes))


def _only_latency(cells: pd.DataFrame, scenario: str) -> str:
    row = rows_of(cells[cells["scenario"] == scenario])[0]
    latency = estimate_text(Estimate.of_row(row, "latency_ms_p50"), " ms")
    return f"; {row['precision']} takes {latency} on {row['device']} (median)."


def _against_default(settings: ReportSettings, row: Row) -> str:
    over = Estimate.of_row(row, "speedup_over_default")
    name = default_precision(settings.precisions)
    if row["precision"] == name or over.value is None or over.low is None or over.exact:
        return ""
    number = estimate_text(over, least=1)
    if verdict(over) == "same":
        return f", not measurably faster than the device’s own default ({number} times)"
    if verdict(over) == "slower":
        return f", but slower than the device’s own default ({number} times as fast)"
    return f", {number} times as fast as the device’s own default"


def _accuracy(settings: ReportSettings, row: Row) -> str:
    delta, metric = Estimate.of_row(row, "accuracy_delta", 100), metric_title(settings, row)
    if delta.value is None or delta.low is None or delta.high is None:
        return "; what it costs in accuracy is not known"
    points = estimate_text(delta, " points", signed=True, least=2)
    if delta.contains(0):
        return f"; no difference in {metric} was seen ({points})"
    return f"; it {'costs' if delta.value < 0 else 'gains'} {metric}: {points}"


def _equals(best: Best, default: str | None, records: Records) -> list[str]:
    """Name the variants that no difference in speed was seen from, compared round by round."""
    names = ("model", "device", "scenario", "host")
    session = records.sessions.get(tuple(str(best.row[name]) for name in names))  # type: ignore[arg-type]
    launches = session.data.get("launches", {}) if session is not None else {}
    found = []
    for row in best.others:
        if Estimate.of_row(best.row, "speedup_over_default").low is not None and row["precision"] == default:
            continue  # said already
        ratio = _paired(launches.get(best.row["precision"], []), launches.get(row["precision"], []))
        if ratio.low is not None and ratio.contains(1):
            found.append(f"{row['precision']} ({estimate_text(ratio, least=1)} times)")
    return [f"No difference in speed was seen from {joined(found)}."] if found else []


def _paired(own: list[Launch], other: list[Launch]) -> Estimate:
    first, second = _by_round(own), _by_round(other)
    shared = sorted(first.keys() & second.keys())
    if len(shared) < FEWEST_ROUNDS:
        return Estimate(None)
    ratio = ratio_interval([first[one] for one in shared], [second[one] for one in shared])
    return Estimate.of(ratio.value, ratio.low, ratio.high)


def _by_round(launches: list[Launch]) -> dict[int, float]:
    # A server's throughput is its declared rate; what it can do is the highest one.
    found = {int(one["round"]): one.get("max_rate", one["throughput_fps"]) for one in launches}
    return {number: float(speed) for number, speed in found.items() if speed is not None}


def _lossless(best: Best) -> list[str]:
    if best.lossless is None:
        return []
    number = estimate_text(_speedup(best.lossless), least=1)
    return [f"Without a measured loss, {best.lossless['precision']} is the fastest: {number} times."]


def _elsewhere(rows: pd.DataFrame, best: Row) -> list[str]:
    """Name another device on which a variant is surely faster; a virtual one that ran on the same is none."""
    own = Estimate.of_row(best, "latency_ms_p50")
    found: list[tuple[float, Row]] = []
    for row in rows_of(rows[rows["execution_devices"] != best["execution_devices"]]):
        latency = Estimate.of_row(row, "latency_ms_p50")
        if latency.value is not None and latency.high is not None and own.low is not None and latency.high < own.low:
            found.append((latency.value, row))
    if not found:
        return []
    _, row = min(found, key=lambda one: one[0])
    there, here = (estimate_text(one, " ms") for one in (Estimate.of_row(row, "latency_ms_p50"), own))
    return [f"The lowest latency is that of {row['precision']} on {row['device']}: {there}, here {here}."]
