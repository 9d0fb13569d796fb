"""Accuracy on several devices: a cell has that of its own device, and the report says whose it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
from report_factory import Recipe, accuracy, make_records, make_settings

from ovlab.records import Record
from ovlab.report import Records, results_frame
from ovlab.report.sections.findings.precisions import model_findings
from ovlab.report.sections.results.tables import accuracy_table
from ovlab.specs import ReportSettings

RECIPE = Recipe(devices=["cpu", "gpu"], precisions=["fp32", "int8"], scenarios=["single_stream"])


Make = Callable[..., tuple[ReportSettings, Records]]


@pytest.fixture
def made(tmp_path: Path) -> Make:
    return partial(make, tmp_path)


def make(folder: Path, *own: Record, validate_on: tuple[str, ...] = ("cpu", "gpu")) -> tuple[ReportSettings, Records]:
    settings = make_settings(RECIPE)
    devices = settings.devices | {"gpu": settings.devices["gpu"].model_copy(update={"device": "GPU"})}
    asked = settings.experiment.model_copy(update={"validate_on": validate_on})
    settings = settings.model_copy(update={"experiment": asked, "devices": devices})
    records = make_records(RECIPE, folder)
    for one in records.accuracies.values():
        one.data["device"] = "CPU"
    given = {(one.settings["model_name"], one.settings["precision_name"], "gpu"): one for one in own}
    return settings, replace(records, device_accuracies=given)


def on_gpu(precision: str, value: float = 0.5) -> Record:
    one = accuracy(RECIPE, "net", precision, value)
    one.settings["device_name"] = "gpu"
    one.data["device"] = "GPU"
    one.run_id = f"gpu-{precision}"
    return one


def by_cell(settings: ReportSettings, records: Records) -> pd.DataFrame:
    return results_frame(settings, records).set_index(["device", "precision"])


def test_a_cell_has_the_accuracy_of_its_own_device(made: Make) -> None:
    settings, records = made(on_gpu("fp32", 0.5), on_gpu("int8", 0.25))
    found = by_cell(settings, records)
    assert found["accuracy_device"].to_dict() == {
        ("cpu", "fp32"): "CPU",
        ("cpu", "int8"): "CPU",
        ("gpu", "fp32"): "GPU",
        ("gpu", "int8"): "GPU",
    }
    assert found.loc[("gpu", "int8"), "accuracy"] == records.device_accuracies["net", "int8", "gpu"].value("accuracy")
    assert found.loc[("gpu", "int8"), "accuracy_run_id"] == "gpu-int8"
    assert found.loc[("cpu", "int8"), "accuracy"] == records.accuracies["net", "int8"].value("accuracy")
    assert found.loc[("gpu", "fp32"), "accuracy_delta"] == 0


def test_who_does_not_ask_has_one_accuracy_for_all(made: Make) -> None:
    settings, records = made(on_gpu("fp32"), on_gpu("int8"), validate_on=())
    found = by_cell(settings, records)
    assert set(found["accuracy_device"]) == {"CPU"}
    assert found.loc[("gpu", "int8"), "accuracy"] == found.loc[("cpu", "int8"), "accuracy"]


def test_an_accuracy_that_the_device_has_not_is_none_of_another_device(made: Make) -> None:
    unavailable = replace(on_gpu("int8"), status="unavailable", reason="GPU is not on this host", values={}, data={})
    settings, records = made(on_gpu("fp32"), unavailable)
    row = by_cell(settings, records).loc[("gpu", "int8")]
    assert (row["status"], row["reason"]) == ("unavailable", "validation: GPU is not on this host")
    assert pd.isna(row["accuracy"])
    settings, records = made(on_gpu("fp32"))
    row = by_cell(settings, records).loc[("gpu", "int8")]
    assert row["status"] == "failed"
    assert row["reason"].startswith("validation: ")
    assert pd.isna(row["accuracy"])


def test_records_of_devices_are_told_from_those_of_all() -> None:
    plain = [accuracy(RECIPE, "net", name, 0.6) for name in ("fp32", "int8")]
    own = [on_gpu("fp32"), on_gpu("int8")]
    records = Records.of([], [], [own[0], plain[0], own[1], plain[1]], [])
    assert list(records.accuracies.values()) == plain
    assert list(records.device_accuracies.values()) == own
    assert records.validations("net", "int8") == [plain[1]]  # not a repeated calibration
    assert all(one in records.everything() for one in own)


def test_tables_and_sentences_say_whose_accuracy_it_is(made: Make) -> None:
    settings, records = made(on_gpu("fp32", 0.5), on_gpu("int8", 0.25))
    frame = results_frame(settings, records)
    table = accuracy_table(frame, "fp32")
    assert [column.title for column in table.columns][:3] == ["model", "precision", "validated on"]
    assert len(table.rows) == 2 * 2
    (found,) = model_findings(settings, frame, records)
    reference, int8 = (" ".join(one.sentences) for one in found.findings)
    assert " on CPU 60.60 %" in reference and " on GPU 49.60 %" in reference
    assert " on CPU is " in int8 or " on CPU could be measured" in int8
    assert " on GPU is " in int8 or " on GPU could be measured" in int8


def test_where_all_were_validated_on_one_device_the_caption_says_so(made: Make) -> None:
    settings, records = made(validate_on=())
    frame = results_frame(settings, records)
    table = accuracy_table(frame, "fp32")
    assert "Validated on CPU." in table.caption
    assert "validated on" not in [column.title for column in table.columns]
    assert len(table.rows) == 2
    (found,) = model_findings(settings, frame, records)
    assert " accuracy on " not in " ".join(" ".join(one.sentences) for one in found.findings)
