"""PriorBox and PriorBoxClustered against the rules of their forks, written out box by box."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from ovlab.caffe import ReadOptions
from ovlab.caffe.layers.priors import aspect_ratios
from ovlab.errors import OvlabError

Array = NDArray[np.float32]
FEATURES, IMAGE = np.zeros((1, 8, 2, 3), np.float32), np.zeros((1, 3, 40, 60), np.float32)


def boxes(
    sizes: list[tuple[float, float]],
    step: tuple[float, float] = (20, 20),
    image: tuple[int, int] = (40, 60),
    offset: float = 0.5,
    places: list[tuple[float, float]] | None = None,
) -> Array:
    """Boxes of the given widths and heights around the 2 x 3 cells; step, image and places are (height, width)."""
    out = []
    for i in range(2):
        for j in range(3):
            for w, h in sizes:
                for down, across in places or [(offset, offset)]:
                    x, y = (j + across) * step[1], (i + down) * step[0]
                    out += [(x - w / 2) / image[1], (y - h / 2) / image[0]]
                    out += [(x + w / 2) / image[1], (y + h / 2) / image[0]]
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
    "offset without a step": (
        "min_size: 50 offset: 0.25 clip: true",
        boxes([(50, 50)], offset=0.25).clip(0, 1),
    ),
    "image size": ("min_size: 10 img_size: 120", boxes([(10, 10)], step=(60, 40), image=(120, 120))),
    "image sizes": ("min_size: 10 img_h: 80 img_w: 30", boxes([(10, 10)], step=(40, 10), image=(80, 30))),
    "clip": ("min_size: 50 clip: true", boxes([(50, 50)]).clip(0, 1)),
    "offsets": (
        "min_size: 10 max_size: 40 offset_h: [0.25, 0.5] offset_w: [0.75, 0]",
        boxes([(10, 10), (20, 20)], places=[(0.25, 0.75), (0.5, 0)]),
    ),
    "offsets and two steps": (
        "min_size: 10 offset_h: [0.25, 0.5] offset_w: [0.75, 0.5] step_h: 16 step_w: 24",
        boxes([(10, 10)], step=(16, 24), places=[(0.25, 0.75), (0.5, 0.5)]),
    ),
    "listed sizes": ("width: [10, 20] height: [30, 5] clip: false", boxes([(10, 30), (20, 5)])),
    "a lattice of fixed sizes": (
        "fixed_size: 12 fixed_size: 20 density: 2 density: 1",
        # a lattice is as wide as the box: 2 x 2 centres at a quarter of its size from the middle
        np.concatenate(
            [
                boxes([(12, 12)], places=[(0.5 + y, 0.5 + x) for y in (-0.15, 0.15) for x in (-0.15, 0.15)]).reshape(
                    6, -1
                ),
                boxes([(20, 20)]).reshape(6, -1),
            ],
            1,
        ).ravel(),
    ),
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
        ("min_size: 10 offset_h: 0.5", "expected as many values of each, and no offset"),
        ("min_size: 10 offset_h: 0.5 offset_w: 0.5 offset: 0.5", "expected as many values of each, and no offset"),
        ("width: 10 height: [5, 6]", "expected as many positive values of each"),
        ("width: 10 height: 5 min_size: 10", "has width and height beside min_size"),
        ("fixed_size: 10", "expected as many positive values of each, and no min_size"),
    ],
)
def test_bad_prior_boxes_say_what_is_wrong(run: Callable[..., Array], setting: str, problem: str) -> None:
    with pytest.raises(OvlabError, match=problem):
        run(f'type: "PriorBox" prior_box_param {{ {setting} }}', FEATURES, IMAGE)


def test_sizes_keep_their_fractions_on_request(run: Callable[..., Array]) -> None:
    layer = 'type: "PriorBox" prior_box_param { min_size: 10.5 max_size: 42 aspect_ratio: 4 flip: false }'
    y = run(layer, FEATURES, IMAGE, options=ReadOptions(fractional_sizes=True))
    np.testing.assert_allclose(y[0, 0], boxes([(10.5, 10.5), (21, 21), (21, 5.25)]), atol=1e-6)
    y = run('type: "PriorBox" prior_box_param { min_size: 0.5 }', FEATURES, IMAGE, options=ReadOptions(True))
    np.testing.assert_allclose(y[0, 0], boxes([(0.5, 0.5)]), atol=1e-6)


def test_boxes_of_a_size_are_made_denser_on_request(run: Callable[..., Array]) -> None:
    # FaceBoxes' fork: for a density of 4 boxes at 0, 1/4, 1/2 and 3/4 of a cell instead of one in its middle.
    layer = 'type: "PriorBox" prior_box_param { min_size: 8 min_size: 16 min_size: 32 variance: [1, 2, 3, 4] }'
    y = run(layer, FEATURES, IMAGE, options=ReadOptions(densities={8: 4, 16.0: 2}))
    four = [(i / 4, j / 4) for i in range(4) for j in range(4)]
    two = [(i / 2, j / 2) for i in range(2) for j in range(2)]
    parts = [boxes([(8, 8)], places=four), boxes([(16, 16)], places=two), boxes([(32, 32)])]
    wanted = np.concatenate([part.reshape(6, -1) for part in parts], 1).ravel()
    np.testing.assert_allclose(y[0, 0], wanted, atol=1e-6)
    np.testing.assert_allclose(y[0, 1].reshape(-1, 4), [[1, 2, 3, 4]] * (6 * 21))


def test_clustered_prior_boxes(run: Callable[..., Array]) -> None:
    sizes = [(10.5, 30), (20, 5)]
    for setting, options in (
        ("", {}),
        ("step: 16", {"step": (16, 16)}),
        ("step_h: 16 step_w: 24 offset: 0.25", {"step": (16, 24), "offset": 0.25}),
        ("offset: 0.125", {"offset": 0.125}),
        ("img_h: 80 img_w: 30", {"step": (40, 10), "image": (80, 30)}),
    ):
        layer = f'type: "PriorBoxClustered" prior_box_param {{ width: 10.5 width: 20 height: 30 height: 5 {setting} }}'
        y = run(layer, FEATURES, IMAGE)
        np.testing.assert_allclose(y[0, 0], boxes(sizes, **options), atol=1e-6)  # type: ignore[arg-type]
        np.testing.assert_allclose(y[0, 1], 0.1, atol=1e-7)
    layer = 'type: "PriorBoxClustered" prior_box_param { width: 90 height: 5 clip: true variance: [1, 2, 3, 4] }'
    y = run(layer, FEATURES, IMAGE)
    np.testing.assert_allclose(y[0, 0], boxes([(90, 5)]).clip(0, 1), atol=1e-6)
    np.testing.assert_allclose(y[0, 1].reshape(6, 4), [[1, 2, 3, 4]] * 6)
    with pytest.raises(OvlabError, match=r"width is \[\], height \[\]; expected as many positive values"):
        run('type: "PriorBoxClustered" prior_box_param { min_size: 3 }', FEATURES, IMAGE)
