"""What a model's output means, by task: one folder a task declares all that is particular to it.

Its spec sections, data formats with their readers, predictions, metric, comparison and the report's words; see
`ovlab.tasks.protocol`. Nothing else knows the tasks by name. How to add one: ``docs/tasks.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovlab.errors import OvlabError
from ovlab.specs.by_task import Format
from ovlab.specs.dataset import DatasetSpec
from ovlab.specs.model import ModelSpec
from ovlab.tasks.protocol import ComparisonByImage, Evaluator, FromRecords, PairComparison, SplitFiles, Task, Words
from ovlab.tasks.registry import TASKS

if TYPE_CHECKING:
    from ovlab.data.split import Split

__all__ = [
    "TASKS",
    "ComparisonByImage",
    "Evaluator",
    "Format",
    "FromRecords",
    "PairComparison",
    "SplitFiles",
    "Task",
    "Words",
    "make_evaluator",
]


def make_evaluator(model: ModelSpec, dataset: DatasetSpec, split: Split, *, width: int, height: int) -> Evaluator:
    """Make the evaluator of a model on a split.

    Parameters
    ----------
    model, dataset : ModelSpec, DatasetSpec
        Both of the same task.
    split : Split
        The images with what is known of them, of `ovlab.data.read_split`.
    width, height : int
        Size of the model's input in pixels.

    Raises
    ------
    OvlabError
        If the data set is for another task, or with what the task finds wrong.
    """
    if model.task != dataset.task:
        raise OvlabError(f"task {model.task}: the data set's images are for {dataset.task}")
    return TASKS[model.task].evaluator(model, dataset, split, width=width, height=height)
