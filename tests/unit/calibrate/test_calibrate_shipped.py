"""Every shipped precision makes a variant that can be validated; the same seed makes the same one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from toy import Lab

from ovlab.calibrate import calibrate
from ovlab.records import Record
from ovlab.runtime import read_ir
from ovlab.specs import CalibrateSettings, PrecisionSpec
from ovlab.validate import validate

FOLDER = Path(__file__).resolve().parents[3] / "conf" / "precision"
SHIPPED = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.yaml"))}
COMPRESSED = [name for name, data in SHIPPED.items() if data.keys() & {"quantization", "weight_compression"}]


def make(lab: Lab, name: str, folder: Path, **options: Any) -> Record:
    precision = PrecisionSpec.model_validate(SHIPPED[name])
    quantization = precision.quantization.plain() | {"subset": 4} | options if precision.quantization else None
    compression = precision.weight_compression.plain() if precision.weight_compression else None
    settings = {
        "model_name": "toy",
        "precision_name": name,
        "dataset_name": "colours",
        "dataset": lab.dataset.plain(),
        "resize": {},
        "quantization": quantization,
        "weight_compression": compression,
        "seed": 0,
        "model": lab.model.plain(),
    }
    return calibrate(CalibrateSettings.model_validate(settings), lab.record, lab.folder, lab.source, folder)


def accuracy_of(lab: Lab, name: str, record: Record, folder: Path) -> Any:
    settings = lab.validate_settings(precision_name=name, precision=SHIPPED[name], calibration_seed=0)
    return validate(settings, record, folder, lab.source, folder / "predictions.parquet").values["accuracy"]


def test_all_are_there() -> None:
    assert set(COMPRESSED) == {"int8", "int8_mixed", "int8_accuracy", "int8_weights", "int4_weights"}
    assert set(SHIPPED) - set(COMPRESSED) == {"fp32", "default", "fp16", "bf16", "int8_imported"}
    assert all(data["description"] for data in SHIPPED.values())


@pytest.mark.parametrize("name", COMPRESSED)
def test_a_shipped_precision(lab: Lab, tmp_path: Path, name: str) -> None:
    record = make(lab, name, tmp_path)
    assert record.ok
    assert accuracy_of(lab, name, record, tmp_path).value == 1.0
    stored = {"int8_weights": "u8", "int4_weights": "i4"}.get(name, "i8")
    assert stored in record.data["weight_types"]


def constants(folder: Path) -> list[bytes]:
    operations = read_ir(folder / "model.xml").get_ordered_ops()
    return [bytes(op.data.tobytes()) for op in operations if op.get_type_name() == "Constant"]


@pytest.mark.parametrize("options", [{}, {"fast_bias_correction": False, "preset": "mixed"}])
def test_the_same_seed_makes_the_same_variant(lab: Lab, tmp_path: Path, options: dict[str, Any]) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    first, second = (make(lab, "int8", folder, **options) for folder in folders)
    assert first.data["calibration_images"] == second.data["calibration_images"]
    assert constants(folders[0]) == constants(folders[1])
    assert first.data["sha256"]["model.bin"] == second.data["sha256"]["model.bin"]
    accuracies = [accuracy_of(lab, "int8", one, folder) for one, folder in zip((first, second), folders, strict=True)]
    assert accuracies[0] == accuracies[1]
