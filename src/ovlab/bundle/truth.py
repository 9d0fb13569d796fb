"""What is known of validated images, kept beside their predictions: labels, objects."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ovlab.data import read_split
from ovlab.records import Record
from ovlab.specs import ValidateSettings
from ovlab.tasks import TASKS

LISTING = "files.lst"


def truth_of(accuracy: Record, found: Sequence[tuple[Path, Record]]) -> pd.DataFrame | None:
    """Read what is known of the images of a validation from its data set's files.

    Parameters
    ----------
    accuracy : Record
        The validation's.
    found : sequence of (Path, Record)
        Records of the experiment with their paths; the data set's source is among them.

    Returns
    -------
    DataFrame or None
        None if the task cannot be scored from records, or the files are not there.

    Raises
    ------
    OvlabError
        If the data set cannot be read.
    """
    settings = ValidateSettings.model_validate(accuracy.settings)
    task = TASKS[settings.model.task]
    root = data_folder(accuracy, found)
    if task.from_records is None or root is None:
        return None
    return task.from_records.truth(read_split(root, settings.dataset, "validation", settings.model.dataset))


def data_folder(accuracy: Record, found: Sequence[tuple[Path, Record]]) -> Path | None:
    """Return the folder of the data set's files that a validation read; None if it is not there."""
    for path, record in found:
        listed = record.files.get(LISTING)
        if record.kind == "source" and listed is not None and listed == accuracy.inputs.get(LISTING):
            return files_of(path, record)
    return None


def files_of(path: Path, source: Record) -> Path | None:
    """Return the folder of a source's files: beside its record, or the user's own."""
    own = [path.parent / "files", Path(str(source.data.get("root", "")))]
    return next((folder for folder in own if source.data.get("root") and folder.is_dir()), None)
