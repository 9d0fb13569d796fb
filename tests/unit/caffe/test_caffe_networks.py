"""Networks of the patterns of ShuffleNet, SE-ResNet, EAST, ENet and SegNet against double precision and OpenCV."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from caffe_net import Array, infer
from networks import NETWORKS, image_for
from numpy_caffe import run_caffe
from opencv_cases import GOLDEN

from ovlab.caffe import read_model

Files = Callable[..., tuple[Path, Path]]


def outputs(files: Files, name: str) -> tuple[dict[str, Array], dict[str, Array]]:
    """What the reader's model gives, and the reference."""
    net = NETWORKS[name]()
    prototxt, weights = files(net.text(), net.blobs())
    extra = ["scores"] if name == "segnet" else []
    return infer(read_model(prototxt, weights, outputs=extra), image_for(net)), run_caffe(
        prototxt, weights, data=image_for(net)
    )


@pytest.mark.parametrize("name", NETWORKS)
def test_as_double_precision_has_it(files: Files, name: str) -> None:
    found, wanted = outputs(files, name)
    assert found
    for top, values in found.items():
        span = np.ptp(wanted[top])
        assert span > 0.01
        np.testing.assert_allclose(values, wanted[top].reshape(values.shape), rtol=0, atol=1e-5 * span, err_msg=top)


@pytest.mark.parametrize("name", ["shufflenet", "se_resnet", "east"])
def test_as_opencv_has_it(files: Files, name: str) -> None:
    # OpenCV 4.14 reads neither Upsample with a mask nor BN, so neither ENet nor SegNet.
    found, _ = outputs(files, name)
    with np.load(GOLDEN) as golden:
        for top, values in found.items():
            wanted = golden[f"{name}/{top}"].reshape(values.shape)
            np.testing.assert_allclose(values, wanted, rtol=0, atol=1e-5 * np.ptp(wanted), err_msg=top)
