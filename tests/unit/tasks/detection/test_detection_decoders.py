"""Every decoder on numbers worked out by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from ovlab.errors import OvlabError
from ovlab.metrics.detection import Detections
from ovlab.tasks.decoders import DECODERS, bind

WIDTH, HEIGHT = 200, 100


def decode(name: str, outputs: Any, classes: int = 2, **parameters: Any) -> Detections:
    named = outputs if isinstance(outputs, dict) else {"out": outputs}
    return bind(name, parameters, width=WIDTH, height=HEIGHT, classes=classes)(
        {key: np.asarray(value, np.float32) for key, value in named.items()}
    )


def check(found: Detections, class_ids: list[int], scores: list[float], boxes: list[list[float]]) -> None:
    assert found.class_ids.tolist() == class_ids
    np.testing.assert_allclose(found.scores, scores, rtol=1e-6)
    np.testing.assert_allclose(found.boxes, boxes, rtol=1e-5, atol=1e-4)


class TestSsd:
    ROWS = [
        [0, 2, 0.9, 0.1, 0.2, 0.5, 0.6],
        [0, 0, 0.8, 0.0, 0.0, 1.0, 1.0],  # background
        [0, 1, 0.7, -0.1, 0.0, 0.25, 0.5],
        [-1, 0, 0, 0, 0, 0, 0],
        [0, 1, math.nan, 7, 7, 7, 7],  # never written
    ]

    def test_rows_up_to_the_end(self) -> None:
        found = decode("ssd", [[self.ROWS]])
        check(found, [1, 0], [0.9, 0.7], [[20, 20, 100, 60], [-20, 0, 50, 50]])

    def test_without_background(self) -> None:
        assert decode("ssd", [[self.ROWS]], classes=3, background=None).class_ids.tolist() == [2, 0, 1]

    def test_background_behind_the_classes(self) -> None:
        check(decode("ssd", [[self.ROWS]], background=2), [0, 1], [0.8, 0.7], [[0, 0, 200, 100], [-20, 0, 50, 50]])

    def test_nothing_found(self) -> None:
        assert len(decode("ssd", [[[[-1, 0, 0, 0, 0, 0, 0]]]])) == 0
        assert len(decode("ssd", np.zeros((1, 1, 0, 7)))) == 0

    @pytest.mark.parametrize(
        ("array", "message"),
        [
            (np.zeros((1, 1, 4, 6)), r"shape \[1, 1, 4, 6\], expected \[1, 1, N, 7\]"),
            (np.zeros((2, 1, 4, 7)), r"shape \[2, 1, 4, 7\]"),
            ([[[[0, 3, 0.5, 0, 0, 1, 1]]]], "label 3, expected 0 to 2"),
            ([[[[0, 1.5, 0.5, 0, 0, 1, 1]]]], "not a whole number"),
            ([[[[0, 1, math.nan, 0, 0, 1, 1]]]], "NaN"),
        ],
    )
    def test_what_does_not_fit(self, array: Any, message: str) -> None:
        with pytest.raises(OvlabError, match=f"decoder ssd: .*{message}"):
            decode("ssd", array)


class TestFastestDet:
    def test_one_cell_by_hand(self) -> None:
        grid = np.zeros((1, 7, 2, 4))
        grid[0, :, 1, 2] = [0.5, 0.3, -0.2, 0.0, math.log(3), 0.1, 0.8]
        found = decode("fastestdet", grid)
        cell = 1 * 4 + 2
        assert found.class_ids[cell] == 1
        assert found.scores[cell] == pytest.approx(0.5**0.6 * 0.8**0.4)
        cx, cy = (2 + math.tanh(0.3)) / 4 * WIDTH, (1 + math.tanh(-0.2)) / 2 * HEIGHT
        # sigmoid(0) = 1/2 of the width, sigmoid(log 3) = 3/4 of the height.
        np.testing.assert_allclose(found.boxes[cell], [cx - 50, cy - 37.5, cx + 50, cy + 37.5], rtol=1e-6)
        assert (np.delete(found.scores, cell) == 0).all() and len(found) == 8

    def test_probabilities_below_zero_are_zero(self) -> None:
        grid = np.zeros((1, 7, 1, 1))
        grid[0, :, 0, 0] = [-0.01, 0, 0, 0, 0, -0.02, -0.01]
        assert decode("fastestdet", grid).scores.tolist() == [0]

    @pytest.mark.parametrize("shape", [(1, 8, 2, 2), (2, 7, 2, 2), (7, 2)])
    def test_what_does_not_fit(self, shape: tuple[int, ...]) -> None:
        with pytest.raises(
            OvlabError, match=r"decoder fastestdet: output has shape .*expected \[1, 7, rows, columns\]"
        ):
            decode("fastestdet", np.zeros(shape))

    def test_nan(self) -> None:
        with pytest.raises(OvlabError, match="NaN or infinity"):
            decode("fastestdet", np.full((1, 7, 1, 1), np.nan))


class TestYolo:
    V5 = [[[100, 50, 40, 20, 0.5, 0.2, 0.8], [10, 10, 20, 20, 1.0, 0.6, 0.1], [0, 0, 2, 2, 0, 1, 1]]]

    def test_v5_has_objectness(self) -> None:
        boxes = [[80, 40, 120, 60], [0, 0, 20, 20], [-1, -1, 1, 1]]
        check(decode("yolo", self.V5, head="v5"), [1, 0, 0], [0.4, 0.6, 0], boxes)

    def test_v8_is_transposed_and_has_none(self) -> None:
        array = np.delete(np.array(self.V5), 4, axis=2).transpose(0, 2, 1)[:, :, :2]
        check(decode("yolo", array, head="v8"), [1, 0], [0.8, 0.6], [[80, 40, 120, 60], [0, 0, 20, 20]])

    def test_end2end_is_ready(self) -> None:
        array = [[[1, 2, 30, 40, 0.9, 1], [5, 6, 7, 8, 0.3, 0], [0, 0, 0, 0, 0, 0]]]
        check(decode("yolo", array, head="end2end"), [1, 0], [0.9, 0.3], [[1, 2, 30, 40], [5, 6, 7, 8]])

    def test_normalised(self) -> None:
        array = [[[0.5, 0.5, 0.2, 0.2, 1, 0, 1]]]
        check(decode("yolo", array, head="v5", units="normalised"), [1], [1], [[80, 40, 120, 60]])

    def test_the_output_by_name(self) -> None:
        outputs = {"features": np.zeros((1, 3, 5, 5)), "out": self.V5}
        assert len(decode("yolo", outputs, head="v5", output="out")) == 3
        with pytest.raises(OvlabError, match=r"parameters\.output: missing, .*outputs: features \[1, 3, 5, 5\], out"):
            decode("yolo", outputs, head="v5")
        with pytest.raises(OvlabError, match="no output 'outs'; did you mean 'out'"):
            decode("yolo", outputs, head="v5", output="outs")

    def test_one_output_with_two_names_is_one(self) -> None:
        array = np.asarray(self.V5, np.float32)
        function = bind("yolo", {"head": "v5"}, width=WIDTH, height=HEIGHT, classes=2)
        assert len(function({"out": array, "out/alias": array})) == 3

    @pytest.mark.parametrize(
        ("shape", "head", "message"),
        [
            ((1, 7, 30), "v5", r"shape \[1, 7, 30\], expected \[1, N, 7\] for head v5 and 2 classes$"),
            ((1, 6, 30), "v5", r"expected \[1, N, 7\] .*; it fits head v8"),
            ((1, 30, 7), "v8", r"expected \[1, 6, N\] .*; it fits head v5"),
            ((1, 30, 6), "v8", r"expected \[1, 6, N\] .*; it fits head end2end"),
            ((1, 30, 7), "end2end", r"expected \[1, N, 6\] .*; it fits head v5"),
            ((2, 30, 7), "v5", r"shape \[2, 30, 7\]"),
            ((7,), "v5", r"shape \[7\]"),
        ],
    )
    def test_a_shape_of_another_head(self, shape: tuple[int, ...], head: str, message: str) -> None:
        with pytest.raises(OvlabError, match=message):
            decode("yolo", np.zeros(shape), head=head)


class TestBoxesScoresLabels:
    def test_torchvision(self) -> None:
        outputs = {"boxes": [[1, 2, 3, 4], [5, 6, 7, 8]], "scores": [0.9, 0.8], "labels": [2, 1]}
        check(decode("boxes_scores_labels", outputs, background=0), [1, 0], [0.9, 0.8], [[1, 2, 3, 4], [5, 6, 7, 8]])

    def test_tensorflow(self) -> None:
        outputs = {
            "detection_boxes": [[[0.1, 0.2, 0.3, 0.4], [0, 0, 1, 1], [0, 0, 0, 0]]],
            "detection_scores": [[0.9, 0.8, 0]],
            "detection_classes": [[2, 1, 1]],
            "num_detections": [2],
        }
        found = decode(
            "boxes_scores_labels",
            outputs,
            boxes="detection_boxes",
            scores="detection_scores",
            labels="detection_classes",
            count="num_detections",
            box_format="yxyx",
            units="normalised",
            background=0,
        )
        check(found, [1, 0], [0.9, 0.8], [[40, 10, 80, 30], [0, 0, 200, 100]])

    def test_scores_in_the_fifth_column_and_padding(self) -> None:
        outputs = {"dets": [[[1, 2, 3, 4, 0.9], [0, 0, 0, 0, 0]]], "labels": [[1, -1]]}
        check(decode("boxes_scores_labels", outputs, boxes="dets", scores=None), [1], [0.9], [[1, 2, 3, 4]])

    def test_logits_by_sigmoid(self) -> None:
        outputs = {"pred_boxes": [[[0.5, 0.5, 0.2, 0.4]]], "logits": [[[0.0, math.log(3)]]]}
        parameters = {"boxes": "pred_boxes", "scores": "logits", "labels": None, "box_format": "cxcywh"}
        found = decode("boxes_scores_labels", outputs, activation="sigmoid", units="normalised", **parameters)
        check(found, [1], [0.75], [[80, 30, 120, 70]])

    def test_logits_by_softmax_with_the_last_as_background(self) -> None:
        outputs = {"boxes": [[[10, 20, 30, 40]]], "scores": [[[math.log(2), math.log(3), math.log(5)]]]}
        parameters = {"labels": None, "activation": "softmax", "background": 2, "box_format": "xywh"}
        check(decode("boxes_scores_labels", outputs, **parameters), [1], [0.3], [[10, 20, 40, 60]])

    @pytest.mark.parametrize(
        ("outputs", "parameters", "message"),
        [
            (
                {"boxes": [[1, 2, 3]], "scores": [1], "labels": [0]},
                {},
                r"'boxes' has shape \[1, 3\], expected \[N, 4\]",
            ),
            ({"boxes": [[1, 2, 3, 4]], "scores": [1, 1], "labels": [0]}, {}, "1 boxes, 2 scores and 1 labels"),
            ({"boxes": [[1, 2, 3, 4]], "scores": [1], "label": [0]}, {}, "no output 'labels'; did you mean 'label'"),
            ({"boxes": [[1, 2, 3, 4]], "scores": [1], "labels": [0.4]}, {}, "not a whole number"),
            ({"boxes": [[1, 2, 3, 4]], "scores": [1], "labels": [2]}, {}, "class index 2, expected 0 to 1"),
            ({"boxes": [[1, 2, 3, 4]]}, {"scores": None, "labels": None}, r"expected \[N, 5\]"),
            ({"boxes": [[1, 2, 3, 4, 1]]}, {"scores": None, "labels": None}, "both null"),
            ({"boxes": [[1, 2, 3, 4]], "scores": [[1, 2, 3]]}, {"labels": None}, r"expected \[N, 2\] for 2 classes"),
            ({"boxes": [[1, 2, 3, 4]], "scores": [1], "labels": [0]}, {"activation": "sigmoid"}, "labels must be null"),
            ({"boxes": [[1, math.nan, 3, 4]], "scores": [1], "labels": [0]}, {}, "not finite"),
            (
                {"boxes": [[1, 2, 3, 4]], "scores": [[1, 2, 3]]},
                {"labels": None, "background": 3},
                r"parameters\.background: 3, expected 0 to 2",
            ),
        ],
    )
    def test_what_does_not_fit(self, outputs: Any, parameters: dict[str, Any], message: str) -> None:
        with pytest.raises(OvlabError, match=f"decoder boxes_scores_labels: .*{message}"):
            decode("boxes_scores_labels", outputs, **parameters)


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("fastestdett", {}, "decoder: 'fastestdett' is unknown; did you mean 'fastestdet'"),
        ("yolo", {}, r"decoder yolo: parameters\.head: missing"),
        ("yolo", {"haed": "v5"}, r"parameters\.haed: unknown parameter; did you mean 'head'"),
        ("yolo", {"head": "v6"}, r"parameters\.head: 'v6' is not valid"),
        ("yolo", {"head": "v5", "width": 3}, r"parameters\.width: unknown parameter"),
        ("ssd", {"background": "zero"}, r"parameters\.background: .*integer.*'zero'"),
    ],
)
def test_bad_parameters(name: str, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(OvlabError, match=message):
        bind(name, parameters, width=WIDTH, height=HEIGHT, classes=2)


def test_the_names() -> None:
    assert {"ssd", "fastestdet", "yolo", "boxes_scores_labels"} <= DECODERS.keys()
