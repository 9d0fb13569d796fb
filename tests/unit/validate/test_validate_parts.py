"""Outputs with parts of different size: one that quantisation has destroyed is seen, and what mends it is tried."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from toy import source_record, write_image
from yolo_head import CLASSES, SIDE, write_head

from ovlab.calibrate import calibrate
from ovlab.convert import convert, ir_hashes, save_ir
from ovlab.records import Quantity, Record
from ovlab.runtime import read_ir
from ovlab.specs import CalibrateSettings, ConvertSettings, DatasetSpec, ModelSpec, ValidateSettings
from ovlab.validate import advice as advice_module
from ovlab.validate import validate
from ovlab.validate.advice import is_hurt
from ovlab.validate.distance import MOST_DB, worst_db
from ovlab.validate.graph import comparable_outputs, nearest_quantised
from ovlab.validate.parts import GAP, Part, part_remarks, parts_of

NAMES = [f"class {i}" for i in range(CLASSES)]


def boxes_and_scores(axis: int) -> list[np.ndarray[Any, Any]]:
    """Output of two images: 4 columns of pixels, 80 scores of which some fire nowhere; the columns on an axis."""
    random = np.random.default_rng(0)
    scores = random.random((2, 80, 300)) * np.logspace(0, -7, 80)[None, :, None]
    table = np.concatenate([random.uniform(2, 640, (2, 4, 300)), scores], axis=1)
    return [one[None] if axis == 1 else one.T[None] for one in table]


@pytest.mark.parametrize("axis", [1, 2])
def test_boxes_and_scores_are_parted(axis: int) -> None:
    large, small = parts_of(boxes_and_scores(axis))
    assert (large.axis, large.columns, large.title) == (axis, (0, 1, 2, 3), "0-3")
    assert (small.axis, small.columns[:2], small.title) == (axis, (4, 5), "4-83")
    assert 600 < large.largest < 640
    assert 0.9 < small.largest < 1


def test_columns_that_alternate_are_parted_too() -> None:
    table = np.random.default_rng(0).random((1, 6, 50)) + 0.1
    table[:, [0, 1, 3, 4]] *= 640
    assert [part.title for part in parts_of([table])] == ["0-1, 3-4", "2, 5"]
    assert Part(1, (0, 2, 4, 6, 8), 1.0).title == "0, 2, 4, 6, ..."


@pytest.mark.parametrize(
    "values",
    [
        np.random.default_rng(0).normal(0, 5, (1, 1000)),  # logits
        np.random.default_rng(0).dirichlet(np.full(1000, 0.01))[None],  # probabilities, most of them near 0
        np.array([[0.99, 1e-6, 1e-6]]),
        np.zeros((1, 5)),
        np.ones((1, 1)),
        np.full((1, 3), np.nan),
        np.linspace(1, 1000, 300)[None, :, None] * np.ones((1, 300, 4)),  # large and small boxes, without a gap
        np.array(3.0),
    ],
)
def test_outputs_of_one_kind_are_not(values: np.ndarray[Any, Any]) -> None:
    assert parts_of([values]) == ()


def test_columns_of_zeros_are_in_no_part() -> None:
    large, small = parts_of([np.array([[100.0, 0.0, 50.0, 100 / GAP / 2, 0.0]])])
    assert (large.columns, small.columns) == ((0, 2), (3,))


def entry(snr_db: float | None, identical: bool = False, **more: Any) -> dict[str, Any]:
    return {"name": "out", "cosine": 1.0, "snr_db": snr_db, "identical": identical} | more


def test_the_worst_part_counts() -> None:
    assert worst_db([]) == worst_db([entry(None, True)]) == MOST_DB
    assert worst_db([entry(40.0, parts=[entry(44.0), entry(3.0)]), entry(5.0)]) == 3.0
    assert worst_db([entry(40.0), entry(None)]) == -MOST_DB


@pytest.mark.parametrize(("snr_db", "is_told"), [(0.0, True), (9.9, True), (None, True), (10.0, False), (44.0, False)])
def test_a_collapsed_part_is_remarked(snr_db: float | None, is_told: bool) -> None:
    part = {"axis": 1, "columns": "4-83", "largest": 0.7}
    output = entry(44.0, parts=[part | {"columns": "0-3", "largest": 640.0} | entry(44.0), part | entry(snr_db)])
    remarks = part_remarks({"outputs": [output]})
    assert bool(remarks) == is_told
    if is_told:
        assert remarks[0].startswith(
            "a part of output out has collapsed: columns 4-83 (up to 0.7, the output up to 640)"
        )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images, and a model of the head, converted."""
    root = tmp_path_factory.mktemp("head")
    random = np.random.default_rng(1)
    for split, count in (("train", 40), ("val", 12)):
        for i in range(count):
            write_image(root / f"data/{split}/{i:02}.png", random.integers(0, 256, (SIDE, SIDE, 3), np.uint8))
    write_head(root / "head.onnx")
    return root


def specs(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    model = {
        "framework": "onnx",
        "files": [{"path": str(folder / "head.onnx")}],
        "licence": "CC0-1.0",
        "task": "detection",
        "dataset": "noise",
        "preprocess": {"unit_range": True},
        "detection": {"decoder": "yolo", "parameters": {"head": "v8"}, "classes": NAMES, "nms_iou": 0.5},
    }
    splits = {"calibration": {"images": "train"}, "validation": {"images": "val"}}
    dataset = {"licence": "CC0-1.0", "task": "detection", "format": "images", "splits": splits}
    return ModelSpec.model_validate(model).plain(), DatasetSpec.model_validate(dataset).plain()


@pytest.fixture(scope="module")
def base(folder: Path) -> Record:
    model, dataset = specs(folder)
    settings = {"model_name": "head", "precision_name": "fp32", "model": model, "dataset": dataset, "weights": "f32"}
    source = Record(kind="source", settings={}, data={"root": str(folder)})
    data = source_record(folder / "data")
    return convert(ConvertSettings.model_validate(settings), source, data, folder / "fp32")


def int8(folder: Path, base: Record, **quantization: Any) -> tuple[Record, Path]:
    _, dataset = specs(folder)
    settings = CalibrateSettings.model_validate(
        {
            "model_name": "head",
            "precision_name": "int8",
            "dataset_name": "noise",
            "dataset": dataset,
            "resize": {},
            "quantization": {"subset": 30} | quantization,
            "seed": 0,
        }
    )
    made = folder / f"int8{'_'.join(sorted(quantization))}"
    return calibrate(settings, base, folder / "fp32", source_record(folder / "data"), made), made


def validated(folder: Path, made: tuple[Record, Path], quantization: dict[str, Any], **validation: Any) -> Record:
    model, dataset = specs(folder)
    settings = ValidateSettings.model_validate(
        {
            "model_name": "head",
            "precision_name": "int8",
            "model": model,
            "dataset": dataset,
            "precision": {"inference_precision": "f32", "quantization": {"subset": 30} | quantization},
            "validation": validation,
        }
    )
    out = folder / "accuracy"
    out.mkdir(exist_ok=True)
    data = source_record(folder / "data")
    return validate(settings, *made, data, out / "predictions.parquet", None, folder / "fp32")


def test_scores_that_quantisation_has_destroyed_are_seen_and_brought_back(folder: Path, base: Record) -> None:
    made = int8(folder, base, quantize_outputs=True)
    record = validated(folder, made, {"quantize_outputs": True})
    (output,) = record.data["layer_check"]["outputs"]
    # Over the whole tensor nothing is to be seen.
    assert output["cosine"] > 0.999
    assert output["snr_db"] > 25
    boxes, scores = output["parts"]
    assert (boxes["columns"], scores["columns"]) == ("0-3", "4-6")
    assert boxes["snr_db"] > 25
    assert scores["snr_db"] < 1
    # The advice was tried, on images that it was not calibrated on.
    advice = record.data["layer_check"]["advice"]
    assert advice["error"] == ""
    assert advice["before"]["worst_db"] < 1
    best = advice["best"]
    assert (best["names"], best["without_outputs"], best["text"]) == ([], True, "quantize_outputs: false")
    assert best["worst_db"] > 20
    assert (advice["calibrated"], advice["measured"]) == (30, 10)
    (remark,) = record.data["remarks"]
    assert "a part of output output0 has collapsed: columns 4-6" in remark
    assert "tried: with quantization.quantize_outputs: false the worst part has " in remark
    # Pasted, it does what was said.
    again = validated(folder, int8(folder, base), {})
    assert again.data["remarks"] == []
    assert "advice" not in again.data["layer_check"]
    assert worst_db(again.data["layer_check"]["outputs"]) == pytest.approx(best["worst_db"], abs=6)
    assert sorted(path.name for path in (folder / "accuracy").iterdir() if path.is_dir()) == []


def test_an_operation_without_weights_is_advised(folder: Path, base: Record) -> None:
    """The Concat takes quantised boxes and scores: here with a range for both that leaves nothing of the scores."""
    record, made = int8(folder, base)
    model = read_ir(made / "model.xml")
    for op in model.get_ordered_ops():
        if op.get_friendly_name() == "scores/fq_output_0":
            for port, bound in ((1, 0.0), (2, 640.0), (3, 0.0), (4, 640.0)):
                constant = ov.opset13.constant(np.float32(bound))
                op.input(port).replace_source_output(constant.output(0))
    damaged = folder / "damaged"
    save_ir(model, damaged, compress=False)
    record = replace(record, files=ir_hashes(damaged), data=record.data | {"sha256": ir_hashes(damaged)})
    found = validated(folder, (record, damaged), {})
    advice = found.data["layer_check"]["advice"]
    assert advice["before"]["worst_db"] < 1
    assert advice["best"]["names"] == ["joined"]
    assert advice["best"]["worst_db"] > 20
    assert "with quantization.ignored_scope.names: [joined] the worst part has" in found.data["remarks"][0]


def test_what_does_not_help_is_not_advised(folder: Path, base: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(advice_module, "quantize", lambda *_: read_ir(made[1] / "model.xml"))
    made = int8(folder, base, quantize_outputs=True)
    record = validated(folder, made, {"quantize_outputs": True})
    advice = record.data["layer_check"]["advice"]
    assert advice["best"] is None
    assert len(advice["tried"]) > 2
    assert len({one["text"] for one in advice["tried"]}) == len(advice["tried"])
    assert record.data["remarks"][0].endswith(f"{len(advice['tried'])} changes of quantization were tried, none helps")
    short = validated(folder, made, {"quantize_outputs": True}, advice_s=1e-9)
    assert len(short.data["layer_check"]["advice"]["tried"]) == 1


@pytest.mark.parametrize(("delta", "p_value", "is_so"), [(-0.1, 0.01, True), (-0.1, 0.2, False), (-0.001, 0.01, False)])
def test_a_loss_of_accuracy_that_is_no_chance_is_a_reason_too(delta: float, p_value: float, is_so: bool) -> None:
    values = {"accuracy_delta": Quantity(delta, "fraction"), "accuracy_p": Quantity(p_value, "probability")}
    assert is_hurt({"outputs": [entry(40.0)]}, values) == is_so
    assert is_hurt({"outputs": [entry(19.0)]}, values)
    assert not is_hurt({"outputs": []}, values)


def test_nothing_is_tried_where_nothing_is_hurt_or_no_time_is_given(folder: Path, base: Record) -> None:
    sound = validated(folder, int8(folder, base), {})
    assert "advice" not in sound.data["layer_check"]
    assert sound.data["remarks"] == []
    hurt = int8(folder, base, quantize_outputs=True)
    record = validated(folder, hurt, {"quantize_outputs": True}, advice_s=0)
    assert "advice" not in record.data["layer_check"]
    assert "has collapsed" in record.data["remarks"][0]
    assert "tried" not in record.data["remarks"][0]


def test_operations_without_weights_are_found(folder: Path, base: Record) -> None:
    models = [read_ir(path / "model.xml") for path in (folder / "fp32", int8(folder, base, quantize_outputs=True)[1])]
    ports = [own for _, own in comparable_outputs(*models)]
    near, behind = nearest_quantised(models[1], ports)
    assert near == ["output0"]
    assert behind == []
    plain = read_ir(int8(folder, base)[1] / "model.xml")
    near, behind = nearest_quantised(plain, [own for _, own in comparable_outputs(models[0], plain)])
    assert near == ["joined"]
    assert set(behind) == {"boxes", "scores"}
