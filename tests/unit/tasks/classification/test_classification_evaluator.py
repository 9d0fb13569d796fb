"""What a classifier's output means."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ovlab.errors import OvlabError
from ovlab.specs import OutputSpec
from ovlab.tasks.classification.evaluator import ClassificationEvaluator
from ovlab.tasks.classification.labels import UNKNOWN, LabelledImage, LabelledSplit


def task_of(names: int = 0, **output: Any) -> ClassificationEvaluator:
    split = LabelledSplit("validation", (), tuple(f"class {i}" for i in range(names)))
    return ClassificationEvaluator(OutputSpec.model_validate(output), split)


def image_of(label: int, name: str = "a.png") -> LabelledImage:
    return LabelledImage(name, Path(name), label)


def scores(*numbers: float, name: str = "logits") -> dict[str, np.ndarray[Any, np.dtype[np.float32]]]:
    return {name: np.array([numbers], np.float32)}


@pytest.mark.parametrize(
    ("labels", "offset", "hint"),
    [
        ((1, 2, 3), 0, "; the labels are 1 to 3: output.label_offset: -1 in the model's YAML takes them so"),
        ((0, 1, 3), 0, ""),
        ((1, 2, 4), 0, ""),
        ((1, 2, 3), 1, ""),
    ],
)
def test_labels_that_count_from_one_are_told(labels: tuple[int, ...], offset: int, hint: str) -> None:
    images = tuple(image_of(label, f"{label}.png") for label in labels)
    output = OutputSpec.model_validate({"label_offset": offset})
    task = ClassificationEvaluator(output, LabelledSplit("validation", images, ()))
    with pytest.raises(OvlabError) as caught:
        for image in images:
            task.predict(image, scores(0.1, 0.2, 0.7))
    assert re.search(r"class index \d is out of range, expected [^;]*(.*)$", str(caught.value))[1] == hint  # type: ignore[index]


def test_the_row_of_an_image() -> None:
    row = task_of().predict(image_of(3), scores(0.1, 0.9, 0.3, 0.5, 0.2, 0.4, 0.0))
    assert row == {
        "image": "a.png",
        "label": 3,
        "predicted": [1, 3, 5, 2, 4],
        "score": pytest.approx(0.9),
        "top1": False,
        "top5": True,
    }


def test_shapes_with_ones_are_fine() -> None:
    row = task_of(4).predict(image_of(2), {"logits": scores(0, 1, 2, 0)["logits"].reshape(1, 4, 1, 1)})
    assert (row["predicted"][0], row["top1"]) == (2, True)
    assert sorted(row["predicted"]) == [0, 1, 2, 3]


def test_outside_of_the_first_five() -> None:
    row = task_of().predict(image_of(0), scores(0, 1, 2, 3, 4, 5))
    assert (row["top1"], row["top5"]) == (False, False)


def test_a_background_class_shifts_the_labels() -> None:
    task = task_of(3, label_offset=1)
    row = task.predict(image_of(2), scores(0.1, 0.2, 0.3, 0.9))
    assert row["predicted"] == [2, 1, 0, -1]
    assert row["top1"]


OF_THREE = "output: 3 numbers for one image, "


@pytest.mark.parametrize(
    ("names", "output", "numbers", "expected"),
    [
        (4, {}, (1, 2, 3), OF_THREE + "expected 4 scores by the data set's 4 class names (task classification)"),
        (0, {"classes": 10}, (1, 2, 3), OF_THREE + "expected 10 scores by output.classes (task classification)"),
        (
            3,
            {"label_offset": 1},
            (1, 2, 3),
            OF_THREE + "expected 4 scores by the data set's 3 class names and label_offset 1 (task classification)",
        ),
        (0, {}, (1,), "output: 1 numbers for one image, expected a score for each class (task classification)"),
        (0, {}, (1, np.nan, 2), "output: NaN or infinity for image a.png"),
        (0, {}, (1, np.inf, 2), "output: NaN or infinity for image a.png"),
        (0, {}, (1, 2), "a.png: class index 2 is out of range, expected 0 to 1"),
        (
            0,
            {"label_offset": 1},
            (1, 2, 3),
            "a.png: class index 2 is out of range, expected 0 to 1 (output.label_offset is 1)",
        ),
        (
            0,
            {"label_offset": -3},
            (1, 2),
            "a.png: class index 2 is out of range, expected 3 to 4 (output.label_offset is -3)",
        ),
    ],
)
def test_an_output_that_does_not_fit(names: int, output: dict[str, Any], numbers: Any, expected: str) -> None:
    with pytest.raises(OvlabError) as caught:
        task_of(names, **output).predict(image_of(2), scores(*numbers))
    assert str(caught.value) == expected


def test_the_output_is_chosen_by_name() -> None:
    outputs = scores(0, 1, name="features") | scores(1, 0, name="logits")
    assert task_of(name="logits").predict(image_of(0), outputs)["top1"]
    with pytest.raises(
        OvlabError,
        match=r"^output\.name: missing, but the model has several outputs: features \[1, 2\], logits \[1, 2\]$",
    ):
        task_of().predict(image_of(0), outputs)
    with pytest.raises(OvlabError, match=r"the model has no output 'logit'; did you mean 'logits'\?$"):
        task_of(name="logit").predict(image_of(0), outputs)


def frame_of(*outcomes: tuple[str, int, bool, bool]) -> pd.DataFrame:
    rows = [
        {"image": name, "label": 0, "predicted": [first, 9], "score": 1.0, "top1": top1, "top5": top5}
        for name, first, top1, top5 in outcomes
    ]
    return pd.DataFrame(rows)


def test_accuracies() -> None:
    frame = frame_of(("a", 0, True, True), ("b", 1, False, True), ("c", 2, False, False), ("d", 0, True, True))
    values = task_of().score(frame)
    assert (values["accuracy"].value, values["top5"].value) == (0.5, 0.75)
    # Wilson's interval for 2 of 4, by hand: (0.5 + z^2/8 -+ z sqrt(1/16 + z^2/64)) / (1 + z^2/4), z = 1.959964.
    assert values["accuracy"].low == pytest.approx(0.150039, abs=1e-5)
    assert values["accuracy"].high == pytest.approx(0.849961, abs=1e-5)
    assert values["accuracy"].unit == "fraction"


def test_comparison_is_paired_by_image_and_survives_parquet(tmp_path: Path) -> None:
    frame = frame_of(("a", 0, True, True), ("b", 1, False, False), ("c", 2, False, True), ("x", 0, True, True))
    other = frame_of(("c", 2, False, True), ("b", 0, True, True), ("a", 0, True, True), ("y", 0, True, True))
    other.to_parquet(tmp_path / "reference.parquet")
    values = task_of().compare(frame, pd.read_parquet(tmp_path / "reference.parquet"))
    # Over a, b, c only: one of three is lost, two of three predict the same class.
    assert values["accuracy_delta"].value == pytest.approx(-1 / 3)
    assert values["top5_delta"].value == pytest.approx(-1 / 3)
    assert values["agreement"].value == pytest.approx(2 / 3)
    low, high = values["accuracy_delta"].low, values["accuracy_delta"].high
    assert low is not None
    assert high is not None
    assert low < -1 / 3 < high


def test_an_image_that_comes_twice_is_refused() -> None:
    frame = frame_of(("a", 0, True, True), ("a", 0, True, True))
    with pytest.raises(ValueError, match="not a one-to-one merge"):
        task_of().compare(frame, frame)


@pytest.mark.parametrize("shape", [(1, 2), (1, 2, 1, 1), (1, 1, 1, 2)])
def test_scores_may_have_axes_of_length_1(shape: tuple[int, ...]) -> None:
    array = np.array([0.1, 0.9], np.float32).reshape(shape)
    assert task_of().predict(image_of(1), {"out": array})["predicted"] == [1, 0]


@pytest.mark.parametrize("shape", [(2,), (1, 68, 2), (1, 1, 320, 320), (2, 2), (1, 2, 2, 1)])
def test_what_is_not_one_score_a_class_is_refused_with_its_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(OvlabError) as caught:
        task_of().predict(image_of(0), {"out": np.zeros(shape, np.float32)})
    expected = f"output: has shape {list(shape)}, expected [1, classes], one score a class and image"
    assert str(caught.value).startswith(expected)


@pytest.mark.parametrize("names", [0, 3, 4])
def test_labels_that_count_from_1(names: int) -> None:
    """With or without a name for class 0."""
    task = task_of(names, label_offset=-1)
    row = task.predict(image_of(3), scores(0.1, 0.2, 0.9))
    assert (row["predicted"], row["top1"]) == ([3, 2, 1], True)
    with pytest.raises(OvlabError, match=r"class index 0 is out of range, expected 1 to 3"):
        task.predict(image_of(0), scores(0.1, 0.2, 0.9))


def test_what_is_odd_is_remarked() -> None:
    names = tuple(f"class {i}" for i in range(5))
    images = tuple(LabelledImage(f"{i}.png", Path(f"{i}.png"), 1 + i % 4) for i in range(40))
    task = ClassificationEvaluator(OutputSpec(), LabelledSplit("validation", images, names))
    rows = [task.predict(image, scores(*np.eye(5)[image.label - 1])) for image in images]
    assert task.remarks(task.frame(rows)) == [
        "labels and predictions are off by a constant: top-1 is 0.0 %, but would be 100.0 % with "
        "output.label_offset: -1 in the model's YAML (now 0)",
        "1 of 5 classes are not judged, no image shows them: class 0",
    ]
    mended = ClassificationEvaluator(OutputSpec(label_offset=-1), LabelledSplit("validation", images, names))
    rows = [mended.predict(image, scores(*np.eye(5)[image.label - 1])) for image in images]
    assert mended.frame(rows)["top1"].all()


def test_nothing_is_remarked_without_labels() -> None:
    images = (LabelledImage("a.png", Path("a.png"), UNKNOWN),)
    task = ClassificationEvaluator(OutputSpec(), LabelledSplit("validation", images, ("a", "b")))
    assert task.remarks(task.frame([task.predict(images[0], scores(0, 1))])) == []
