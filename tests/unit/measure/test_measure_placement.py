"""Where it ran is what the row says, or the row does not say it."""

from __future__ import annotations

from typing import Any

import pytest
from toy import Lab

from ovlab.measure.device.division import gathered_requests, operations_by_device
from ovlab.measure.device.placement import Verdict, judge, where_it_ran
from ovlab.runtime import core, read_ir, set_batch
from ovlab.specs import DeviceSpec

CPU = {"device": "CPU"}
GPU = {"device": "GPU"}
AUTO = {"device": "AUTO"}
CHOICE = {"device": "AUTO:GPU,CPU", "requires": ["GPU", "CPU"]}
MULTI = {"device": "MULTI:CPU,GPU", "requires": ["CPU", "GPU"]}
CUMULATIVE = CHOICE | {"properties": {"PERFORMANCE_HINT": "CUMULATIVE_THROUGHPUT"}}
HETERO = {"device": "HETERO:GPU,CPU", "requires": ["GPU", "CPU"]}
BATCH = {"device": "BATCH:GPU(4)", "requires": ["GPU"]}


@pytest.mark.parametrize(
    ("data", "ran"),
    [
        (CPU, ["CPU"]),
        (GPU, ["GPU.0"]),
        ({"device": "GPU.0"}, ["GPU"]),
        ({"device": "GPU.1"}, ["GPU.1"]),
        (AUTO, ["CPU"]),
        (CHOICE, ["GPU.0"]),
        (MULTI, ["GPU.0", "CPU"]),
        (CUMULATIVE, ["CPU", "GPU"]),
        (HETERO, ["GPU", "CPU"]),
        (BATCH, ["GPU"]),
    ],
)
def test_where_it_was_asked_to_run(data: dict[str, Any], ran: list[str]) -> None:
    assert judge(DeviceSpec.model_validate(data), [ran, ran]) == Verdict()


@pytest.mark.parametrize(
    ("data", "ran", "complaint"),
    [
        (GPU, ["CPU"], "asked for GPU, but ran on CPU"),
        ({"device": "GPU.1"}, ["GPU.0"], "asked for GPU.1, but ran on GPU.0"),
        ({"device": "GPU.1"}, ["GPU"], "asked for GPU.1, but ran on GPU"),
        (MULTI, ["CPU"], "asked for MULTI:CPU,GPU, but ran on CPU alone"),
        (MULTI, ["CPU", "NPU"], "asked for MULTI:CPU,GPU, but ran on CPU and NPU"),
        (CUMULATIVE, ["CPU"], "asked for AUTO:GPU,CPU, but ran on CPU alone"),
        (HETERO, ["CPU"], "asked for HETERO:GPU,CPU, but ran on CPU alone"),
        (BATCH, ["CPU"], "asked for BATCH:GPU(4), but ran on CPU alone"),
        ({"device": "AUTO:GPU", "requires": ["GPU"]}, ["(CPU)"], "asked for AUTO:GPU, but ran on CPU alone"),
    ],
)
def test_a_label_that_would_not_be_true(data: dict[str, Any], ran: list[str], complaint: str) -> None:
    assert judge(DeviceSpec.model_validate(data), [ran]) == Verdict(complaint=complaint)


@pytest.mark.parametrize(
    ("data", "launches", "remark"),
    [
        (HETERO, [["GPU.0"]], "no operation ran on CPU: GPU.0 took all of them"),
        (CHOICE, [["CPU"]], "AUTO ran on CPU, not on GPU, which it was to prefer"),
        (AUTO, [["(CPU)"]], "AUTO still ran on CPU, which only helps out until another device is ready"),
        (AUTO, [["CPU"], ["GPU"], ["GPU"]], "launches differ in where they ran: CPU in 1, GPU in 2"),
        (CPU, [[]], "CPU does not tell on which devices it ran"),
    ],
)
def test_what_readers_should_know(data: dict[str, Any], launches: list[list[str]], remark: str) -> None:
    assert judge(DeviceSpec.model_validate(data), launches) == Verdict(remark=remark)


def test_one_launch_elsewhere_is_enough() -> None:
    device = DeviceSpec.model_validate(MULTI)
    assert judge(device, [["CPU", "GPU"], ["CPU"], ["CPU", "GPU"]]).complaint == (
        "asked for MULTI:CPU,GPU, but ran on CPU alone"
    )


@pytest.mark.parametrize(
    ("gathered", "infer_requests", "remark"),
    [
        (4, 4, ""),
        (4, 8, ""),
        (4, 1, "BATCH:GPU(4) waits 1000 ms for 4 requests, but has only 1 in flight"),
        (1, 8, "BATCH:GPU(4) gathers nothing here: every request is inferred on its own"),
    ],
)
def test_a_batch_that_is_not_filled(gathered: int, infer_requests: int, remark: str) -> None:
    result = {
        "settings": {"EXECUTION_DEVICES": ["GPU"], "AUTO_BATCH_TIMEOUT": 1000},
        "gathered_requests": gathered,
        "infer_requests": infer_requests,
    }
    assert where_it_ran(DeviceSpec.model_validate(BATCH), [result]) == Verdict(remark=remark)


def test_the_split_of_a_model_over_devices(lab: Lab) -> None:
    model = read_ir(lab.folder / "model.xml")
    set_batch(model, 1)
    split = operations_by_device(model, "HETERO:CPU", {"DEVICE_PROPERTIES": {"CPU": {"NUM_STREAMS": 1}}})
    assert list(split) == ["CPU"]
    assert split["CPU"]["mac_share"] == 1.0
    assert split["CPU"]["operations"]["Convolution"] == ["conv"]
    assert "Constant" not in split["CPU"]["operations"]


def test_a_split_is_weighted_by_multiply_accumulates(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    model = read_ir(lab.folder / "model.xml")
    set_batch(model, 1)

    class Host:
        """Stands for a host whose GPU takes nothing but convolutions, and where nobody takes ReLU."""

        def query_model(self, model: Any, _device: str, _properties: Any) -> dict[str, str]:
            owners = {op.get_friendly_name(): "CPU" for op in model.get_ordered_ops()} | {"conv": "GPU.0"}
            del owners["relu"]
            return owners

    monkeypatch.setattr("ovlab.measure.device.division.core", Host)
    split = operations_by_device(model, "HETERO:GPU,CPU", {})
    assert split["GPU.0"]["operations"] == {"Convolution": ["conv"]}
    convolution, last = 16 * 16 * 32 * 27, 4 * 32
    assert split["GPU.0"]["mac_share"] == pytest.approx(convolution / (convolution + last))
    assert split["CPU"]["mac_share"] == pytest.approx(last / (convolution + last))
    assert split[""] == {"mac_share": 0.0, "operations": {"Relu": ["relu"]}}


@pytest.mark.parametrize(
    ("device", "batch", "gathered"), [("BATCH:CPU(4)", 1, 4), ("BATCH:CPU(4)", 2, 1), ("CPU", 2, 1)]
)
def test_gathered_requests(lab: Lab, device: str, batch: int, gathered: int) -> None:
    """A model of a larger batch is not gathered: OpenVINO leaves it as it is without a word."""
    model = read_ir(lab.folder / "model.xml")
    set_batch(model, batch)
    assert gathered_requests(core().compile_model(model, device), batch) == gathered
