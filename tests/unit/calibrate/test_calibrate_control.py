"""Accuracy control of the colour classifier, whose activations are cut off on purpose."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

import pytest
from toy import Lab, source_record, write_class_folders

from ovlab.calibrate import calibrate
from ovlab.calibrate.ledger import Ledger, Trial, drop_of
from ovlab.errors import OvlabError
from ovlab.records import Record
from ovlab.runtime import read_ir
from ovlab.specs import CalibrateSettings

# Ranges that leave out nine tenths of the activations lose most colours; what NNCF then reverts brings them back.
END = {"statistics_type": "quantile", "aggregator_type": "mean", "quantile_outlier_prob": 0.45}
ROUGH = {
    "subset": 4,
    "activations_range_estimator": {"min": END, "max": END},
    "disable_bias_correction": True,
}


def settings_of(lab: Lab, dataset: dict[str, Any] | None = None, seed: int = 0, **control: Any) -> CalibrateSettings:
    return CalibrateSettings.model_validate(
        {
            "model_name": "toy",
            "precision_name": "int8_accuracy",
            "dataset_name": "colours",
            "dataset": lab.dataset.plain() | (dataset or {}),
            "resize": {},
            "quantization": ROUGH | {"accuracy_control": {"max_drop": 0.0} | control},
            "seed": seed,
            "model": lab.model.plain(),
        }
    )


def run(lab: Lab, folder: Path, data: Path | None = None, **changes: Any) -> Record:
    source = source_record(data or lab.data)
    return calibrate(settings_of(lab, **changes), lab.record, lab.folder, source, folder)


def fake_quantizers(folder: Path) -> int:
    return sum(op.get_type_name() == "FakeQuantize" for op in read_ir(folder / "model.xml").get_ordered_ops())


@pytest.fixture(scope="module")
def made(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> tuple[Record, Path]:
    folder = tmp_path_factory.mktemp("controlled")
    return run(lab, folder), folder


def test_layers_are_reverted_until_the_target_is_met(made: tuple[Record, Path]) -> None:
    record, _ = made
    ledger = record.data["accuracy_control"]
    assert ledger["metric"] == "top-1"
    assert ledger["reference_accuracy"] == 1.0
    assert (ledger["met"], ledger["complaint"], ledger["stopped"]) == (True, "", "target met")
    first, *others = ledger["steps"]
    assert (first["step"], first["reverted"]) == (0, [])
    assert first["drop"] > 0  # this costs something, or this test shows nothing
    assert others and all(step["reverted"] and step["accuracy"] is not None for step in others)
    assert ledger["steps"][-1]["drop"] <= 0
    assert ledger["kept_step"] == others[-1]["step"]
    assert ledger["reverted"] == [name for step in others if step["kept"] for name in step["reverted"]]
    assert ledger["accuracy"] == ledger["steps"][-1]["accuracy"] == record.value("control_accuracy")
    assert record.value("control_drop") == 0
    assert record.values["control_delta"].low is not None
    assert record.value("reverted_operations") == len(ledger["reverted"])
    assert [step["seconds"] for step in ledger["steps"]] == sorted(step["seconds"] for step in ledger["steps"])


def test_the_three_sets_of_images_are_disjoint(made: tuple[Record, Path], lab: Lab) -> None:
    record, _ = made
    control = set(record.data["accuracy_control"]["control_images"])
    calibration = set(record.data["calibration_images"])
    assert record.value("control_samples") == len(control) == 8
    assert len(calibration) == 4
    assert not control & calibration
    assert all(one.startswith("train/") for one in control | calibration)  # validation is in val/
    assert "set aside from split calibration (8 images, 8 left)" in record.data["accuracy_control"]["control_source"]


def test_another_seed_is_judged_on_the_same_images(made: tuple[Record, Path], lab: Lab, tmp_path: Path) -> None:
    record, folder = made
    same, other = run(lab, tmp_path / "a"), run(lab, tmp_path / "b", seed=1)
    assert same.data["sha256"]["model.bin"] == record.data["sha256"]["model.bin"]
    assert same.values["control_accuracy"] == record.values["control_accuracy"]
    assert other.data["calibration_images"] != record.data["calibration_images"]
    images = other.data["accuracy_control"]["control_images"]
    assert images == record.data["accuracy_control"]["control_images"]
    assert fake_quantizers(tmp_path / "a") == fake_quantizers(folder)


@pytest.mark.parametrize("on_missed", ["report", "fail"])
def test_a_missed_target_is_loud(lab: Lab, tmp_path: Path, caplog: pytest.LogCaptureFixture, on_missed: str) -> None:
    with caplog.at_level(logging.INFO, "ovlab"):
        record = run(lab, tmp_path, time_budget_s=1e-6, on_missed=on_missed)
    ledger = record.data["accuracy_control"]
    assert (ledger["met"], ledger["stopped"], ledger["kept_step"]) == (False, "time budget", 0)
    expected = f"drops by {100 * ledger['steps'][0]['drop']:.3g} points on the control images, allowed 0 (search ended"
    assert expected in ledger["complaint"]
    assert f"toy int8_accuracy: accuracy target missed: top-1 {expected}" in caplog.text
    assert (record.status, record.reason) == (("failed", ledger["complaint"]) if on_missed == "fail" else ("ok", ""))
    assert fake_quantizers(tmp_path) > 0  # the quantised model, as the best that was tried
    stored = read_ir(tmp_path / "model.xml").get_ordered_ops()
    assert "i8" in {op.get_element_type().get_type_name() for op in stored if op.get_type_name() == "Constant"}


def test_a_limit_of_iterations_keeps_the_best(lab: Lab, tmp_path: Path) -> None:
    record = run(lab, tmp_path, max_num_iterations=1)
    ledger = record.data["accuracy_control"]
    assert len(ledger["steps"]) == 2
    assert ledger["accuracy"] == max(step["accuracy"] for step in ledger["steps"])
    assert ledger["stopped"] == ("target met" if ledger["met"] else "iterations")


def test_a_split_of_its_own(lab: Lab, tmp_path: Path) -> None:
    data = write_class_folders(tmp_path / "data", train=4, val=6)
    half = {"calibration": {"images": "train"}, "control": {"images": "val", "portion": [0, 0.5]}}
    splits = half | {"validation": {"images": "val", "portion": [0.5, 1]}}
    record = run(lab, tmp_path / "a", data, dataset={"splits": splits}, images=6)
    images = record.data["accuracy_control"]["control_images"]
    assert len(images) == 6
    assert all(one.startswith("val/") for one in images)
    assert record.data["accuracy_control"]["control_source"] == "split control"
    with pytest.raises(OvlabError, match=r"^quantization\.accuracy_control\.images: 13 images, but the control split "):
        run(lab, tmp_path / "b", data, dataset={"splits": splits}, images=13)


def test_a_leak_of_control_images(lab: Lab, tmp_path: Path) -> None:
    data = write_class_folders(tmp_path / "data")
    shutil.copytree(data / "val", data / "control")
    splits = lab.dataset.plain()["splits"] | {"control": {"images": "control"}}
    with pytest.raises(OvlabError, match=r"^dataset colours: validation and control share 12 image\(s\), such as "):
        run(lab, tmp_path / "a", data, dataset={"splits": splits})


def test_control_images_without_labels(lab: Lab, tmp_path: Path) -> None:
    plain = lab.dataset.plain()
    detection = plain | {"task": "detection", "format": "voc", "metric": "voc_2007"}
    detection["splits"] = {
        "calibration": plain["splits"]["calibration"] | {"format": "images"},
        "validation": plain["splits"]["validation"] | {"image_set": "test", "format": "voc"},
    }
    settings = settings_of(lab, detection)
    with pytest.raises(OvlabError, match=r"splits\.calibration: format images has no labels, but accuracy_control "):
        settings.dataset.control_split()


def test_a_share_that_leaves_too_few_for_calibration(lab: Lab, tmp_path: Path) -> None:
    with pytest.raises(OvlabError, match=r"^quantization\.subset: 4 images, but the calibration split has 2$"):
        run(lab, tmp_path, control_share=0.9)


def ledger_of(*accuracies: float | None, max_drop: float = 0.01) -> Ledger:
    trials = [Trial(n, n - 1 if n else None, [f"op{n}"] if n else [], one) for n, one in enumerate(accuracies)]
    return Ledger("top-1", max_drop, "absolute", 0.9, trials)


def test_what_is_kept() -> None:
    assert ledger_of(0.895).kept().number == 0
    assert ledger_of(0.7, 0.8, 0.893, 0.9).kept().number == 2  # the first that meets the target
    assert ledger_of(0.7, 0.85, 0.8).kept().number == 1  # otherwise the best
    assert ledger_of(0.7, 0.7).kept().number == 0  # of equals the one with less reverted
    assert ledger_of(0.7, None).kept().number == 0  # the time ran out
    stepped_back = ledger_of(0.7, 0.6, 0.85)
    stepped_back.trials[2].base = 0
    plain = stepped_back.plain()
    assert plain["reverted"] == ["op2"]
    assert [step["kept"] for step in plain["steps"]] == [True, False, True]


@pytest.mark.parametrize(
    ("reference", "accuracy", "drop_type", "expected"),
    [(0.8, 0.6, "absolute", 0.2), (0.8, 0.6, "relative", 0.25), (0.8, 0.9, "relative", -0.125), (0, 0, "relative", 0)],
)
def test_drop(reference: float, accuracy: float, drop_type: Any, expected: float) -> None:
    assert drop_of(reference, accuracy, drop_type) == pytest.approx(expected)
