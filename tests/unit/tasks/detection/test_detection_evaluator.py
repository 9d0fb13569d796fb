"""The detection task from outputs to accuracy, on boxes that can be counted by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from detection_files import turn, write_image

from ovlab.data.geometry import letterbox, stretch
from ovlab.errors import OvlabError
from ovlab.metrics.detection import GroundTruth
from ovlab.records import Quantity
from ovlab.tasks.detection.annotations import AnnotatedImage, AnnotatedSplit
from ovlab.tasks.detection.class_map import map_classes
from ovlab.tasks.detection.evaluator import DetectionEvaluator
from ovlab.tasks.detection.spec import DetectionMetric, DetectionSpec
from ovlab.tasks.detection.table import COLUMNS

NAMES = ("cat", "hound", "unicorn")
SPEC = DetectionSpec(
    decoder="boxes_scores_labels",
    parameters={"units": "normalised"},
    classes=("dog", "mouse", "cat"),
    class_map={"dog": "hound"},
    score_threshold=0.1,
    nms_iou=0.5,
)
DOG, MOUSE, CAT = range(3)
PLACEMENT = stretch(200, 100, 50, 50)
Row = tuple[int, float, list[float]]


def split(*truths: list[tuple[int, list[float]]]) -> AnnotatedSplit:
    """Images of 200 x 100 with these objects: class, box in pixels."""
    images = [
        AnnotatedImage(
            f"{i}.jpg",
            Path(f"{i}.jpg"),
            GroundTruth([c for c, _ in one], [b for _, b in one]),
            200,
            100,  # type: ignore[arg-type]
        )
        for i, one in enumerate(truths)
    ]
    return AnnotatedSplit("validation", tuple(images), NAMES)


def outputs(*rows: Row) -> dict[str, Any]:
    """What a model gives: class, score, box as fractions."""
    boxes = np.array([row[2] for row in rows], np.float32).reshape(-1, 4)
    return {
        "boxes": boxes,
        "scores": np.array([row[1] for row in rows], np.float32),
        "labels": np.array([row[0] for row in rows], np.float32),
    }


TRUTH = split([(1, [20, 10, 100, 50])], [(0, [0, 0, 200, 100]), (1, [100, 50, 200, 100])], [])
FOUND = [
    outputs((DOG, 0.9, [0.1, 0.1, 0.5, 0.5]), (MOUSE, 0.9, [0, 0, 1, 1]), (DOG, 0.8, [0.1, 0.1, 0.5, 0.45])),
    outputs((CAT, 0.7, [0, 0, 1, 1]), (DOG, 0.6, [0, 0, 0.2, 0.2]), (DOG, 0.05, [0.5, 0.5, 1, 1])),
    outputs(),
]


def make(
    metric: DetectionMetric | None = "voc_2007", spec: DetectionSpec = SPEC, where: Any = TRUTH
) -> DetectionEvaluator:
    return DetectionEvaluator(spec, where, metric, width=50, height=50)


def frame_of(task: DetectionEvaluator, found: list[dict[str, Any]], images: AnnotatedSplit = TRUTH) -> pd.DataFrame:
    return task.frame(task.predict(image, one, PLACEMENT) for image, one in zip(images.images, found, strict=True))


def test_the_table_has_a_row_a_detection_and_one_for_none(tmp_path: Path) -> None:
    table = frame_of(make(), FOUND)
    assert tuple(table.columns) == COLUMNS
    # The mouse is no class of the data set, the second dog overlaps the first, the last one's score is too low.
    assert table["image"].tolist() == ["0.jpg", "1.jpg", "1.jpg", "2.jpg"]
    assert table["class_id"].tolist() == [1, 0, 1, -1]
    assert table["class_name"].tolist()[:3] == ["hound", "cat", "hound"]
    assert table["score"].tolist()[:3] == pytest.approx([0.9, 0.7, 0.6])
    assert table.iloc[0, 4:].tolist() == pytest.approx([20, 10, 100, 50])
    assert table.iloc[3, 2:].isna().all()
    table.to_parquet(tmp_path / "p.parquet", index=False)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "p.parquet"), table)


def test_voc_by_hand() -> None:
    task = make()
    values = task.score(frame_of(task, FOUND))
    # Cat: 1 of 1. Hound: a hit, then a false alarm, 1 of 2 found: recall 0.5 at precision 1, 6 of 11 points.
    assert values["ap/cat"].value == 1
    assert values["ap/hound"].value == pytest.approx(6 / 11)
    assert values["ap/unicorn"].value is None
    accuracy = values["accuracy"]
    assert accuracy.value == pytest.approx((1 + 6 / 11) / 2) and accuracy.unit == "fraction"
    assert accuracy.low is not None and accuracy.high is not None
    assert accuracy.low < accuracy.value <= accuracy.high
    area = make("voc_area")
    assert area.score(frame_of(area, FOUND))["ap/hound"].value == pytest.approx(0.5)


def test_coco_by_hand() -> None:
    task = make("coco")
    values = task.score(frame_of(task, FOUND))
    # Recall 0.5 of the hounds at precision 1: 51 of 101 points at every overlap; the cat is found.
    assert values["accuracy"].value == pytest.approx((1 + 51 / 101) / 2)
    assert values["ap50"].value == values["ap75"].value == values["accuracy"].value
    assert values["ap_small"].value is None
    # Areas 3200 and 5000 are medium (one of the two is found), 20000 is large.
    assert values["ap_medium"].value == pytest.approx(51 / 101) and values["ap_large"].value == 1


def test_voc_overlap_is_that_of_whole_pixels() -> None:
    """A box and one of twice its height around it overlap by exactly one half: a hit."""
    where = split([(0, [50, 50, 75, 62.5])])
    task = make(where=where)
    for ymax, expected in ((0.75, 1.0), (0.751, 0.0)):
        found = [outputs((CAT, 0.9, [0.25, 0.5, 0.375, ymax]))]
        assert task.score(frame_of(task, found, where))["ap/cat"].value == expected


def test_names_of_metrics() -> None:
    assert [make(metric).metric for metric in ("voc_2007", "voc_area", "coco", None)] == [  # type: ignore[arg-type]
        "mAP (VOC 2007)",
        "mAP (VOC area)",
        "COCO AP",
        "",
    ]


@pytest.mark.parametrize("metric", ["voc_2007", "voc_area", "coco"])
def test_the_difference_to_a_reference(metric: DetectionMetric) -> None:
    task = make(metric)
    reference = frame_of(task, FOUND)
    worse = frame_of(task, [FOUND[0], outputs(), FOUND[2]])
    same = task.compare(reference, reference)["accuracy_delta"]
    assert (same.value, same.low, same.high) == (0, 0, 0)
    loss = task.compare(worse, reference)["accuracy_delta"]
    assert loss.value == pytest.approx(-0.5)  # the cat
    assert loss.low is not None and loss.high is not None and loss.low <= loss.value <= loss.high <= 0
    assert task.compare(worse, reference) == task.compare(worse, reference)


def test_only_common_images_are_compared() -> None:
    task = make()
    both = frame_of(task, FOUND)
    first = both[both["image"] == "0.jpg"].reset_index(drop=True)
    assert task.compare(first, both)["accuracy_delta"].value == 0
    with pytest.raises(OvlabError, match="no common image"):
        task.compare(first, both[both["image"] == "1.jpg"])
    with pytest.raises(OvlabError, match=r"image '9\.jpg' is not in split validation"):
        task.score(first.assign(image="9.jpg"))


def test_without_annotations_there_are_predictions_only() -> None:
    images = tuple(replace(image, truth=None, width=None, height=None) for image in TRUTH.images)
    plain = AnnotatedSplit("validation", images, ())
    task = make(None, where=plain)
    table = frame_of(task, FOUND, plain)
    assert table["class_name"].tolist()[:2] == ["dog", "mouse"]  # the model's own
    assert task.score(table) == {} and task.replicates(table) is None
    assert task.compare(table, table) == {"agreement": Quantity(1.0, "fraction")}
    differences = task.differences(table, table, 5)
    assert (differences.test, differences.classes, differences.images) == ("", [], 0)
    with pytest.raises(OvlabError, match="metric coco needs annotations"):
        make("coco", where=plain)


def test_letterboxed_boxes_come_back_and_padding_is_dropped_when_clipped() -> None:
    # 200 x 100 in 50 x 50: 12 rows of padding above, scale 1/4.
    placement = letterbox(200, 100, 50, 50)
    raw = outputs((CAT, 0.9, [0.1, 0.2, 0.5, 0.5]), (CAT, 0.8, [0.6, 0.0, 0.9, 0.2]))
    loose = make().predict(TRUTH.images[0], raw, placement)["detections"]
    assert loose.boxes[0].tolist() == pytest.approx([20, -8, 100, 52]) and len(loose) == 2
    tight = make(spec=SPEC.model_copy(update={"clip": True})).predict(TRUTH.images[0], raw, placement)["detections"]
    assert tight.boxes.tolist() == [pytest.approx([20, 0, 100, 52])]


def test_empty_boxes_and_surplus_are_dropped() -> None:
    spec = SPEC.model_copy(update={"max_detections": 1})
    raw = outputs(
        (CAT, 0.9, [0.5, 0.5, 0.5, 0.9]),
        (CAT, 0.8, [0.9, 0, 0.1, 1]),
        (CAT, 0.7, [0, 0, 1, 1]),
        (DOG, 0.6, [0, 0, 1, 1]),
    )
    found = make(spec=spec).predict(TRUTH.images[0], raw, PLACEMENT)["detections"]
    assert found.scores.tolist() == pytest.approx([0.7])


def test_an_image_of_another_size_than_annotated() -> None:
    with pytest.raises(OvlabError, match=r"0\.jpg: the image has 100x200 pixels, its annotation says 200x100"):
        make().predict(TRUTH.images[0], FOUND[0], stretch(100, 200, 50, 50))
    with pytest.raises(OvlabError, match="placed in 64x64 pixels, the input has 50x50"):
        make().predict(TRUTH.images[0], FOUND[0], stretch(200, 100, 64, 64))


def test_an_error_of_the_decoder_names_the_image() -> None:
    with pytest.raises(OvlabError, match=r"decoder boxes_scores_labels: the model has no output .*\(image 0\.jpg\)"):
        make().predict(TRUTH.images[0], {"x": np.zeros(3)}, PLACEMENT)


def test_class_maps() -> None:
    assert map_classes(SPEC, NAMES).tolist() == [1, -1, 0]
    with pytest.raises(OvlabError, match=r"class_map\.dog: 'hund' is none .*did you mean 'hound'"):
        map_classes(SPEC.model_copy(update={"class_map": {"dog": "hund"}}), NAMES)
    with pytest.raises(OvlabError, match="none in common"):
        map_classes(SPEC.model_copy(update={"class_map": {}}), ("person", "car"))


def test_two_classes_of_the_model_may_be_one_of_the_data_set() -> None:
    spec = SPEC.model_copy(update={"class_map": {"dog": "hound", "mouse": "hound"}})
    found = make(spec=spec).predict(TRUTH.images[0], FOUND[0], PLACEMENT)["detections"]
    assert found.class_ids.tolist() == [1, 1]  # suppression is by the data set's classes: the third box is gone


def test_a_decoder_of_the_user(tmp_path: Path) -> None:
    path = tmp_path / "own.py"
    path.write_text(
        "from ovlab.metrics.detection import Detections\n"
        "from ovlab.tasks.decoders import decoder\n"
        "@decoder('task_own')\n"
        "def own(outputs, *, width, height, classes):\n"
        "    return Detections([2], [0.5], [[0, 0, width, height]])\n"
    )
    spec = SPEC.model_copy(update={"decoder": "task_own", "parameters": {}, "decoder_file": str(path)})
    found = make(spec=spec).predict(TRUTH.images[0], {}, PLACEMENT)["detections"]
    assert found.boxes.tolist() == [[0, 0, 200, 100]] and found.class_ids.tolist() == [0]


def test_classes_that_are_not_judged_are_said() -> None:
    task = make()
    assert task.remarks(frame_of(task, FOUND)) == [
        "1 of the data set's 3 classes are none of the model's, so counted as never detected: unicorn (class_map names "
        "what is called otherwise)",
        "1 of the model's 3 classes are none of the data set's, so not judged: mouse",
        "1 of 3 classes are not judged, no object shows them: unicorn",
    ]
    unscored = make(None)
    assert unscored.remarks(frame_of(unscored, FOUND)) == []


def many(shift: int, classes: int = 5) -> tuple[DetectionEvaluator, pd.DataFrame]:
    """40 images of one object each, found exactly, as the class that is `shift` places on."""
    names = tuple(f"class {i}" for i in range(classes))
    where = split(*[[(i % classes, [20, 10, 100, 50])] for i in range(40)])
    where = AnnotatedSplit("validation", where.images, names)
    spec = SPEC.model_copy(update={"classes": names, "class_map": {}})
    task = make(spec=spec, where=where)
    rows = [outputs(((i + shift) % classes, 0.9, [0.1, 0.1, 0.5, 0.5])) for i in range(40)]
    return task, frame_of(task, rows, where)


def test_classes_that_are_off_by_a_constant_are_told() -> None:
    task, table = many(0)
    assert task.remarks(table) == []
    task, table = many(1)
    (remark,) = task.remarks(table)
    assert remark.startswith("boxes lie on the objects, but their classes are off by a constant: of 40 objects")
    assert "80.0 % are 1 place(s) behind the right one" in remark


def test_boxes_that_lie_on_nothing_are_told() -> None:
    task, table = many(0)
    moved = table.assign(xmin=table["xmin"] + 500, xmax=table["xmax"] + 500)
    assert task.remarks(moved) == ["no box lies on any of the 40 objects; do the decoder and preprocess fit the model?"]


@pytest.mark.parametrize("upright", [True, False])
def test_images_that_exif_turns_are_counted_and_said(tmp_path: Path, upright: bool) -> None:
    images = []
    for number, orientation in enumerate([1, 3, 6]):
        write_image(tmp_path / f"{number}.jpg", 200, 100)
        turn(tmp_path / f"{number}.jpg", orientation)
        truth = GroundTruth([0], [[20, 10, 60, 50]])  # type: ignore[arg-type]
        images.append(AnnotatedImage(f"{number}.jpg", tmp_path / f"{number}.jpg", truth, 200, 100))
    where = AnnotatedSplit("validation", tuple(images), NAMES, upright)
    task = make(where=where)
    said = [remark for remark in task.remarks(frame_of(task, [outputs()] * 3, where)) if "EXIF" in remark]
    how = "turned so, boxes refer to the upright image" if upright else "as stored, boxes refer to their pixels"
    assert said == [
        f"2 of 3 images have an EXIF orientation that turns them, and are taken {how} "
        f"(exif: {'upright' if upright else 'stored'})"
    ]


def test_a_size_that_is_that_of_the_turned_image_is_explained(tmp_path: Path) -> None:
    write_image(tmp_path / "a.jpg", 200, 100)
    turn(tmp_path / "a.jpg", 6)
    image = AnnotatedImage("a.jpg", tmp_path / "a.jpg", GroundTruth([], []), 100, 200)  # type: ignore[arg-type]
    expected = r"a\.jpg: the image has 200x100 pixels, its annotation says 100x200; its EXIF orientation turns it: exif"
    with pytest.raises(OvlabError, match=expected):
        make().predict(image, outputs(), PLACEMENT)
    other = AnnotatedImage("a.jpg", tmp_path / "a.jpg", GroundTruth([], []), 90, 200)  # type: ignore[arg-type]
    with pytest.raises(OvlabError, match=r"its annotation says 90x200$"):
        make().predict(other, outputs(), PLACEMENT)
