"""A third task, as a newcomer would add it: how many things are on an image."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ovlab.data import Split, SplitImage
from ovlab.data.reading import inside, number, read_text
from ovlab.errors import OvlabError
from ovlab.records import Quantity
from ovlab.specs import DatasetSpec, ModelSpec, Spec
from ovlab.stats.comparison import compare_flags
from ovlab.stats.proportion import accuracy, agreement
from ovlab.tasks import ComparisonByImage, Evaluator, Format, FromRecords, PairComparison, SplitFiles, Words
from ovlab.tasks.differences import Differences, Disagreement
from ovlab.tasks.recorded_comparison import comparison_quantities


class CountingSpec(Spec):
    """The model's ``counting:`` section: scores from here on count."""

    threshold: float


class CountingModelSpec(ModelSpec):
    """A model that counts."""

    counting: CountingSpec


class CountingDatasetSpec(DatasetSpec):
    """Images with counts; so many is ``right`` that is off by at most `slack`."""

    slack: int = 0


@dataclass(frozen=True)
class CountedImage(SplitImage):
    count: int


@dataclass(frozen=True)
class CountedSplit(Split):
    images: tuple[CountedImage, ...]


def read_counts(files: SplitFiles) -> CountedSplit:
    listing = files.root / str(files.split.annotations)
    images = []
    for line, text in enumerate(read_text(listing).splitlines(), start=1):
        where = f"{listing}, line {line}"
        name, _, count = text.rpartition(" ")
        path = inside(files.root / files.split.images, name, where)
        if not path.is_file():
            raise OvlabError(f"{where}: no image {name!r}")
        images.append(CountedImage(path.relative_to(files.root).as_posix(), path, int(number(count, where))))
    return CountedSplit(files.name, tuple(images))


class CountingEvaluator:
    metric = "exact count"

    def __init__(self, spec: CountingSpec, slack: int) -> None:
        self._spec, self._slack = spec, slack

    def predict_batch(
        self, images: Sequence[Any], outputs: Mapping[str, NDArray[Any]], placements: Sequence[Any], batch: int
    ) -> list[dict[str, Any]]:
        scores = next(iter(outputs.values())).reshape(batch, -1)[: len(images)]
        counts = (scores >= self._spec.threshold).sum(axis=1)
        return [
            {"image": image.id, "counted": int(count), "right": bool(abs(count - image.count) <= self._slack)}
            for image, count in zip(images, counts, strict=True)
        ]

    def frame(self, rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
        return pd.DataFrame([dict(row) for row in rows])

    def score(self, frame: pd.DataFrame) -> dict[str, Quantity]:
        return {"accuracy": Quantity.of(accuracy(frame["right"]), "fraction")}

    def metric_without_interval(self, frame: pd.DataFrame, images: Sequence[Any]) -> tuple[float, list[float]]:
        of_each = frame.set_index("image")["right"].reindex([image.id for image in images]).astype(float)
        return float(of_each.mean()), of_each.tolist()

    def compare(self, frame: pd.DataFrame, reference: pd.DataFrame) -> dict[str, Quantity]:
        return compare_counts(frame, reference).values

    def remarks(self, frame: pd.DataFrame) -> list[str]:
        return ["nothing was counted"] if not frame["counted"].any() else []

    def replicates(self, frame: pd.DataFrame) -> NDArray[np.float64] | None:
        return None

    def differences(self, frame: pd.DataFrame, reference: pd.DataFrame, most: int) -> Differences:
        both = frame.merge(reference, on="image", suffixes=("", "_reference"))
        rows = both[both["counted"] != both["counted_reference"]]
        shown = [
            Disagreement(image, "", "", str(first), str(second))
            for image, first, second in rows[["image", "counted_reference", "counted"]].head(most).to_numpy()
        ]
        return Differences("count", shown, len(rows), compare_counts(frame, reference).test)


def compare_counts(frame: pd.DataFrame, reference: pd.DataFrame) -> PairComparison:
    both = frame.merge(reference, on="image", suffixes=("", "_reference"))
    compared = compare_flags(both["right_reference"], both["right"])
    same = Quantity.of(agreement(both["counted"], both["counted_reference"]), "fraction")
    return PairComparison({"agreement": same} | comparison_quantities(compared), compared.test)


class CountingTask:
    name: str = "counting"
    model_spec: type[ModelSpec] = CountingModelSpec
    dataset_spec: type[DatasetSpec] = CountingDatasetSpec
    formats: Mapping[str, Format] = {"counts": Format(needs=("annotations",))}
    words: Words = Words(
        method="Exact count: Wilson’s interval.", metric_titles={"exact count": "images counted right"}
    )
    by_image: ComparisonByImage | None = ComparisonByImage(("image", "counted", "right"), compare_counts)
    from_records: FromRecords | None = None

    def read(self, files: SplitFiles) -> Split:
        return read_counts(files)

    def evaluator(self, model: ModelSpec, dataset: DatasetSpec, split: Split, *, width: int, height: int) -> Evaluator:
        assert isinstance(model, CountingModelSpec)
        assert isinstance(dataset, CountingDatasetSpec)
        return CountingEvaluator(model.counting, dataset.slack)
