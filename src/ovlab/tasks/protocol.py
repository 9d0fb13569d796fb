"""What a task declares, and what its evaluator does: all that the rest of the library knows of tasks.

The declaration is light: specs are validated with it while an experiment is planned. What is heavy (arrays, images,
annotations, metrics) is imported by the methods that need it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ovlab.specs.by_task import Format
from ovlab.specs.dataset import DatasetSpec, SplitSpec
from ovlab.specs.model import ModelSpec

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from ovlab.data.split import Split
    from ovlab.records import Quantity
    from ovlab.tasks.differences import Differences


@dataclass(frozen=True)
class SplitFiles:
    """The files of one split, for a reader.

    Attributes
    ----------
    root : Path
        Folder of the unpacked data set.
    name : str
        Name of the split.
    split : SplitSpec
        Where its files are; the folder of its images exists.
    dataset : DatasetSpec
        The data set that it is of: the task's own class of it.
    class_names : tuple of str
        As the data set's YAML gives them; empty if it does not.
    where : str
        What to call the data set in an error.
    """

    root: Path
    name: str
    split: SplitSpec
    dataset: DatasetSpec
    class_names: tuple[str, ...]
    where: str


@dataclass(frozen=True)
class Words:
    """What the report says of a task.

    Attributes
    ----------
    metric_titles : dict of str
        By the metric's name in a record, how it is called in sentences and on axes; others are called as they are.
    method : str
        Sentences for the method paragraph: how the metric, its interval and the interval of a difference are made.
    class_score : str
        What the table of classes compares, such as ``accuracy``.
    class_size : str
        Key of a class's size in a record's ``comparison.classes``, and what it counts, such as ``images``.
    class_test : str
        Sentence for the caption of the table of classes: what its p-value is. Empty where there is none.
    paired_test : str
        Sentence for the caption of the paired tests: what is counted. Empty where nothing is.
    drawing : str
        What is drawn on the images of a disagreement, besides what each variant says, such as ``white: the objects``.
        Empty where nothing is.
    """

    method: str
    metric_titles: Mapping[str, str] = field(default_factory=dict)
    class_score: str = "accuracy"
    class_size: str = "images"
    class_test: str = ""
    paired_test: str = ""
    drawing: str = ""

    def metric_title(self, metric: str) -> str:
        """Return what a metric is called in sentences and on axes; ``accuracy`` where it has no name."""
        return self.metric_titles.get(metric, metric) or "accuracy"


@dataclass(frozen=True)
class PairComparison:
    """A variant against another one on the same images.

    Attributes
    ----------
    values : dict of Quantity
        As `ovlab.tasks.recorded_comparison` gives them, and ``agreement``.
    test : str
        What the p-value comes from.
    """

    values: dict[str, Quantity]
    test: str


@dataclass(frozen=True)
class ComparisonByImage:
    """How two variants are compared afterwards, by what each predicted for each image.

    Attributes
    ----------
    columns : tuple of str
        Columns of the predictions that `compare` needs; ``image`` among them.
    compare : callable
        From the predictions of a variant and of the one that it is compared with to a `PairComparison`.
    """

    columns: tuple[str, ...]
    compare: Callable[[pd.DataFrame, pd.DataFrame], PairComparison]


@dataclass(frozen=True)
class FromRecords:
    """How predictions are scored again from what was recorded: without images, models or code of the user's own.

    Attributes
    ----------
    truth : callable
        From a split that `Task.read` gave to a table of what is known of its images: column ``image``, and what the
        metric needs; in the split's order, which resamples are drawn by.
    evaluator : callable
        ``evaluator(model, dataset, predictions, truth, class_names)`` makes the evaluator that scores and compares
        these predictions as the one of `Task.evaluator` did. It raises `OvlabError` where columns of the predictions
        contradict each other or the truth.
    """

    truth: Callable[[Split], pd.DataFrame]
    evaluator: Callable[[ModelSpec, DatasetSpec, pd.DataFrame, pd.DataFrame, Sequence[str]], Evaluator]


class Evaluator(Protocol):
    """Makes predictions of a model's outputs on a split, and scores them."""

    @property
    def metric(self) -> str:
        """Name of the metric; empty if there is none."""

    def predict_batch(
        self, images: Sequence[Any], outputs: Mapping[str, NDArray[Any]], placements: Sequence[Any], batch: int
    ) -> list[dict[str, Any]]:
        """Turn the outputs for at most `batch` images into rows, one an image."""

    def frame(self, rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
        """Make a table of the rows; its column ``image`` holds the images' ids."""

    def score(self, frame: pd.DataFrame) -> dict[str, Quantity]:
        """Compute the metric of a table, ``accuracy``, and its companions; nothing if there is no metric."""

    def metric_without_interval(self, frame: pd.DataFrame, images: Sequence[Any]) -> tuple[float, list[float]]:
        """Compute the metric of a table on some of the split's images, and that of each image alone.

        Accuracy control asks for it after every layer that it tries.

        Parameters
        ----------
        frame : DataFrame
            Predictions.
        images : sequence of SplitImage
            The images that they are of, as the split has them.

        Returns
        -------
        value : float
            A fraction.
        of_each : list of float
            The same of each image, in their order; it serves to choose images that tell models apart.
        """

    def compare(self, frame: pd.DataFrame, reference: pd.DataFrame) -> dict[str, Quantity]:
        """Compute the difference to a reference on the same images, ``accuracy_delta``, and its companions."""

    def replicates(self, frame: pd.DataFrame) -> NDArray[Any] | None:
        """Return the metric on resamples of the images; None for a metric that is a mean over images."""

    def differences(self, frame: pd.DataFrame, reference: pd.DataFrame, most: int) -> Differences:
        """Find where a variant and its reference disagree, with at most so many images."""

    def remarks(self, frame: pd.DataFrame) -> list[str]:
        """Say what a reader should know of a table's accuracy, such as classes that were not judged."""


class Task(Protocol):
    """What a folder of ``ovlab/tasks`` declares.

    Attributes
    ----------
    name : str
        What ``task:`` says in the YAML of models and data sets.
    model_spec, dataset_spec : type
        What these files say for this task: `ModelSpec` and `DatasetSpec`, or classes derived from them.
    formats : dict of Format
        Layouts of data sets that `read` reads, by the name that ``format:`` has.
    words : Words
        What the report says.
    by_image : ComparisonByImage or None
        For a metric that is a mean over images. None where it belongs to all images together, so that its values on
        the same resamples are compared (`Evaluator.replicates`).
    from_records : FromRecords or None
        How accuracy is recomputed from recorded predictions; None where it cannot be.
    """

    name: str
    model_spec: type[ModelSpec]
    dataset_spec: type[DatasetSpec]
    formats: Mapping[str, Format]
    words: Words
    by_image: ComparisonByImage | None
    from_records: FromRecords | None

    def read(self, files: SplitFiles) -> Split:
        """List the images of a split, in a fixed order, with what is known of them.

        Raises
        ------
        OvlabError
            Naming the file, if one is missing or malformed.
        """

    def evaluator(self, model: ModelSpec, dataset: DatasetSpec, split: Split, *, width: int, height: int) -> Evaluator:
        """Make the evaluator of a model on a split that `read` gave; width and height are the input's, in pixels."""


def shown_outputs(outputs: Mapping[str, NDArray[Any]]) -> str:
    """Return the names of outputs with their shapes, to put into a message: ``scores [1, 10], boxes [1, 4]``."""
    names: dict[int, list[str]] = {}
    for name, array in outputs.items():
        names.setdefault(id(array), []).append(name)
    arrays = {id(array): array for array in outputs.values()}
    return ", ".join(f"{' or '.join(own)} {list(arrays[key].shape)}" for key, own in names.items())
