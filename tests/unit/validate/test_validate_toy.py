"""Accuracy of the colour classifier, against a loop that shares nothing with the library."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
import openvino as ov
import pandas as pd
import pytest
from toy import BIAS, CLASSES, Lab, colour_image, colour_onnx, source_record, write_image

from ovlab.calibrate import save_ir
from ovlab.convert.preprocess import embed
from ovlab.errors import OvlabError, UnavailableError
from ovlab.records import Record
from ovlab.runtime import read_ir
from ovlab.specs import PrecisionSpec, ValidateSettings
from ovlab.validate import validate


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Images of which the classifier gets some wrong: every third lies in the folder of the next colour."""
    for index, name in enumerate(CLASSES):
        for i in range(6):
            place = CLASSES[(index + 1) % 4] if i % 3 == 2 else name
            write_image(tmp_path / "data" / "val" / place / f"{name}{i}.png", colour_image(name, 10 * index + i))
    return tmp_path / "data"


def run(lab: Lab, data: Path, settings: ValidateSettings | None = None, **others: Any) -> tuple[Record, pd.DataFrame]:
    predictions = data.parent / "predictions.parquet"
    record = validate(
        settings or lab.validate_settings(), lab.record, lab.folder, source_record(data), predictions, **others
    )
    return record, pd.read_parquet(predictions)


def by_hand(onnx: Path, data: Path) -> dict[str, tuple[int, int]]:
    """Label and predicted class of every image, with ONNX Runtime and plain NumPy."""
    session = onnxruntime.InferenceSession(onnx, providers=["CPUExecutionProvider"])
    outcome = {}
    for path in sorted((data / "val").rglob("*.png")):
        image = cv2.resize(cv2.imread(str(path)), (16, 16), interpolation=cv2.INTER_LINEAR)
        pixels = image[..., ::-1].transpose(2, 0, 1)[None].astype(np.float32) / 255
        scores = session.run(None, {"image": pixels})[0]
        outcome[path.relative_to(data).as_posix()] = (CLASSES.index(path.parent.name), int(scores.argmax()))
    return outcome


def test_accuracy_as_an_independent_loop_finds_it(lab: Lab, data: Path) -> None:
    record, frame = run(lab, data)
    expected = by_hand(lab.onnx, data)
    assert frame["image"].tolist() == list(expected)  # in the order of the split
    assert list(zip(frame["label"], frame["predicted"].str[0], strict=True)) == list(expected.values())
    right = sum(label == predicted for label, predicted in expected.values())
    assert right == 16  # 8 of 24 lie in a wrong folder
    assert record.value("accuracy") == pytest.approx(right / 24)
    assert record.value("top5") == 1.0
    assert record.value("samples") == 24
    assert record.value("skipped") == 0
    assert (record.value("images_per_second") or 0) > 0


def test_the_record_says_how(lab: Lab, data: Path) -> None:
    record, _ = run(lab, data)
    assert record.kind == "accuracy"
    assert record.data["metric"] == "top-1"
    assert record.data["execution_devices"] == ["CPU"]
    assert record.data["inference_precision"] == "f32"
    assert record.data["class_names"] == list(CLASSES)
    assert set(record.inputs) == {"model.xml", "model.bin", "predictions.parquet"}
    assert "accuracy_delta" not in record.values


def test_difference_to_a_reference(lab: Lab, data: Path) -> None:
    _, frame = run(lab, data)
    frame.loc[frame["image"] == "val/blue/blue0.png", "top1"] = False
    reference = data.parent / "reference.parquet"
    frame.to_parquet(reference)
    record, _ = run(lab, data, reference=reference)
    assert record.value("accuracy_delta") == pytest.approx(1 / 24)
    assert record.value("agreement") == 1.0
    assert record.values["accuracy_delta"].low is not None


def test_a_corrupt_image_stops(lab: Lab, data: Path) -> None:
    (data / "val" / "blue" / "blue0.png").write_bytes(b"damaged")
    with pytest.raises(OvlabError, match=r"blue0\.png: cannot be decoded as an image \(on_corrupt: skip in the data"):
        run(lab, data)
    assert not (data.parent / "predictions.parquet").exists()


def test_a_corrupt_image_is_skipped_on_request(lab: Lab, data: Path) -> None:
    (data / "val" / "blue" / "blue0.png").write_bytes(b"damaged")
    dataset = lab.dataset.plain() | {"on_corrupt": "skip"}
    record, frame = run(lab, data, lab.validate_settings(dataset=dataset))
    assert record.data["skipped"] == ["val/blue/blue0.png"]
    assert (record.value("skipped"), record.value("samples"), len(frame)) == (1, 23, 23)
    assert record.value("accuracy") == pytest.approx(15 / 23)


def test_nothing_left_after_skipping(lab: Lab, data: Path) -> None:
    for path in (data / "val").rglob("*.png"):
        path.write_bytes(b"damaged")
    dataset = lab.dataset.plain() | {"on_corrupt": "skip"}
    with pytest.raises(OvlabError, match="toy fp32: no image of the validation split could be read"):
        run(lab, data, lab.validate_settings(dataset=dataset))


def test_a_limit_is_spread_over_the_split(lab: Lab, data: Path) -> None:
    _, whole = run(lab, data)
    record, frame = run(lab, data, lab.validate_settings(validation={"limit": 4}))
    assert record.value("samples") == 4
    assert sorted(frame["label"]) == [0, 1, 2, 3]
    assert frame["image"].iloc[[0, -1]].tolist() == whole["image"].iloc[[0, -1]].tolist()
    record, _ = run(lab, data, lab.validate_settings(validation={"limit": 1000}))
    assert record.value("samples") == 24


def test_nan_outputs(lab: Lab, data: Path, tmp_path: Path) -> None:
    # Not by the convert step, which tries an image at once.
    model = embed(
        ov.convert_model(colour_onnx(tmp_path / "m.onnx", bias=BIAS * np.nan)), lab.model.input, lab.model.preprocess
    )
    save_ir(model, tmp_path / "ir", compress=False)
    record = lab.record_of(tmp_path / "ir")
    with pytest.raises(OvlabError, match=r"^output: NaN or infinity for image val/"):
        validate(
            lab.validate_settings(), record, tmp_path / "ir", source_record(data), tmp_path / "predictions.parquet"
        )
    assert not (tmp_path / "predictions.parquet").exists()


def test_an_output_that_does_not_fit_the_task(lab: Lab, data: Path) -> None:
    model = lab.model.plain() | {"output": {"classes": 10}}
    with pytest.raises(OvlabError, match=r"^output: 4 numbers for one image, expected 10 scores"):
        run(lab, data, lab.validate_settings(model=model))
    model = lab.model.plain() | {"output": {"name": "score"}}
    with pytest.raises(OvlabError, match=r"^output\.name: the model has no output 'score'; did you mean 'scores'\?"):
        run(lab, data, lab.validate_settings(model=model))


def test_a_label_out_of_range(lab: Lab, data: Path) -> None:
    (data / "val.txt").write_text("green/green0.png 9\n", encoding="utf-8")
    dataset = {
        "licence": "x",
        "task": "classification",
        "format": "imagenet_list",
        "splits": {"validation": {"images": "val", "list": "val.txt"}},
    }
    with pytest.raises(OvlabError, match=r"^val/green/green0\.png: class index 9 is out of range, expected 0 to 3$"):
        run(lab, data, lab.validate_settings(dataset=dataset))


@pytest.mark.parametrize(
    ("device", "kind", "expected"),
    [
        ("CPPU", OvlabError, "validation.device: OpenVINO knows no device 'CPPU'; did you mean 'CPU'?"),
        ("GPU.7", UnavailableError, "GPU.7 is not on this host (found: CPU"),
    ],
)
def test_a_device_that_is_not_there(lab: Lab, data: Path, device: str, kind: type[OvlabError], expected: str) -> None:
    with pytest.raises(OvlabError) as caught:
        run(lab, data, lab.validate_settings(validation={"device": device}))
    assert type(caught.value) is kind
    assert str(caught.value).startswith(expected)


def test_a_precision_that_the_device_lacks(lab: Lab, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(precision: PrecisionSpec, device: str) -> str:
        raise UnavailableError(f"{device} does not execute {precision.precisions_for(device)[0]}")

    monkeypatch.setattr("ovlab.validate.running.choose_precision", refuse)
    with pytest.raises(UnavailableError, match="CPU does not execute f32"):
        run(lab, data)


def test_failed_steps_are_passed_on(lab: Lab, data: Path) -> None:
    failed = Record(kind="variant", settings={}, status="failed", reason="does not convert")
    target = data.parent / "predictions.parquet"
    with pytest.raises(OvlabError, match=r"^variant: does not convert$"):
        validate(lab.validate_settings(), failed, lab.folder, source_record(data), target)
    with pytest.raises(OvlabError, match=r"^download of data set colours: does not convert$"):
        validate(lab.validate_settings(), lab.record, lab.folder, failed, target)


def test_a_model_of_fixed_batch_is_validated_one_by_one(lab: Lab, data: Path, tmp_path: Path) -> None:
    model = read_ir(lab.folder / "model.xml")
    model.reshape([4, 16, 16, 3])
    folder = tmp_path / "batch4"
    save_ir(model, folder, compress=False)
    record = validate(
        lab.validate_settings(), lab.record_of(folder), folder, source_record(data), tmp_path / "predictions.parquet"
    )
    assert record.value("samples") == 24


def test_progress_is_logged_where_there_is_no_terminal(
    lab: Lab, data: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("ovlab.validate.running.REPORT_EVERY_S", 0.0)
    monkeypatch.setattr("ovlab.validate.running.tqdm", _Hidden)
    with caplog.at_level("INFO", logger="ovlab.validate"):
        run(lab, data)
    assert any("24 of 24 images" in message for message in caplog.messages)


class _Hidden:
    """Stands for a progress bar without a terminal."""

    disable = True

    def __init__(self, **_options: object) -> None:
        pass

    def __enter__(self) -> _Hidden:
        return self

    def __exit__(self, *_error: object) -> None:
        pass

    def update(self, count: int) -> None:
        pass


def test_a_variant_without_its_weights_is_refused(lab: Lab, data: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(lab.folder, tmp_path / "copy")
    (folder / "model.bin").unlink()
    with pytest.raises(OvlabError, match=r"model\.bin: cannot be read \(.*no such file"):
        validate(lab.validate_settings(), lab.record, folder, source_record(data), tmp_path / "p.parquet")


def test_an_ir_that_was_changed_is_refused(lab: Lab, data: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(lab.folder, tmp_path / "copy")
    weights = bytearray((folder / "model.bin").read_bytes())
    weights[:8] = bytes(8)
    (folder / "model.bin").write_bytes(weights)
    with pytest.raises(OvlabError, match=r"model\.bin: was changed after it was made"):
        validate(lab.validate_settings(), lab.record, folder, source_record(data), tmp_path / "p.parquet")
