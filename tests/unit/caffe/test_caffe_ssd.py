"""DetectionOutput against the rules of the SSD and RefineDet forks, written out box by box."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from ovlab.errors import OvlabError

Array = NDArray[np.float32]

# Four priors: two that overlap much, one apart, one small. Variances differ by coordinate to show which is used where.
PRIORS = np.array(
    [[0.1, 0.1, 0.5, 0.5], [0.12, 0.1, 0.52, 0.5], [0.5, 0.6, 0.9, 0.8], [0.0, 0.7, 0.1, 0.9]], np.float32
)
VARIANCES = np.tile(np.array([0.1, 0.15, 0.2, 0.25], np.float32), (4, 1))
PRIOR_BLOB = np.stack([PRIORS.ravel(), VARIANCES.ravel()])[np.newaxis]


def decode(loc: Array, code: str, encoded: bool, priors: Array = PRIORS) -> Array:
    """``DecodeBBox`` of the SSD fork's ``bbox_util.cpp``, for priors x 4 offsets."""
    loc = loc * (1 if encoded else VARIANCES)
    size = priors[:, 2:] - priors[:, :2]
    if code == "CORNER":
        return priors + loc
    if code == "CORNER_SIZE":
        return priors + loc * np.tile(size, 2)
    centre = (priors[:, 2:] + priors[:, :2]) / 2 + loc[:, :2] * size
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
    priors: Array = PRIORS,
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
            box = decode(places[:, 0 if share else label], code, encoded, priors)
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


def test_refined_priors(run: Callable[..., Array], rng: np.random.Generator) -> None:
    # RefineDet: priors are moved by the first stage's offsets; those whose object score is low are left out.
    locations, first = (rng.standard_normal((1, 16), np.float32) for _ in range(2))
    scores = rng.permutation(np.linspace(0.05, 0.95, 12)).astype(np.float32).reshape(1, 12)
    objects = np.array([[0.9, 0.1, 0.995, 0.005, 0.2, 0.8, 0.5, 0.5]], np.float32)
    layer = """type: "DetectionOutput" detection_output_param { num_classes: 3 code_type: CENTER_SIZE
    nms_param { nms_threshold: 0.45 } objectness_score: 0.01 }"""
    rows = run(layer, locations, scores, PRIOR_BLOB, objects, first)[0, 0]
    rows = rows[: np.flatnonzero(rows[:, 0] < 0)[0]]
    moved = decode(first.reshape(4, 4), "CENTER_SIZE", False)
    kept = scores.reshape(4, 3).copy()
    kept[1] = 0  # its object score is 0.005
    wanted = detect(locations, kept.reshape(1, 12), priors=moved)
    wanted = wanted[wanted[:, 2] > 0]
    assert len(wanted) > 1
    found = rows[rows[:, 2] > 0]
    np.testing.assert_array_equal(found[:, :2], wanted[:, :2])
    np.testing.assert_allclose(found[:, 2:], wanted[:, 2:], atol=1e-5)


def test_refined_priors_must_fit(run: Callable[..., Array]) -> None:
    zeros = [np.zeros((1, n), np.float32) for n in (16, 12)]
    layer = 'type: "DetectionOutput" detection_output_param { num_classes: 3 }'
    with pytest.raises(
        OvlabError, match="4 priors need 8 values an image in bottom 4 and 16 in bottom 5; found 12 and 16"
    ):
        run(layer, *zeros, PRIOR_BLOB, zeros[1], zeros[0])
    with pytest.raises(OvlabError, match="has 4 bottoms; expected 3 or 5"):
        run(layer, *zeros, PRIOR_BLOB, zeros[1])
