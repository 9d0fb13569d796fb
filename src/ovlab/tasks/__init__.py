"""What a model's output means, by task: from raw outputs to predictions, from predictions to a metric."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import pandas as pd
from numpy.typing import NDArray

from ovlab.data import AnySplit, Split
from ovlab.data.annotations import AnnotatedSplit
from ovlab.errors import OvlabError
from ovlab.records import Quantity
from ovlab.specs import DatasetSpec, ModelSpec
from ovlab.tasks.classification import Classification
from ovlab.tasks.detection import Detection
from ovlab.tasks.differences import Differences

__all__ = ["Classification", "Detection", "Task", "make_task"]


class Task(Protocol):
    """What every task does."""

    @property
    def metric(self) -> str:
        """Name of the main metric; empty if there is none."""

    def predict(self, image: Any, outputs: Mapping[str, NDArray[Any]], placement: Any) -> dict[str, Any]:
        """Turn the outputs for one image into a row."""

    def predict_batch(
        self, images: Sequence[Any], outputs: Mapping[str, NDArray[Any]], placements: Sequence[Any], batch: int
    ) -> list[dict[str, Any]]:
        """Turn the outputs for at most `batch` images into rows."""

    def frame(self, rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
        """Make a table of the rows."""

    def score(self, frame: pd.DataFrame) -> dict[str, Quantity]:
        """Compute the metric of a table, ``accuracy``, and its companions."""

    def compare(self, frame: pd.DataFrame, reference: pd.DataFrame) -> dict[str, Quantity]:
        """Compute the difference to a reference on the same images, ``accuracy_delta``, and its companions."""

    def replicates(self, frame: pd.DataFrame) -> NDArray[Any] | None:
        """Return the metric on resamples of the images, None for a metric that is a mean over images."""

    def differences(self, frame: pd.DataFrame, reference: pd.DataFrame, most: int) -> Differences:
        """Tell where a variant and its reference part, with at most so many images."""


def make_task(model: ModelSpec, dataset: DatasetSpec, split: AnySplit, *, width: int, height: int) -> Task:
    """Make the task of a model on a split.

    Parameters
    ----------
    model, dataset : ModelSpec, DatasetSpec
        Both of the same task.
    split : Split or AnnotatedSplit
        The images with what is known of them.
    width, height : int
        Size of the model's input in pixels.
    """
    if model.detection is not None and isinstance(split, AnnotatedSplit):
        return Detection(model.detection, split, dataset.metric, width=width, height=height)
    if model.detection is None and isinstance(split, Split):
        return Classification(model.output, split)
    raise OvlabError(f"task {model.task}: the data set's images are for {dataset.task}")
