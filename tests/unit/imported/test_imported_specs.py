"""What a precision with a source of its own may say, and how settings are written with and without one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from toy import Lab

from ovlab.errors import OvlabError
from ovlab.specs import ConvertSettings, PrecisionSpec, ReportSettings, parse_spec

FLOAT: dict[str, Any] = {"inference_precision": "f32"}


def test_a_source_comes_back_as_it_was_written(lab: Lab) -> None:
    precision = PrecisionSpec.model_validate(FLOAT | {"source": lab.model.plain()})
    assert PrecisionSpec.from_json(precision.to_json()) == precision
    assert precision.source == lab.model
    assert type(precision.source) is type(lab.model)  # the task's own, with its own sections


def test_without_one_nothing_is_written_of_it(lab: Lab) -> None:
    assert "source" not in PrecisionSpec.model_validate(FLOAT).plain()
    settings = ConvertSettings(
        model_name="toy", precision_name="fp32", model=lab.model, dataset=lab.dataset, weights="f32"
    )
    assert "imported" not in json.loads(settings.to_json())
    told = settings.model_copy(update={"imported": True})
    assert ConvertSettings.from_json(told.to_json()).imported
    assert ReportSettings.model_fields["imported"].get_default() == ()


def test_what_others_made_is_neither_made_from_the_reference_nor_the_devices_default(lab: Lab) -> None:
    precision = PrecisionSpec.model_validate({"inference_precision": "default", "source": lab.model.plain()})
    assert not precision.is_compressed
    assert not precision.is_device_default
    assert not precision.draws_images


@pytest.mark.parametrize("other", ["quantization", "weight_compression"])
def test_what_others_made_is_not_combined(lab: Lab, other: str) -> None:
    with pytest.raises(OvlabError, match=f"^p: source: .* so that it cannot be combined with {other}$"):
        parse_spec(PrecisionSpec, FLOAT | {"source": lab.model.plain(), other: {}}, "p")
