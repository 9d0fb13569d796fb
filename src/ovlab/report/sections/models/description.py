"""Models, data sets and variants: where they come from and how they were made."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from typing import Any

from ovlab.addresses import show_address
from ovlab.records import Record
from ovlab.report.format import MISSING, Estimate, joined, significant
from ovlab.report.records import Records
from ovlab.report.table import Column, Entry, Table
from ovlab.specs import DatasetSpec, FileSpec, ImportedVariant, ModelSpec, PrecisionSpec, ReportSettings

Facts = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Described:
    """A model or data set: its name, what it is, its properties and its files."""

    name: str
    description: str
    facts: Facts
    files: list[tuple[str, str, str]]


def describe_models(settings: ReportSettings, records: Records) -> list[Described]:
    """Describe the models: framework, task, licence, where they come from and their files' hashes.

    Variants that others made follow their models.
    """
    described = []
    for name, spec in settings.models.items():
        described.append(_model(name, spec, records))
        described += [_imported(one, records) for one in settings.imported if one.model == name]
    return described


def _imported(variant: ImportedVariant, records: Records) -> Described:
    source = variant.source
    facts = [
        ("imported", "made by others, measured as it is"),
        ("framework", source.framework),
        ("from", joined([_origin(file) for file in source.files])),
        ("licence", source.licence or MISSING),
    ]
    if source.homepage:
        facts.append(("homepage", source.homepage))
    record = records.variants.get((variant.model, variant.precision))
    if record is not None and (found := record.data.get("imported")):
        graph, stored = found["quantisation"], found["weight_types"]
        total = sum(stored.values())
        facts += [
            ("FakeQuantize operations", str(graph["quantisers"])),
            ("layers with quantised weights", f"{graph['weights']} of {graph['layers']}"),
            ("stored weights", joined([f"{significant(100 * n / total)} % {kind}" for kind, n in stored.items()])),
        ]
    facts += _executed(variant, records)
    name = f"{variant.model} in {variant.precision}"
    return Described(name, source.description, facts, _files(source.files, _source(records, source.source().plain())))


def _executed(variant: ImportedVariant, records: Records) -> Facts:
    """Say in which precisions the multiply-accumulates were executed, by device."""
    facts: dict[str, str] = {}
    for (model, device, _, host), session in records.sessions.items():
        row = session.data.get("rows", {}).get(variant.precision) if model == variant.model else None
        if row and row["effective"] and (shares := row["effective"]["executed_shares"]):
            parts = [f"{significant(100 * share)} % {precision}" for precision, share in shares.items()]
            facts.setdefault(
                f"executed on {records.place(device, host)}", f"{joined(parts)} of the multiply-accumulates"
            )
    return list(facts.items())


def _origin(file: FileSpec) -> str:
    """Say where a file comes from; credentials in an address are no part of that."""
    if file.addresses:
        return show_address(file.addresses[0])
    return f"by hand: {file.by_hand}" if file.by_hand else str(file.path or file.embedded)


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
        source = settings.source_of(model, precision)
        made = _way(spec) if source is None else f"others, imported from {source.framework}"
        values = [Estimate.of(record.value(name)) for name in (*names, "parity_images")]
        rows.append([model, precision, made if record.ok else f"failed: {record.reason}", *values])
    caption = (
        "Variants. The largest difference of any output element from ONNX Runtime’s on the original model, for "
        "variants converted from ONNX; where the original rounds, both without their rounding."
    )
    return Table("variants", caption, columns, rows, 1, made_from=("variant",))


def rounding_table(settings: ReportSettings, records: Records) -> Table:
    """Make the table of quantised originals: how far the IR is from ONNX Runtime, rounding included."""
    columns = [
        Column("model", "model"),
        Column("precision", "precision"),
        Column("rounded_difference", "difference", "%", numeric=True, scale=100),
        Column("rounding_noise", "rounding alone", "%", numeric=True, scale=100),
        Column("parity_images", "on images", numeric=True, whole=True),
    ]
    rows: list[list[Entry]] = []
    for one in settings.imported:
        record = records.variants.get((one.model, one.precision))
        if record is not None and "rounding_noise" in record.values:
            numbers = ("rounded_difference", "rounding_noise", "parity_images")
            rows.append([one.model, one.precision, *(Estimate.of(record.value(name)) for name in numbers)])
    caption = (
        "Quantised originals as they are: the difference from ONNX Runtime’s outputs, and what rounding changes in "
        "ONNX Runtime’s alone, as root mean squares of the output’s range. Two right ways to compute a graph that "
        "rounds part by about as much as its rounding changes; twice that is accepted."
    )
    return Table("rounding", caption, columns, rows, 1, made_from=("variant",))


def _way(spec: PrecisionSpec) -> str:
    if spec.weight_compression is not None:
        return f"NNCF, weights only ({spec.weight_compression.mode})"
    if spec.quantization is None:
        return f"conversion, {spec.weights} weights"
    controlled = spec.quantization.accuracy_control is not None
    return "NNCF, calibrated with accuracy control" if controlled else "NNCF, calibrated"
