"""How images are placed in an input, and how boxes come back."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovlab.data.geometry import Placement, fit_placed, letterbox, stretch
from ovlab.errors import OvlabError

SIDE = st.integers(1, 3000)


@given(SIDE, SIDE, st.integers(1, 1500), st.integers(1, 1500), st.sampled_from(["centre", "corner", "stretch"]))
def test_boxes_come_back(width: int, height: int, input_width: int, input_height: int, how: str) -> None:
    sizes = (width, height, input_width, input_height)
    placement = stretch(*sizes) if how == "stretch" else letterbox(*sizes, anchor=how)  # type: ignore[arg-type]
    boxes = np.array([[0.0, 0.0, width, height], [0.1 * width, 0.2 * height, 0.7 * width, 0.9 * height]])
    inside = placement.to_input(boxes)
    assert placement.left >= 0 and placement.top >= 0
    assert (inside >= -1e-9).all() and (inside[:, 0::2] <= input_width + 1e-9).all()
    assert (inside[:, 1::2] <= input_height + 1e-9).all()
    np.testing.assert_allclose(placement.to_original(inside), boxes, rtol=1e-9, atol=1e-9 * max(width, height))


@given(SIDE, SIDE, st.integers(1, 1500), st.integers(1, 1500))
def test_a_letterbox_fills_one_side_and_keeps_the_aspect(
    width: int, height: int, input_width: int, input_height: int
) -> None:
    placement = letterbox(width, height, input_width, input_height)
    assert placement.width == input_width or placement.height == input_height
    factor = min(input_width / width, input_height / height)
    assert abs(placement.width - width * factor) <= 1 and abs(placement.height - height * factor) <= 1
    assert 0 <= input_width - placement.width - 2 * placement.left <= 1
    assert 0 <= input_height - placement.height - 2 * placement.top <= 1


def test_numbers_by_hand() -> None:
    # 640 x 480 into 320 x 320: half the size, 40 rows of padding above.
    placement = letterbox(640, 480, 320, 320)
    assert (placement.left, placement.top, placement.width, placement.height) == (0, 40, 320, 240)
    assert placement.to_original(np.array([[10.0, 50, 20, 80]])).tolist() == [[20, 20, 40, 80]]
    assert placement.to_original(np.array([[-5.0, 0, 400, 50]])).tolist() == [[0, 0, 640, 20]]
    assert placement.to_original(np.array([[-5.0, 0, 400, 50]]), clip=False).tolist() == [[-10, -80, 800, 20]]
    assert letterbox(640, 480, 320, 320, "corner").top == 0
    assert stretch(640, 480, 320, 320).to_original(np.array([[10.0, 20, 30, 40]])).tolist() == [[20, 30, 60, 60]]


def test_pixels_and_padding() -> None:
    image = np.full((2, 4, 3), 200, np.uint8)
    fitted = fit_placed(image, letterbox(4, 2, 8, 8), pad=7)
    assert fitted.shape == (8, 8, 3)
    assert (fitted[2:6] == 200).all() and (fitted[:2] == 7).all() and (fitted[6:] == 7).all()


@pytest.mark.parametrize(("name", "flag"), [("area", cv2.INTER_AREA), ("nearest", cv2.INTER_NEAREST)])
def test_interpolation(name: str, flag: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (37, 53, 3), dtype=np.uint8)
    fitted = fit_placed(image, stretch(53, 37, 20, 10), interpolation=name)
    assert (fitted == cv2.resize(image, (20, 10), interpolation=flag)).all()


def test_an_edge_in_the_picture_stays_at_its_box() -> None:
    """The right half is white: the box of the white half leads to the white pixels, padded or not."""
    image = np.zeros((100, 200, 3), np.uint8)
    image[:, 100:] = 255
    placement = letterbox(200, 100, 64, 64)
    xmin, ymin, xmax, ymax = placement.to_input(np.array([[100.0, 0, 200, 100]]))[0].astype(int)
    fitted = fit_placed(image, placement, interpolation="area", pad=0)
    assert fitted[ymin:ymax, xmin:xmax].min() == 255
    assert fitted.sum() == fitted[ymin:ymax, xmin:xmax].sum()


def test_bad_input() -> None:
    image = np.zeros((2, 4, 3), np.uint8)
    with pytest.raises(OvlabError, match="image is 4x2 pixels, expected 5x2"):
        fit_placed(image, stretch(5, 2, 8, 8))
    with pytest.raises(OvlabError, match="interpolation 'lineer' is unknown; did you mean 'linear'"):
        fit_placed(image, stretch(4, 2, 8, 8), interpolation="lineer")
    with pytest.raises(OvlabError, match="pad is 256"):
        fit_placed(image, stretch(4, 2, 8, 8), pad=256)
    with pytest.raises(OvlabError, match="anchor 'center' is unknown; did you mean 'centre'"):
        letterbox(4, 2, 8, 8, "center")  # type: ignore[arg-type]
    with pytest.raises(OvlabError, match="image of 0x2"):
        letterbox(0, 2, 8, 8)
    with pytest.raises(OvlabError, match="at least 1 pixel"):
        stretch(4, 2, 0, 8)
    with pytest.raises(OvlabError, match="do not lie inside"):
        Placement(4, 2, 8, 8, 5, 0, 4, 4)
