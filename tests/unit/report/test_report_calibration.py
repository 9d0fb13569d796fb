"""The section on calibration: the ledger of accuracy control, and the spread over repeated calibrations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from report_factory import Maker, Recipe

from ovlab.records import Quantity, Record
from ovlab.report import Records, report, results_frame
from ovlab.report.sections.calibration.tables import allowed_drop, seeds_table
from ovlab.specs import ReportSettings

RECIPE = Recipe(precisions=["fp32", "int8", "int8_accuracy"], scenarios=["offline"])
COMPLAINT = "accuracy target missed: top-1 drops by 0.7 points on the control images, allowed 0.1 (search ended: x)"


def add_control(records: Records, *, met: bool) -> None:
    record = records.variants["net", "int8_accuracy"]
    record.settings["seed"] = 0
    records.accuracies["net", "int8_accuracy"].settings["calibration_seed"] = 0
    step = {"accuracy": 0.6, "drop": 0.01, "kept": True, "seconds": 3.25}
    record.data["accuracy_control"] = {
        "metric": "top-1",
        "max_drop": 0.001,
        "drop_type": "absolute",
        "reference_accuracy": 0.61,
        "steps": [
            step | {"step": 0, "reverted": []},
            step | {"step": 1, "reverted": ["conv<1>"], "kept": False},
            step | {"step": 2, "reverted": ["conv2", "add2"], "accuracy": 0.603},
            step | {"step": 3, "reverted": ["conv3"], "accuracy": None, "drop": None, "kept": False},
        ],
        "kept_step": 2,
        "reverted": ["conv2", "add2"],
        "stopped": "target met" if met else "time budget",
        "met": met,
        "complaint": "" if met else COMPLAINT,
        "accuracy": 0.603,
    }
    record.values |= {
        "control_samples": Quantity(500, "count"),
        "control_reference": Quantity(0.61, "fraction"),
        "control_accuracy": Quantity(0.603, "fraction"),
        "control_delta": Quantity(-0.007, "fraction", -0.012, -0.002),
        "reverted_operations": Quantity(2, "count"),
    }


def add_seeds(records: Records, values: list[float | None]) -> None:
    """Repeat the calibration of int8; None is a repetition that failed."""
    first = records.accuracies["net", "int8"]
    first.settings["calibration_seed"] = 0
    records.variants["net", "int8"].data["sha256"] = {"model.bin": "0"}
    for seed, value in enumerate(values, start=1):
        settings = first.settings | {"calibration_seed": seed}
        again = Record("accuracy", settings, "ok", data=first.data)
        if value is None:
            again.status, again.reason = "failed", "no image"
        else:
            again.values["accuracy"] = Quantity(value, "fraction")
        records.repeated["accuracy", "net", "int8"].append(again)
        variant = Record("variant", records.variants["net", "int8"].settings, data={"sha256": {"model.bin": str(seed)}})
        records.repeated["variant", "net", "int8"].append(variant)


def row_of(settings: ReportSettings, records: Records, precision: str) -> dict[str, Any]:
    frame = results_frame(settings, records)
    (row,) = frame[frame["precision"] == precision].to_dict("records")
    return row


def test_repeated_calibrations(make: Maker, tmp_path: Path) -> None:
    settings, records = make(RECIPE)
    first = records.accuracies["net", "int8"].value("accuracy")
    add_seeds(records, [0.6, 0.612])
    row = row_of(settings, records, "int8")
    assert (row["calibration_seeds"], row["accuracy_min"], row["accuracy_max"]) == (3, 0.6, 0.612)
    assert row["accuracy"] == first  # of the variant that is measured
    assert row["accuracy_std"] == pytest.approx(pd.Series([first, 0.6, 0.612]).std())
    assert [float(one) for one in row["accuracy_by_seed"].split(";")] == [first, 0.6, 0.612]
    assert pd.isna(row_of(settings, records, "fp32")["calibration_seeds"])
    table = seeds_table(settings, records).raw()
    assert (table["variants"].tolist(), table["calibration_seeds"].tolist()) == ([3], [3])
    report(settings, records, tmp_path / "index.html")
    page = (tmp_path / "index.html").read_text()
    assert 'id="calibration"' in page
    assert "60.60, 60.00, 61.20" in page
    assert pd.read_csv(tmp_path / "tables" / "calibration_seeds.csv").shape[0] == 1
    assert not (tmp_path / "tables" / "ledger.csv").exists()


def test_a_repetition_that_failed_fails_the_row(make: Maker) -> None:
    settings, records = make(RECIPE)
    add_seeds(records, [0.6, None])
    row = row_of(settings, records, "int8")
    assert (row["status"], row["reason"]) == ("failed", "calibration with seed 2: no image")
    assert row["calibration_seeds"] == 2


@pytest.mark.parametrize("met", [True, False])
def test_accuracy_control(make: Maker, tmp_path: Path, met: bool) -> None:
    settings, records = make(RECIPE)
    add_control(records, met=met)
    row = row_of(settings, records, "int8_accuracy")
    assert (row["status"], row["reason"]) == ("ok", "" if met else COMPLAINT)
    report(settings, records, tmp_path / "index.html")
    page = (tmp_path / "index.html").read_text()
    assert (COMPLAINT in page) is not met
    assert ("MISSED" in page) is not met
    assert "conv&lt;1&gt;" in page
    control = pd.read_csv(tmp_path / "tables" / "accuracy_control.csv").iloc[0]
    assert (control["control_images"], control["control_quantised"], control["control_accuracy"]) == (500, 0.6, 0.603)
    assert (control["control_delta"], control["accuracy_delta"]) == (-0.007, -0.004)
    assert control["target"] == ("met" if met else "MISSED")
    ledger = pd.read_csv(tmp_path / "tables" / "ledger.csv")
    assert ledger["kept"].tolist() == ["kept", "undone", "the variant", "not judged: out of time"]
    assert ledger["reverted"].tolist()[1:3] == ["conv<1>", "conv2, add2"]


def test_an_experiment_without_either_has_no_such_section(make: Maker, tmp_path: Path) -> None:
    settings, records = make(RECIPE)
    add_control(records, met=True)
    report(settings, records, tmp_path / "index.html")
    assert (tmp_path / "tables" / "ledger.csv").exists()
    report(*make(RECIPE), tmp_path / "index.html")
    assert 'id="calibration"' not in (tmp_path / "index.html").read_text()
    assert not (tmp_path / "tables" / "ledger.csv").exists()


def test_what_is_allowed() -> None:
    assert allowed_drop({"max_drop": 0.001, "drop_type": "absolute"}) == "0.1 points"
    assert allowed_drop({"max_drop": 0.01, "drop_type": "relative"}) == "1 % of the reference’s"
