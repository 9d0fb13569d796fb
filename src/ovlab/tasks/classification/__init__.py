"""Image classification: one class an image; top-1 and top-5 accuracy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ovlab.specs.by_task import Format
from ovlab.specs.dataset import DatasetSpec
from ovlab.specs.model import ModelSpec
from ovlab.tasks.classification.spec import ClassificationDatasetSpec, ClassificationModelSpec
from ovlab.tasks.classification.words import WORDS
from ovlab.tasks.protocol import ComparisonByImage, Evaluator, FromRecords, PairComparison, SplitFiles, Words

if TYPE_CHECKING:
    import pandas as pd

    from ovlab.data.split import Split


def _compare_by_image(frame: pd.DataFrame, reference: pd.DataFrame) -> PairComparison:
    from ovlab.tasks.classification.evaluator import compare_by_image

    return compare_by_image(frame, reference)


def _truth(split: Split) -> pd.DataFrame:
    from ovlab.tasks.classification.recorded import truth_table

    return truth_table(split)


def _recorded_evaluator(
    model: ModelSpec, dataset: DatasetSpec, predictions: pd.DataFrame, truth: pd.DataFrame, class_names: Sequence[str]
) -> Evaluator:
    from ovlab.tasks.classification.recorded import recorded_evaluator

    return recorded_evaluator(model, dataset, predictions, truth, class_names)


class ClassificationTask:
    """Classification, as `ovlab.tasks.protocol.Task` wants it."""

    name: str = "classification"
    model_spec: type[ModelSpec] = ClassificationModelSpec
    dataset_spec: type[DatasetSpec] = ClassificationDatasetSpec
    formats: Mapping[str, Format] = {
        "imagenet_list": Format(needs=("list",)),
        "class_folders": Format(),
        "images": Format(labelled=False),
    }
    words: Words = WORDS
    by_image: ComparisonByImage | None = ComparisonByImage(("image", "top1", "predicted"), _compare_by_image)
    from_records: FromRecords | None = FromRecords(_truth, _recorded_evaluator)

    def read(self, files: SplitFiles) -> Split:
        """List the images of a split with their labels."""
        from ovlab.tasks.classification.readers import READERS

        return READERS[files.dataset.format_of(files.split)](files)

    def evaluator(self, model: ModelSpec, dataset: DatasetSpec, split: Split, *, width: int, height: int) -> Evaluator:
        """Make the evaluator; neither the data set's YAML nor the size of the input matters to it."""
        from ovlab.tasks.classification.evaluator import ClassificationEvaluator
        from ovlab.tasks.classification.labels import LabelledSplit

        del dataset, width, height
        if not isinstance(split, LabelledSplit):
            raise TypeError(f"{split.name}: {type(split).__name__}, expected a LabelledSplit")
        return ClassificationEvaluator(model.output, split)
