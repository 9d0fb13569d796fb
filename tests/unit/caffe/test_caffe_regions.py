"""Proposal, ROIPooling and PSROIPooling against the formulas of Faster R-CNN and R-FCN, region by region."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from caffe_net import infer
from numpy.typing import NDArray

from ovlab.caffe import read_model
from ovlab.errors import OvlabError

Array = NDArray[np.float32]
Files = Callable[..., tuple[Path, Path]]

# image, xmin, ymin, xmax, ymax: inside, one pixel, partly outside, of the second image
REGIONS = np.array([[0, 4, 6, 40, 30], [0, 9, 9, 9, 9], [0, 30, 20, 90, 70], [1, 0, 0, 63, 47]], np.float32)


def half_up(value: float) -> int:
    return math.floor(value + 0.5)


def test_roi_pooling(run: Callable[..., Array], rng: np.random.Generator) -> None:
    x = rng.standard_normal((2, 3, 12, 16), np.float32)
    wanted = np.zeros((4, 3, 3, 4), np.float32)
    for n, (image, *corners) in enumerate(REGIONS):
        x1, y1, x2, y2 = (half_up(c * 0.25) for c in corners)
        height, width = max(y2 - y1 + 1, 1) / 3, max(x2 - x1 + 1, 1) / 4
        for i in range(3):
            for j in range(4):
                top, bottom = (np.clip(v + y1, 0, 12) for v in (math.floor(i * height), math.ceil((i + 1) * height)))
                left, right = (np.clip(v + x1, 0, 16) for v in (math.floor(j * width), math.ceil((j + 1) * width)))
                part = x[int(image), :, top:bottom, left:right]
                wanted[n, :, i, j] = part.max((1, 2)) if part.size else 0
    layer = 'type: "ROIPooling" roi_pooling_param { pooled_h: 3 pooled_w: 4 spatial_scale: 0.25 }'
    np.testing.assert_array_equal(run(layer, x, REGIONS), wanted)
    np.testing.assert_array_equal(run(layer, x, REGIONS.reshape(4, 5, 1, 1)), wanted)


def test_psroi_pooling(run: Callable[..., Array], rng: np.random.Generator) -> None:
    x = rng.standard_normal((2, 2 * 9, 12, 16), np.float32)
    wanted = np.zeros((4, 2, 3, 3), np.float32)
    for n, (image, x1, y1, x2, y2) in enumerate(REGIONS):
        left, top = half_up(x1) * 0.25, half_up(y1) * 0.25
        width, height = (max((half_up(b) + 1) * 0.25 - a, 0.1) / 3 for a, b in ((left, x2), (top, y2)))
        for i in range(3):
            for j in range(3):
                rows = slice(*(int(np.clip(v, 0, 12)) for v in _bin(top, height, i)))
                columns = slice(*(int(np.clip(v, 0, 16)) for v in _bin(left, width, j)))
                for c in range(2):
                    part = x[int(image), (c * 3 + i) * 3 + j, rows, columns]
                    wanted[n, c, i, j] = part.mean() if part.size else 0
    layer = 'type: "PSROIPooling" psroi_pooling_param { output_dim: 2 group_size: 3 spatial_scale: 0.25 }'
    np.testing.assert_allclose(run(layer, x, REGIONS), wanted, atol=1e-5)


def _bin(start: float, size: float, index: int) -> tuple[int, int]:
    return math.floor(index * size + start), math.ceil((index + 1) * size + start)


def anchors(ratios: list[float], scales: list[float], base: int = 16) -> NDArray[np.float64]:
    """``generate_anchors.py`` of py-faster-rcnn: (xmin, ymin, xmax, ymax)."""
    out = []
    centre = (base - 1) / 2
    for ratio in ratios:
        width = np.round(np.sqrt(base * base / ratio))
        height = np.round(width * ratio)
        for scale in scales:
            w, h = (width * scale - 1) / 2, (height * scale - 1) / 2
            out.append([centre - w, centre - h, centre + w, centre + h])
    return np.array(out)


def proposals(
    scores: Array, deltas: Array, image: Array, ratios: list[float], scales: list[float], most: int, overlap: float
) -> tuple[Array, Array]:
    """``proposal_layer.py`` of py-faster-rcnn."""
    shapes = anchors(ratios, scales)
    count, (height, width) = len(shapes), scores.shape[2:]
    found = []
    for i in range(height):
        for j in range(width):
            for k, anchor in enumerate(shapes):
                x1, y1, x2, y2 = anchor + np.array([j, i, j, i]) * 16
                w, h = x2 - x1 + 1, y2 - y1 + 1
                dx, dy, dw, dh = deltas[0, 4 * k : 4 * k + 4, i, j]
                cx, cy = x1 + w / 2 + dx * w, y1 + h / 2 + dy * h
                w, h = np.exp(dw) * w, np.exp(dh) * h
                box = np.clip([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2], 0, [image[1] - 1, image[0] - 1] * 2)
                if min(box[2] - box[0], box[3] - box[1]) + 1 >= 16 * image[2]:
                    found.append((scores[0, count + k, i, j], *box))
    found.sort(key=lambda row: -row[0])
    kept: list[tuple[float, ...]] = []
    for row in found:
        if len(kept) < most and all(_overlap(row[1:], other[1:]) <= overlap for other in kept):
            kept.append(row)
    boxes = np.array(kept)
    return np.concatenate([np.zeros((len(boxes), 1)), boxes[:, 1:]], 1), boxes[:, 0]


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    w, h = (min(a[k + 2], b[k + 2]) - max(a[k], b[k]) + 1 for k in (0, 1))
    both = max(w, 0) * max(h, 0)
    areas = [(c[2] - c[0] + 1) * (c[3] - c[1] + 1) for c in (a, b)]
    return both / (sum(areas) - both)


@pytest.mark.parametrize("kind", ["Proposal", "Python"])
def test_proposals(files: Files, rng: np.random.Generator, kind: str) -> None:
    ratios, scales = [0.5, 1.0, 2.0], [1.0, 2.0]
    scores = rng.permutation(np.linspace(0, 1, 12 * 5 * 6)).astype(np.float32).reshape(1, 12, 5, 6)
    deltas = 0.3 * rng.standard_normal((1, 24, 5, 6), np.float32)
    image = np.array([[80, 96, 1.25]], np.float32)
    setting = (
        "proposal_param { ratio: [0.5, 1, 2] scale: [1, 2] post_nms_topn: 20 nms_thresh: 0.5 }"
        if kind == "Proposal"
        else """python_param { module: 'rpn.proposal_layer' layer: 'ProposalLayer' param_str:
        "{'feat_stride': 16, 'scales': [1, 2], 'post_nms_topn': 20, 'nms_thresh': 0.5}" }"""
    )
    text = f"""input: "s" input_shape {{ dim: [1, 12, 5, 6] }} input: "d" input_shape {{ dim: [1, 24, 5, 6] }}
    input: "im_info" input_shape {{ dim: [1, 3] }}
    layer {{ name: "l" type: "{kind}" bottom: "s" bottom: "d" bottom: "im_info" top: "rois" top: "scores"
    {setting} }}"""
    y = infer(read_model(*files(text)), scores, deltas, image)
    rows, wanted_scores = proposals(scores, deltas, image[0], ratios, scales, 20, 0.5)
    assert len(rows) == 20
    np.testing.assert_allclose(y["rois"], rows, atol=1e-3)
    np.testing.assert_allclose(y["scores"].ravel(), wanted_scores, atol=1e-6)


def test_few_proposals_end_with_minus_one(files: Files) -> None:
    text = """input: "s" input_shape { dim: [1, 2, 2, 4] } input: "d" input_shape { dim: [1, 4, 2, 4] }
    input: "im_info" input_shape { dim: [1, 3] }
    layer { name: "l" type: "Proposal" bottom: "s" bottom: "d" bottom: "im_info" top: "rois"
    proposal_param { ratio: 1 scale: 1 post_nms_topn: 11 nms_thresh: 0.1 } }"""
    scores = np.arange(16, dtype=np.float32).reshape(1, 2, 2, 4)
    model = read_model(*files(text))
    rois = infer(model, scores, np.zeros((1, 4, 2, 4), np.float32), np.array([[32, 64, 1]], np.float32))["rois"]
    assert rois.shape == (11, 5)
    assert rois[:, 0].tolist()[:9] == [0] * 8 + [-1]
    assert rois[7].tolist() == [0, 0, 0, 16, 16]  # the one of the lowest score
    with pytest.raises(OvlabError, match="has 4 anchors; OpenVINO's operation needs 8 or more"):
        read_model(*files(text), input_shapes={"s": [1, 2, 2, 2], "d": [1, 4, 2, 2]})


@pytest.mark.parametrize(
    ("layer", "problem"),
    [
        (
            'type: "Proposal" proposal_param { ratio: 1 scale: 1 }',
            r"expected 2 and 4 channels for 1 ratios and 1 scales",
        ),
        ('type: "Proposal"', r"for 0 ratios and 0 scales"),
        (
            "type: 'Python' python_param { module: 'rpn.proposal_layer' layer: 'ProposalLayr' }",
            "runs Python code of the network's own, 'rpn.proposal_layer.ProposalLayr', .* did you mean 'rpn.prop",
        ),
        (
            "type: 'Python' python_param { module: 'rpn.proposal_layer' layer: 'ProposalLayer' param_str: 'a: 1' }",
            "param_str has an unknown key 'a'",
        ),
        (
            "type: 'Python' python_param { module: 'rpn.proposal_layer' layer: 'ProposalLayer' param_str: \"[\" }",
            r"param_str is '\['; expected keys and values",
        ),
    ],
)
def test_bad_proposals_say_what_is_wrong(run: Callable[..., Array], layer: str, problem: str) -> None:
    with pytest.raises(OvlabError, match=problem):
        run(
            layer,
            np.zeros((1, 12, 5, 6), np.float32),
            np.zeros((1, 24, 5, 6), np.float32),
            np.zeros((1, 3), np.float32),
        )


@pytest.mark.parametrize(
    ("layer", "rows", "problem"),
    [
        ('type: "ROIPooling"', 5, "pooled_h, pooled_w and spatial_scale must be positive"),
        ('type: "ROIPooling" roi_pooling_param { pooled_h: 1 pooled_w: 1 }', 4, r"shape \(3, 4\); expected rows of 5"),
        ('type: "PSROIPooling"', 5, "output_dim, group_size and spatial_scale must be positive"),
        (
            'type: "PSROIPooling" psroi_pooling_param { output_dim: 2 group_size: 2 spatial_scale: 1 }',
            5,
            "12 channels; expected 8",
        ),
    ],
)
def test_bad_pooling_of_regions_says_what_is_wrong(
    run: Callable[..., Array], layer: str, rows: int, problem: str
) -> None:
    with pytest.raises(OvlabError, match=problem):
        run(layer, np.zeros((1, 12, 5, 6), np.float32), np.zeros((3, rows), np.float32))
