"""What is wrong in a YAML file is told in one line: file, key, value, nearest valid name."""

from __future__ import annotations

from typing import Any

import pytest

from ovlab.errors import OvlabError
from ovlab.specs import (
    DatasetSpec,
    DeviceSpec,
    ExperimentSpec,
    FileSpec,
    MeasurementSpec,
    ModelSpec,
    PrecisionSpec,
    QuantizationSpec,
    ScenarioSpec,
    SourceSpec,
    Spec,
    parse_spec,
)

SHA = "0" * 64
FILE = {"url": "http://host/a.onnx", "sha256": SHA}
MODEL: dict[str, Any] = {
    "framework": "onnx",
    "files": [FILE],
    "licence": "MIT",
    "task": "classification",
    "dataset": "digits",
}
DATASET: dict[str, Any] = {
    "licence": "MIT",
    "task": "classification",
    "format": "class_folders",
    "splits": {"validation": {"images": "val"}},
}
EXPERIMENT: dict[str, Any] = {"models": ["a"], "precisions": ["fp32"], "devices": ["cpu"], "scenarios": ["offline"]}
SYNC = {"mode": "synchronous"}
F32 = {"inference_precision": "f32"}
LISTED = {"validation": {"images": "v", "list": "v.txt"}}


def message_of(spec: type[Spec], data: dict[str, Any]) -> str:
    with pytest.raises(OvlabError) as caught:
        parse_spec(spec, data, "conf/x.yaml")
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith("conf/x.yaml: ")
    return text.removeprefix("conf/x.yaml: ")


@pytest.mark.parametrize(
    ("spec", "data", "expected"),
    [
        # Unknown keys, at any depth.
        (ModelSpec, MODEL | {"framwork": "onnx"}, "framwork: unknown key; did you mean 'framework'?"),
        (ModelSpec, MODEL | {"input": {"nam": "x"}}, "input.nam: unknown key; did you mean 'name'?"),
        (ModelSpec, MODEL | {"files": [FILE | {"md5": "x"}]}, "files.0.md5: unknown key; valid: by_hand, embedded,"),
        (DatasetSpec, DATASET | {"splits": {"validation": {"image": "v"}}}, "splits.validation.image: unknown key;"),
        # Something needed is missing.
        (ModelSpec, {k: v for k, v in MODEL.items() if k != "dataset"}, "dataset: missing, but needed"),
        # Wrong types.
        (ModelSpec, MODEL | {"licence": 5}, "licence: input should be a valid string (got 5)"),
        (ModelSpec, MODEL | {"tolerance": "small"}, "tolerance: input should be a valid number"),
        (DatasetSpec, DATASET | {"splits": 5}, "splits: input should be keys and values (got 5)"),
        (ModelSpec, MODEL | {"input": {"shape": [1, 3, 224]}}, "input.shape.3: missing, but needed"),
        # A key with alternatives is named as the user wrote it, and every alternative is told.
        (
            ScenarioSpec,
            SYNC | {"streams": "many"},
            "streams: input should be a valid integer, unable to parse string as an integer, or 'auto' (got 'many')",
        ),
        (ScenarioSpec, SYNC | {"streams": 0}, "streams: input should be greater than 0, or 'auto' (got 0)"),
        (DatasetSpec, DATASET | {"class_names": 5}, "class_names: input should be a list, or a valid string"),
        (DeviceSpec, {"device": "CPU", "properties": {"A": [1]}}, "properties.A: input should be a valid string, or"),
        (QuantizationSpec, {"subset": 0}, "subset: input should be greater than 0, or a valid string (got 0)"),
        (
            QuantizationSpec,
            {"activations_range_estimator": "mean_maxmin"},
            "activations_range_estimator.name: 'mean_maxmin' is not valid; did you mean 'mean_minmax'?",
        ),
        (QuantizationSpec, {"weights_range_estimator": {}}, "weights_range_estimator: expected either a name such as"),
        (QuantizationSpec, {"ignored_scope": {"patterns": ["a("]}}, "ignored_scope.patterns: 'a(' is no regular expr"),
        (
            QuantizationSpec,
            {"mode": "fp8_e4m3", "accuracy_control": {}},
            "accuracy_control: cannot be combined with mode fp8_e4m3",
        ),
        (QuantizationSpec, {"accuracy_control": {"max_drop": 1.5}}, "accuracy_control.max_drop: input should be less"),
        (
            PrecisionSpec,
            F32 | {"quantization": {}, "weight_compression": {}},
            "weight_compression: cannot be combined with quantization",
        ),
        (
            PrecisionSpec,
            F32 | {"weight_compression": {}, "calibration_seeds": 3},
            "calibration_seeds: 3, but this precision calibrates on no images",
        ),
        (PrecisionSpec, F32 | {"calibration_seeds": 3}, "calibration_seeds: 3, but this precision calibrates on no"),
        (
            PrecisionSpec,
            F32 | {"weight_compression": {"group_size": 64}},
            "weight_compression: group_size: is for modes with 4 bits, not for int8_asym",
        ),
        (
            DatasetSpec,
            DATASET | {"splits": {"validation": {"images": "v"}, "control": {"images": "v"}}},
            "splits: control and validation overlap",
        ),
        # Wrong names.
        (ModelSpec, MODEL | {"framework": "onx"}, "framework: 'onx' is not valid; did you mean 'onnx'?"),
        (ModelSpec, MODEL | {"task": "x"}, "task: 'x' is not valid; valid: classification"),
        (ScenarioSpec, {"mode": "sync"}, "mode: 'sync' is not valid"),
        # Numbers out of range.
        (ModelSpec, MODEL | {"tolerance": 0}, "tolerance: input should be greater than 0 (got 0)"),
        (MeasurementSpec, {"width": float("inf")}, "width: input should be a finite number"),
        (ModelSpec, MODEL | {"preprocess": {"mean": [float("nan")]}}, "preprocess.mean.0: input should be a finite"),
        (ScenarioSpec, SYNC | {"batch": 0}, "batch: input should be greater than 0"),
        (ModelSpec, MODEL | {"output": {"classes": 1}}, "output.classes: input should be greater than 1"),
        (
            ModelSpec,
            MODEL | {"output": {"label_offset": -(10**7)}},
            "output.label_offset: input should be greater than",
        ),
        # Model.
        (ModelSpec, MODEL | {"files": []}, "files: empty, expected the model's file"),
        (ModelSpec, MODEL | {"input": {"shape": [1, 3, 0, 8]}}, "input: shape: [1, 3, 0, 8]: a dimension is a"),
        (ModelSpec, MODEL | {"preprocess": {"mean": [1, 2]}}, "preprocess: mean: [1.0, 2.0] has 2 numbers, expected 1"),
        (ModelSpec, MODEL | {"preprocess": {"channels": "GRAY", "scale": [1, 2, 3]}}, "preprocess: scale: [1.0, 2.0,"),
        (ModelSpec, MODEL | {"preprocess": {"scale": [1, 0, 1]}}, "preprocess: scale: division by 0"),
        # Data set.
        (DatasetSpec, DATASET | {"splits": {}}, "splits.validation: missing, but needed"),
        (DatasetSpec, DATASET | {"splits": {"val": {"images": "v"}}}, "splits.val: unknown split; valid: calibration"),
        (DatasetSpec, DATASET | {"format": "imagenet_list"}, "splits.validation.list: missing, but needed by format"),
        (
            DatasetSpec,
            DATASET | {"splits": {"validation": {"images": "v", "portion": [0.5, 0.5]}}},
            "splits.validation: portion: [0.5, 0.5] is empty",
        ),
        (
            DatasetSpec,
            DATASET | {"splits": {"validation": {"images": "v", "portion": [0, 2]}}},
            "splits.validation.portion.1: input should be less than or equal to 1 (got 2)",
        ),
        (
            DatasetSpec,
            DATASET | {"splits": {name: {"images": "v"} for name in ("calibration", "validation")}},
            "splits: calibration and validation overlap",
        ),
        # Files.
        (FileSpec, {"sha256": SHA}, "a file needs exactly one of url, huggingface, embedded, path, by_hand (got none)"),
        (
            FileSpec,
            FILE | {"path": "x"},
            "a file needs exactly one of url, huggingface, embedded, path, by_hand (got u",
        ),
        (FileSpec, {"url": "http://host/a"}, "sha256: missing, but needed"),
        (FileSpec, {"url": "http://host/a", "sha256": "abc"}, "sha256: string should match pattern"),
        (FileSpec, {"by_hand": "ask", "sha256": SHA}, "name: missing, but needed for a file that is got by hand"),
        (FileSpec, {"url": "ftp://host/a", "sha256": SHA}, "url: 'ftp://host/a' is not an http or https address"),
        (FileSpec, {"url": "http://host/", "sha256": SHA}, "name: '' is not a file name"),
        (FileSpec, FILE | {"name": "../a"}, "name: '../a' is not a file name"),
        (FileSpec, FILE | {"name": "a\\b"}, "name: 'a\\\\b' is not a file name"),
        (FileSpec, {"url": "http://host/%2e%2e", "sha256": SHA}, "name: '..' is not a file name"),
        (
            FileSpec,
            {"huggingface": {"repository": "a/b", "file": "c", "revision": "main"}, "sha256": SHA},
            "huggingface.revision: string should match pattern",
        ),
        (SourceSpec, {}, "files: missing, but needed (or a generator)"),
        (SourceSpec, {"files": [FILE, FILE]}, "files: 'a.onnx' is declared twice"),
        # Precision.
        (PrecisionSpec, {"inference_precision": "f33"}, "inference_precision.any.0: 'f33' is not valid; did you mean"),
        (PrecisionSpec, {"inference_precision": {"CPU": ["f32"]}}, "inference_precision.any: missing, but needed"),
        (PrecisionSpec, {"inference_precision": []}, "inference_precision.any: missing, but needed"),
        (
            PrecisionSpec,
            {"inference_precision": {"any": ["f32"], "CPU": ["default", "f32"]}},
            "inference_precision.CPU: ['default', 'f32']: default asks for nothing, so it stands alone",
        ),
        (QuantizationSpec, {"subset": "many"}, "subset: 'many' is no number of images, no limit"),
        (QuantizationSpec, {"subset": "0%"}, "subset: '0%' is no number"),
        (QuantizationSpec, {"subset": "at most 0"}, "subset: 'at most 0' is no number"),
        (QuantizationSpec, {"subset": "at most many"}, "subset: 'at most many' is no number of images, no limit"),
        (QuantizationSpec, {"subset": "at most 5%"}, "subset: 'at most 5%' is no number"),
        (QuantizationSpec, {"subset": "101%"}, "subset: '101%' is no number"),
        (QuantizationSpec, {"subset": "\N{SUPERSCRIPT TWO}%"}, "subset: '\N{SUPERSCRIPT TWO}%' is no number"),
        # Run.
        (ScenarioSpec, SYNC | {"infer_requests": 4}, "infer_requests: 4 with mode synchronous, expected 1"),
        (MeasurementSpec, {"launches": 9, "max_launches": 3}, "max_launches: 3 is less than launches: 9"),
        (
            ScenarioSpec,
            {"mode": "asynchronous", "infer_requests": 0},
            "infer_requests: input should be greater than 0 (got 0)",
        ),
        (
            DeviceSpec,
            {"device": "MULTI:CPU,GPU"},
            "requires: missing, but needed by MULTI:CPU,GPU: the devices that it",
        ),
        (DeviceSpec, {"device": "AUTO:GPU,CPU"}, "requires: missing, but needed by AUTO:GPU,CPU: the devices that it"),
        (
            DeviceSpec,
            {"device": "BATCH:CPU(4)", "requires": ["CPU", "GPU"]},
            "requires: ['CPU', 'GPU'], expected the one",
        ),
        (
            DeviceSpec,
            {"device": "MULTI:CPU,GPU", "requires": ["CPU", "GPU"], "member_properties": {"GPPU": {}}},
            "member_properties.GPPU: no such member; did you mean 'GPU'?",
        ),
        (
            MeasurementSpec,
            {"timeout_s": 2},
            "timeout_s: 2 is not more than warm_up_s + duration_s = 2.5, so every launch",
        ),
        (
            DeviceSpec,
            {"device": "MULTI:CPU,GPU", "requires": ["CPU"]},
            "requires: GPU is in MULTI:CPU,GPU, but not listed",
        ),
        (DeviceSpec, {"device": "HETERO"}, "device: 'HETERO' names no devices, expected for example 'HETERO:CPU,GPU'"),
        (DeviceSpec, {"device": "BATCH:CPU(x)", "requires": ["CPU"]}, "device: 'BATCH:CPU(x)', expected BATCH and one"),
        (DeviceSpec, {"device": "BATCH:CPU(0)", "requires": ["CPU"]}, "device: 'BATCH:CPU(0)', expected BATCH and one"),
        (ScenarioSpec, SYNC | {"batch": 10**20}, "batch: input should be less than or equal to 16777216"),
        (ScenarioSpec, {"mode": "asynchronous", "infer_requests": 10**7}, "infer_requests: input should be less than"),
        (DeviceSpec, {"device": ""}, "device: string should have at least 1 character"),
        (ExperimentSpec, EXPERIMENT | {"models": []}, "models: empty, expected at least one name"),
        (ExperimentSpec, EXPERIMENT | {"devices": ["cpu", "cpu"]}, "devices: names something twice ('cpu')"),
    ],
)
def test_bad_value_is_told_in_one_line(spec: type[Spec], data: dict[str, Any], expected: str) -> None:
    assert message_of(spec, data).startswith(expected)


def test_several_complaints_are_counted() -> None:
    assert message_of(ModelSpec, MODEL | {"licence": 5, "task": "x"}).endswith("(and 1 more)")
    assert "more" not in message_of(ScenarioSpec, SYNC | {"streams": 0})  # one key, two alternatives


def test_a_key_of_a_mapping_that_looks_like_a_type_is_kept() -> None:
    data = {"device": "CPU", "member_properties": {"str": {"int": [1]}}}
    assert message_of(DeviceSpec, data).startswith("member_properties.str.int: ")


def test_json_settings_are_read_with_the_same_care() -> None:
    assert ScenarioSpec.from_json('{"mode": "synchronous"}') == ScenarioSpec(mode="synchronous")
    with pytest.raises(OvlabError, match=r"^--settings: mod: unknown key; did you mean 'mode'\?"):
        ScenarioSpec.from_json('{"mod": "synchronous"}')
    with pytest.raises(OvlabError, match=r"^--settings: invalid JSON"):
        ScenarioSpec.from_json("{mode")


def test_a_spec_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        ScenarioSpec(mode="synchronous").batch = 3  # type: ignore[misc]
