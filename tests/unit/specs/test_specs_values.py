"""What the specs give back: JSON round trips, addresses, names, cells."""

from __future__ import annotations

import json
from typing import Any

import pytest
from toy import Lab, convert_settings, folders_spec, list_spec

from ovlab.specs import (
    CalibrateSettings,
    Cell,
    DeviceSpec,
    ExperimentSpec,
    FileSpec,
    MeasurementSpec,
    PrecisionSpec,
    QuantizationSpec,
    ResizeSpec,
    SourceSpec,
    Spec,
    SplitSpec,
)

SHA = "0" * 64
COMMIT = "1" * 40


def file_of(**data: Any) -> FileSpec:
    return FileSpec.model_validate({"sha256": SHA} | data)


def test_settings_survive_json(lab: Lab) -> None:
    quantization = QuantizationSpec(subset="25%", preset="mixed")
    settings: list[Spec] = [
        convert_settings(lab.model, lab.dataset),
        lab.validate_settings(),
        lab.session_settings(device={"device": "AUTO", "properties": {"A": 1, "B": True, "C": "1", "D": 0.5}}),
        CalibrateSettings(
            model_name="a",
            precision_name="int8",
            dataset_name="b",
            dataset=list_spec(class_names=["a", "b"]),
            resize=ResizeSpec(),
            quantization=quantization,
            seed=1,
        ),
        SourceSpec(files=(file_of(url=["http://a/x", "http://b/x"]),)),
        MeasurementSpec(),
    ]
    for one in settings:
        again = type(one).from_json(json.dumps(one.plain(), allow_nan=False))
        assert again == one
        assert again.plain() == one.plain()


def test_properties_keep_their_type() -> None:
    device = DeviceSpec(device="CPU", properties={"A": 1, "B": True, "C": "1", "D": 0.5})
    again = DeviceSpec.from_json(json.dumps(device.plain()))
    assert [type(value) for value in again.properties.values()] == [int, bool, str, float]


@pytest.mark.parametrize(
    ("data", "name", "addresses"),
    [
        ({"url": "https://host/a%20b.zip?x=1#y"}, "a b.zip", ("https://host/a%20b.zip?x=1#y",)),
        ({"url": ["http://a/x", "http://b/y"]}, "x", ("http://a/x", "http://b/y")),
        ({"url": "http://a/x", "name": "z"}, "z", ("http://a/x",)),
        (
            {"huggingface": {"repository": "o/r", "file": "onnx/m.onnx", "revision": COMMIT}},
            "m.onnx",
            (f"https://huggingface.co/o/r/resolve/{COMMIT}/onnx/m.onnx",),
        ),
        ({"embedded": "models/d.onnx"}, "d.onnx", ()),
        ({"path": "C:\\data\\d.onnx"}, "d.onnx", ()),
        ({"by_hand": "ask", "name": "n"}, "n", ()),
    ],
)
def test_file_names_and_addresses(data: dict[str, Any], name: str, addresses: tuple[str, ...]) -> None:
    file = file_of(**data)
    assert file.file_name == name
    assert file.addresses == addresses


def test_precisions_for_a_device() -> None:
    precision = PrecisionSpec.model_validate({"inference_precision": {"any": ["f32"], "GPU": ["f16", "f32"]}})
    assert precision.precisions_for("GPU.1") == ("f16", "f32")
    assert precision.precisions_for("CPU") == ("f32",)
    short = PrecisionSpec.model_validate({"inference_precision": "bf16"})
    assert short.precisions_for("CPU") == ("bf16",)


@pytest.mark.parametrize(
    ("data", "left_to_the_device"),
    [
        ({"inference_precision": "default"}, True),
        ({"inference_precision": {"any": ["default"], "CPU": ["default"]}}, True),
        ({"inference_precision": {"any": ["default"], "CPU": ["f32"]}}, False),
        ({"inference_precision": "f32"}, False),
        ({"inference_precision": "default", "quantization": {}}, False),
        ({"inference_precision": "default", "weight_compression": {"mode": "int8_asym"}}, False),
    ],
)
def test_what_a_device_makes_of_the_model_by_itself(data: dict[str, Any], left_to_the_device: bool) -> None:
    assert PrecisionSpec.model_validate(data).is_device_default == left_to_the_device


@pytest.mark.parametrize(
    ("first", "second", "overlap"),
    [
        ({"images": "a"}, {"images": "a"}, True),
        ({"images": "a"}, {"images": "b"}, False),
        ({"images": "a", "list": "x"}, {"images": "a", "list": "y"}, False),
        ({"images": "a", "portion": [0, 0.5]}, {"images": "a", "portion": [0.5, 1]}, False),
        ({"images": "a", "portion": [0, 0.6]}, {"images": "a", "portion": [0.5, 1]}, True),
    ],
)
def test_splits_overlap(first: dict[str, Any], second: dict[str, Any], overlap: bool) -> None:
    one, other = SplitSpec.model_validate(first), SplitSpec.model_validate(second)
    assert one.overlaps(other) is overlap
    assert other.overlaps(one) is overlap


def test_a_dataset_without_its_source_says_what_readers_depend_on() -> None:
    spec = folders_spec(files=[{"path": "x"}], description="d")
    assert set(spec.plain()) - set(spec.without_source()) == {
        "description",
        "files",
        "generator",
        "homepage",
        "licence",
    }
    assert spec.source().files == spec.files


def test_cells_are_crossed_in_order_minus_exclusions() -> None:
    experiment = ExperimentSpec.model_validate(
        {
            "models": ["m", "n"],
            "precisions": ["fp32", "int8"],
            "devices": ["cpu"],
            "scenarios": ["offline"],
            "exclude": [{"model": "n", "precision": "int*"}],
        }
    )
    assert experiment.cells() == [
        Cell("m", "fp32", "cpu", "offline"),
        Cell("m", "int8", "cpu", "offline"),
        Cell("n", "fp32", "cpu", "offline"),
    ]


@pytest.mark.parametrize(
    ("device", "kind", "virtual"),
    [
        ("AUTO", "AUTO", True),
        ("AUTO:GPU,CPU", "AUTO", True),
        ("MULTI:CPU", "MULTI", True),
        ("HETERO:GPU.1,CPU", "HETERO", True),
        ("BATCH:CPU(4)", "BATCH", True),
        ("CPU", "CPU", False),
        ("GPU.1", "GPU.1", False),
        ("AUTOMATIC", "AUTOMATIC", False),
    ],
)
def test_kinds_of_devices(device: str, kind: str, virtual: bool) -> None:
    spec = DeviceSpec(device=device, requires=("GPU.1", "CPU") if "GPU.1" in device else ("CPU",))
    assert (spec.kind, spec.is_virtual) == (kind, virtual)
    assert spec.runs_on_all == (kind == "MULTI")
    cumulative = spec.model_copy(update={"properties": {"PERFORMANCE_HINT": "CUMULATIVE_THROUGHPUT"}})
    assert cumulative.runs_on_all == (kind in {"MULTI", "AUTO"})
