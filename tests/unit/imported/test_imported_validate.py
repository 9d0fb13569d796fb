"""A variant that others made beside the reference: other outputs, another input, another framework."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from toy import Lab, colour_onnx, convert_settings, model_spec, quantised_onnx, source_record

from ovlab.convert import convert
from ovlab.records import Record
from ovlab.specs import ModelSpec
from ovlab.validate import validate
from ovlab.validate.graph import comparable_outputs

new = ov.opset13


def two_outputs(*names: str) -> ov.Model:
    """A model whose outputs are as many times its input as their names have letters."""
    image = new.parameter([1, 3], ov.Type.f32, name="image")
    results = []
    for name in names:
        node = new.multiply(image, np.float32(len(name)), name=f"node_{name}")
        node.output(0).set_names({name})
        results.append(node)
    return ov.Model(results, [image], "two")


def pairs(reference: ov.Model, variant: ov.Model) -> list[tuple[str, str]]:
    return [(one.node, two.node) for one, two in comparable_outputs(reference, variant)]


def test_outputs_are_paired_by_name() -> None:
    reference = two_outputs("a", "bb")
    assert pairs(reference, two_outputs("bb", "a")) == [("node_a", "node_a"), ("node_bb", "node_bb")]
    assert pairs(reference, two_outputs("bb", "ccc", "dddd")) == [("node_bb", "node_bb")]


def test_outputs_with_other_names_are_paired_by_position_if_there_are_as_many() -> None:
    reference = two_outputs("a", "bb")
    assert pairs(reference, two_outputs("x", "yy")) == [("node_a", "node_x"), ("node_bb", "node_yy")]
    assert pairs(reference, two_outputs("x", "yy", "zzz")) == []


def imported(lab: Lab, path: Path, **changes: Any) -> tuple[ModelSpec, Record]:
    spec = model_spec(path, **changes)
    settings = convert_settings(spec, lab.dataset).model_copy(update={"imported": True, "precision_name": "theirs"})
    return spec, convert(settings, source_record(path.parent), lab.source, path.parent / "ir")


@pytest.fixture
def reference(lab: Lab, tmp_path: Path) -> Path:
    """The reference's predictions."""
    validate(lab.validate_settings(), lab.record, lab.folder, lab.source, tmp_path / "fp32" / "predictions.parquet")
    return tmp_path / "fp32" / "predictions.parquet"


def test_a_quantised_onnx_is_compared_image_by_image_and_layer_by_layer(
    lab: Lab, reference: Path, tmp_path: Path
) -> None:
    (tmp_path / "theirs").mkdir()
    spec, variant = imported(lab, quantised_onnx(lab.onnx, tmp_path / "theirs" / "qdq.onnx"))
    record = validate(
        lab.validate_settings(precision_name="theirs", model=spec),
        variant,
        tmp_path / "theirs" / "ir",
        lab.source,
        tmp_path / "accuracy" / "predictions.parquet",
        reference,
        lab.folder,
    )
    assert record.value("accuracy") == record.value("agreement") == 1.0
    assert record.value("accuracy_delta") == 0.0
    check = record.data["layer_check"]
    assert check["error"] == ""
    assert {"Convolution", "MatMul"} <= {one["type"] for one in check["layers"]}
    assert check["outputs"][0]["snr_db"] > 20


def test_another_input_size_only_leaves_out_the_distances(lab: Lab, reference: Path, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    spec, variant = imported(lab, colour_onnx(tmp_path / "theirs" / "larger.onnx", size=24))
    record = validate(
        lab.validate_settings(precision_name="theirs", model=spec),
        variant,
        tmp_path / "theirs" / "ir",
        lab.source,
        tmp_path / "accuracy" / "predictions.parquet",
        reference,
        lab.folder,
    )
    assert record.value("agreement") == 1.0
    assert record.data["layer_check"]["error"]
    assert record.data["layer_check"]["outputs"] == []
