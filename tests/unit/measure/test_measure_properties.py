"""From YAML names to what a device is compiled with."""

from __future__ import annotations

from typing import Any

import pytest
from toy import Lab

from ovlab.errors import OvlabError, UnavailableError
from ovlab.measure.device import properties as module
from ovlab.measure.device.inspection import effective_settings
from ovlab.measure.device.properties import available, compile_properties, members_of, require_device
from ovlab.runtime import core, read_ir, set_batch
from ovlab.specs import DeviceSpec, PrecisionSpec, ScenarioSpec

_KEPT: list[Any] = []
F32 = PrecisionSpec.model_validate({"inference_precision": "f32"})
HALF = PrecisionSpec.model_validate({"inference_precision": {"any": ["f32"], "GPU": ["f16"]}})


class _Core:
    """Stands for a host with the given devices."""

    def __init__(self, *devices: str) -> None:
        self.available_devices = list(devices)

    def get_property(self, device: str, name: str) -> Any:
        if name == "OPTIMIZATION_CAPABILITIES":
            return ["FP32", "FP16"]
        if device.split(".", maxsplit=1)[0] in {"CPU", "GPU", "NPU"}:
            raise RuntimeError("Cannot load library libOpenCL.so.1")
        raise RuntimeError(f'Device with "{device}" name is not registered in the OpenVINO Runtime')


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Any:
    def make(*devices: str) -> None:
        core = _Core(*devices)
        monkeypatch.setattr(module, "core", lambda: core)
        monkeypatch.setattr("ovlab.runtime.core", lambda: core)

    return make


def device(name: str, **data: Any) -> DeviceSpec:
    return DeviceSpec.model_validate({"device": name} | data)


def scenario(**data: Any) -> ScenarioSpec:
    return ScenarioSpec.model_validate({"mode": "asynchronous"} | data)


def test_available(host: Any) -> None:
    host("CPU", "GPU.0", "GPU.1")
    assert [available(name) for name in ("CPU", "GPU", "GPU.1", "GPU.2", "NPU")] == [True, True, True, False, False]
    host("CPU", "GPU")  # how the only one of its kind is listed
    assert [available(name) for name in ("GPU", "GPU.0", "GPU.1")] == [True, True, False]
    host("CPU", "GPU.1")
    assert [available(name) for name in ("GPU", "GPU.0", "GPU.1")] == [True, False, True]


def test_members(host: Any) -> None:
    host("CPU", "GPU")
    assert members_of(device("GPU")) == ["GPU"]
    assert members_of(device("AUTO")) == ["CPU", "GPU"]
    assert members_of(device("MULTI:CPU", requires=["CPU"])) == ["CPU"]


@pytest.mark.parametrize("data", [{"device": "CPU"}, {"device": "AUTO"}, {"device": "MULTI:CPU", "requires": ["CPU"]}])
def test_devices_of_this_host(data: dict[str, Any]) -> None:
    require_device(DeviceSpec.model_validate(data))


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (device("GPPU"), "device: OpenVINO knows no device 'GPPU'; did you mean 'GPU'?"),
        (device("MLUTI:CPU,GPU"), "device: OpenVINO knows no device 'MLUTI'; did you mean 'MULTI'?"),
        (device("MLUTI:CPU", requires=["CPU"]), "device: OpenVINO knows no device 'MLUTI'; did you mean 'MULTI'?"),
        (device("cpu"), "device: OpenVINO knows no device 'cpu'; did you mean 'CPU'?"),
        (device("QQ"), "device: OpenVINO knows no device 'QQ'; valid: AUTO, BATCH, CPU, GPU, HETERO, MULTI, NPU"),
        (
            device("MULTI:CPU,NPPU", requires=["CPU", "NPPU"]),
            "device: requires: OpenVINO knows no device 'NPPU'; did you mean 'NPU'?",
        ),
    ],
)
def test_a_device_that_openvino_does_not_know(spec: DeviceSpec, expected: str) -> None:
    with pytest.raises(OvlabError) as caught:
        require_device(spec)
    assert str(caught.value) == expected
    assert not isinstance(caught.value, UnavailableError)


@pytest.mark.parametrize(
    ("spec", "missing"),
    [
        (device("GPU"), "GPU"),
        (device("GPU.3"), "GPU.3"),
        (device("MULTI:CPU,GPU", requires=["CPU", "GPU"]), "GPU"),
        (device("AUTO", requires=["NPU"]), "NPU"),
    ],
)
def test_an_absent_device_is_unavailable(host: Any, spec: DeviceSpec, missing: str) -> None:
    host("CPU")
    with pytest.raises(UnavailableError) as caught:
        require_device(spec)
    assert str(caught.value) == f"{missing} is not on this host (found: CPU)"


def test_physical_device() -> None:
    found = compile_properties(
        device("CPU", properties={"A": 1}, member_properties={"CPU": {"C": 3}}),
        scenario(performance_hint="LATENCY", streams=2, threads=1, properties={"B": 2}),
        F32,
    )
    assert found == {
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 2,
        "INFERENCE_NUM_THREADS": 1,
        "INFERENCE_PRECISION_HINT": "f32",
        "A": 1,
        "B": 2,
        "C": 3,
    }


def test_a_scenario_wins_over_its_device() -> None:
    found = compile_properties(device("CPU", properties={"A": 1}), scenario(properties={"A": 2}), F32)
    assert found == {"A": 2, "INFERENCE_PRECISION_HINT": "f32"}


def test_virtual_device_passes_on_to_its_members(host: Any) -> None:
    host("CPU", "GPU")
    found = compile_properties(
        device("MULTI:CPU,GPU", requires=["CPU", "GPU"], member_properties={"GPU": {"NUM_STREAMS": 4}}),
        scenario(performance_hint="THROUGHPUT", streams="auto", threads=3),
        HALF,
    )
    assert found == {
        "PERFORMANCE_HINT": "THROUGHPUT",
        "DEVICE_PROPERTIES": {
            "CPU": {"NUM_STREAMS": "AUTO", "INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 3},
            "GPU": {"NUM_STREAMS": "AUTO", "INFERENCE_PRECISION_HINT": "f16"},
        },
    }


def test_what_a_scenario_says_counts_on_every_kind_of_device(host: Any) -> None:
    host("CPU", "GPU")
    load = scenario(performance_hint="LATENCY", streams=1)
    of_file = {"PERFORMANCE_HINT": "THROUGHPUT", "NUM_STREAMS": 2}
    for spec in (
        device("CPU", properties=of_file),
        device("BATCH:CPU(4)", requires=["CPU"], properties=of_file),
        device("CPU", member_properties={"CPU": of_file}),
    ):
        found = compile_properties(spec, load, F32)
        assert (found["PERFORMANCE_HINT"], found["NUM_STREAMS"]) == ("LATENCY", 1)
        assert compile_properties(spec, scenario(), F32)["NUM_STREAMS"] == 2
    members = {"CPU": {"NUM_STREAMS": "AUTO"}}
    found = compile_properties(device("MULTI:CPU", requires=["CPU"], member_properties=members), load, F32)
    assert found["DEVICE_PROPERTIES"]["CPU"]["NUM_STREAMS"] == 1
    several = device("AUTO", properties={"PERFORMANCE_HINT": "CUMULATIVE_THROUGHPUT"})
    assert compile_properties(several, load, F32)["PERFORMANCE_HINT"] == "CUMULATIVE_THROUGHPUT"


def test_a_member_that_lacks_the_precision(host: Any) -> None:
    host("CPU")
    bf16 = PrecisionSpec.model_validate({"inference_precision": "bf16"})
    with pytest.raises(UnavailableError, match=r"^CPU does not execute bf16"):
        compile_properties(device("AUTO"), scenario(), bf16)


def test_batch_takes_all_properties_for_its_own(lab: Lab) -> None:
    spec = device("BATCH:CPU(4)", requires=["CPU"], member_properties={"CPU": {"NUM_STREAMS": 1}})
    found = compile_properties(spec, scenario(performance_hint="THROUGHPUT", threads=1), F32)
    assert found == {
        "PERFORMANCE_HINT": "THROUGHPUT",
        "NUM_STREAMS": 1,
        "INFERENCE_NUM_THREADS": 1,
        "INFERENCE_PRECISION_HINT": "f32",
    }
    model = read_ir(lab.folder / "model.xml")
    set_batch(model, 1)
    core().compile_model(model, spec.device, found)
    with pytest.raises(RuntimeError, match="DEVICE_PROPERTIES"):
        core().compile_model(model, spec.device, {"DEVICE_PROPERTIES": {"CPU": {"NUM_STREAMS": 1}}})


def test_pinning_and_properties_of_members(host: Any) -> None:
    host("CPU", "GPU")
    found = compile_properties(
        device("AUTO", member_properties={"CPU": {"A": 1, "B": 1}}),
        scenario(pinning=False, member_properties={"CPU": {"B": 2}, "GPU": {"C": 3}}),
        F32,
    )
    assert found["DEVICE_PROPERTIES"] == {
        "CPU": {"A": 1, "B": 2, "INFERENCE_PRECISION_HINT": "f32", "ENABLE_CPU_PINNING": False},
        "GPU": {"C": 3, "INFERENCE_PRECISION_HINT": "f32"},
    }
    assert compile_properties(device("CPU"), scenario(pinning=True), F32)["ENABLE_CPU_PINNING"] is True
    assert "ENABLE_CPU_PINNING" not in compile_properties(device("GPU"), scenario(pinning=True), F32)


@pytest.mark.parametrize("name", ["CPU", "AUTO:CPU", "MULTI:CPU"])
def test_settings_of_a_scenario_reach_the_device(lab: Lab, name: str) -> None:
    """Each on a value that is not the default, read back from the compiled model."""
    spec = device(name, requires=["CPU"])
    load = scenario(
        performance_hint="THROUGHPUT",
        streams=1,
        threads=1,
        pinning=False,
        properties={"PERFORMANCE_HINT_NUM_REQUESTS": 3},
        member_properties={"CPU": {"ENABLE_HYPER_THREADING": False, "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0}},
    )
    compiled = core().compile_model(read_ir(lab.folder / "model.xml"), name, compile_properties(spec, load, F32))
    settings = effective_settings(compiled, ["CPU"])
    inner = settings["members"].get("CPU", {}) or settings
    assert settings["PERFORMANCE_HINT"] == "THROUGHPUT"
    for key, expected in (
        ("NUM_STREAMS", 1),
        ("INFERENCE_NUM_THREADS", 1),
        ("ENABLE_CPU_PINNING", False),
        ("ENABLE_HYPER_THREADING", False),
        ("DYNAMIC_QUANTIZATION_GROUP_SIZE", 0),
    ):
        assert inner[key] == expected, key
    _KEPT.append(compiled)  # see ovlab.measure.child.launch: a virtual device's end may hang
