"""INT8 that others made, beside the model's own FP32 and INT8: a QDQ ONNX, an IR by NNCF, and what is refused."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import yaml
from int8_by_others import declare, nncf_ir, qdq_onnx
from workflow_runs import ROOT, TINY, copy_workflow, planned, snakemake

from ovlab.files import sha256_of
from ovlab.generators.digits import write_digits
from ovlab.records import read_record

MODEL = ROOT / "resources" / "digits_cnn.onnx"
CHOSEN = (
    *(one for one in TINY if not one.startswith("experiment.precisions")),
    "experiment.precisions=[fp32,int8,qdq,int8_imported]",
)
SESSION = "results/quickstart/sessions/here/digits_cnn/cpu/single_stream/session.json"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with two variants that others made; their YAML and files lie beside it."""
    folder = copy_workflow(tmp_path_factory.mktemp("imported"))
    write_digits(folder / "digits", size=64)
    images = [cv2.imread(str(path)) for path in sorted((folder / "digits" / "calibration").rglob("*.png"))[::20]]
    inputs = [np.float32((one.transpose(2, 0, 1)[None] - np.float32(127.5)) / 127.5) for one in images]
    theirs = folder / "theirs"
    theirs.mkdir()
    qdq = qdq_onnx(MODEL, theirs / "qdq.onnx", "image", inputs, per_channel=True)
    ir = nncf_ir(MODEL, theirs / "nncf.xml", inputs)
    declare(folder / "mine", "digits_cnn", "qdq", qdq, framework="onnx")
    declare(folder / "mine", "digits_cnn", "int8_imported", ir, ir.with_suffix(".bin"), framework="ir")
    model = yaml.safe_load((ROOT / "conf/model/digits_cnn.yaml").read_text(encoding="utf-8"))
    (folder / "mine" / "model").mkdir()
    text = yaml.safe_dump(model | {"files": [{"path": str(qdq)}]})
    (folder / "mine" / "model" / "digits_qdq.yaml").write_text(text, encoding="utf-8")
    done = snakemake(folder, overrides=CHOSEN, extra_conf="mine")
    assert done.returncode == 0, done.stdout[-5000:]
    return folder


@pytest.fixture(scope="module")
def rows(finished: Path) -> pd.DataFrame:
    return pd.read_csv(finished / "results/quickstart/report/tables/results.csv").set_index("precision")


def test_they_are_measured_beside_the_models_own(finished: Path, rows: pd.DataFrame) -> None:
    assert rows["status"].tolist() == ["ok"] * 4, rows["reason"].tolist()
    assert rows["executed_precision"].tolist() == ["f32", "i8", "i8", "i8"]
    assert (rows["executed_int8_mac_share"][1:] > 0.9).all()
    assert rows["speedup"].notna().all()
    assert (rows["model_size_mb"][1:] < 0.5 * rows["model_size_mb"].iloc[0]).all()
    session = read_record(finished / SESSION, "session")
    assert len({one["round"] for launches in session.data["launches"].values() for one in launches}) == 1


def test_their_accuracy_is_compared_image_by_image(finished: Path, rows: pd.DataFrame) -> None:
    assert (rows["samples"] == 40).all()
    assert rows["accuracy_delta"].notna().all() and rows["agreement"][1:].between(0.9, 1).all()
    pairs = pd.read_csv(finished / "results/quickstart/report/tables/significance.csv")
    tested = {tuple(pair) for pair in pairs[["precision", "against"]].to_numpy()}
    assert {("qdq", "fp32"), ("int8_imported", "fp32"), ("qdq", "int8"), ("int8_imported", "int8")} <= tested


def test_their_records_say_where_they_come_from(finished: Path) -> None:
    for precision, names in (("qdq", ["qdq.onnx"]), ("int8_imported", ["nncf.xml", "nncf.bin"])):
        (path,) = finished.glob(f"results/variants/digits_cnn/{precision}/*/variant.json")
        record = read_record(path, "variant")
        hashes = {name: sha256_of(finished / "theirs" / name) for name in names}
        imported = record.data["imported"]
        assert {one["name"]: one["sha256"] for one in imported["files"]} == record.inputs == hashes
        assert imported["quantisation"]["quantisers"] > 0
        assert imported["quantisation"]["weights"] == imported["quantisation"]["layers"] > 0
        assert ("rounding_noise" in record.values) == (precision == "qdq")


def test_the_page_says_so(finished: Path) -> None:
    text = re.sub(r"<[^>]+>", " ", (finished / "results/quickstart/report/index.html").read_text(encoding="utf-8"))
    assert "digits_cnn in qdq" in text and "digits_cnn in int8_imported" in text
    assert "others, imported from onnx" in text and "others, imported from ir" in text


def test_another_licence_makes_nothing_anew_and_another_file_does(finished: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(finished, tmp_path / "copy", copy_function=shutil.copy2)
    path = folder / "mine" / "model_precision" / "digits_cnn-qdq.yaml"
    text = path.read_text(encoding="utf-8")
    for old, new, expected in (
        ("Apache-2.0", "MIT", {}),
        ("framework: onnx", "framework: onnx\n    tolerance: 0.01", {"convert": 1, "validate": 1, "benchmark": 1}),
    ):
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")
        done = snakemake(folder, "-n", overrides=CHOSEN, extra_conf="mine")
        assert planned(done.stdout) == expected | {"report": 1, "verdict": 1}


def test_a_quantised_file_given_as_the_model_is_told_what_it_is(finished: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(finished, tmp_path / "copy", copy_function=shutil.copy2)
    changed = {"experiment.models": "[digits_qdq]", "experiment.precisions": "[fp32,int8]"}
    values = dict(one.split("=", 1) for one in CHOSEN) | changed
    done = snakemake(folder, overrides=tuple(f"{key}={value}" for key, value in values.items()), extra_conf="mine")
    assert done.returncode != 0
    reasons = pd.read_csv(folder / "results/quickstart/report/tables/results.csv")["reason"]
    assert len(reasons) == 2
    for reason in reasons:
        assert "model digits_qdq: its file is quantised already (" in reason
        assert "declare it as the `source` of a precision of its own" in reason
    assert "Traceback" not in done.stdout


def test_int8_alone_is_its_own_reference(finished: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(finished, tmp_path / "copy", copy_function=shutil.copy2)
    declare(folder / "mine", "digits_qdq", "int8_imported", finished / "theirs" / "qdq.onnx", framework="onnx")
    changed = {"experiment.models": "[digits_qdq]", "experiment.precisions": "[int8_imported,int8]"}
    values = dict(one.split("=", 1) for one in CHOSEN) | changed | {"reference": "int8_imported"}
    snakemake(folder, overrides=tuple(f"{key}={value}" for key, value in values.items()), extra_conf="mine")
    rows = pd.read_csv(folder / "results/quickstart/report/tables/results.csv").set_index("precision")
    assert rows["status"].to_dict() == {"int8_imported": "ok", "int8": "failed"}
    assert rows.loc["int8_imported", "speedup"] == 1
    assert "quantization: the variant that int8 is made from is quantised already (" in rows.loc["int8", "reason"]
