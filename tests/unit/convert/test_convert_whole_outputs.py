"""Outputs that a quantised file has as whole numbers are brought to the values that they stand for."""

from __future__ import annotations

import logging

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops

from ovlab.convert.quantisation import dequantise_outputs

TYPES = {"i8": np.int8, "u8": np.uint8, "i16": np.int16}
SCALE, ZERO_POINT = 0.1, 3


def quantised(kind: str, *, scaled: bool = True) -> ov.Model:
    """A model of one output in the form that OpenVINO's TFLite frontend gives: FakeQuantize, then Convert."""
    kinds = np.iinfo(TYPES[kind])
    image = ops.parameter([6, 1], np.float32)
    value = ops.multiply(image, np.float32(2))
    if scaled:
        real = [np.float32((bound - ZERO_POINT) * SCALE) for bound in (kinds.min, kinds.max)]
        levels = int(kinds.max) - int(kinds.min) + 1
        value = ops.fake_quantize(value, *real, np.float32(kinds.min), np.float32(kinds.max), levels)
    # It turns feature maps back to NHWC behind that.
    output = ops.transpose(ops.convert(value, kind), np.array([1, 0]))
    output.output(0).get_tensor().set_names({"boxes"})
    return ov.Model([ops.result(output)], [image], "quantised")


def infer(model: ov.Model, values: np.ndarray) -> np.ndarray:
    compiled = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.asarray(compiled([values])["boxes"])


@pytest.mark.parametrize("kind", TYPES)
def test_the_scale_in_the_file_is_used(kind: str) -> None:
    values = np.float32([[-6, -0.31, 0, 0.04, 1.27, 6]]).T
    whole = infer(quantised(kind), values)
    assert whole.dtype == TYPES[kind]
    model = quantised(kind)
    dequantise_outputs(model)
    assert model.outputs[0].get_names() == {"boxes"}
    assert model.outputs[0].get_element_type() == ov.Type.f32
    expected = (whole.astype(np.float64) - ZERO_POINT) * SCALE
    np.testing.assert_allclose(infer(model, values), expected, atol=1e-4)


def test_an_output_without_a_scale_stays_and_is_told(caplog: pytest.LogCaptureFixture) -> None:
    model = quantised("u8", scaled=False)
    dequantise_outputs(model)
    assert model.outputs[0].get_element_type() == ov.Type.u8
    assert caplog.messages == ["outputs are whole numbers of few bits, and the file has no scale for them: boxes"]


def test_other_outputs_stay_and_nothing_is_said(caplog: pytest.LogCaptureFixture) -> None:
    image = ops.parameter([1, 6], np.float32)
    labels = ops.convert(image, "i64")
    model = ov.Model([ops.result(image), ops.result(labels)], [image], "two")
    with caplog.at_level(logging.INFO):
        dequantise_outputs(model)
    assert [port.get_element_type() for port in model.outputs] == [ov.Type.f32, ov.Type.i64]
    assert not caplog.messages
