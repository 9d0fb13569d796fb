"""A third task goes through every step: nothing but the registry knows which tasks there are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from counting_task import CountingDatasetSpec, CountingModelSpec, CountingTask
from toy import CLASSES, colour_onnx, convert_settings, model_spec, source_record, write_class_folders

from ovlab.calibrate import calibrate
from ovlab.convert import convert
from ovlab.data import read_split
from ovlab.errors import OvlabError
from ovlab.files import read_json
from ovlab.records import Record
from ovlab.specs import CalibrateSettings, DatasetSpec, ModelSpec, SessionSettings, ValidateSettings, parse_spec
from ovlab.tasks import TASKS, make_evaluator
from ovlab.validate import validate

SPLITS = {name: {"images": folder, "annotations": f"{folder}.txt"} for name, folder in
          (("calibration", "train"), ("validation", "val"))}  # fmt: skip
DATASET = {"licence": "CC0-1.0", "task": "counting", "format": "counts", "splits": SPLITS}
# What the colour classifier scores half and more: its own colour, and nothing on grey images.
COUNTS = {name: int(name != "grey") for name in CLASSES}
SECTION = {"task": "counting", "counting": {"threshold": 0.5}}


@pytest.fixture(autouse=True)
def counting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TASKS, "counting", CountingTask())


@pytest.fixture
def data(tmp_path: Path) -> Path:
    root = write_class_folders(tmp_path / "data")
    for folder in ("train", "val"):
        paths = sorted((root / folder).rglob("*.png"))
        lines = [f"{path.relative_to(root / folder).as_posix()} {COUNTS[path.parent.name]}\n" for path in paths]
        (root / f"{folder}.txt").write_text("".join(lines), encoding="utf-8")
    return root


def converted(folder: Path, dataset: DatasetSpec, data: Path, **changes: Any) -> tuple[ModelSpec, Record]:
    path = colour_onnx(folder.with_suffix(".onnx"), **changes)
    model = model_spec(path, **SECTION)
    return model, convert(convert_settings(model, dataset), source_record(path.parent), source_record(data), folder)


def settings_of(model: ModelSpec, dataset: DatasetSpec) -> ValidateSettings:
    return ValidateSettings.model_validate(
        {
            "model_name": "toy",
            "precision_name": "fp32",
            "model": model,
            "dataset": dataset,
            "precision": {"inference_precision": "f32"},
            "validation": {},
        }
    )


def test_validation_end_to_end(data: Path, tmp_path: Path) -> None:
    dataset = parse_spec(DatasetSpec, DATASET, "counts.yaml")
    model, first = converted(tmp_path / "fp32", dataset, data)
    # The other variant finds red on grey images too.
    _, second = converted(tmp_path / "worse", dataset, data, bias=np.array([0, 0, 0.2, 0.6], np.float32))
    settings, source = settings_of(model, dataset), source_record(data)
    reference = tmp_path / "fp32" / "predictions.parquet"
    record = validate(settings, first, tmp_path / "fp32", source, reference)
    assert (record.data["metric"], record.value("accuracy"), record.value("samples")) == ("exact count", 1.0, 12)
    assert pd.read_parquet(reference)["counted"].tolist() == [1] * 6 + [0] * 3 + [1] * 3  # blue, green, grey, red
    worse = validate(
        settings,
        second,
        tmp_path / "worse",
        source,
        tmp_path / "worse" / "predictions.parquet",
        reference,
        tmp_path / "fp32",
    )
    assert worse.value("accuracy") == pytest.approx(9 / 12)
    assert (worse.value("accuracy_delta"), worse.value("losses"), worse.value("gains")) == (-0.25, 3, 0)
    assert worse.value("agreement") == pytest.approx(9 / 12)
    assert worse.data["comparison"]["images_that_disagree"] == 3
    shown = read_json(tmp_path / "worse" / "disagreements.json")["items"]
    assert [(one["image"].split("/")[1], one["reference"], one["variant"], one["boxes"]) for one in shown] == [
        ("grey", "0", "1", False)
    ] * 3
    assert not (tmp_path / "worse" / "replicates.parquet").exists()
    # The settings in the record are those of the task, whole.
    again = ValidateSettings.model_validate(record.settings)
    assert again == settings and record.settings["model"]["counting"] == {"threshold": 0.5}


def test_calibration_under_accuracy_control(data: Path, tmp_path: Path) -> None:
    dataset = parse_spec(DatasetSpec, DATASET, "counts.yaml")
    model, base = converted(tmp_path / "fp32", dataset, data)
    settings = CalibrateSettings.model_validate(
        {
            "model_name": "toy",
            "precision_name": "int8",
            "dataset_name": "counts",
            "dataset": dataset,
            "resize": {},
            "quantization": {"subset": 4, "accuracy_control": {"max_drop": 0.5}},
            "seed": 0,
            "model": model,
        }
    )
    record = calibrate(settings, base, tmp_path / "fp32", source_record(data), tmp_path / "int8")
    assert record.value("control_reference") == 1.0
    assert record.data["accuracy_control"]["metric"] == "exact count"
    assert CalibrateSettings.model_validate(record.settings) == settings


def test_specs_are_of_the_task(data: Path) -> None:
    dataset = parse_spec(DatasetSpec, DATASET | {"slack": 1}, "counts.yaml")
    assert isinstance(dataset, CountingDatasetSpec) and dataset.plain()["slack"] == 1
    model = model_spec(Path("m.onnx"), **SECTION)
    assert isinstance(model, CountingModelSpec) and ModelSpec.model_validate(model.plain()) == model
    session = {
        **{f"{name}_name": "x" for name in ("model", "device", "scenario", "dataset")},
        "dataset": dataset,
        "resize": {},
        "precisions": {"fp32": {"inference_precision": "f32"}},
        "reference": "fp32",
        "device": {"device": "CPU"},
        "scenario": {"mode": "synchronous"},
        "measurement": {},
        "seed": 0,
    }
    settings = SessionSettings.model_validate(session)
    assert SessionSettings.from_json(settings.model_dump_json()) == settings
    assert settings.plain()["dataset"] == dataset.plain()
    images = read_split(data, dataset, "validation").images
    assert [image.count for image in images][:7] == [1] * 6 + [0]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("spec", "change", "expected"),
    [
        (ModelSpec, {"counting": None}, "counting: missing, but needed by task counting"),
        (ModelSpec, {"counting": {"treshold": 1}}, "counting.treshold: unknown key; did you mean 'threshold'?"),
        (ModelSpec, {"task": "detection"}, "counting: not for task detection"),
        (ModelSpec, {"task": "classification"}, "counting: not for task classification"),
        (ModelSpec, {"task": "countin"}, "task: 'countin' is not valid; did you mean 'counting'?"),
        (ModelSpec, {"detection": {}}, "detection: not for task counting"),
        (ModelSpec, {"licence": 5, "task": "x"}, "licence: input should be a valid string (got 5) (and 1 more)"),
        (DatasetSpec, {"format": "voc"}, "format: 'voc' is not for counting; valid: counts"),
        (DatasetSpec, {"format": "count"}, "format: 'count' is not valid; did you mean 'counts'?"),
        (DatasetSpec, {"on_bad_box": "clip"}, "on_bad_box: not for task counting"),
        (
            DatasetSpec,
            {"splits": {"validation": {"images": "v"}}},
            "splits.validation.annotations: missing, but needed",
        ),
    ],
)
def test_messages_know_it(spec: type[Any], change: dict[str, Any], expected: str) -> None:
    data = DATASET if spec is DatasetSpec else model_spec(Path("m.onnx"), **SECTION).plain()
    with pytest.raises(OvlabError) as caught:
        parse_spec(spec, data | change, "x.yaml")
    assert str(caught.value).removeprefix("x.yaml: ").startswith(expected)


def test_a_section_that_the_task_needs() -> None:
    data = model_spec(Path("m.onnx"), **SECTION).plain()
    del data["counting"]
    with pytest.raises(OvlabError, match=r"^x\.yaml: counting: missing, but needed by task counting$"):
        parse_spec(ModelSpec, data, "x.yaml")
    with pytest.raises(OvlabError, match=r"^x\.yaml: contuing: unknown key; did you mean 'counting'\?$"):
        parse_spec(ModelSpec, data | {"contuing": {}}, "x.yaml")


def test_other_tasks_are_as_they_were() -> None:
    model = model_spec(Path("m.onnx"))
    assert "counting" not in model.plain() and model.plain()["detection"] is None


def test_a_task_need_not_have_keys_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CountingTask, "dataset_spec", DatasetSpec)
    dataset = parse_spec(DatasetSpec, DATASET, "x.yaml")
    assert type(dataset) is DatasetSpec and DatasetSpec.model_validate(dataset.plain()) == dataset
    with pytest.raises(OvlabError, match=r"^x\.yaml: slack: unknown key"):
        parse_spec(DatasetSpec, DATASET | {"slack": 1}, "x.yaml")
    with pytest.raises(OvlabError, match=r"^x\.yaml: task: classification is not what CountingModelSpec is for"):
        parse_spec(CountingModelSpec, model_spec(Path("m.onnx")).plain(), "x.yaml")


def test_a_model_and_a_data_set_of_different_tasks(data: Path) -> None:
    dataset = parse_spec(DatasetSpec, DATASET, "counts.yaml")
    split = read_split(data, dataset, "validation")
    with pytest.raises(OvlabError, match=r"^task classification: the data set's images are for counting$"):
        make_evaluator(model_spec(Path("m.onnx")), dataset, split, width=16, height=16)
