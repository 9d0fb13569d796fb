"""What the page says besides results: host, method, models and data, effective settings, configuration."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from typing import Any

import pandas as pd
import yaml

from ovlab.records import Record
from ovlab.report.baseline import arithmetic_facts
from ovlab.report.format import MISSING, Estimate, counted, joined, significant
from ovlab.report.results import Records
from ovlab.report.tables import Column, Entry, Table
from ovlab.specs import DatasetSpec, FileSpec, ModelSpec, PrecisionSpec, ReportSettings

Facts = list[tuple[str, str]]
PROPERTIES = {"os": "OS", "python": "Python", "memory_gb": "memory (GB)"}
# Which packages the host line names; the environment table has them all.
NAMED_PACKAGES = {"openvino": "OpenVINO", "nncf": "NNCF"}


@dataclass(frozen=True, slots=True)
class Described:
    """A model or data set: its name, what it is, its properties and its files."""

    name: str
    description: str
    facts: Facts
    files: list[tuple[str, str, str]]


@dataclass(frozen=True, slots=True)
class EffectiveSettings:
    """What was read back in a session: one row a property, with a value for each precision (one if all agree)."""

    title: str
    precisions: list[str]
    rows: list[tuple[str, list[str]]]


def measured_by(records: Records) -> list[Record]:
    """Return the records that speak of the measuring host: the sessions, or all where there is none."""
    return list(records.sessions.values()) or records.everything()


def dates(records: Records) -> str:
    """Return the day, or the first and the last day, on which was measured (UTC)."""
    days = sorted({record.created[:10] for record in measured_by(records)})
    return "" if not days else days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"


def host_line(records: Records) -> str:
    """Return the host in one line; several hosts are separated by semicolons."""
    lines = dict.fromkeys(_host(record.environment) for record in measured_by(records))
    return "; ".join(line for line in lines if line)


def _host(environment: dict[str, Any]) -> str:
    cpu, packages = environment.get("cpu", {}), environment.get("packages", {})
    cores = cpu.get("usable_cores")
    versions = [f"{title} {packages[name]}" for name, title in NAMED_PACKAGES.items() if packages.get(name)]
    parts = [cpu.get("model"), counted(cores, "core") if cores else None, environment.get("os"), *versions]
    return " · ".join(str(part) for part in parts if part)


def environment_facts(records: Records) -> Facts:
    """Return every property of the environment; where records differ, each value with the number of its records."""
    found: dict[str, Counter[str]] = {}
    for record in records.everything():
        for name, value in _flat(record.environment):
            found.setdefault(name, Counter())[value] += 1
    return arithmetic_facts(records) + [
        (
            name,
            next(iter(values))
            if len(values) == 1
            else "; ".join(f"{value} ({counted(number, 'record')})" for value, number in values.items()),
        )
        for name, values in found.items()
    ]


def _flat(environment: dict[str, Any]) -> Iterable[tuple[str, str]]:
    for name, value in environment.items():
        title = PROPERTIES.get(name, name.replace("_", " "))
        if isinstance(value, dict):
            prefix = "" if name == "packages" else f"{name.upper() if name == 'cpu' else name} "
            for inner, one in value.items():
                yield f"{prefix}{inner.replace('_', ' ')}", _plain(one)
        else:
            yield title, _plain(value)


def _plain(value: Any) -> str:
    if value is None or value in ("", []):
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(_plain(one) for one in value)
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_plain(one)}" for name, one in value.items())
    return str(value)


def method(settings: ReportSettings, ok: pd.DataFrame) -> list[str]:
    """Describe the measuring as it was set and as it was done: one string a paragraph."""
    plan = settings.measurement
    rounds = (
        f"{counted(plan.launches, 'round')}"
        if plan.launches == plan.max_launches
        else f"{plan.launches} to {plan.max_launches} rounds, until the 95 % interval of every speed-up is within "
        f"±{100 * plan.width:g} % or {plan.time_limit_s:g} s have passed"
    )
    paragraphs = [
        "A session measures all precisions of one model on one device under one scenario together, interleaved in "
        f"rounds. A round starts a fresh process (a launch) for each precision, in an order drawn anew (seed "
        f"{settings.seed}). A launch compiles the model, infers for {plan.warm_up_s:g} s untimed as "
        f"warm-up and then for {plan.duration_s:g} s timed, cycling "
        f"{counted(plan.images, 'real image')} decoded beforehand. A session has {rounds}. No sample is dropped.",
    ]
    if made := _made(settings, ok):
        paragraphs.append(made)
    paragraphs.append(
        "Each launch gives one number (its median latency, its throughput); the value shown is Huber’s M-estimate of "
        "their logarithms, and intervals come from launches, never from iterations inside one (Kalibera and Jones, "
        "ISMM 2013). The percentiles p90 and p99 are those of all samples together. A speed-up is the ratio of the "
        "throughputs in the same round. Compile time and peak memory are estimated alike. Top-1 accuracy: Wilson’s "
        "interval (1927); difference in top-1: Tango’s interval for paired proportions (1998), over the same images. "
        "Mean average precision: percentile bootstrap over images, the same resamples for the difference. A difference "
        "is called one only if its 95 % interval leaves out “none”."
    )
    return paragraphs


def _made(settings: ReportSettings, ok: pd.DataFrame) -> str:
    launches = ok["launches"].dropna().astype(int)
    if launches.empty:
        return ""
    low, high = int(launches.min()), int(launches.max())
    each = counted(low, "launch") if low == high else f"{low} to {high} launches"
    text = (
        f"Made: {each} a cell, {int(launches.sum())} in all, with {int(ok['timed_inferences'].sum())} timed inferences."
    )
    speedups = ok[(ok["precision"] != settings.reference) & ok["speedup"].notna()]
    if len(speedups):
        half = (speedups["speedup_high"] - speedups["speedup_low"]) / (2 * speedups["speedup"])
        reached = int((half.astype(float) <= settings.measurement.width).sum())
        goal = f"{100 * settings.measurement.width:g}"
        text += f" {reached} of {counted(len(speedups), 'speed-up')} reached an interval within ±{goal} %."
    return text


def describe_models(settings: ReportSettings, records: Records) -> list[Described]:
    """Describe the models: framework, task, licence, where they come from and their files' hashes."""
    return [_model(name, spec, records) for name, spec in settings.models.items()]


def _model(name: str, spec: ModelSpec, records: Records) -> Described:
    shape = list(spec.input.shape) if spec.input.shape else None
    facts = [
        ("framework", spec.framework),
        ("task", spec.task),
        ("input", f"{spec.input.layout} {'×'.join(_dimension(one) for one in shape)}" if shape else spec.input.layout),
        ("data set", spec.dataset),
        ("licence", spec.licence or MISSING),
    ]
    if spec.homepage:
        facts.append(("homepage", spec.homepage))
    return Described(name, spec.description, facts, _files(spec.files, _source(records, spec.source().plain())))


def _dimension(size: int) -> str:
    return "any" if size == -1 else str(size)


def describe_datasets(settings: ReportSettings, records: Records) -> list[Described]:
    """Describe the data sets: format, licence, splits, images validated and skipped, files' hashes."""
    return [_dataset(name, spec, settings, records) for name, spec in settings.datasets.items()]


def _dataset(name: str, spec: DatasetSpec, settings: ReportSettings, records: Records) -> Described:
    facts = [("format", spec.format), ("task", spec.task), ("licence", spec.licence or MISSING)]
    if spec.homepage:
        facts.append(("homepage", spec.homepage))
    if spec.generator is not None:
        parameters = ", ".join(f"{key} = {value}" for key, value in spec.generator.parameters.items())
        facts.append(("made by", f"generator {spec.generator.name}" + (f" ({parameters})" if parameters else "")))
    models = [model for model, one in settings.models.items() if one.dataset == name]
    accuracies = [record for (model, _), record in records.accuracies.items() if model in models and record.ok]
    images = sorted({int(record.value("samples") or 0) for record in accuracies})
    if images:
        facts.append(("images validated", " or ".join(str(one) for one in images)))
    skipped = sorted({image for record in accuracies for image in record.data.get("skipped", [])})
    facts.append(("corrupt images skipped", f"{len(skipped)}: {', '.join(skipped)}" if skipped else "none"))
    return Described(name, spec.description, facts, _files(spec.files, _source(records, spec.source().plain())))


def _source(records: Records, settings: dict[str, Any]) -> Record | None:
    return next((record for record in records.sources if record.settings == settings), None)


def _files(declared: Iterable[FileSpec], source: Record | None) -> list[tuple[str, str, str]]:
    """Return name, size and SHA-256 of each file: as it was found, or as declared where nothing was recorded."""
    sizes = {one.file_name: one.size for one in declared}
    found = source.data.get("files") if source is not None else None
    hashes = {one["name"]: one["sha256"] for one in found} if found else {one.file_name: one.sha256 for one in declared}
    return [(name, _megabytes(sizes.get(name)), digest or MISSING) for name, digest in hashes.items()]


def _megabytes(size: int | None) -> str:
    return f"{significant(size / 1e6)} MB" if size else ""


def variants_table(settings: ReportSettings, records: Records) -> Table:
    """Make the table of variants: how each was made, and how far its outputs are from ONNX Runtime's."""
    columns = [
        Column("model", "model"),
        Column("precision", "precision"),
        Column("made", "made by"),
        Column("calibration_images", "calibration images", numeric=True, whole=True),
        Column("calibration_s", "calibration", "s", numeric=True),
        Column("size_mb", "size", "MB", numeric=True),
        Column("parity_absolute", "largest difference", "output units", numeric=True),
        Column("parity_relative", "of the output’s range", "%", numeric=True, scale=100),
        Column("parity_images", "on images", numeric=True, whole=True),
    ]
    names = ("calibration_images", "calibration_time", "model_size", "parity_absolute", "parity_relative")
    rows: list[list[Entry]] = []
    for model, (precision, spec) in product(settings.experiment.models, settings.precisions.items()):
        record = records.variants.get((model, precision))
        if record is None:
            continue
        made = _way(spec)
        values = [Estimate.of(record.value(name)) for name in (*names, "parity_images")]
        rows.append([model, precision, made if record.ok else f"failed: {record.reason}", *values])
    caption = (
        "Variants. The largest difference of any output element from ONNX Runtime’s on the original model, for "
        "variants converted from ONNX."
    )
    return Table("variants", caption, columns, rows, 1)


def _way(spec: PrecisionSpec) -> str:
    if spec.weight_compression is not None:
        return f"NNCF, weights only ({spec.weight_compression.mode})"
    if spec.quantization is None:
        return f"conversion, {spec.weights} weights"
    controlled = spec.quantization.accuracy_control is not None
    return "NNCF, calibrated with accuracy control" if controlled else "NNCF, calibrated"


def effective_settings(records: Records) -> list[EffectiveSettings]:
    """Return what each session's compiled models said of themselves."""
    told = []
    for names, session in records.sessions.items():
        read = {
            precision: dict(_properties(row["effective"]))
            for precision, row in session.data.get("rows", {}).items()
            if row.get("effective")
        }
        if not read:
            continue
        rows = []
        for name in dict.fromkeys(name for values in read.values() for name in values):
            values = [one.get(name, MISSING) for one in read.values()]
            rows.append((name, values[:1] if len(set(values)) == 1 else values))
        told.append(EffectiveSettings(", ".join(names), list(read), rows))
    return told


def _properties(effective: dict[str, Any]) -> Iterable[tuple[str, str]]:
    for name, value in effective.items():
        if name == "members":
            for device, inner in value.items():
                yield from ((f"{device}: {key}", _plain(one)) for key, one in inner.items())
        elif name == "executed_shares":
            shares = [f"{precision} {significant(100 * share)} %" for precision, share in value.items()]
            yield "executed multiply-accumulates", joined(shares) or MISSING
        elif name == "executed_kernels":
            kernels = [f"{kernel} {significant(100 * share)} %" for kernel, share in value.items()]
            yield "kernels of the multiply-accumulates", joined(kernels) or MISSING
        elif name == "executed_layers":
            for precision, types in value.items():
                yield f"executed layers in {precision}", joined([f"{n} {kind}" for kind, n in types.items()]) or MISSING
        elif name == "executed_precision":
            yield "executed precision", _plain(value)
        elif name == "operations_by_device":
            yield from _split_over_devices(value)
        elif name == "gathered_requests":
            yield "requests gathered into one inference", _plain(value)
        else:
            yield name, _plain(value)


def _split_over_devices(split: dict[str, Any]) -> Iterable[tuple[str, str]]:
    for device, part in split.items():
        kinds = joined([f"{len(names)} {kind}" for kind, names in part["operations"].items()])
        share = part["mac_share"]
        macs = "" if share is None else f" ({significant(100 * share)} % of the multiply-accumulates)"
        yield f"operations on {device or 'no device'}", f"{kinds}{macs}"


def configuration(settings: ReportSettings) -> str:
    """Return the exact configuration as YAML."""
    text: str = yaml.safe_dump(settings.plain(), sort_keys=False, allow_unicode=True, width=100)
    return text
