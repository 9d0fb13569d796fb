"""What the outputs are is tried when the IR is made, not found out when all else is measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from toy import Lab, convert_settings, folders_spec, model_spec, source_record

from ovlab.convert import convert
from ovlab.errors import OvlabError
from ovlab.specs import DatasetSpec, ModelSpec

UNLABELLED = {"format": "images"}


def ir_with(path: Path, shapes: dict[str, tuple[int, ...]]) -> Path:
    """Write an IR that gives, whatever the image, outputs of these names and shapes."""
    image = ov.opset13.parameter([-1, 3, 16, 16], np.float32)
    image.output(0).get_tensor().set_names({"image"})
    zero = ov.opset13.multiply(ov.opset13.reduce_mean(image, np.array([0, 1, 2, 3], np.int64)), np.float32(0))
    ends = []
    for name, shape in shapes.items():
        end = ov.opset13.add(zero, np.zeros(shape, np.float32))
        end.output(0).get_tensor().set_names({name})
        ends.append(end)
    ov.save_model(ov.Model(ends, [image], "shapes"), path)
    return path


def complaint(lab: Lab, path: Path, model: ModelSpec, dataset: DatasetSpec | None = None) -> str:
    with pytest.raises(OvlabError) as caught:
        convert(
            convert_settings(model, dataset or lab.dataset), source_record(path.parent), lab.source, path.parent / "o"
        )
    return str(caught.value)


@pytest.mark.parametrize(
    ("shapes", "output", "expected"),
    [
        (
            {"features": (1, 64, 8, 8), "logits": (1, 4)},
            {},
            "output.name: missing, but the model has several outputs: features [1, 64, 8, 8], logits [1, 4]",
        ),
        (
            {"features": (1, 64, 8, 8), "logits": (1, 4)},
            {"name": "features"},
            "output: has shape [1, 64, 8, 8], expected [1, classes], one score a class and image (task classification)",
        ),
        (
            {"logits": (1, 4)},
            {"name": "logit"},
            "output.name: the model has no output 'logit'; did you mean 'logits'?",
        ),
        (
            {"logits": (1, 5)},
            {},
            "output: 5 numbers for one image, expected 4 scores by the data set's 4 class names (task classification)",
        ),
        (
            {"logits": (1, 4)},
            {"classes": 3},
            "output: 4 numbers for one image, expected 3 scores by output.classes (task classification)",
        ),
    ],
)
def test_a_classifier_whose_outputs_do_not_fit(
    lab: Lab, tmp_path: Path, shapes: dict[str, tuple[int, ...]], output: dict[str, Any], expected: str
) -> None:
    path = ir_with(tmp_path / "m.xml", shapes)
    assert complaint(lab, path, model_spec(path, framework="ir", output=output)) == expected


def test_numbers_that_nothing_calls_scores_are_no_classes(lab: Lab, tmp_path: Path) -> None:
    # 68 landmarks, as a model without labels: an argmax over them would agree with itself, whatever it means.
    path = ir_with(tmp_path / "m.xml", {"landmarks": (1, 136)})
    dataset = folders_spec(**UNLABELLED)
    text = complaint(lab, path, model_spec(path, framework="ir"), dataset)
    assert text.startswith("output.classes: missing; without labels or class_names nothing says that the output's 136 ")
    settings = convert_settings(model_spec(path, framework="ir", output={"classes": 136}), dataset)
    assert convert(settings, source_record(tmp_path), lab.source, tmp_path / "o").ok


@pytest.mark.parametrize(
    ("shapes", "detection", "expected"),
    [
        (
            {"boxes": (1, 100, 4), "scores": (1, 100)},
            {"decoder": "ssd"},
            "decoder ssd: parameters.output: missing, but the model has several outputs: boxes [1, 100, 4], scores [1",
        ),
        (
            {"rows": (1, 100, 6)},
            {"decoder": "ssd"},
            "decoder ssd: output has shape [1, 100, 6], expected [1, 1, N, 7] (image ",
        ),
        (
            {"head": (1, 84, 100)},
            {"decoder": "yolo", "parameters": {"head": "v8"}},
            "decoder yolo: output has shape [1, 84, 100], expected [1, 6, N] for head v8 and 2 classes (image ",
        ),
        (
            {"dets": (1, 100, 5), "labels": (1, 100)},
            {"decoder": "boxes_scores_labels"},
            "decoder boxes_scores_labels: the model has no output 'boxes'; valid: dets, labels (it has dets [1, 100,",
        ),
    ],
)
def test_a_detector_whose_outputs_do_not_fit_its_decoder(
    lab: Lab, tmp_path: Path, shapes: dict[str, tuple[int, ...]], detection: dict[str, Any], expected: str
) -> None:
    path = ir_with(tmp_path / "m.xml", shapes)
    changes = {"framework": "ir", "task": "detection", "detection": {"classes": ["a", "b"], **detection}}
    dataset = folders_spec(task="detection", **UNLABELLED)
    assert complaint(lab, path, model_spec(path, **changes), dataset).startswith(expected)


def test_corrupt_images_are_stepped_over_where_the_data_set_says_so(lab: Lab, tmp_path: Path) -> None:
    path = ir_with(tmp_path / "m.xml", {"logits": (1, 3)})
    data = tmp_path / "data" / "val" / "blue"
    data.mkdir(parents=True)
    (data / "0.png").write_bytes(b"damaged")
    (data / "1.png").write_bytes((lab.data / "val" / "blue" / "4.png").read_bytes())
    model = model_spec(path, framework="ir", output={"classes": 4})
    for on_corrupt, expected in (("stop", "0.png: cannot be decoded"), ("skip", "output: 3 numbers for one image")):
        settings = convert_settings(model, folders_spec(**UNLABELLED, on_corrupt=on_corrupt))
        with pytest.raises(OvlabError) as caught:
            convert(settings, source_record(tmp_path), source_record(tmp_path / "data"), tmp_path / "o")
        assert expected in str(caught.value)
