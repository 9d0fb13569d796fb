"""Every pair of variants of a model, compared on the same images."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import pandas as pd

from ovlab.errors import OvlabError, one_line
from ovlab.records import Quantity, Record
from ovlab.report.format import Estimate
from ovlab.report.records import Records
from ovlab.specs import ReportSettings
from ovlab.stats.comparison import SIGNIFICANT, compare_resampled
from ovlab.stats.proportion import holm
from ovlab.tasks.recorded_comparison import comparison_quantities
from ovlab.tasks.registry import TASKS

PREDICTIONS, REPLICATES = "predictions.parquet", "replicates.parquet"
LOSS, GAIN, NOTHING = "loss", "gain", "no difference shown"


@dataclass
class Pair:
    """A variant against another one of the same model.

    Attributes
    ----------
    model, precision, against : str
        Names.
    values : dict of Quantity
        See `ovlab.tasks.recorded_comparison`, and ``agreement``.
    test : str
        What the p-value comes from.
    p_holm : float
        The p-value adjusted for the number of comparisons; NaN where there is none.
    """

    model: str
    precision: str
    against: str
    values: dict[str, Quantity]
    test: str
    p_holm: float = float("nan")

    def estimate(self, name: str) -> Estimate:
        """Return a quantity with its bounds, empty where there is none."""
        quantity = self.values.get(name)
        return Estimate(None) if quantity is None else Estimate.of(quantity.value, quantity.low, quantity.high)

    @property
    def verdict(self) -> str:
        """What can be said, all comparisons considered."""
        delta = self.estimate("accuracy_delta").value
        if delta is None or not self.p_holm < SIGNIFICANT:
            return NOTHING
        return LOSS if delta < 0 else GAIN


def compared_pairs(settings: ReportSettings, records: Records) -> list[Pair]:
    """Compare the variants of each model: all with the reference, then all others with each other.

    p-values are adjusted by Holm's method within each of these two families of a model.

    Parameters
    ----------
    settings : ReportSettings
        The experiment.
    records : Records
        Comparisons with the reference are in the records; the others are made from the predictions, where
        the folders of the accuracies are known.

    Raises
    ------
    OvlabError
        If predictions are there but cannot be read.
    """
    pairs: list[Pair] = []
    for model in settings.experiment.models:
        names = [name for name in settings.experiment.precisions if _scored(records.accuracies.get((model, name)))]
        others = [name for name in names if name != settings.reference]
        first = [_with_reference(records.accuracies[model, name], settings.reference) for name in others]
        second = [_of_two(settings, records, model, later, earlier) for earlier, later in combinations(others, 2)]
        for family in (first, second):
            known = [pair for pair in family if pair is not None]
            p_values = [pair.estimate("accuracy_p").value for pair in known]
            adjusted = holm([float("nan") if p is None else p for p in p_values])
            for pair, p_value in zip(known, adjusted, strict=True):
                pair.p_holm = float(p_value)
            pairs += known
    return pairs


def _scored(record: Record | None) -> bool:
    return record is not None and record.ok and record.value("accuracy") is not None


def _with_reference(record: Record, reference: str) -> Pair | None:
    if record.value("accuracy_delta") is None:
        return None
    names = (record.settings["model_name"], record.settings["precision_name"], reference)
    return Pair(*names, record.values, record.data.get("comparison", {}).get("test", ""))


def _of_two(settings: ReportSettings, records: Records, model: str, precision: str, against: str) -> Pair | None:
    """Compare two variants by what lies beside their records; None if that is not at hand or not of the same images."""
    chosen = [records.accuracies[model, name] for name in (against, precision)]
    folders = [records.accuracy_folders.get((model, name)) for name in (against, precision)]
    if None in folders or len({record.data.get("images_digest") for record in chosen}) > 1:
        return None
    replicates = [_read(Path(str(folder)) / REPLICATES, ["accuracy"]) for folder in folders]
    if all(one is not None for one in replicates):
        first, second = (float(record.value("accuracy") or 0) for record in chosen)
        columns = [one["accuracy"] for one in replicates if one is not None]
        result = compare_resampled(first, second, columns[0], columns[1], int(chosen[0].value("samples") or 0))
        return Pair(model, precision, against, comparison_quantities(result), result.test)
    by_image = TASKS[settings.models[model].task].by_image
    if by_image is None:
        return None
    frames = [_read(Path(str(folder)) / PREDICTIONS, list(by_image.columns)) for folder in folders]
    if frames[0] is None or frames[1] is None:
        return None
    compared = by_image.compare(frames[1], frames[0])
    return Pair(model, precision, against, compared.values, compared.test)


def _read(path: Path, columns: list[str]) -> pd.DataFrame | None:
    if not path.exists():
        return None
    try:
        return pd.read_parquet(path, columns=columns)
    except (OSError, ValueError) as error:
        raise OvlabError(f"{path}: cannot be read ({one_line(error)})") from None
