"""Folders of results as a run leaves them, made up: records with their files, their list, and the settings."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from report_factory import ENVIRONMENT, SHA, Recipe, accuracy, make_settings, record, session, variant

from ovlab.files import sha256_of, write_text
from ovlab.records import Record, write_record
from ovlab.specs import ReportSettings

Change = Callable[[Record], None]
EXPERIMENT = "test"
# As a run elsewhere has listed its records.
PREFIX = "somewhere/else/results"


@dataclass
class Made:
    """What a folder of results is to hold.

    `settings`: changes of the report's settings, by key; `change`: called with every record before it is written;
    `environment`: changes of every record's; `host`: what the machine is called; `seed`: of the launches' speeds.
    """

    recipe: Recipe = field(default_factory=Recipe)
    settings: dict[str, Any] = field(default_factory=dict)
    change: Change = lambda _: None
    environment: dict[str, Any] = field(default_factory=dict)
    host: str = "here"
    model_sha256: str = SHA
    experiment: str = EXPERIMENT


def settings_of(made: Made) -> ReportSettings:
    plain = make_settings(made.recipe).plain() | {"name": made.experiment, "hosts": {made.host: {}}}
    plain["experiment"]["hosts"] = [made.host]
    return ReportSettings.model_validate(merged_keys(plain, made.settings))


def merged_keys(plain: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    found = dict(plain)
    for key, value in changes.items():
        inner = isinstance(value, dict) and isinstance(found.get(key), dict)
        found[key] = merged_keys(found[key], value) if inner else value
    return found


def write_results(folder: Path, made: Made | None = None) -> Path:
    """Write a folder of results with one experiment, and return it."""
    made = made or Made()
    settings = settings_of(made)
    recipe = made.recipe
    listed: list[str] = []

    def write(one: Record, *place: str) -> None:
        path = folder.joinpath(*place, f"{one.kind}.json")
        one = copy.deepcopy(one)
        one.environment = merged_keys(one.environment, made.environment)
        one.run_id = uuid.uuid4().hex[:12]
        one.files |= {file.name: sha256_of(file) for file in sorted(path.parent.glob("*.parquet"))}
        made.change(one)
        write_record(path, one)
        listed.append("/".join([PREFIX, *place, path.name]))

    for model in recipe.models:
        source = record("source", settings.models[model].source().plain(), inputs={"net.onnx": made.model_sha256})
        write(source, "sources", "models", model, "0" * 8)
    images = record("source", settings.datasets["data"].source().plain(), inputs={"data.zip": SHA})
    write(images, "sources", "datasets", "data", "0" * 8)
    for number, model in enumerate(recipe.models):
        for precision in recipe.precisions:
            one = variant(model, precision)
            one.files = {"model.bin": SHA, "model.xml": SHA}  # which no report reads: they are not there
            if not precision.startswith("int8"):
                one.settings["weights"], one.inputs = "f32", {"net.onnx": made.model_sha256}
            write(one, "variants", model, precision, "0" * 8)
            judged = accuracy(recipe, model, precision, 0.61 + 0.01 * number)
            judged.data["images_digest"] = "d1635700"
            judged.data["device"] = "CPU"
            write(judged, "accuracy", model, precision, "0" * 8)
            for device in filter(settings.validates_apart, settings.experiment.validate_on):
                own = accuracy(recipe, model, precision, 0.41)
                own.settings["device_name"] = device
                own.data |= {"device": settings.devices[device].device, "images_digest": "d1635700"}
                write(own, "accuracy", model, precision, "1" * 8)
        for device in recipe.devices:
            for scenario in recipe.scenarios:
                place = (made.experiment, "sessions", made.host, model, device, scenario)
                one = session(recipe, model, device, scenario, folder.joinpath(*place))
                one.settings |= {"host_name": made.host, "measurement": settings.measurement.plain()}
                one.data["host"] = {"name": made.host, "cpu_model": ENVIRONMENT["cpu"]["model"]}
                write(one, *place)
    report = folder / made.experiment / "report"
    write_text(report / "records.txt", "".join(f"{line}\n" for line in listed))
    write_text(report / "settings.json", settings.to_json() + "\n")
    return folder
