"""A trained TensorFlow detector, as frozen graph and as TFLite, with a decoder file of one's own."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from real_runs import REAL, needs_real_data, run_real
from workflow_runs import ROOT

from ovlab.metrics.detection import Detections
from ovlab.runtime import core, read_ir
from ovlab.tasks.detection.decoders import bind, load_decoders, suppress

pytestmark = [pytest.mark.real, needs_real_data]
DECODER = ROOT / "tests" / "real" / "conf" / "decoders" / "face_mask.py"
# The outputs of each format, in the order of OpenCV's names for those of the network's Caffe form.
OUTPUTS = {
    "face_mask_graph": ("loc_branch_concat_1/concat:0", "cls_branch_concat_1/concat:0"),
    "face_mask_lite": ("loc_branch_concat_1/concat", "cls_branch_concat_1/concat"),
}
GOLDEN = ("loc_branch_concat", "cls_branch_concat")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("real")


@pytest.fixture(scope="module")
def results(folder: Path) -> pd.DataFrame:
    # A path in a model's YAML is seen from the folder that Snakemake runs in.
    (folder / "decoders").mkdir()
    shutil.copy(DECODER, folder / "decoders")
    return run_real("real_face_mask", folder, ("validation.limit=40", "precision.quantization.subset=20"))


def test_both_formats_run_in_both_precisions(results: pd.DataFrame) -> None:
    found = results.groupby("model")["executed_precision"].apply(list).to_dict()
    assert found == {name: ["f32", "i8"] for name in OUTPUTS}
    assert (results["throughput_fps"] > 0).all()


def test_raw_outputs_are_those_of_opencv(folder: Path, results: pd.DataFrame) -> None:
    golden = np.load(REAL / "golden" / "face-mask-ssd.golden.npz")
    image = np.rint(golden["input_nhwc"][..., ::-1] * 255).astype(np.uint8)  # the IR takes 8-bit BGR
    np.testing.assert_allclose(image[..., ::-1] / np.float32(255), golden["input_nhwc"], atol=1e-6)
    assert set(results["model"]) == set(OUTPUTS)
    for model, names in OUTPUTS.items():
        (path,) = folder.glob(f"results/variants/{model}/fp32/*/model.xml")
        answer = core().compile_model(read_ir(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(image)
        for name, key in zip(names, GOLDEN, strict=True):
            np.testing.assert_allclose(answer[name], golden[key], rtol=0, atol=1e-4)


def test_both_formats_find_the_same_boxes(folder: Path, results: pd.DataFrame) -> None:
    assert len(results) == 4
    paths = [next(folder.glob(f"results/accuracy/{model}/fp32/*/predictions.parquet")) for model in OUTPUTS]
    first, second = (pd.read_parquet(path) for path in paths)
    assert first["image"].nunique() == 40 and (first["class_id"] >= 0).sum() > 5
    pd.testing.assert_frame_equal(first, second, rtol=1e-4, atol=0.01)


def test_the_decoder_finds_what_the_anchors_say() -> None:
    load_decoders(DECODER)
    golden = np.load(REAL / "golden" / "face-mask-ssd.golden.npz")
    decode = bind("face_mask", {"offsets": GOLDEN[0], "scores": GOLDEN[1]}, width=260, height=260, classes=2)
    found = decode({key: golden[key] for key in GOLDEN})
    assert found.boxes.shape == (5972, 4)
    sure = found.scores > 0.5
    kept = suppress(Detections(found.class_ids[sure], found.scores[sure], found.boxes[sure]), 0.4, 100)
    assert 1 <= len(kept) < sure.sum()
    assert kept.scores[0] > 0.99
    # Anchors that overlap agree on where the face is: their mean is the surest one's box, to a few pixels.
    width = kept.boxes[0, 2] - kept.boxes[0, 0]
    same = sure & (np.abs(found.boxes - kept.boxes[0]).max(axis=1) < width / 2)
    assert same.sum() > 1
    np.testing.assert_allclose(found.boxes[same].mean(axis=0), kept.boxes[0], atol=0.15 * width)
