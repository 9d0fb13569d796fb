"""What each precision of a model gains and costs, in sentences that say nothing that was not measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from ovlab.report.format import Estimate, capitalised, counted, estimate_text, joined, show, significant
from ovlab.report.records import Records
from ovlab.report.results import headline_scenario, rows_of
from ovlab.report.section import Finding
from ovlab.report.sections.environment.arithmetic import arithmetic_sentences
from ovlab.report.sections.findings.speed import other_scenarios, over_default_sentences, speed_sentences
from ovlab.report.task_words import metric_title
from ovlab.specs import PrecisionSpec, ReportSettings, default_precision

Row = dict[Any, Any]
"""A row of the results by column: a frame's selections take many times as long for so few of them."""


@dataclass(frozen=True, slots=True)
class ModelFindings:
    """The findings on one model under the scenario that heads the report, and on which host where there are several."""

    model: str
    scenario: str
    findings: list[Finding] = field(default_factory=list)


def model_findings(settings: ReportSettings, ok: pd.DataFrame, records: Records) -> list[ModelFindings]:
    """Say for each model and host what each precision gains and costs.

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
    findings = []
    known = records.by_host()
    for (model, host), cells in ok.groupby(["model", "host"], sort=False):
        scenario = headline_scenario(cells)
        one = ModelFindings(str(model), scenario if len(known) < 2 else f"{scenario}, {host}")
        own = known.get(str(host), records)
        rows = {str(name): rows_of(part) for name, part in cells.groupby("precision", sort=False)}
        for name, cells_of in rows.items():
            if name == settings.reference:
                sentences = _reference_sentences(settings, [row for row in cells_of if row["scenario"] == scenario])
            else:
                sentences = _precision_sentences(settings, name, rows, scenario, own)
            one.findings.append(Finding(name, sentences))
        findings.append(one)
    return findings


def _reference_sentences(settings: ReportSettings, cells: list[Row]) -> list[str]:
    if not cells:
        return ["The reference."]
    latencies = [f"{estimate_text(Estimate.of_row(row, 'latency_ms_p50'), ' ms')} on {row['device']}" for row in cells]
    sentences = [f"The reference: median latency {joined(latencies)}."]
    for on, row in rows_by_validation(cells):
        accuracy = Estimate.of_row(row, "accuracy", 100)
        if accuracy.value is not None:
            images = counted(int(row["samples"]), "image")
            title = capitalised(metric_title(settings, row))
            sentences.append(f"{title}{on} {estimate_text(accuracy, ' %', least=2)} over {images}.")
    return sentences


def rows_by_validation(rows: Sequence[dict[Any, Any]]) -> list[tuple[str, dict[Any, Any]]]:
    """Return the first row of each device that accuracy was validated on, with words for it where there are several."""
    first: dict[object, dict[Any, Any]] = {}
    for row in rows:
        first.setdefault(row.get("accuracy_device"), row)
    return [(f" on {device}" if len(first) > 1 else "", row) for device, row in first.items()]


def _precision_sentences(
    settings: ReportSettings, name: str, cells: dict[str, list[Row]], scenario: str, records: Records
) -> list[str]:
    rows, base = cells[name], cells.get(settings.reference, [])
    default = cells.get(default_precision(settings.precisions) or "", [])
    defaults = {(row["device"], row["scenario"]): str(row["executed_precision"] or "") for row in default}
    headline = [row for row in rows if row["scenario"] == scenario]
    others = [row for row in rows if row["scenario"] != scenario]
    if not headline:
        headline, others = others, []
    sentences = speed_sentences(headline, settings.reference)
    if name != default_precision(settings.precisions):
        sentences += over_default_sentences(headline, defaults)
    sentences += arithmetic_sentences(headline, records)
    sentences += other_scenarios(others, headline)
    first = headline[0]
    sentences += [
        *(
            accuracy_sentence(row, settings.reference, metric_title(settings, row) + on)
            for on, row in rows_by_validation(headline)
        ),
        *size_sentence(first, base, settings.reference),
    ]
    if settings.source_of(str(first["model"]), name) is not None:
        sentences.insert(0, "Made by others and imported, measured as it is.")
    quantised = settings.precisions[name].quantization is not None or records.imports_quantised(first["model"], name)
    return sentences + execution_sentences(
        rows, base, settings.precisions[name], settings.reference, quantised=quantised
    )


def accuracy_sentence(row: Row, reference: str, metric: str) -> str:
    """Say what a variant costs in accuracy, in percentage points, paired over the same images."""
    accuracy, delta = Estimate.of_row(row, "accuracy", 100), Estimate.of_row(row, "accuracy_delta", 100)
    if accuracy.value is None:
        return "Its accuracy is not known."
    value = f"{capitalised(metric)} is {show(accuracy, least=2).value} %"
    if delta.value is None:
        return f"{value}; its difference from {reference} is not known."
    points = estimate_text(delta, " points", signed=True, least=2)
    if delta.low is None or delta.high is None:
        return f"{value}, {points} from {reference}, interval unknown."
    over = f"paired over {counted(int(row['samples']), 'image')}"
    if delta.contains(0):
        loss = f"; a loss of {significant(-delta.low, 2)} points is not excluded" if delta.low < 0 else ""
        return f"No difference in {metric} could be measured: {points}, {over}{loss}."
    side = "below" if delta.value < 0 else "above"
    distance = Estimate(abs(delta.value), *sorted((abs(delta.low), abs(delta.high))))
    lost = estimate_text(distance, " points", least=2)
    return f"{value}, {lost} {side} {reference}’s, {over}."


def size_sentence(row: Row, base: list[Row], reference: str) -> list[str]:
    """Say how large the model's files are against the reference's; nothing where either is not known."""
    size = Estimate.of(row.get("model_size_mb")).value
    other = next((one for row in base if (one := Estimate.of(row["model_size_mb"]).value) is not None), None)
    if size is None or not other:
        return []
    times = significant(size / other, 2)
    share = f"as much as {reference}" if times == "1.0" else f"{times} times {reference}’s {significant(other)} MB"
    return [f"The model takes {significant(size)} MB, {share}."]


def expected_precision(precision: PrecisionSpec, *, quantised: bool) -> str:
    """Return what the name suggests to be executed: ``i8``, or the first floating-point type that is asked for.

    ``default`` suggests nothing, so that what was executed is always said.
    """
    return "i8" if quantised else precision.inference_precision["any"][0]


def execution_sentences(
    rows: list[Row], base: list[Row], precision: PrecisionSpec, reference: str, *, quantised: bool
) -> list[str]:
    """Say what was executed where it is not what the precision's name suggests.

    Parameters
    ----------
    rows, base : list of dict
        The precision's cells, and the reference's.
    precision : PrecisionSpec
        The precision.
    reference : str
        The reference's name.
    quantised : bool
        Whether INT8 is expected: the variant was quantised here, or others made it.
    """
    expected = expected_precision(precision, quantised=quantised)
    surprises: dict[str, list[str]] = {}
    for row in rows:
        executed = row.get("executed_precision")
        if isinstance(executed, str) and executed and executed != expected:
            devices = surprises.setdefault(executed, [])
            if row["device"] not in devices:
                devices.append(row["device"])
    if quantised:
        return [_share_in_int8(executed, devices, rows) for executed, devices in surprises.items()]
    return [_surprise(executed, devices, base, precision, reference) for executed, devices in surprises.items()]


def _share_in_int8(executed: str, devices: list[str], rows: list[Row]) -> str:
    known = (Estimate.of(row["executed_int8_mac_share"]).value for row in rows if row["device"] in devices)
    shares = [one for one in known if one is not None]
    share = f": {significant(100 * min(shares))} % of the multiply-accumulates in INT8" if shares else ""
    return f"Executed in {executed} on {joined(devices)}{share}."


def _surprise(executed: str, devices: list[str], base: list[Row], precision: PrecisionSpec, reference: str) -> str:
    where = joined(devices)
    same = {row["executed_precision"] for row in base if row["device"] in devices} == {executed}
    if same and precision.weights == "f16":
        return f"Executed in {executed} on {where}, as {reference} is: FP16 weights only make the file smaller there."
    return f"Executed in {executed} on {where}{f', as {reference} is' if same else ''}."
