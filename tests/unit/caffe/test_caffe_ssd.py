"""PriorBox and DetectionOutput against the SSD fork's rules, written out box by box."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from ovlab.caffe.layers.ssd import aspect_ratios
from ovlab.errors import OvlabError

Array = NDArray[np.float32]
FEATURES, IMAGE = np.zeros((1, 8, 2, 3), np.float32), np.zeros((1, 3, 40, 60), np.float32)


def boxes(
    sizes: list[tuple[float, float]],
    step: tuple[float, float] = (20, 20),
    image: tuple[int, int] = (40, 60),
    offset: float = 0.5,
) -> Array:
    """Boxes of the given widths and heights around the 2 x 3 cells; step and image are (height, width)."""
    out = []
    for i in range(2):
        for j in range(3):
            x, y = (j + offset) * step[1], (i + offset) * step[0]
            for w, h in sizes:
                out += [(x - w / 2) / image[1], (y - h / 2) / image[0], (x + w / 2) / image[1], (y + h / 2) / image[0]]
    return np.array(out, np.float32)


def test_aspect_ratios_are_distinct_and_keep_their_order() -> None:
    assert aspect_ratios([], True) == []
    assert aspect_ratios([2, 3], True) == [2, 0.5, 3, 1 / 3]
    assert aspect_ratios([2, 3], False) == [2, 3]
    # 1 is there anyway, 0.5 is 2's inverse, the second 2 is a repetition
    assert aspect_ratios([1, 2, 0.5, 2.0000001, 3], True) == [2, 0.5, 3, 1 / 3]
    assert aspect_ratios([0.5, 2], False) == [0.5, 2]


R2 = math.sqrt(2)
CASES: dict[str, tuple[str, Array]] = {
    "one size": ("min_size: 10", boxes([(10, 10)])),
    "ratios": (
        "min_size: 10 aspect_ratio: 2 aspect_ratio: 1",
        boxes([(10, 10), (10 * R2, 10 / R2), (10 / R2, 10 * R2)]),
    ),
    "no flip": ("min_size: 10 aspect_ratio: 2 flip: false", boxes([(10, 10), (10 * R2, 10 / R2)])),
    "two sizes with ratios": (
        "min_size: 10 min_size: 20 max_size: 40 max_size: 45 aspect_ratio: 4 flip: false",
        boxes([(10, 10), (20, 20), (20, 5), (20, 20), (30, 30), (40, 10)]),
    ),
    "several sizes": ("min_size: [10, 16, 24]", boxes([(10, 10), (16, 16), (24, 24)])),
    "sizes are cut to whole pixels": ("min_size: 10.9 max_size: 40.9", boxes([(10, 10), (20, 20)])),
    "step": ("min_size: 10 step: 8 offset: 0.25", boxes([(10, 10)], step=(8, 8), offset=0.25)),
    "two steps": ("min_size: 10 step_h: 16 step_w: 24", boxes([(10, 10)], step=(16, 24))),
    "image size": ("min_size: 10 img_size: 120", boxes([(10, 10)], step=(60, 40), image=(120, 120))),
    "image sizes": ("min_size: 10 img_h: 80 img_w: 30", boxes([(10, 10)], step=(40, 10), image=(80, 30))),
    "clip": ("min_size: 50 clip: true", boxes([(50, 50)]).clip(0, 1)),
}


@pytest.mark.parametrize("case", CASES)
def test_prior_boxes(run: Callable[..., Array], case: str) -> None:
    setting, wanted = CASES[case]
    y = run(f'type: "PriorBox" prior_box_param {{ {setting} }}', FEATURES, IMAGE)
    assert y.shape == (1, 2, len(wanted))
    np.testing.assert_allclose(y[0, 0], wanted, atol=1e-6)
    np.testing.assert_allclose(y[0, 1], 0.1, atol=1e-7)  # the variance when none is given


@pytest.mark.parametrize("step", ["", "step_h: 16 step_w: 24"])
def test_prior_box_variances(run: Callable[..., Array], step: str) -> None:
    layer = f'type: "PriorBox" prior_box_param {{ min_size: 10 variance: [0.1, 0.2, 0.3, 0.4] {step} }}'
    np.testing.assert_allclose(run(layer, FEATURES, IMAGE)[0, 1].reshape(6, 4), [[0.1, 0.2, 0.3, 0.4]] * 6)
    layer = f'type: "PriorBox" prior_box_param {{ min_size: 10 variance: 0.5 {step} }}'
    np.testing.assert_allclose(run(layer, FEATURES, IMAGE)[0, 1], 0.5)


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ("", "expected at least one"),
        ("min_size: 0.5", "expected at least one, of 1 or more"),
        ("min_size: 10 max_size: 10", "a larger one for each"),
        ("min_size: 10 min_size: 20 max_size: 30", "a larger one for each"),
        ("min_size: 10 variance: [0.1, 0.2]", "expected 1 or 4 positive values"),
        ("min_size: 10 aspect_ratio: 0", "expected positive numbers"),
        ("min_size: 10 step: 8 step_h: 8 step_w: 8", "step beside step_h and step_w"),
        ("min_size: 10 step_h: 8", "step must be positive"),
        ("min_size: 10 img_h: 8", "img_size must be positive"),
    ],
)
def test_bad_prior_boxes_say_what_is_wrong(run: Callable[..., Array], setting: str, problem: str) -> None:
    with pytest.raises(OvlabError, match=problem):
        run(f'type: "PriorBox" prior_box_param {{ {setting} }}', FEATURES, IMAGE)


# Four priors: two that overlap much, one apart, one small. Variances differ by coordinate to show which is used where.
PRIORS = np.array(
    [[0.1, 0.1, 0.5, 0.5], [0.12, 0.1, 0.52, 0.5], [0.5, 0.6, 0.9, 0.8], [0.0, 0.7, 0.1, 0.9]], np.float32
)
VARIANCES = np.tile(np.array([0.1, 0.15, 0.2, 0.25], np.float32), (4, 1))
PRIOR_BLOB = np.stack([PRIORS.ravel(), VARIANCES.ravel()])[np.newaxis]


def decode(loc: Array, code: str, encoded: bool) -> Array:
    """``DecodeBBox`` of the SSD fork's ``bbox_util.cpp``, for priors x 4 offsets."""
    loc = loc * (1 if encoded else VARIANCES)
    size = PRIORS[:, 2:] - PRIORS[:, :2]
    if code == "CORNER":
        return PRIORS + loc
    if code == "CORNER_SIZE":
        return PRIORS + loc * np.tile(size, 2)
    centre = (PRIORS[:, 2:] + PRIORS[:, :2]) / 2 + loc[:, :2] * size
    half = np.exp(loc[:, 2:]) * size / 2
    return np.concatenate([centre - half, centre + half], 1)


def overlap(a: Array, b: Array) -> float:
    side = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    both = side.prod() if (side > 0).all() else 0.0
    return float(both / ((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - both))


def detect(
    loc: Array,
    scores: Array,
    *,
    code: str = "CENTER_SIZE",
    share: bool = True,
    background: int = 0,
    nms: float = 0.45,
    top_k: int = -1,
    keep: int = -1,
    threshold: float = -1e30,
    encoded: bool = False,
    clip: bool = False,
) -> Array:
    """Detections of a batch, ordered as Caffe does: by image, by class, by falling score."""
    rows = []
    for image in range(len(loc)):
        found = []
        by_class = scores[image].reshape(4, -1)
        places = loc[image].reshape(4, -1, 4)
        for label in range(by_class.shape[1]):
            if label == background:
                continue
            box = decode(places[:, 0 if share else label], code, encoded)
            box = box.clip(0, 1) if clip else box
            order = sorted(np.flatnonzero(by_class[:, label] > threshold), key=lambda i: -by_class[i, label])
            kept: list[int] = []
            for i in order[: None if top_k < 0 else top_k]:
                if all(overlap(box[i], box[j]) <= nms for j in kept):
                    kept.append(i)
            found += [(by_class[i, label], label, *box[i]) for i in kept]
        if 0 <= keep < len(found):
            found = sorted(found, reverse=True)[:keep]
        found.sort(key=lambda row: (row[1], -row[0]))
        rows += [[image, label, score, *box] for score, label, *box in found]
    return np.array(rows, np.float32).reshape(-1, 7)


DETECTION_CASES: dict[str, tuple[str, dict[str, object]]] = {
    "centre": ("code_type: CENTER_SIZE nms_param { nms_threshold: 0.45 }", {}),
    "corner is the default": ("nms_param { nms_threshold: 0.45 }", {"code": "CORNER"}),
    "corner size": ("code_type: CORNER_SIZE nms_param { nms_threshold: 0.45 }", {"code": "CORNER_SIZE"}),
    "suppression by default": ("code_type: CENTER_SIZE", {"nms": 0.3}),
    "no suppression": ("code_type: CENTER_SIZE nms_param { nms_threshold: 1 }", {"nms": 1.0}),
    "top_k": ("code_type: CENTER_SIZE nms_param { nms_threshold: 0.45 top_k: 2 }", {"top_k": 2}),
    "keep_top_k": ("code_type: CENTER_SIZE nms_param { nms_threshold: 0.45 } keep_top_k: 3", {"keep": 3}),
    "threshold": (
        "code_type: CENTER_SIZE nms_param { nms_threshold: 0.45 } confidence_threshold: 0.5",
        {"threshold": 0.5},
    ),
    "background last": (
        "code_type: CENTER_SIZE nms_param { nms_threshold: 0.45 } background_label_id: 2",
        {"background": 2},
    ),
    "no background": (
        "code_type: CENTER_SIZE nms_param { nms_threshold: 0.45 } background_label_id: -1",
        {"background": -1},
    ),
    "variances in the target": (
        "code_type: CENTER_SIZE nms_param { nms_threshold: 0.45 } variance_encoded_in_target: true",
        {"encoded": True},
    ),
    "corner, variances in the target": (
        "nms_param { nms_threshold: 0.45 } variance_encoded_in_target: true",
        {"encoded": True, "code": "CORNER"},
    ),
    "corner size, variances in the target": (
        "code_type: CORNER_SIZE nms_param { nms_threshold: 0.45 } variance_encoded_in_target: true",
        {"encoded": True, "code": "CORNER_SIZE"},
    ),
    "clip": ("code_type: CENTER_SIZE nms_param { nms_threshold: 0.45 } clip: true", {"clip": True}),
    "a location a class": (
        "code_type: CENTER_SIZE nms_param { nms_threshold: 0.45 } share_location: false",
        {"share": False},
    ),
    "a location a class, corner size": (
        "code_type: CORNER_SIZE nms_param { nms_threshold: 0.45 } share_location: false",
        {"share": False, "code": "CORNER_SIZE"},
    ),
}


@pytest.mark.parametrize("case", DETECTION_CASES)
@pytest.mark.parametrize("images", [1, 2])
def test_detections(run: Callable[..., Array], rng: np.random.Generator, case: str, images: int) -> None:
    setting, options = DETECTION_CASES[case]
    locations = rng.standard_normal((images, 4 * (1 if options.get("share", True) else 3) * 4), np.float32)
    scores = rng.permutation(np.linspace(0.05, 0.95, images * 12)).astype(np.float32).reshape(images, 12)
    layer = f'type: "DetectionOutput" detection_output_param {{ num_classes: 3 {setting} }}'
    rows = run(layer, locations, scores, PRIOR_BLOB)[0, 0]
    end = np.flatnonzero(rows[:, 0] < 0)
    rows = rows[: end[0]] if len(end) else rows
    wanted = detect(locations, scores, **options)  # type: ignore[arg-type]
    assert len(wanted) > 1
    np.testing.assert_array_equal(rows[:, :2], wanted[:, :2])
    np.testing.assert_allclose(rows[:, 2:], wanted[:, 2:], atol=1e-5)


def test_no_detection_is_a_first_row_of_image_minus_one(run: Callable[..., Array]) -> None:
    layer = 'type: "DetectionOutput" detection_output_param { num_classes: 3 confidence_threshold: 0.5 keep_top_k: 5 }'
    rows = run(layer, np.zeros((1, 16), np.float32), np.zeros((1, 12), np.float32), PRIOR_BLOB)
    assert rows.shape == (1, 1, 5, 7)
    assert rows[0, 0, 0, 0] == -1


def test_four_axes_of_predictions_are_flattened(run: Callable[..., Array], rng: np.random.Generator) -> None:
    layer = """type: "DetectionOutput"
    detection_output_param { num_classes: 3 code_type: CENTER_SIZE keep_top_k: 9 nms_param { nms_threshold: 0.45 } }"""
    loc, scores = rng.standard_normal((1, 16), np.float32), rng.uniform(0, 1, (1, 12)).astype(np.float32)
    flat = run(layer, loc, scores, PRIOR_BLOB)
    np.testing.assert_array_equal(run(layer, loc.reshape(1, 16, 1, 1), scores.reshape(1, 4, 3), PRIOR_BLOB), flat)


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        (
            "num_classes: 4",
            "4 priors and num_classes 4 need 16 locations and 16 scores an image; its bottoms have 16 and 12",
        ),
        ("num_classes: 3 share_location: false", "need 48 locations"),
        ("", "num_classes 0"),
        ("num_classes: 3 nms_param { eta: 0.5 }", "adaptive suppression is not supported"),
    ],
)
def test_bad_detection_outputs_say_what_is_wrong(run: Callable[..., Array], setting: str, problem: str) -> None:
    with pytest.raises(OvlabError, match=problem):
        run(
            f'type: "DetectionOutput" detection_output_param {{ {setting} }}',
            np.zeros((1, 16), np.float32),
            np.zeros((1, 12), np.float32),
            PRIOR_BLOB,
        )
