"""Validation on a device of the experiment: its file counts, differences are to the reference on that device."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openvino as ov
import pytest
from toy import Lab

from ovlab.errors import OvlabError, UnavailableError
from ovlab.records import Record
from ovlab.specs import ValidateSettings
from ovlab.validate import validate, validation_properties


def settings(lab: Lab, device: dict[str, Any], name: str = "mine", **changes: Any) -> ValidateSettings:
    validation = {"device": device["device"], "disagreements": 0, "layer_check_images": 0}
    return lab.validate_settings(device_name=name, device=device, validation=validation, **changes)


def run(lab: Lab, folder: Path, asked: ValidateSettings, reference: Path | None = None) -> Record:
    folder.mkdir()
    return validate(asked, lab.record, lab.folder, lab.source, folder / "predictions.parquet", reference)


@pytest.mark.parametrize(
    "device",
    [
        {"device": "AUTO:CPU", "requires": ["CPU"]},
        {"device": "MULTI:CPU", "requires": ["CPU"]},
        {"device": "HETERO:CPU", "requires": ["CPU"]},
        {"device": "BATCH:CPU(2)", "requires": ["CPU"]},
        {"device": "AUTO"},
        {"device": "CPU", "properties": {"NUM_STREAMS": 2}},
    ],
)
def test_accuracy_of_every_kind_of_device_on_the_cpu_is_that_of_the_cpu(
    lab: Lab, tmp_path: Path, device: dict[str, Any]
) -> None:
    plain = run(lab, tmp_path / "plain", lab.validate_settings())
    reference = run(lab, tmp_path / "reference", settings(lab, device))
    own = run(lab, tmp_path / "own", settings(lab, device), tmp_path / "reference/predictions.parquet")
    assert own.data["device"] == device["device"]
    assert any("CPU" in one for one in own.data["execution_devices"])
    assert own.data["inference_precision"] == "f32"
    assert own.value("accuracy") == reference.value("accuracy") == plain.value("accuracy")
    assert own.value("accuracy_delta") == 0
    assert own.settings["device_name"] == "mine"
    assert "device_name" not in plain.settings


def test_the_properties_of_the_devices_file_count(lab: Lab) -> None:
    _, options = validation_properties(settings(lab, {"device": "CPU", "properties": {"NUM_STREAMS": 2}}))
    assert options == {"NUM_STREAMS": 2, "PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": "f32"}
    auto = {"device": "AUTO:CPU", "requires": ["CPU"], "member_properties": {"CPU": {"NUM_STREAMS": 1}}}
    _, options = validation_properties(settings(lab, auto))
    # Images must not go to the CPU while a GPU compiles.
    assert options["ENABLE_STARTUP_FALLBACK"] is False
    assert options["DEVICE_PROPERTIES"] == {"CPU": {"NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32"}}
    kept = auto | {"properties": {"ENABLE_STARTUP_FALLBACK": True}}
    assert validation_properties(settings(lab, kept))[1]["ENABLE_STARTUP_FALLBACK"] is True


@pytest.mark.skipif("GPU" in ov.Core().available_devices, reason="this host has a GPU")
def test_a_device_that_is_absent_is_unavailable_and_one_that_is_unknown_an_error(lab: Lab) -> None:
    for device in ({"device": "GPU"}, {"device": "MULTI:CPU,GPU", "requires": ["CPU", "GPU"]}):
        with pytest.raises(UnavailableError, match=r"^GPU is not on this host"):
            validation_properties(settings(lab, device))
    with pytest.raises(OvlabError, match=r"^device/mine\.yaml: OpenVINO knows no device 'GPPU'; did you mean 'GPU'\?"):
        validation_properties(settings(lab, {"device": "GPPU"}))
