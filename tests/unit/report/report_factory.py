"""Synthetic experiments: settings and records as the steps leave them, of any size and with anything missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ovlab.files import write_json
from ovlab.records import Quantity, Record
from ovlab.report import Records, results_frame
from ovlab.report.page import ShownSection, render_page
from ovlab.report.section import ReportContext
from ovlab.report.sections import SECTIONS
from ovlab.report.style import Plot
from ovlab.report.table import Table
from ovlab.specs import ReportSettings
from ovlab.stats.comparison import compare_flags
from ovlab.tasks.recorded_comparison import comparison_quantities

ENVIRONMENT: dict[str, Any] = {
    "cpu": {"model": "Test CPU", "architecture": "x86_64", "usable_cores": 2, "flags": ["avx2", "fma"]},
    "memory_gb": 8.0,
    "os": "Linux-test",
    "python": "3.11.7",
    "packages": {"openvino": "2026.4.1", "nncf": "3.4.0"},
    "git_commit": "0" * 40,
}
SHA = "ab" * 32
WEIGHTS = {"fp16": "f16"}
TYPES = {"fp16": ["f16", "f32"], "bf16": ["bf16"], "default": ["default"]}
EXECUTED = {"fp32": "f32", "default": "bf16", "fp16": "f32", "bf16": "bf16", "int8": "i8", "int8_accuracy": "i8+f32"}
FACTORS = {"fp32": 1.0, "fp16": 1.0, "bf16": 1.7, "int8": 2.31, "int8_accuracy": 1.9}


@dataclass
class Recipe:
    """What to make up.

    `speedups`, `over_default`, `deltas`: (value, low, high) by precision; `flags`: of the CPU; `executed`: by
    precision; `failed`, `absent`: reason by device; `noise`: readings of the noise gate in every launch, changed; by
    default none were taken; `of_host`: what else is made up of a host, by its name, and its CPU's model in `cpus`.
    """

    models: list[str] = field(default_factory=lambda: ["net"])
    precisions: list[str] = field(default_factory=lambda: ["fp32", "fp16", "int8"])
    devices: list[str] = field(default_factory=lambda: ["cpu"])
    scenarios: list[str] = field(default_factory=lambda: ["single_stream", "offline"])
    launches: int = 5
    latency_ms: float = 4.2
    width: float = 0.02
    samples: int = 60
    speedups: dict[str, tuple[float, float | None, float | None]] = field(default_factory=dict)
    deltas: dict[str, tuple[float, float | None, float | None]] = field(default_factory=dict)
    comparisons: bool = False
    absent: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    title: str = "A test"
    noise: dict[str, Any] | None = None
    over_default: dict[str, tuple[float, float | None, float | None]] = field(default_factory=dict)
    flags: list[str] = field(default_factory=lambda: ["avx2", "fma"])
    executed: dict[str, str] = field(default_factory=dict)
    hosts: list[str] = field(default_factory=lambda: ["here"])
    of_host: dict[str, dict[str, Any]] = field(default_factory=dict)
    cpus: dict[str, str] = field(default_factory=dict)


Maker = Callable[[Recipe], tuple[ReportSettings, Records]]


def make_settings(recipe: Recipe) -> ReportSettings:
    file = {"url": ["https://example.org/net.onnx"], "sha256": SHA, "size": 5_000_000}
    model = {"framework": "onnx", "files": [file], "licence": "MIT", "task": "classification", "dataset": "data"}
    data = {
        "description": "Some images.",
        "files": [{"url": ["https://example.org/data.zip"], "sha256": SHA}],
        "licence": "CC-BY-4.0",
        "homepage": "https://example.org/data",
        "task": "classification",
        "format": "class_folders",
        "splits": {"validation": {"images": "validation"}},
    }
    precisions = {
        name: {
            "weights": WEIGHTS.get(name, "f32"),
            "inference_precision": TYPES.get(name, ["f32"]),
            "quantization": {} if name.startswith("int8") else None,
        }
        for name in recipe.precisions
    }
    axes = {axis: getattr(recipe, axis) for axis in ("models", "precisions", "devices", "scenarios", "hosts")}
    return ReportSettings.model_validate(
        {
            "name": "test",
            "experiment": {"title": recipe.title, "description": "Made up."} | axes,
            "reference": "fp32",
            "measurement": {"launches": recipe.launches, "max_launches": recipe.launches},
            "validation": {},
            "seed": 0,
            "models": dict.fromkeys(recipe.models, model),
            "datasets": {"data": data},
            "precisions": precisions,
            "devices": {
                name: {"device": "MULTI:CPU,GPU", "requires": ["CPU", "GPU"]}
                if name == "multi"
                else {"device": name.upper()}
                for name in recipe.devices
            },
            "scenarios": {name: {"mode": "synchronous"} for name in recipe.scenarios},
            "hosts": {name: {} for name in recipe.hosts},
        }
    )


def make_records(recipe: Recipe, folder: Path) -> Records:
    settings = make_settings(recipe)
    source = record("source", settings.models[recipe.models[0]].source().plain())
    source.data = {"files": [{"name": "net.onnx", "sha256": SHA, "origin": "url"}]}
    variants, accuracies, sessions, folders, places = [], [], [], [], []
    for number, model in enumerate(recipe.models):
        for precision in recipe.precisions:
            variants.append(variant(model, precision))
            accuracies.append(accuracy(recipe, model, precision, 0.61 + 0.05 * number))
            places.append(folder / "accuracy" / str(number) / precision)
            if recipe.comparisons:
                compare(accuracies[-1], recipe.precisions.index(precision), places[-1])
        for device in recipe.devices:
            for scenario, host in product(recipe.scenarios, recipe.hosts):
                place = folder / str(number) / str(recipe.devices.index(device)) / scenario / host
                own = replace(recipe, **recipe.of_host.get(host, {}))
                sessions.append(on_host(host, recipe, session(own, model, device, scenario, place)))
                folders.append(place)
    return Records.of([source], variants, accuracies, sessions, folders, places)


def on_host(host: str, recipe: Recipe, made: Record) -> Record:
    """Have a record say on which host it was made, if that is not this one."""
    if host == "here":
        return made
    cpu = made.environment["cpu"] | {"model": recipe.cpus.get(host, "Test CPU")}
    made.settings["host_name"] = host
    made.data["host"] = {"name": host, "node": f"{host}-node", "cpu_model": cpu["model"]}
    made.environment = made.environment | {"cpu": cpu}
    return made


def record(kind: Any, settings: dict[str, Any], **others: Any) -> Record:
    return Record(
        kind, settings, environment=ENVIRONMENT, run_id="0123456789ab", created="2026-01-02T03:04:05+00:00", **others
    )


def variant(model: str, precision: str) -> Record:
    size = {"fp32": 5.0, "bf16": 5.0, "fp16": 2.5}.get(precision, 1.25)
    values = {"model_size": Quantity(size, "MB"), "parity_absolute": Quantity(1.2e-5, "output units")}
    return record("variant", {"model_name": model, "precision_name": precision}, values=values)


def accuracy(recipe: Recipe, model: str, precision: str, value: float) -> Record:
    delta = recipe.deltas.get(precision, (-0.004, -0.012, 0.004))
    values = {
        "accuracy": Quantity(value + delta[0], "fraction", value - 0.03, value + 0.03),
        "accuracy_delta": Quantity(delta[0], "fraction", delta[1], delta[2]),
        "samples": Quantity(1000, "count"),
    }
    data = {"metric": "top-1", "skipped": ["broken_1.jpg"]}
    return record("accuracy", {"model_name": model, "precision_name": precision}, values=values, data=data)


def compare(record: Record, number: int, folder: Path) -> None:
    """Add what a validation leaves of a comparison: the first precision is right on 700 of 1000 images, each
    further one loses ten of them more."""
    folder.mkdir(parents=True, exist_ok=True)
    right = np.arange(1000) < 700 - 10 * number
    frame = pd.DataFrame({"image": [f"{i}.jpg" for i in range(1000)], "top1": right})
    frame.assign(predicted=[[int(one), 2] for one in right]).to_parquet(folder / "predictions.parquet")
    record.data["images_digest"] = "same"
    if number == 0:
        return
    compared = compare_flags(np.arange(1000) < 700, right)
    record.values |= comparison_quantities(compared) | {"agreement": Quantity(1 - 0.01 * number, "fraction")}
    changes = [
        {"class_name": f"<b>{name}</b>", "images": 10, "reference": 0.8, "candidate": 0.8 + delta, "delta": delta}
        | {"gains": 0, "losses": 1, "p_holm": 0.5}
        for name, delta in (("a", -0.3), ("b", -0.2), *((f"c{i}", -0.1) for i in range(5)), ("d", 0.1))
    ]
    record.data["comparison"] = {"test": compared.test, "classes": changes, "classes_compared": 10}
    layers = [
        {"name": f"conv_{i}", "type": "Convolution", "cosine": 0.99, "snr_db": 30.0 - i, "own_snr_db": own}
        | {"identical": False}
        for i, own in enumerate([40.0, None, 21.5, 35.0, 33.0, 38.0, 36.0])
    ]
    outputs = [{"name": "logits", "cosine": 0.998, "snr_db": 23.4, "identical": False}]
    record.data["layer_check"] = {"images": 8, "outputs": outputs, "layers": layers, "error": ""}
    item = {"image": "1<2>.jpg", "outcome": "loss", "truth": "cat & dog", "reference": "cat", "variant": "<script>"}
    item |= {"width": 32, "height": 32, "boxes": False, "jpeg": "/9j/"}
    write_json(folder / "disagreements.json", {"schema": "ovlab/disagreements/1", "total": 11, "items": [item]})


def session(recipe: Recipe, model: str, device: str, scenario: str, folder: Path) -> Record:
    settings = {"model_name": model, "device_name": device, "scenario_name": scenario}
    for reasons, status in ((recipe.absent, "unavailable"), (recipe.failed, "failed")):
        if device in reasons:
            outcome = {"status": status, "reason": reasons[device], "values": None, "effective": None}
            rows = dict.fromkeys(recipe.precisions, outcome)
            return record("session", settings, status=status, reason=reasons[device], data={"rows": rows})
    rows = {name: row(recipe, name, device) for name in recipe.precisions}
    folder.mkdir(parents=True, exist_ok=True)
    samples(recipe).to_parquet(folder / "samples.parquet", index=False)
    data = {"rows": rows, "launches": launches(recipe)}
    made = record("session", settings, data=data | (HOST if recipe.noise is not None else {}))
    made.environment = ENVIRONMENT | {"cpu": {**ENVIRONMENT["cpu"], "flags": recipe.flags}}
    return made


READINGS: dict[str, Any] = {
    "other_load": 0.01,
    "steal": 0.002,
    "throttling": None,
    "temperature_c": None,
    "minor_faults": 12,
    "major_faults": 0,
    "preemptions": 3,
    "clock_mhz": None,
    "kernel_slowdown": 0.03,
    "beyond": [],
}
SETTINGS = {"governor": "powersave", "driver": None, "turbo": True, "smt": None}
HOST: dict[str, Any] = {"noise": {"host": SETTINGS, "kernel_ms": [7.2, 7.0, 7.1], "waited_s": 4.0, "waits": []}}


def launches(recipe: Recipe) -> dict[str, list[dict[str, float]]]:
    """Launches that differ by a thousandth, whose ratios are those of the recipe's speed-ups."""
    rate = 1e3 / recipe.latency_ms
    return {
        name: [
            {"round": n, "throughput_fps": rate * FACTORS.get(name, 1.2) * (1 + 1e-3 * ((n * (number + 2)) % 7))}
            | ({} if recipe.noise is None else {"noise": READINGS | {"other_load": 0.01 * n} | recipe.noise})
            for n in range(1, recipe.launches + 1)
        ]
        for number, name in enumerate(recipe.precisions)
    }


def row(recipe: Recipe, precision: str, device: str) -> dict[str, Any]:
    factor = FACTORS.get(precision, 1.2)

    def quantity(value: float, unit: str) -> dict[str, Any]:
        known = recipe.launches > 1
        low, high = (value * (1 - recipe.width), value * (1 + recipe.width)) if known else (None, None)
        return vars(Quantity(value, unit, low, high))

    speedup = recipe.speedups.get(precision, (factor, factor * 0.98, factor * 1.02))
    if recipe.launches == 1:
        speedup = (speedup[0], None, None)
    latency = recipe.latency_ms / factor
    values = {f"latency_p{q}": quantity(latency * scale, "ms") for q, scale in ((50, 1), (90, 1.1), (99, 1.4))}
    values |= {
        "throughput": quantity(1e3 / latency, "1/s"),
        "speedup": vars(Quantity(speedup[0], "ratio", speedup[1], speedup[2])),
        "peak_rss": quantity(123.4, "MB"),
        "launches": vars(Quantity(recipe.launches, "count")),
        "timed_inferences": vars(Quantity(recipe.launches * recipe.samples, "count")),
        "spread_between_launches": vars(Quantity(0.012, "fraction")),
        "slowest_over_best": vars(Quantity(1.5, "ratio")),
        "spread_within_launches": vars(Quantity(0.05, "fraction")),
    }
    if over := recipe.over_default.get(precision):
        values["speedup_over_default"] = vars(Quantity(over[0], "ratio", *over[1:]))
    executed = recipe.executed.get(precision) or EXECUTED.get(precision, "f32")
    shares = {"i8": 0.87, "f32": 0.13} if executed == "i8+f32" else {executed: 1.0}
    effective = {
        "EXECUTION_DEVICES": ["CPU"],
        "INFERENCE_PRECISION_HINT": executed,
        "NUM_STREAMS": 1,
        "members": {},
        "executed_shares": shares,
        "executed_kernels": {f"brgconv_{executed}": 0.95, "other": 0.05},
        "executed_layers": {"f32": {"Softmax": 1}, executed: {"Convolution": 5}},
        "executed_precision": executed,
    }
    return {"status": "ok", "reason": "", "values": values, "effective": effective}


def samples(recipe: Recipe) -> pd.DataFrame:
    generator = np.random.default_rng(1)
    parts = []
    for name in recipe.precisions:
        for number in range(1, recipe.launches + 1):
            centre = recipe.latency_ms / FACTORS.get(name, 1.2) * generator.lognormal(0, 0.02)
            latency = centre * (1 + generator.gamma(1.5, 0.03, recipe.samples))
            parts.append(pd.DataFrame({"precision": name, "round": number, "position": 0, "latency_ms": latency}))
    frame = pd.concat(parts, ignore_index=True)
    frame["start_s"] = 0.0
    return frame


def context_of(settings: ReportSettings, records: Records) -> ReportContext:
    return ReportContext(settings, records, results_frame(settings, records), SECTIONS)


def make_tables(settings: ReportSettings, records: Records) -> dict[str, Table]:
    """Make the tables of all sections, by name."""
    context = context_of(settings, records)
    tables = {table.name: table for section in SECTIONS for table in context.tables_of(section)}
    for table in tables.values():
        require_runs(table, records)
    return tables


def require_runs(table: Table, records: Records) -> None:
    """Check that each row of a table, and of its CSV file, names a run of which there is a record."""
    known = {record.run_id for record in records.of_all_hosts()}
    for one in (table, *([table.whole] if table.whole is not None else [])):
        assert len(one.runs) == len(one.rows), f"{one.name}: its rows name no runs"
        for row, runs in zip(one.rows, one.runs, strict=True):
            assert runs and set(runs) <= known, f"{one.name}: {row} comes from {runs}"


def make_plots(settings: ReportSettings, records: Records) -> dict[str, Plot]:
    """Draw the figures of all sections, by name."""
    context = context_of(settings, records)
    return {plot.name: plot for section in SECTIONS for plot in section.figures(context)}


def page_of(settings: ReportSettings, records: Records) -> str:
    """Render the page without figures, which take longest."""
    context = context_of(settings, records)
    shown = []
    for section in SECTIONS:
        tables = context.tables_of(section)
        for table in tables:
            require_runs(table, records)
        shown.append(ShownSection(section, tables, [], section.is_shown(context, tables, [])))
    return render_page(context, shown)
