"""A quantised variant beside its reference: images, layers, and data without labels."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import openvino as ov
import pandas as pd
import pytest
from toy import CLASSES, Lab, colour_image, source_record, write_image

from ovlab.calibrate import save_ir
from ovlab.files import read_json
from ovlab.metrics.detection import Detections, GroundTruth
from ovlab.records import Record
from ovlab.runtime import core, read_ir
from ovlab.tasks.detection.annotations import AnnotatedImage, AnnotatedSplit
from ovlab.tasks.detection.drawing import BoxDrawing
from ovlab.tasks.differences import Differences, Disagreement
from ovlab.validate import DISAGREEMENTS, REPLICATES, validate
from ovlab.validate import layers as layers_module
from ovlab.validate.distance import Distance
from ovlab.validate.graph import comparable_outputs, quantised_layers
from ovlab.validate.layers import ComparedModel, check_layers
from ovlab.validate.running import choose_batch, compile_for_validation
from ovlab.validate.thumbnails import write_disagreements


@pytest.fixture(scope="module")
def quantised(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy model in INT8, calibrated by NNCF on random images."""
    import nncf

    model = read_ir(lab.folder / "model.xml")
    model.reshape([1, 16, 16, 3])
    images = np.random.default_rng(0).integers(0, 256, (20, 1, 16, 16, 3), np.uint8)
    folder = tmp_path_factory.mktemp("int8")
    save_ir(nncf.quantize(model, nncf.Dataset(list(images)), subset_size=20), folder, compress=False)
    return folder


@pytest.fixture
def images() -> list[Any]:
    return [cv2.resize(colour_image(name, seed), (16, 16)) for seed, name in enumerate(CLASSES)]


def test_distances_by_hand() -> None:
    distance = Distance()
    distance.add(np.array([3.0, 0.0]), np.array([3.0, 0.3]))
    distance.add(np.array([[0.0], [4.0]]), np.array([[0.4], [4.0]]))
    assert distance.snr_db == pytest.approx(10 * np.log10(25 / 0.25))
    assert distance.cosine == pytest.approx(25 / np.sqrt(25 * 25.25))
    same = Distance()
    same.add(np.ones(3), np.ones(3))
    assert (same.snr_db, same.cosine, same.identical) == (None, pytest.approx(1.0), True)
    broken = Distance()
    broken.add(np.ones(2), np.array([np.nan, 1.0]))
    assert (broken.snr_db, broken.cosine, broken.identical) == (None, None, False)


def test_layers_are_found_by_name_and_read_behind_their_bias(lab: Lab, quantised: Path) -> None:
    models = [read_ir(folder / "model.xml") for folder in (lab.folder, quantised)]
    models[0].reshape([1, 16, 16, 3])
    found = quantised_layers(*models)
    assert [layer.kind for layer in found] == ["Convolution", "MatMul"] or len(found) == 3
    assert found[0].inputs == () and found[-1].inputs
    last = found[-1]
    nodes = {op.get_friendly_name(): op for op in models[1].get_ops()}
    assert nodes[last.variant.node].get_type_name() == "Add" and last.name != last.variant.node
    # The names fit an ignored scope.
    import nncf

    model = read_ir(lab.folder / "model.xml")
    scope = nncf.IgnoredScope(names=[layer.name for layer in found])
    data = nncf.Dataset([np.zeros((1, 16, 16, 3), np.uint8)])
    model.reshape([1, 16, 16, 3])
    plain = nncf.quantize(model, data, subset_size=1, ignored_scope=scope)
    assert not [op for op in plain.get_ops() if op.get_type_name() == "FakeQuantize"]


def test_the_output_distance_is_that_of_two_plain_inferences(lab: Lab, quantised: Path, images: list[Any]) -> None:
    sides = [ComparedModel(folder / "model.xml", "f32") for folder in (lab.folder, quantised)]
    check = check_layers(*sides, images, "CPU")
    assert check["error"] == "" and check["images"] == 4
    results = []
    for side in sides:
        model = core().compile_model(read_ir(side.ir), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        results.append(np.concatenate([next(iter(model(image[None]).values())).ravel() for image in images]))
    noise = 10 * np.log10((results[0] ** 2).sum() / ((results[1] - results[0]) ** 2).sum())
    (output,) = check["outputs"]
    assert output["snr_db"] == pytest.approx(noise, abs=0.05)
    assert output["cosine"] == pytest.approx(results[0] @ results[1] / np.prod([np.linalg.norm(r) for r in results]))


def test_a_damaged_layer_is_the_worst_by_its_own_noise(
    lab: Lab, quantised: Path, images: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The convolution's quantised input is scaled wrongly; what follows only passes the noise on.
    model = read_ir(quantised / "model.xml")
    conv = next(op for op in model.get_ordered_ops() if op.get_type_name() == "Convolution")
    scaled = ov.opset13.multiply(conv.input_value(0), np.float32(0.8))
    conv.input(0).replace_source_output(scaled.output(0))
    save_ir(model, tmp_path, compress=False)
    sides = [ComparedModel(folder / "model.xml", "f32") for folder in (lab.folder, tmp_path)]
    check = check_layers(*sides, images, "CPU")
    first, *rest = check["layers"]
    assert first["own_snr_db"] == pytest.approx(first["snr_db"], abs=0.1)
    assert first["own_snr_db"] < 20
    # The noise that they inherit is not theirs: their own is what it was without the damage.
    sound = check_layers(sides[0], ComparedModel(quantised / "model.xml", "f32"), images, "CPU")["layers"]
    assert sound[0]["own_snr_db"] > first["own_snr_db"] + 10
    assert [one["own_snr_db"] for one in rest] == pytest.approx([one["own_snr_db"] for one in sound[1:]], abs=0.05)
    assert rest[0]["snr_db"] < sound[1]["snr_db"] - 5
    # However little is kept at once, the numbers are the same.
    monkeypatch.setattr(layers_module, "BUDGET", 1.0)
    again = check_layers(*sides, images, "CPU")
    for one, other in zip(check["layers"], again["layers"], strict=True):
        assert other["name"] == one["name"]
        assert other["snr_db"] == pytest.approx(one["snr_db"], abs=0.05)


def test_a_variant_in_floating_point_has_no_layers(lab: Lab, images: list[Any]) -> None:
    side = ComparedModel(lab.folder / "model.xml", "f32")
    check = check_layers(side, side, images, "CPU")
    assert check["layers"] == [] and check["outputs"][0]["identical"]


def test_outputs_are_called_by_their_names(lab: Lab, images: list[Any], tmp_path: Path) -> None:
    # TFLite's operations are called by numbers, and two outputs of one operation share its name.
    model = read_ir(lab.folder / "model.xml")
    scores = model.outputs[0].get_node().input_value(0)
    halves = ov.opset13.split(scores, np.int64(1), 2)
    halves.set_friendly_name("49")
    for port, name in zip(halves.outputs(), ("left", "right"), strict=True):
        port.get_tensor().set_names({name})
    save_ir(ov.Model(halves.outputs(), model.get_parameters(), "halves"), tmp_path, compress=False)
    side = ComparedModel(tmp_path / "model.xml", "f32")
    check = check_layers(side, side, images, "CPU")
    assert [one["name"] for one in check["outputs"]] == ["left", "right"]


def test_sorted_outputs_are_compared_before_the_sorting() -> None:
    data = ov.opset13.parameter([1, 8], ov.Type.f32, name="data")
    features = ov.opset13.relu(data, name="features")
    best = ov.opset13.topk(features, np.int64(3), 1, "max", "value", name="best")
    model = ov.Model([ov.opset13.multiply(best.output(0), np.float32(2)).output(0)], [data], "sorted")
    ((port, twin),) = comparable_outputs(model, model)
    assert port == twin and port.node == "features"


def run(lab: Lab, quantised: Path, folder: Path, data: Path, **changes: Any) -> Record:
    reference = folder / "fp32" / "predictions.parquet"
    validate(lab.validate_settings(**changes), lab.record, lab.folder, source_record(data), reference)
    target = folder / "int8" / "predictions.parquet"
    return validate(
        lab.validate_settings(**changes),
        lab.record_of(quantised),
        quantised,
        source_record(data),
        target,
        reference,
        lab.folder,
    )


def test_the_record_tells_whether_the_difference_is_real(lab: Lab, quantised: Path, tmp_path: Path) -> None:
    record = run(lab, quantised, tmp_path, lab.data)
    assert record.value("accuracy_delta") is not None
    assert record.value("accuracy_p") == 1.0 and (record.value("gains"), record.value("losses")) == (0, 0)
    assert record.value("compared") == 12 and (record.value("images_needed/0.01") or 0) > 12
    assert record.data["comparison"]["test"] == "McNemar, exact"
    assert record.data["layer_check"]["images"] == 8 and record.data["layer_check"]["layers"]
    shown = read_json(tmp_path / "int8" / "disagreements.json")
    assert shown["total"] == len(shown["items"]) == record.data["comparison"]["images_that_disagree"]


def test_what_an_earlier_attempt_has_left_is_not_taken_for_its_own(lab: Lab, tmp_path: Path) -> None:
    target = tmp_path / "int8" / "predictions.parquet"
    target.parent.mkdir()
    for name in (DISAGREEMENTS, REPLICATES):
        target.with_name(name).write_text("of another attempt")
    record = validate(lab.validate_settings(), lab.record, lab.folder, source_record(lab.data), target)
    assert set(record.files) == {target.name}
    assert not target.with_name(DISAGREEMENTS).exists() and not target.with_name(REPLICATES).exists()


def test_it_can_be_turned_off(lab: Lab, quantised: Path, tmp_path: Path) -> None:
    record = run(lab, quantised, tmp_path, lab.data, validation={"layer_check_images": 0, "disagreements": 0})
    assert "layer_check" not in record.data
    assert read_json(tmp_path / "int8" / "disagreements.json")["items"] == []


def test_images_without_labels_are_compared_all_the_same(lab: Lab, quantised: Path, tmp_path: Path) -> None:
    dataset = lab.dataset.plain() | {"format": "images"}
    model = lab.model.plain() | {"output": {"classes": 4}}
    record = run(lab, quantised, tmp_path, lab.data, dataset=dataset, model=model)
    assert record.data["metric"] == "" and "accuracy" not in record.values
    assert (record.value("agreement") or 0) > 0.5
    assert record.data["layer_check"]["outputs"][0]["snr_db"] > 3
    assert "label" not in pd.read_parquet(tmp_path / "int8" / "predictions.parquet").columns


def test_thumbnails_are_small_jpegs_with_boxes(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", np.full((300, 600, 3), 128, np.uint8))
    truth = GroundTruth([0], [[100.0, 50.0, 300.0, 200.0]])  # type: ignore[arg-type]
    one = Detections([0], [0.9], [[-50.0, 10.0, 9000.0, 250.0]])  # type: ignore[arg-type]
    split = AnnotatedSplit("validation", (AnnotatedImage("a.png", tmp_path / "a.png", truth),), ("x",))
    shown = Disagreement("a.png", "", "1 object", "1 box", "0 boxes", BoxDrawing(truth, one, Detections([], [], [])))  # type: ignore[arg-type]
    write_disagreements(tmp_path / "d.json", Differences("boxes", [shown], 7), split)
    data = read_json(tmp_path / "d.json")
    (item,) = data["items"]
    assert data["total"] == 7 and item["truth"] == "1 object"
    image = cv2.imdecode(np.frombuffer(base64.b64decode(item["jpeg"]), np.uint8), cv2.IMREAD_COLOR)
    assert image.shape == (item["height"], item["width"], 3) == (120, 484, 3)
    left, right = image[:, :240], image[:, 244:]
    assert np.abs(left.astype(int) - right).max() > 50  # the reference's box is on the left alone


def test_small_models_run_in_batches_and_predict_the_same(lab: Lab, tmp_path: Path) -> None:
    model = read_ir(lab.folder / "model.xml")
    model.reshape([1, 16, 16, 3])
    assert choose_batch(model, 1000) == 32 and choose_batch(model, 5) == 4 and choose_batch(model, 1) == 1
    settings, predictions = lab.validate_settings(), []
    for limit in (None, 1):
        changed = lab.validate_settings(validation={"limit": limit})
        record = validate(changed, lab.record, lab.folder, lab.source, tmp_path / f"{limit}.parquet")
        predictions.append(pd.read_parquet(tmp_path / f"{limit}.parquet").set_index("image"))
        assert record.data["batch"] == (8 if limit is None else 1)
    assert settings.validation.limit is None
    image = predictions[1].index[0]
    assert predictions[0].loc[image, "score"] == pytest.approx(predictions[1].loc[image, "score"], rel=1e-5)


def test_models_that_are_not_small_take_one_image_at_a_time() -> None:
    data = ov.opset13.parameter([1, 64, 64, 64], ov.Type.f32, name="data")
    kernel = np.zeros((64, 64, 3, 3), np.float32)
    conv = ov.opset13.convolution(data, kernel, [1, 1], [1, 1], [1, 1], [1, 1])  # 151 million
    assert choose_batch(ov.Model([conv.output(0)], [data], "large"), 1000) == 1


def test_images_that_influence_each_other_run_one_by_one(lab: Lab) -> None:
    data = ov.opset13.parameter([-1, 16, 16, 3], ov.Type.u8, name="data")
    floats = ov.opset13.convert(data, "f32")
    mixed = ov.opset13.subtract(floats, ov.opset13.reduce_mean(floats, np.array([0, 1, 2, 3]), keep_dims=True))
    scores = ov.opset13.reduce_mean(mixed, np.array([1, 2]), keep_dims=False)
    model = ov.Model([scores.output(0)], [data], "mixed")
    split = type("Split", (), {"images": range(100)})
    compiled = compile_for_validation(model, lab.validate_settings(), split, "CPU", {})  # type: ignore[arg-type]
    assert tuple(compiled.inputs[0].shape) == (1, 16, 16, 3)
