"""Is a drop of accuracy real? Every pair of variants of a model on the same images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import pandas as pd

from ovlab.errors import OvlabError, one_line
from ovlab.records import Quantity, Record
from ovlab.report.format import MISSING, Estimate
from ovlab.report.results import Records
from ovlab.report.tables import AXES, CI, DELTA, PRECISION, Column, Entry, Table
from ovlab.specs import ReportSettings
from ovlab.stats.comparison import DROPS, SIGNIFICANT, compare_flags, compare_resampled
from ovlab.stats.proportion import agreement, holm
from ovlab.tasks.recorded_comparison import comparison_quantities

PREDICTIONS, REPLICATES = "predictions.parquet", "replicates.parquet"
SHOWN_CLASSES = 5
LOSS, GAIN, NOTHING = "loss", "gain", "no difference shown"
COUNT: Any = {"numeric": True, "whole": True}
SHARE: Any = {"unit": "%", "numeric": True, "scale": 100.0}


@dataclass
class Pair:
    """A variant against another one of the same model.

    Attributes
    ----------
    model, precision, against : str
        Names.
    values : dict of Quantity
        See `ovlab.tasks.recorded_comparison.comparison_quantities`, and ``agreement``.
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
        second = [_of_two(records, model, later, earlier) for earlier, later in combinations(others, 2)]
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


def _of_two(records: Records, model: str, precision: str, against: str) -> Pair | None:
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
    frames = [_read(Path(str(folder)) / PREDICTIONS, ["image", "top1", "predicted"]) for folder in folders]
    if frames[0] is None or frames[1] is None:
        return None
    both = frames[1].merge(frames[0], on="image", suffixes=("", "_other"))
    result = compare_flags(both["top1_other"], both["top1"])
    same = agreement(both["predicted_other"].str[0], both["predicted"].str[0])
    return Pair(
        model,
        precision,
        against,
        comparison_quantities(result) | {"agreement": Quantity.of(same, "fraction")},
        result.test,
    )


def _read(path: Path, columns: list[str]) -> pd.DataFrame | None:
    if not path.exists():
        return None
    try:
        return pd.read_parquet(path, columns=columns)
    except (OSError, ValueError) as error:
        raise OvlabError(f"{path}: cannot be read ({one_line(error)})") from None


def significance_table(pairs: Iterable[Pair]) -> Table:
    """Make the table of paired tests: one row a pair."""
    columns = [
        AXES[0],
        PRECISION,
        Column("against", "against"),
        DELTA,
        Column("gains", "gains", "images", **COUNT),
        Column("losses", "losses", "images", **COUNT),
        Column("agreement", "agreement", interval=True, **SHARE),
        Column("test", "test"),
        Column("accuracy_p", "p", numeric=True),
        Column("accuracy_p_holm", "p (Holm)", numeric=True),
        Column("verdict", "shown"),
    ]
    rows: list[list[Entry]] = [
        [
            pair.model,
            pair.precision,
            pair.against,
            pair.estimate("accuracy_delta"),
            *(pair.estimate(name) for name in ("gains", "losses", "agreement")),
            pair.test or MISSING,
            pair.estimate("accuracy_p"),
            Estimate.of(pair.p_holm),
            pair.verdict,
        ]
        for pair in pairs
    ]
    caption = (
        "Paired tests on the same images. Gains and losses: images that only the one or only the other variant gets "
        "right. p: two-sided; p (Holm): adjusted for the number of comparisons with the reference, or of those among "
        f"the other precisions, of the same model. A difference counts as shown below {SIGNIFICANT:g}. {CI}."
    )
    return Table("significance", caption, columns, rows, grouped=1, stacked=True)


def _points(drop: float) -> str:
    return f"{100 * drop:g} " + ("point" if drop == 0.01 else "points")


def power_table(pairs: Iterable[Pair], reference: str) -> Table:
    """Make the table of what the validation images can show: one row a variant."""
    columns = [
        AXES[0],
        PRECISION,
        Column("samples", "images", **COUNT),
        Column("detectable_drop", "smallest drop seen", "points", numeric=True, scale=100.0),
        *(Column(f"images_needed_{drop:g}", f"images for {_points(drop)}", **COUNT) for drop in DROPS),
    ]
    rows: list[list[Entry]] = [
        [
            pair.model,
            pair.precision,
            pair.estimate("compared"),
            pair.estimate("detectable_drop"),
            *(pair.estimate(f"images_needed/{drop:g}") for drop in DROPS),
        ]
        for pair in pairs
        if pair.against == reference
    ]
    caption = (
        f"What a paired comparison with {reference} can show: the smallest drop that these images reveal in 80 % of "
        "the cases at the 5 % level, and how many images would reveal a drop of the given size, if variants part as "
        "often as they do here."
    )
    return Table("power", caption, columns, rows, grouped=1)


def classes_table(settings: ReportSettings, records: Records, most: int | None = None) -> Table:
    """Make the table of the classes with the largest losses and gains, `most` of each (default: all recorded)."""
    columns = [
        AXES[0],
        PRECISION,
        Column("class_name", "class"),
        Column("images", "images or objects", **COUNT),
        Column("reference", settings.reference, **SHARE),
        Column("candidate", "variant", **SHARE),
        Column("delta", "difference", "points", numeric=True, scale=100.0, signed=True),
        Column("gains", "gains", **COUNT),
        Column("losses", "losses", **COUNT),
        Column("p_holm", "p (Holm)", numeric=True),
    ]
    rows: list[list[Entry]] = []
    for record in _compared_records(settings, records):
        names = [record.settings["model_name"], record.settings["precision_name"]]
        for change in _most(record.data["comparison"]["classes"], most):
            size = change.get("images", change.get("objects"))
            numbers = [size, *(change.get(column.key) for column in columns[4:])]
            rows.append([*names, str(change["class_name"]), *(Estimate.of(number) for number in numbers)])
    caption = (
        f"Classes whose accuracy (average precision for detection) changes most against {settings.reference}. p "
        "(Holm): McNemar’s exact test in the class, adjusted for the number of classes; without a small p such changes "
        "are to be expected by chance where a class has few images."
    )
    return Table("classes", caption, columns, rows, grouped=2)


def _compared_records(settings: ReportSettings, records: Records) -> Iterator[Record]:
    for model in settings.experiment.models:
        for precision in settings.experiment.precisions:
            record = records.accuracies.get((model, precision))
            if record is not None and record.ok and "comparison" in record.data:
                yield record


def _most(changes: list[dict[str, Any]], most: int | None) -> list[dict[str, Any]]:
    if most is None:
        return changes
    losses = [change for change in changes if change["delta"] < 0]
    gains = [change for change in changes if change["delta"] > 0]
    return losses[:most] + gains[len(gains) - min(most, len(gains)) :]
