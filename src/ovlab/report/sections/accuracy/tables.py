"""The tables of paired tests: significance, power, classes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ovlab.records import Record
from ovlab.report.columns import AXES, CI, DELTA, PRECISION
from ovlab.report.format import MISSING, Estimate
from ovlab.report.records import Records
from ovlab.report.sections.accuracy.pairs import Pair
from ovlab.report.table import Column, Entry, Table
from ovlab.report.task_words import words_of, words_of_tasks
from ovlab.specs import ReportSettings
from ovlab.stats.comparison import DROPS, SIGNIFICANT

SHOWN_CLASSES = 5
COUNT: Any = {"numeric": True, "whole": True}
SHARE: Any = {"unit": "%", "numeric": True, "scale": 100.0}


def significance_table(settings: ReportSettings, pairs: Iterable[Pair]) -> Table:
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
    counted = words_of_tasks(settings)
    caption = (
        " ".join(["Paired tests on the same images.", *(one.paired_test for one in counted if one.paired_test), ""])
        + "p: two-sided; p (Holm): adjusted for the number of comparisons with the reference, or of those among "
        f"the other precisions, of the same model. A difference counts as shown below {SIGNIFICANT:g}. {CI}."
    )
    return Table("significance", caption, columns, rows, grouped=1, stacked=True, made_from=("accuracy",))


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
        "the cases at the 5 % level, and how many images would reveal a drop of the given size, if variants disagree "
        "as often as they do here."
    )
    return Table("power", caption, columns, rows, grouped=1, made_from=("accuracy",))


def classes_table(settings: ReportSettings, records: Records, most: int | None = None) -> Table:
    """Make the table of the classes with the largest losses and gains, `most` of each (default: all recorded)."""
    words = words_of_tasks(settings)
    columns = [
        AXES[0],
        PRECISION,
        Column("class_name", "class"),
        Column("images", " or ".join(dict.fromkeys(one.class_size for one in words)), **COUNT),
        Column("reference", settings.reference, **SHARE),
        Column("candidate", "variant", **SHARE),
        Column("delta", "difference", "points", numeric=True, scale=100.0, signed=True, most=1),
        Column("gains", "gains", **COUNT),
        Column("losses", "losses", **COUNT),
        Column("p_holm", "p (Holm)", numeric=True),
    ]
    rows: list[list[Entry]] = []
    for record in _compared_records(settings, records):
        names = [record.settings["model_name"], record.settings["precision_name"]]
        for change in _most(record.data["comparison"]["classes"], most):
            size = change.get(words_of(settings, names[0]).class_size)
            numbers = [size, *(change.get(column.key) for column in columns[4:])]
            rows.append([*names, str(change["class_name"]), *(Estimate.of(number) for number in numbers)])
    caption = (
        f"Classes whose {' or '.join(dict.fromkeys(one.class_score for one in words))} changes most against "
        + " ".join([f"{settings.reference}.", *(one.class_test for one in words if one.class_test)])
    )
    return Table("classes", caption, columns, rows, grouped=2, made_from=("accuracy",))


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
