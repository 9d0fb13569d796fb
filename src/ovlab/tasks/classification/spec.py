"""What the YAML files say for classification: nothing besides what all tasks share."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from ovlab.specs.by_task import only
from ovlab.specs.dataset import DatasetSpec
from ovlab.specs.model import ModelSpec


def _no_metric(value: Any) -> Any:
    if value is not None:
        raise ValueError(f"{value!r} is not for classification, which is scored by top-1 and top-5")
    return value


class ClassificationModelSpec(ModelSpec):
    """A classifier. Its ``output`` section says which output has the scores, and how classes are counted."""

    detection: Annotated[None, only(None, "classification")] = None


class ClassificationDatasetSpec(DatasetSpec):
    """Images with one label each, or without any."""

    metric: Annotated[None, BeforeValidator(_no_metric)] = None
    on_bad_box: Annotated[Literal["stop"], only("stop", "classification")] = "stop"
