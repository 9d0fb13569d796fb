"""Layers against what OpenCV 4.14's Caffe importer gives for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from caffe_net import Array, infer
from opencv_cases import CASES, GOLDEN

from ovlab.caffe import ReadOptions, read_model

Files = Callable[..., tuple[Path, Path]]


@pytest.fixture(scope="module")
def golden() -> Mapping[str, Array]:
    with np.load(GOLDEN) as stored:
        return dict(stored)


def test_the_golden_file_is_of_these_cases(golden: Mapping[str, Array]) -> None:
    of_layers = {key for key in golden if "/" not in key}
    assert of_layers - {"version"} == CASES.keys(), "run opencv_cases.py with OpenCV 4.14"


@pytest.mark.parametrize("name", CASES)
def test_as_opencv_has_it(files: Files, golden: Mapping[str, Array], name: str) -> None:
    case = CASES[name]
    inputs, blobs = case.arrays(name)
    model = read_model(
        *files(case.prototxt(), {"out": blobs} if blobs else None), options=ReadOptions(case.fractional_sizes)
    )
    y = infer(model, *inputs)["out"]
    wanted = golden[name].reshape(y.shape)
    np.testing.assert_allclose(y, wanted, rtol=0, atol=1e-5 * max(np.ptp(wanted), 1))
