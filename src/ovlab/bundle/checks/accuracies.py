"""Accuracies: scores and paired comparisons from the recorded predictions and what is known of the images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ovlab.bundle.checks.numbers import differences, first_faults
from ovlab.bundle.checks.sessions import MALFORMED
from ovlab.bundle.checks.tables import read_table
from ovlab.errors import OvlabError
from ovlab.files import digest_of
from ovlab.records import Quantity, Record
from ovlab.specs import ValidateSettings
from ovlab.tasks import TASKS, Evaluator
from ovlab.validate import REPLICATES

PREDICTIONS = "predictions.parquet"
NOT_RECOMPUTED = ("skipped", "validation_time", "images_per_second")
"""Quantities of a validation that are measured, not computed from its predictions."""


@dataclass
class Validated:
    """A validation with what it is recomputed from.

    Attributes
    ----------
    record : Record
        Of kind ``accuracy``.
    path : Path
        Where it lies.
    name : str
        What to call it: its path in the bundle.
    truth : tuple of Path and str, or None
        The table of what is known of its images, and what to call that; None where the bundle has none.
    """

    record: Record
    path: Path
    name: str
    truth: tuple[Path, str] | None
    frame: pd.DataFrame | None = None
    evaluator: Evaluator | None = None


def truth_name(record: Record) -> str:
    """Return what the truth of a validation is called: one table for all variants on the same images."""
    settings = record.settings
    return f"{settings['model']['dataset']}-{digest_of(settings['dataset'])}.parquet"


def check_accuracy(one: Validated, reference: Validated | None) -> tuple[list[str], int]:
    """Recompute a validation.

    Parameters
    ----------
    one : Validated
        Gets the frame and the evaluator that others are compared with.
    reference : Validated or None
        What it was compared with: its `check_accuracy` has run.

    Returns
    -------
    tuple of list of str and int
        A line for each number that does not follow from the predictions, and how many images were recomputed (0:
        none could be).
    """
    try:
        return _check(one, reference)
    except OvlabError as error:
        text = str(error)
        return [text if text.startswith(f"{one.name.rpartition('/')[0]}/") else f"{one.name}: {text}"], 0
    except MALFORMED as error:
        return [f"{one.name}: is no validation ({type(error).__name__}: {error})"], 0


def _check(one: Validated, reference: Validated | None) -> tuple[list[str], int]:
    record, place = one.record, one.name.rpartition("/")[0]
    settings = ValidateSettings.model_validate(record.settings)
    task = TASKS[settings.model.task]
    if task.from_records is None or one.truth is None:
        return [], 0
    one.frame = read_table(one.path.parent / PREDICTIONS, f"{place}/{PREDICTIONS}", {"image": "text"}, all_columns=True)
    truth = read_truth(*one.truth)
    names = [str(name) for name in record.data["class_names"]]
    one.evaluator = task.from_records.evaluator(settings.model, settings.dataset, one.frame, truth, names)
    return first_faults(_faults(one, reference, settings)), int(one.frame["image"].nunique())


def _faults(one: Validated, reference: Validated | None, settings: ValidateSettings) -> Iterator[str]:
    record, name, evaluator, frame = one.record, one.name, one.evaluator, one.frame
    if evaluator is None or frame is None:
        return
    yield from differences(record.data["metric"], evaluator.metric, f"{name}: metric")
    asked = settings.device.device if settings.device is not None else settings.validation.device
    yield from differences(record.data["device"], asked, f"{name}: device")
    values = dict(evaluator.score(frame))
    values["samples"] = Quantity(frame["image"].nunique(), "count")
    images = digest_of(list(dict.fromkeys(frame["image"])))
    yield from differences(record.data["images_digest"], images, f"{name}: images_digest")
    if reference is not None and reference.frame is not None and "comparison" in record.data:
        values |= evaluator.compare(frame, reference.frame)
        compared = evaluator.differences(frame, reference.frame, settings.validation.disagreements).plain()
        yield from differences(record.data["comparison"], compared, f"{name}: comparison")
    known = {key: value for key, value in record.values.items() if key not in NOT_RECOMPUTED}
    yield from differences(known, values, name)
    replicates = evaluator.replicates(frame)
    if (replicates is None) != (REPLICATES not in record.files):
        yield f"{name}: {REPLICATES} is there though the metric is a mean over images, or missing"
    elif replicates is not None:
        place = f"{name.rpartition('/')[0]}/{REPLICATES}"
        found = read_table(one.path.parent / REPLICATES, place, {"accuracy": "number"})["accuracy"].to_numpy()
        wanted = np.asarray(replicates)
        if found.shape != wanted.shape or not np.allclose(found, wanted, rtol=1e-9, atol=1e-12, equal_nan=True):
            yield f"{place}: is not what the metric gives on resamples of the images"


def read_truth(path: Path, name: str) -> pd.DataFrame:
    """Read the table of what is known of validated images."""
    return read_table(path, name, {"image": "text"}, all_columns=True)


def truth_differs(recorded: pd.DataFrame, recomputed: pd.DataFrame) -> str:
    """Say where a truth is not that of the data set's own files; empty if it is."""
    if list(recorded.columns) != list(recomputed.columns) or len(recorded) != len(recomputed):
        return f"{len(recorded)} rows, {len(recomputed)} were read from the data set"
    for column in recomputed:
        own, other = recorded[column].to_numpy(dtype=object), recomputed[column].to_numpy(dtype=object)
        wrong = [
            row for row, (a, b) in enumerate(zip(own, other, strict=True)) if a != b and not (pd.isna(a) and pd.isna(b))
        ]
        if wrong:
            return f"row {wrong[0]}, column {column}: {own[wrong[0]]!r}, the data set says {other[wrong[0]]!r}"
    return ""
