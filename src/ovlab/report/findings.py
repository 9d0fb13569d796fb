"""Findings: sentences made from the numbers, which say nothing that was not measured."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ovlab.report.baseline import arithmetic_sentences, over_default_sentences, verdict
from ovlab.report.format import Estimate, counted, estimate_text, joined, show, significant
from ovlab.report.members import members_sentences
from ovlab.report.noise import noise_sentences
from ovlab.report.results import Records
from ovlab.specs import PrecisionSpec, ReportSettings, default_precision

HEADLINE_SCENARIO = "single_stream"


@dataclass(frozen=True, slots=True)
class Finding:
    """What is to be said about one subject: a precision of a model, or a matter of the whole experiment."""

    subject: str
    sentences: list[str]


@dataclass(frozen=True, slots=True)
class ModelFindings:
    """The findings on one model under the scenario that heads the report."""

    model: str
    scenario: str
    findings: list[Finding] = field(default_factory=list)


def headline_scenario(ok: pd.DataFrame) -> str:
    """Return the scenario that findings begin with: ``single_stream`` where it was measured, else the first."""
    names = list(ok["scenario"].unique())
    return HEADLINE_SCENARIO if HEADLINE_SCENARIO in names or not names else names[0]


def model_findings(settings: ReportSettings, ok: pd.DataFrame, records: Records) -> list[ModelFindings]:
    """Say for each model what each precision gains and costs.

    Parameters
    ----------
    settings : ReportSettings
        The experiment.
    ok : DataFrame
        The results' rows with status ``ok``.
    records : Records
        What the sessions say of the CPU and of the kernels that were executed.

    Returns
    -------
    list of ModelFindings
        In the experiment's order; models without a measured cell are left out.
    """
    told = []
    for model, cells in ok.groupby("model", sort=False):
        scenario = headline_scenario(cells)
        one = ModelFindings(str(model), scenario)
        for precision, rows in cells.groupby("precision", sort=False):
            name = str(precision)
            if name == settings.reference:
                sentences = _reference_sentences(rows[rows["scenario"] == scenario])
            else:
                sentences = _precision_sentences(settings, name, rows, cells, scenario, records)
            one.findings.append(Finding(name, sentences))
        told.append(one)
    return told


def general_findings(settings: ReportSettings, frame: pd.DataFrame) -> list[Finding]:
    """Say what concerns the whole experiment: where it really ran, how steadily, what is missing."""
    ok = frame[frame["status"] == "ok"]
    candidates = [
        Finding("Executed on", _redirections(settings, ok)),
        Finding("Devices at once", members_sentences(settings, ok)),
        Finding("Steadiness", _steadiness(ok)),
        Finding("Noise", noise_sentences(frame)),
        Finding("Unavailable", _missing(frame, "unavailable")),
        Finding("Failed", _missing(frame, "failed")),
    ]
    return [one for one in candidates if one.sentences]


def _estimate(row: Any, column: str, factor: float = 1.0) -> Estimate:
    return Estimate.of(row.get(column), row.get(f"{column}_low"), row.get(f"{column}_high")).scaled(factor)


def _rows(frame: pd.DataFrame) -> Iterable[dict[Any, Any]]:
    return frame.to_dict("records")


def _reference_sentences(rows: pd.DataFrame) -> list[str]:
    cells = list(_rows(rows))
    if not cells:
        return ["The reference."]
    latencies = [f"{estimate_text(_estimate(row, 'latency_ms_p50'), ' ms')} on {row['device']}" for row in cells]
    sentences = [f"The reference: median latency {joined(latencies)}."]
    accuracy = _estimate(cells[0], "accuracy", 100)
    if accuracy.value is not None:
        images = counted(int(cells[0]["samples"]), "image")
        sentences.append(f"{_capital(_metric(cells[0]))} {estimate_text(accuracy, ' %', least=2)} over {images}.")
    return sentences


def _precision_sentences(
    settings: ReportSettings, name: str, rows: pd.DataFrame, cells: pd.DataFrame, scenario: str, records: Records
) -> list[str]:
    base = cells[cells["precision"] == settings.reference]
    default = cells[cells["precision"] == (default_precision(settings.precisions) or "")]
    defaults = {(row["device"], row["scenario"]): str(row["executed_precision"] or "") for row in _rows(default)}
    headline = rows[rows["scenario"] == scenario]
    if headline.empty:
        headline = rows
    sentences = speed_sentences(list(_rows(headline)), settings.reference)
    if name != default_precision(settings.precisions):
        sentences += over_default_sentences(list(_rows(headline)), defaults)
    sentences += arithmetic_sentences(headline, records)
    sentences += _other_scenarios(rows, headline)
    first = next(iter(_rows(headline)))
    sentences += [accuracy_sentence(first, settings.reference), *size_sentence(first, base, settings.reference)]
    return sentences + execution_sentences(rows, base, settings.precisions[name], settings.reference)


def speed_sentences(rows: list[dict[Any, Any]], reference: str) -> list[str]:
    """Say how fast a precision is against the reference: one sentence for all devices with the same verdict."""
    verdicts: dict[str, list[dict[Any, Any]]] = {}
    for row in rows:
        verdicts.setdefault(verdict(_estimate(row, "speedup")), []).append(row)
    return [_speed_sentence(outcome, group, reference) for outcome, group in verdicts.items()]


def _speed_sentence(outcome: str, rows: list[dict[Any, Any]], reference: str) -> str:
    numbers = [(row["device"], estimate_text(_estimate(row, "speedup"), least=1)) for row in rows]
    if outcome in {"faster", "slower"}:
        (device, number), *others = numbers
        parts = [f"{number} times as fast as {reference} on {device}", *(f"{n} times on {d}" for d, n in others)]
        return f"{'Slower: ' if outcome == 'slower' else ''}{joined(parts)}."
    if outcome == "same":
        parts = [f"{device} ({number} times as fast)" for device, number in numbers]
        return f"No difference in speed from {reference} could be measured on {joined(parts)}."
    return joined([_unknown_speed(row, reference) for row in rows]) + "."


def _unknown_speed(row: dict[Any, Any], reference: str) -> str:
    speedup, device = _estimate(row, "speedup"), row["device"]
    if speedup.value is None:
        if pd.notna(row.get("offered_rate")):
            return f"On {device} no speed-up is known, since no highest rate was found for both it and {reference}"
        return f"On {device} no speed-up is known, since {reference} was not measured there"
    made = f" after {counted(int(row['launches']), 'launch')}" if pd.notna(row.get("launches")) else ""
    return (
        f"{show(speedup).value} times as fast as {reference} on {device}, its interval unknown{made}: no evidence yet"
    )


def _other_scenarios(rows: pd.DataFrame, headline: pd.DataFrame) -> list[str]:
    """Say how the other scenarios differ, or that they do not."""
    heads = {row["device"]: _estimate(row, "speedup") for row in _rows(headline)}
    same: dict[str, list[str]] = {}
    told: list[str] = []
    for row in _rows(rows.drop(headline.index)):
        speedup, head = _estimate(row, "speedup"), heads.get(row["device"])
        if head is not None and _overlap(head, speedup) and verdict(head) == verdict(speedup):
            same.setdefault(row["device"], []).append(row["scenario"])
            continue
        doubt = {"same": ", no difference measured", "unknown": ", interval unknown"}.get(verdict(speedup), "")
        number = "unknown" if speedup.value is None else f"{estimate_text(speedup, least=1)} times"
        told.append(f"{number} ({row['scenario']} on {row['device']}{doubt})")
    devices: dict[tuple[str, ...], list[str]] = {}
    for device, scenarios in same.items():
        devices.setdefault(tuple(scenarios), []).append(device)
    where = [f"{joined(list(scenarios))} on {joined(names)}" for scenarios, names in devices.items()]
    sentences = [f"The same, within the intervals, under {'; '.join(where)}."] if where else []
    return sentences + ([f"Other loads: {'; '.join(told)}."] if told else [])


def _overlap(first: Estimate, second: Estimate) -> bool:
    if first.low is None or first.high is None or second.low is None or second.high is None:
        return False
    return first.low <= second.high and second.low <= first.high


def accuracy_sentence(row: dict[Any, Any], reference: str) -> str:
    """Say what a variant costs in accuracy, in percentage points, paired over the same images."""
    accuracy, delta = _estimate(row, "accuracy", 100), _estimate(row, "accuracy_delta", 100)
    metric = _metric(row)
    if accuracy.value is None:
        return "Its accuracy is not known."
    if delta.value is None:
        return f"{_capital(metric)} is {show(accuracy, least=2).value} %; its difference from {reference} is not known."
    points = estimate_text(delta, " points", signed=True, least=2)
    if delta.low is None or delta.high is None:
        return f"{_capital(metric)} is {show(accuracy, least=2).value} %, {points} from {reference}, interval unknown."
    over = f"paired over {counted(int(row['samples']), 'image')}"
    if delta.contains(0):
        loss = f"; a loss of {significant(-delta.low, 2)} points is not excluded" if delta.low < 0 else ""
        return f"No difference in {metric} could be measured: {points}, {over}{loss}."
    side = "below" if delta.value < 0 else "above"
    distance = Estimate(abs(delta.value), *sorted((abs(delta.low), abs(delta.high))))
    lost = estimate_text(distance, " points", least=2)
    return f"{_capital(metric)} is {show(accuracy, least=2).value} %, {lost} {side} {reference}’s, {over}."


def size_sentence(row: dict[Any, Any], base: pd.DataFrame, reference: str) -> list[str]:
    """Say how large the model's files are against the reference's; nothing where either is not known."""
    size = Estimate.of(row.get("model_size_mb")).value
    other = Estimate.of(next(iter(base["model_size_mb"].dropna()), None)).value
    if size is None or not other:
        return []
    times = significant(size / other, 2)
    share = f"as much as {reference}" if times == "1.0" else f"{times} times {reference}’s {significant(other)} MB"
    return [f"The model takes {significant(size)} MB, {share}."]


def expected_precision(precision: PrecisionSpec) -> str:
    """Return what the name suggests to be executed: ``i8``, or the first floating-point type that is asked for.

    ``default`` suggests nothing, so that what was executed is always said.
    """
    return "i8" if precision.quantization is not None else precision.inference_precision["any"][0]


def execution_sentences(rows: pd.DataFrame, base: pd.DataFrame, precision: PrecisionSpec, reference: str) -> list[str]:
    """Say what was executed where it is not what the precision's name suggests."""
    expected = expected_precision(precision)
    surprises: dict[str, list[str]] = {}
    for row in _rows(rows):
        executed = row.get("executed_precision")
        if isinstance(executed, str) and executed and executed != expected:
            devices = surprises.setdefault(executed, [])
            if row["device"] not in devices:
                devices.append(row["device"])
    return [_surprise(executed, devices, rows, base, precision, reference) for executed, devices in surprises.items()]


def _surprise(
    executed: str, devices: list[str], rows: pd.DataFrame, base: pd.DataFrame, precision: PrecisionSpec, reference: str
) -> str:
    where = joined(devices)
    if precision.quantization is not None:
        shares = rows.loc[rows["device"].isin(devices), "executed_int8_mac_share"].dropna()
        share = (
            f": {significant(100 * float(shares.min()))} % of the multiply-accumulates in INT8" if len(shares) else ""
        )
        return f"Executed in {executed} on {where}{share}."
    same = set(base.loc[base["device"].isin(devices), "executed_precision"]) == {executed}
    if same and precision.weights == "f16":
        return f"Executed in {executed} on {where}, as {reference} is: FP16 weights only make the file smaller there."
    return f"Executed in {executed} on {where}{f', as {reference} is' if same else ''}."


def _redirections(settings: ReportSettings, ok: pd.DataFrame) -> list[str]:
    """Say on which devices a virtual device ran."""
    sentences = []
    for device, rows in ok.groupby("device", sort=False):
        asked = settings.devices[str(device)].device
        found = sorted({str(one) for one in rows["execution_devices"].dropna() if one})
        if found and found != [asked]:
            sentences.append(f"{device} ({asked}) ran on {joined(found)}.")
    return sentences


def _steadiness(ok: pd.DataFrame) -> list[str]:
    """Say how far launches of one variant are apart at worst, which tells how quiet the host was."""
    spread = ok["spread_between_launches"].astype(float)
    if spread.notna().sum() == 0:
        return []
    worst = ok.iloc[int(np.nanargmax(spread.to_numpy()))]
    largest, middle = (significant(100 * float(one), 2) for one in (spread.max(), spread.median()))
    where = f"{worst['model']} {worst['precision']} on {worst['device']}, {worst['scenario']}"
    return [
        f"Mean latency varied between launches of the same cell by {middle} % in the median cell and by {largest} % "
        f"at worst ({where}; coefficient of variation)."
    ]


def _missing(frame: pd.DataFrame, status: str) -> list[str]:
    sentences = []
    rest = frame[frame["status"] == status]
    for reason, rows in rest.groupby("reason", sort=False):
        devices = joined([str(one) for one in rows["device"].unique()])
        sentences.append(f"{_capital(counted(len(rows), 'cell'))} on {devices}: {str(reason).rstrip('.')}.")
    return sentences


def _metric(row: dict[Any, Any]) -> str:
    metric = row.get("metric")
    metric = metric if isinstance(metric, str) and metric else "accuracy"
    return f"{metric} accuracy" if metric.startswith("top-") else metric


def _capital(text: str) -> str:
    if text[1:2].isupper():  # mAP stays mAP
        return text
    return text[:1].upper() + text[1:]
