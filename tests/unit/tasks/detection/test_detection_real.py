"""FastestDet on real images: the values that its authors' post-processing and plain pycocotools give."""

from __future__ import annotations

import contextlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import openvino as ov
import pytest

from ovlab.data.geometry import Placement, fit_placed, stretch
from ovlab.tasks.detection.annotations import AnnotatedSplit, read_coco
from ovlab.tasks.detection.evaluator import DetectionEvaluator
from ovlab.tasks.detection.spec import DetectionSpec

REAL = Path(__file__).parents[5] / "shared" / "real"
SIDE, CELLS = 352, 22
ANNOTATIONS = "annotations/instances_val2017.json"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not (REAL / "datasets").is_dir(), reason="the real images of ../shared/real are not here"),
]

Raw = tuple[np.ndarray, Placement]


def infer(split: AnnotatedSplit) -> list[Raw]:
    """Raw outputs, with the preprocessing of the model's README."""
    model = ov.Core().compile_model(
        str(REAL / "models/fastestdet-coco-352.onnx"),
        "CPU",
        {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 2},
    )
    result = []
    for image in split.images:
        pixels = cv2.imread(str(image.path), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
        placement = stretch(pixels.shape[1], pixels.shape[0], SIDE, SIDE)
        array = fit_placed(pixels, placement, interpolation="area").transpose(2, 0, 1)[None].astype(np.float32) / 255
        result.append((np.array(model(array)[0]), placement))
    return result


def by_the_book(grid: np.ndarray, width: int, height: int) -> list[tuple[float, int, list[float]]]:
    """Score, class and ``x, y, width, height`` of the boxes that stay, cell by cell as the model's README says."""
    found = []
    for i in range(CELLS):
        for j in range(CELLS):
            o, tx, ty, tw, th = grid[:5, i, j].astype(float)
            p = grid[5:, i, j].astype(float)
            w, h = width / (1 + np.exp(-tw)), height / (1 + np.exp(-th))
            x, y = (j + np.tanh(tx)) / CELLS * width - w / 2, (i + np.tanh(ty)) / CELLS * height - h / 2
            found.append((o**0.6 * p.max() ** 0.4, int(p.argmax()), [x, y, w, h]))
    kept: list[tuple[float, int, list[float]]] = []
    for one in sorted(found, key=lambda item: -item[0]):
        if all(one[1] != other[1] or overlap(one[2], other[2]) <= 0.45 for other in kept):
            kept.append(one)
    return kept


def overlap(a: list[float], b: list[float]) -> float:
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    return shared / (a[2] * a[3] + b[2] * b[3] - shared)


def pycocotools_stats(path: Path, results: list[dict[str, Any]]) -> np.ndarray:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(path))
        evaluation = COCOeval(truth, truth.loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return np.asarray(evaluation.stats)


def test_fastestdet_on_coco(tmp_path: Path) -> None:
    with zipfile.ZipFile(REAL / "datasets/coco2017-256.zip") as archive:
        archive.extractall(tmp_path, [name for name in archive.namelist() if "val2017" in name])
    split = read_coco(tmp_path, "val2017", ANNOTATIONS)
    data = json.loads((tmp_path / ANNOTATIONS).read_text())
    categories = sorted(entry["id"] for entry in data["categories"])
    ids = {entry["file_name"]: entry["id"] for entry in data["images"]}
    raw = infer(split)

    spec = DetectionSpec(decoder="fastestdet", classes=split.class_names, nms_iou=0.45)
    task = DetectionEvaluator(spec, split, "coco", width=SIDE, height=SIDE)
    rows = [task.predict(image, {"out": one[0]}, one[1]) for image, one in zip(split.images, raw, strict=True)]
    values = task.score(task.frame(rows))

    own, book = [], []
    for image, row, (grid, _) in zip(split.images, rows, raw, strict=True):
        key = ids[image.path.name]
        found = row["detections"]
        own += [
            {"image_id": key, "category_id": categories[c], "score": s, "bbox": [*b[:2], *(b[2:] - b[:2])]}
            for c, s, b in zip(found.class_ids, found.scores, found.boxes, strict=True)
        ]
        assert image.width is not None and image.height is not None
        book += [
            {"image_id": key, "category_id": categories[c], "score": s, "bbox": b}
            for s, c, b in by_the_book(grid[0], image.width, image.height)
        ]
    names = ("accuracy", "ap50", "ap75", "ap_small", "ap_medium", "ap_large")
    ours = [values[name].value for name in names]
    np.testing.assert_allclose(ours, pycocotools_stats(tmp_path / ANNOTATIONS, own)[:6], atol=1e-9)
    np.testing.assert_allclose(ours, pycocotools_stats(tmp_path / ANNOTATIONS, book)[:6], atol=0.005)
