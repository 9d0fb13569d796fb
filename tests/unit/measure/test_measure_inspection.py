"""What was executed, told by multiply-accumulates."""

from __future__ import annotations

from typing import Any

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops
from toy import Lab

from ovlab.measure.device.inspection import (
    effective_settings,
    executed_layers,
    executed_shares,
    multiply_accumulates,
    precision_label,
)
from ovlab.runtime import core, read_ir, set_batch


def parameter(*shape: int) -> ov.Node:
    return ops.parameter(shape, np.float32)


def ones(*shape: int) -> ov.Node:
    return ops.constant(np.ones(shape, np.float32))


PADS: list[Any] = [[1, 1], [0, 0], [0, 0], [1, 1]]


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        # 2x2 kernels give 5x7 outputs from 6x8 inputs.
        (ops.convolution(parameter(1, 3, 6, 8), ones(4, 3, 2, 2), *PADS), 4 * 5 * 7 * 3 * 2 * 2),
        (ops.group_convolution(parameter(1, 6, 6, 8), ones(3, 4, 2, 2, 2), *PADS), 12 * 5 * 7 * 2 * 2 * 2),
        (ops.convolution_backprop_data(parameter(1, 3, 6, 8), ones(3, 4, 2, 2), [1, 1]), 3 * 6 * 8 * 4 * 2 * 2),
        (ops.matmul(parameter(5, 7), ones(7, 9), False, False), 5 * 7 * 9),
        (ops.matmul(parameter(7, 5), ones(9, 7), True, True), 5 * 7 * 9),
        (ops.matmul(parameter(2, 5, 7), ones(7, 9), False, False), 2 * 5 * 7 * 9),
        (ops.relu(parameter(5, 7)), 0),
    ],
)
def test_multiply_accumulates(node: ov.Node, expected: int) -> None:
    assert multiply_accumulates(node) == expected


def test_shares_of_a_real_model(lab: Lab) -> None:
    model = read_ir(lab.folder / "model.xml")
    set_batch(model, 1)
    compiled = core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    assert executed_shares(model, compiled) == {"f32": 1.0}
    layers = executed_layers(compiled)
    assert layers["f32"]["Convolution"] == 1
    assert sum(count for types in layers.values() for count in types.values()) >= 3  # mean and last layer besides
    assert not {"Input", "Output", "Const", "Reorder"} & set(layers["f32"])
    settings = effective_settings(compiled, ["CPU"])
    assert settings["EXECUTION_DEVICES"] == ["CPU"]
    assert "SUPPORTED_PROPERTIES" not in settings


def test_members_of_a_virtual_device(lab: Lab) -> None:
    model = read_ir(lab.folder / "model.xml")
    set_batch(model, 1)
    hints = {"CPU": {"INFERENCE_PRECISION_HINT": "f32"}}
    compiled = core().compile_model(model, "MULTI:CPU", {"DEVICE_PROPERTIES": hints})
    settings = effective_settings(compiled, ["CPU"])
    assert settings["members"]["CPU"]["INFERENCE_PRECISION_HINT"] == "f32"


class _Silent:
    """Stands for a compiled model of a device that tells nothing."""

    def get_runtime_model(self) -> None:
        raise RuntimeError("not implemented")

    def get_property(self, name: str) -> Any:
        if name == "SUPPORTED_PROPERTIES":
            return ["PERFORMANCE_HINT", "BROKEN"]
        if name == "PERFORMANCE_HINT":
            return "LATENCY"
        raise RuntimeError("no such property")


def test_a_device_that_tells_nothing(lab: Lab) -> None:
    silent: Any = _Silent()
    model = read_ir(lab.folder / "model.xml")
    set_batch(model, 1)
    assert executed_shares(model, silent) == {}
    assert executed_layers(silent) == {}
    assert effective_settings(silent, []) == {"PERFORMANCE_HINT": "LATENCY", "members": {}}


@pytest.mark.parametrize(
    ("shares", "label"),
    [
        ({}, ""),
        ({"i8": 1.0}, "i8"),
        ({"i8": 0.995, "f32": 0.005}, "i8"),
        ({"i8": 0.9, "f32": 0.1}, "i8+f32"),
        ({"bf16": 0.5, "f32": 0.5}, "bf16+f32"),
    ],
)
def test_label(shares: dict[str, float], label: str) -> None:
    assert precision_label(shares) == label
