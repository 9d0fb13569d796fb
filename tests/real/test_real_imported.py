"""ResNet-20 in INT8 by others: a QDQ ONNX by ONNX Runtime and an IR by NNCF, beside the model's own FP32 and INT8."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import yaml
from int8_by_others import Inputs, declare, nncf_ir, qdq_onnx
from real_runs import REAL, needs_real_data, run_real
from workflow_runs import ROOT

from ovlab.records import read_record

pytestmark = [pytest.mark.real, needs_real_data]
MODEL = REAL / "models" / "resnet20-cifar10.onnx"
MEAN, SCALE = (np.array(one, np.float32) for one in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))


def calibration(count: int) -> Inputs:
    """Images of the training set as the network takes them, spread over the classes."""
    with tarfile.open(REAL / "datasets" / "cifar10-train-jpeg-3000.tar") as archive:
        members = [one for one in archive.getmembers() if one.isfile()]
        chosen = [archive.extractfile(one) for one in members[:: len(members) // count]]
        pixels = [cv2.imdecode(np.frombuffer(one.read(), np.uint8), cv2.IMREAD_COLOR) for one in chosen if one]
    return [np.float32(((one[..., ::-1] / np.float32(255) - MEAN) / SCALE).transpose(2, 0, 1)[None]) for one in pixels]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("real")


@pytest.fixture(scope="module")
def rows(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Rows by precision."""
    theirs = tmp_path_factory.mktemp("theirs")
    inputs = calibration(300)
    qdq = qdq_onnx(MODEL, theirs / "resnet20-qdq.onnx", "input", inputs, per_channel=True)
    ir = nncf_ir(MODEL, theirs / "resnet20-nncf.xml", inputs)
    conf = shutil.copytree(ROOT / "tests" / "real" / "conf", theirs / "conf")
    licence = {"licence": "BSD-2-Clause"}
    declare(conf, "resnet20_cifar10", "int8_qdq", qdq, framework="onnx", **licence)
    declare(conf, "resnet20_cifar10", "int8_imported", ir, ir.with_suffix(".bin"), framework="ir", **licence)
    experiment = {
        "title": "INT8 that others made",
        "models": ["resnet20_cifar10"],
        "precisions": ["fp32", "int8", "int8_qdq", "int8_imported"],
        "devices": ["cpu"],
        "scenarios": ["single_stream"],
    }
    text = "# @package _global_\n" + yaml.safe_dump({"experiment": experiment})
    (conf / "experiment" / "real_imported.yaml").write_text(text, encoding="utf-8")
    limit = ("validation.limit=5000",)
    return run_real("real_imported", folder, limit, conf=conf).set_index("precision")


def test_all_are_measured_and_executed_in_int8(rows: pd.DataFrame) -> None:
    assert rows["executed_precision"].to_dict() == {
        "fp32": "f32",
        "int8": "i8",
        "int8_qdq": "i8",
        "int8_imported": "i8",
    }
    assert (rows["executed_int8_mac_share"][1:] == 1).all()


def test_their_accuracy_is_paired_with_fp32s_and_int8s(folder: Path, rows: pd.DataFrame) -> None:
    assert rows["accuracy_delta"].between(-0.01, 0.01).all()
    assert (rows["accuracy_delta_low"] <= rows["accuracy_delta"]).all()
    assert rows["accuracy_p"][1:].between(0, 1).all()
    assert rows["agreement"][1:].between(0.94, 1).all()
    pairs = pd.read_csv(folder / "results/real_imported/report/tables/significance.csv")
    tested = {tuple(pair) for pair in pairs[["precision", "against"]].to_numpy()}
    assert len(tested) == 6
    assert {("int8_qdq", "int8"), ("int8_imported", "int8"), ("int8_imported", "int8_qdq")} <= tested


def test_onnx_runtime_agrees_as_far_as_rounding_lets_it(folder: Path, rows: pd.DataFrame) -> None:
    assert rows.loc["int8_qdq", "status"] == "ok"
    (path,) = folder.glob("results/variants/resnet20_cifar10/int8_qdq/*/variant.json")
    record = read_record(path, "variant")
    assert (record.value("parity_relative") or 1) < 1e-5
    difference, rounding = record.value("rounded_difference") or 1, record.value("rounding_noise") or 0
    assert 0.001 < rounding < 0.03
    assert difference < 2 * rounding
    assert record.data["imported"]["quantisation"] == {"quantisers": 38, "weights": 20, "layers": 20}
