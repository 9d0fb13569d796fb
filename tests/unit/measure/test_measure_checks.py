"""A property that nobody knows, or with a value that nobody takes, is told before anything is measured."""

from __future__ import annotations

from typing import Any

import numpy as np
import openvino as ov
import pytest

from ovlab.errors import OvlabError
from ovlab.measure.device.property_checks import check_properties
from ovlab.runtime import core
from ovlab.specs import DeviceSpec, ScenarioSpec

MULTI = {"device": "MULTI:CPU", "requires": ["CPU"]}
AUTO = {"device": "AUTO:CPU", "requires": ["CPU"]}
HETERO = {"device": "HETERO:CPU", "requires": ["CPU"]}
BATCH = {"device": "BATCH:CPU(4)", "requires": ["CPU"]}
EVERY: list[dict[str, Any]] = [{"device": "CPU"}, {"device": "AUTO"}, MULTI, AUTO, HETERO, BATCH]


def check(device: dict[str, Any], scenario: dict[str, Any] | None = None) -> None:
    check_properties(
        DeviceSpec.model_validate(device),
        ScenarioSpec.model_validate({"mode": "synchronous", "properties": scenario or {}}),
    )


@pytest.mark.parametrize("device", EVERY)
def test_good_properties(device: dict[str, Any]) -> None:
    check(device)
    check(
        device | {"properties": {"INFERENCE_NUM_THREADS": 1, "ENABLE_CPU_PINNING": True}},
        {"PERFORMANCE_HINT": "LATENCY", "CACHE_DIR": "", "ALLOW_AUTO_BATCHING": False},
    )
    check(device | {"member_properties": {"CPU": {"NUM_STREAMS": "AUTO", "EXECUTION_MODE_HINT": "ACCURACY"}}})


@pytest.mark.parametrize("device", EVERY)
def test_a_cache_is_ours_alone(device: dict[str, Any]) -> None:
    with pytest.raises(OvlabError, match=r"^device: properties.CACHE_DIR: not to be set: compiling is timed without a"):
        check(device | {"properties": {"CACHE_DIR": "cache"}})
    with pytest.raises(OvlabError, match=r"^device: member_properties.CPU.CACHE_DIR: not to be set: "):
        check(device | {"member_properties": {"CPU": {"CACHE_DIR": "cache"}}})


def test_the_properties_of_virtual_devices() -> None:
    check(MULTI | {"properties": {"SCHEDULE_POLICY": "ROUND_ROBIN", "DEVICE_BIND_BUFFER": True}})
    check(AUTO | {"properties": {"ENABLE_STARTUP_FALLBACK": False, "PERFORMANCE_HINT": "CUMULATIVE_THROUGHPUT"}})
    check(BATCH | {"properties": {"AUTO_BATCH_TIMEOUT": 20}})


@pytest.mark.parametrize("device", EVERY)
def test_an_unknown_property_is_refused_on_every_kind_of_device(device: dict[str, Any]) -> None:
    with pytest.raises(OvlabError, match=r"^device: properties.NUM_STREAM: no property of .*CPU; did you mean 'NUM_ST"):
        check(device | {"properties": {"NUM_STREAM": 2}})
    with pytest.raises(OvlabError, match=r"^scenario: properties.PERF_HINT: no property of .*CPU; did you mean 'PERF"):
        check(device, {"PERF_HINT": "LATENCY"})


@pytest.mark.parametrize("device", EVERY)
@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("NUM_STREAMS", "many", "'many' is not valid for CPU (Could not read number of streams"),
        ("NUM_STREAMS", 1.5, "1.5 is not valid, expected a whole number or AUTO"),
        ("INFERENCE_PRECISION_HINT", "bf16", "not to be set: it is the precision's"),
        ("PERFORMANCE_HINT", "LATENCE", "'LATENCE' is not valid for {first}; did you mean 'LATENCY'?"),
        ("SCHEDULING_CORE_TYPE", "BIG", "'BIG' is not valid for CPU; valid: ANY_CORE, ECORE_ONLY, PCORE_ONLY"),
        ("INFERENCE_NUM_THREADS", 1.5, "1.5 is not valid, expected a whole number that is not negative"),
        ("INFERENCE_NUM_THREADS", -3, "-3 is not valid, expected a whole number that is not negative"),
        ("AUTO_BATCH_TIMEOUT", "soon", "'soon' is not valid, expected a whole number that is not negative"),
    ],
)
def test_a_wrong_value(device: dict[str, Any], name: str, value: Any, expected: str) -> None:
    kind = device["device"].split(":")[0]
    first = kind if kind in {"AUTO", "MULTI"} else "CPU"
    with pytest.raises(OvlabError) as caught:
        check(device | {"properties": {name: value}})
    text = str(caught.value)
    assert text.startswith(f"device: properties.{name}: {expected.format(first=first)}")
    assert "\n" not in text


def test_a_property_that_can_only_be_read() -> None:
    with pytest.raises(OvlabError, match=r"^device: properties.FULL_DEVICE_NAME: can be read, not set, on CPU$"):
        check({"device": "CPU", "properties": {"FULL_DEVICE_NAME": "mine"}})


def test_properties_of_a_member() -> None:
    with pytest.raises(OvlabError, match=r"^device: member_properties.CPU.NUM_STREAM: no property of CPU; did you me"):
        check(MULTI | {"member_properties": {"CPU": {"NUM_STREAM": 2}}})
    check({"device": "AUTO", "member_properties": {"NPU": {"ANYTHING": 1}}})  # not on this host: nobody to ask
    with pytest.raises(OvlabError, match=r"^device: member_properties.CPUU: no such device; did you mean 'CPU'\?$"):
        check({"device": "AUTO", "member_properties": {"CPUU": {"NUM_STREAMS": 1}}})


def test_what_is_tried_does_not_stay() -> None:
    before = core().get_property("CPU", "INFERENCE_NUM_THREADS")
    check({"device": "CPU", "properties": {"INFERENCE_NUM_THREADS": 7}})
    assert core().get_property("CPU", "INFERENCE_NUM_THREADS") == before


def test_why_this_is_checked_here() -> None:
    """OpenVINO's virtual devices compile with what they do not know as if it were not there."""
    x = ov.opset13.parameter([1], np.float32)
    model = ov.Model([ov.opset13.relu(x)], [x])
    for device in ("MULTI:CPU", "AUTO:CPU", "HETERO:CPU"):
        ov.Core().compile_model(model, device, {"NUM_STREAM": 2})
    with pytest.raises(RuntimeError, match="Unsupported property NUM_STREAM"):
        ov.Core().compile_model(model, "CPU", {"NUM_STREAM": 2})
