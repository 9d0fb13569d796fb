"""The model's ``detection:`` section."""

from __future__ import annotations

from typing import Any

import pytest

from ovlab.errors import OvlabError
from ovlab.specs.base import parse_spec
from ovlab.tasks.detection.spec import DetectionSpec

GOOD: dict[str, Any] = {"decoder": "ssd", "classes": ["cat", "dog"]}


def test_defaults_are_for_metrics() -> None:
    spec = parse_spec(DetectionSpec, GOOD, "m.yaml")
    assert (spec.score_threshold, spec.nms_iou, spec.max_detections, spec.clip) == (0.001, None, 100, False)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"clases": []}, "clases: unknown key; did you mean 'classes'"),
        ({"classes": []}, "classes: empty"),
        ({"classes": ["cat", "cat"]}, "classes: 'cat' is there twice"),
        ({"class_map": {"dgo": "hound"}}, "class_map: 'dgo' is none of the model's classes; did you mean 'dog'"),
        ({"nms_iou": 0}, "nms_iou: .*greater than 0"),
        ({"nms_iou": 45}, "nms_iou: .*less than or equal to 1"),
        ({"score_threshold": -0.1}, "score_threshold: "),
        ({"max_detections": 0}, "max_detections: "),
    ],
)
def test_bad_values(change: dict[str, Any], message: str) -> None:
    with pytest.raises(OvlabError, match=f"m.yaml: {message}"):
        parse_spec(DetectionSpec, GOOD | change, "m.yaml")
