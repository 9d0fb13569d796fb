"""What the specs give back: JSON round trips, addresses, names, cells."""

from __future__ import annotations

import json
from typing import Any

import pytest
from toy import Lab, convert_settings, folders_spec, list_spec

from ovlab.errors import OvlabError
from ovlab.specs import (
    CalibrateSettings,
    Cell,
    DeviceSpec,
    ExperimentSpec,
    FileSpec,
    InputSpec,
    MeasurementSpec,
    PrecisionSpec,
    QuantizationSpec,
    ResizeSpec,
    SourceSpec,
    Spec,
    SplitSpec,
    parse_spec,
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


@pytest.mark.parametrize("key", ["launches", "duration_s", "images"])
def test_a_truth_value_is_no_number(key: str) -> None:
    with pytest.raises(OvlabError, match=rf"^x.yaml: {key}: True, expected no true or false$"):
        parse_spec(MeasurementSpec, {key: True}, "x.yaml")


def test_a_truth_value_is_no_dimension() -> None:
    with pytest.raises(OvlabError, match=r"^x.yaml: shape: \[True, 3, 8, 8\], expected no true or false$"):
        parse_spec(InputSpec, {"shape": [True, 3, 8, 8]}, "x.yaml")
    assert DeviceSpec(device="CPU", properties={"A": True}).properties == {"A": True}
    assert SourceSpec.model_validate({"files": [{"path": "x", "unpack": True}]}).files[0].unpack is True


@pytest.mark.parametrize("shape", [[10**30, 3, 8, 8], [1, 3, 10**6, 10**6]])
def test_an_input_that_no_machine_holds(shape: list[int]) -> None:
    with pytest.raises(OvlabError, match=r"^x.yaml: shape: .* numbers in one image, expected at most 1e\+11$"):
        parse_spec(InputSpec, {"shape": shape}, "x.yaml")


@pytest.mark.parametrize("name", ["", " ", "a b", "\x1b[31m", "x" * 300, "1A", "\u0661"])
@pytest.mark.parametrize("where", ["properties", "member_properties"])
def test_a_name_that_no_property_has(name: str, where: str) -> None:
    value = {name: 1} if where == "properties" else {"CPU": {name: 1}}
    with pytest.raises(OvlabError, match=rf"^x.yaml: {where}\..*is no name of a property, expected one such as"):
        parse_spec(DeviceSpec, {"device": "CPU", where: value}, "x.yaml")
