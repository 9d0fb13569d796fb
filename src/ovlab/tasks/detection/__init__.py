"""Object detection: boxes an image; Pascal VOC's mAP or COCO's AP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ovlab.specs.by_task import Format
from ovlab.specs.dataset import DatasetSpec
from ovlab.specs.model import ModelSpec
from ovlab.tasks.detection.spec import DetectionDatasetSpec, DetectionModelSpec
from ovlab.tasks.detection.words import WORDS
from ovlab.tasks.protocol import ComparisonByImage, Evaluator, FromRecords, SplitFiles, Words

if TYPE_CHECKING:
    import pandas as pd

    from ovlab.data.split import Split


def _truth(split: Split) -> pd.DataFrame:
    from ovlab.tasks.detection.recorded import truth_table

    return truth_table(split)


def _recorded_evaluator(
    model: ModelSpec, dataset: DatasetSpec, predictions: pd.DataFrame, truth: pd.DataFrame, class_names: Sequence[str]
) -> Evaluator:
    from ovlab.tasks.detection.recorded import recorded_evaluator

    return recorded_evaluator(model, dataset, predictions, truth, class_names)


class DetectionTask:
    """Detection, as `ovlab.tasks.protocol.Task` wants it."""

    name: str = "detection"
    model_spec: type[ModelSpec] = DetectionModelSpec
    dataset_spec: type[DatasetSpec] = DetectionDatasetSpec
    formats: Mapping[str, Format] = {
        "voc": Format(needs=("image_set",)),
        "coco": Format(needs=("annotations",)),
        "yolo": Format(needs_class_names=True),
        "images": Format(labelled=False),
    }
    words: Words = WORDS
    by_image: ComparisonByImage | None = None  # average precision belongs to all images together
    from_records: FromRecords | None = FromRecords(_truth, _recorded_evaluator)

    def read(self, files: SplitFiles) -> Split:
        """List the images of a split with their objects."""
        from ovlab.tasks.detection.readers import READERS

        return READERS[files.dataset.format_of(files.split)](files)

    def evaluator(self, model: ModelSpec, dataset: DatasetSpec, split: Split, *, width: int, height: int) -> Evaluator:
        """Make the evaluator. The model's ``decoder_file`` is executed."""
        from ovlab.tasks.detection.annotations import AnnotatedSplit
        from ovlab.tasks.detection.evaluator import DetectionEvaluator

        if not isinstance(split, AnnotatedSplit):
            raise TypeError(f"{split.name}: {type(split).__name__}, expected an AnnotatedSplit")
        if not isinstance(model, DetectionModelSpec) or not isinstance(dataset, DetectionDatasetSpec):
            raise TypeError(f"{type(model).__name__} and {type(dataset).__name__}, expected those of detection")
        return DetectionEvaluator(model.detection, split, dataset.metric, width=width, height=height)
