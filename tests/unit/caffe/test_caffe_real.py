"""Parity with what OpenCV 4.14's Caffe importer gives on real networks, and the memory that reading needs."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from caffe_net import caffemodel, infer
from numpy.typing import NDArray
from numpy_caffe import run_caffe, with_own_statistics

from ovlab.caffe import read_model

Array = NDArray[np.float32]
REAL = Path(__file__).parents[4] / "shared" / "real"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not (REAL / "golden").is_dir(), reason="the real models of ../shared/real are not here"),
]


def read(name: str, weights: str, **arguments: object) -> tuple[ov.Model, dict[str, Array]]:
    """A model and its golden input and outputs."""
    model = read_model(
        REAL / f"models/{name}.prototxt",
        REAL / f"models/{weights}.caffemodel",
        **arguments,  # type: ignore[arg-type]
    )
    return model, dict(np.load(REAL / f"golden/{weights}.golden.npz"))


def by_score(detections: Array) -> Array:
    """Detections (score above 0) in falling order of score.

    Caffe and OpenVINO list an image's detections class by class, OpenCV all of them by score; it fills up with zeros.
    """
    rows = detections.reshape(-1, 7)
    rows = rows[(rows[:, 0] >= 0) & (rows[:, 2] > 0)]
    return rows[np.argsort(-rows[:, 2], kind="stable")]


def assert_close(what: str, found: Array, wanted: Array, most: float) -> None:
    """Compare, and print the largest difference (pytest -s shows it: the figures of docs/caffe.md)."""
    print(f"{what}: largest difference {np.abs(found - wanted).max():.1e}")
    np.testing.assert_allclose(found, wanted, rtol=0, atol=most)


def assert_same_detections(what: str, found: Array, wanted: Array) -> None:
    """Same classes in the same order, scores within 1e-4, boxes within 1e-3."""
    found, wanted = by_score(found), by_score(wanted)
    np.testing.assert_array_equal(found[:, :2], wanted[:, :2])
    assert_close(f"{what}, scores of {len(wanted)} detections", found[:, 2], wanted[:, 2], 1e-4)
    assert_close(f"{what}, boxes of {len(wanted)} detections", found[:, 3:], wanted[:, 3:], 1e-3)


def test_mobilenet_ssd() -> None:
    model, golden = read("mobilenet-ssd", "mobilenet-ssd-synthetic", outputs=["mbox_loc", "mbox_conf_flatten"])
    y = infer(model, golden["input"])
    for name in ("mbox_loc", "mbox_conf_flatten"):
        assert_close(f"MobileNet-SSD, {name}", y[name], golden[name], 1e-4)
    assert len(by_score(golden["detection_out"])) == 100
    assert_same_detections("MobileNet-SSD", y["detection_out"], golden["detection_out"])


def test_mobilenet_ssd_uses_depthwise_convolutions() -> None:
    model, _ = read("mobilenet-ssd", "mobilenet-ssd-synthetic")
    kinds = [op.get_type_name() for op in model.get_ordered_ops()]
    assert kinds.count("GroupConvolution") == 13
    assert kinds.count("Convolution") == 34


@pytest.mark.skipif(platform.machine() not in {"x86_64", "AMD64"}, reason="eight-bit kernels differ elsewhere")
def test_mobilenet_ssd_quantises_completely() -> None:
    nncf = pytest.importorskip("nncf")
    model, golden = read("mobilenet-ssd", "mobilenet-ssd-synthetic")
    quantised = nncf.quantize(model, nncf.Dataset([golden["input"]]), subset_size=1)
    compiled = ov.Core().compile_model(quantised, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    nodes = [op.get_rt_info() for op in compiled.get_runtime_model().get_ordered_ops()]
    kinds = [(info["layerType"].astype(str), info["runtimePrecision"].astype(str)) for info in nodes]
    assert [precision for kind, precision in kinds if kind == "Convolution"] == ["u8"] * 47
    y = compiled(golden["input"])["detection_out"]
    assert np.isfinite(y).all()
    assert len(by_score(y)) == 100


def test_face_detector() -> None:
    model, golden = read("yufacedetectnet-v2", "yufacedetectnet-v2")
    assert len(by_score(golden["detection_out"])) == 29
    assert_same_detections("face detector", infer(model, golden["input"])["detection_out"], golden["detection_out"])


def test_squeezenet() -> None:
    model, golden = read("squeezenet_v1.1", "squeezenet_v1.1-synthetic", batch=1)
    y = infer(model, golden["input"])["prob"]
    assert_close("SqueezeNet, prob", y, golden["prob"].reshape(y.shape), 1e-4)


def test_a_batch_of_two_detects_in_each_image_what_one_does() -> None:
    model, golden = read("mobilenet-ssd", "mobilenet-ssd-synthetic")
    model.reshape([2, 3, 300, 300])
    other = golden["input"][:, :, ::-1].copy()
    y = infer(model, np.concatenate([other, golden["input"]]))["detection_out"]
    rows = y.reshape(-1, 7)
    assert set(rows[rows[:, 2] > 0, 0]) == {0, 1}
    second = rows[rows[:, 0] == 1] * np.array([0, 1, 1, 1, 1, 1, 1], np.float32)
    assert_same_detections("the second of two images", second, golden["detection_out"])


def test_the_face_detector_takes_another_size() -> None:
    model, golden = read("yufacedetectnet-v2", "yufacedetectnet-v2")
    large, _ = read("yufacedetectnet-v2", "yufacedetectnet-v2", input_shapes={"data": [1, 3, 480, 640]})
    model.reshape([1, 3, 480, 640])
    x = golden["input"].repeat(2, 2).repeat(2, 3)
    assert_same_detections(
        "reshaped against read so", infer(model, x)["detection_out"], infer(large, x)["detection_out"]
    )


def random_weights(name: str, folder: Path) -> tuple[Path, Path]:
    """A public deploy file and random weights for it."""
    prototxt, weights = REAL / f"caffe/{name}.prototxt", folder / f"{name}.caffemodel"
    maker = REAL / "caffe" / "random_caffemodel.py"
    subprocess.run([sys.executable, str(maker), str(prototxt), str(weights)], check=True, capture_output=True)
    return prototxt, weights


# EAST as the maker draws it magnifies rounding (its outputs move by 77 times what its input moves by, and OpenCV lies
# further from double precision than this): its normalisations get the statistics of their own inputs.
@pytest.mark.parametrize(
    ("name", "most"), [("shufflenet", 1e-5), ("se_resnet50", 1e-4), ("enet_final", 1e-5), ("east_mbv3", 2e-5)]
)
def test_public_deploy_files_with_random_weights(tmp_path: Path, name: str, most: float) -> None:
    prototxt, weights = random_weights(name, tmp_path)
    shape = tuple(read_model(prototxt, weights).input().shape)
    x = np.random.default_rng(3).uniform(-1, 1, shape).astype(np.float32)
    if name == "east_mbv3":
        weights.write_bytes(caffemodel(with_own_statistics(prototxt, weights, data=x)))
    model = read_model(prototxt, weights)
    wanted = run_caffe(prototxt, weights, data=x)
    for top, values in infer(model, x).items():
        reference = wanted[top].reshape(values.shape)
        assert_close(f"{name}, {top}, of its range", values / np.ptp(reference), reference / np.ptp(reference), most)


def test_segnet_with_random_weights(tmp_path: Path) -> None:
    # Where two values of a pooling window differ by less than rounding, float32 and double unpool to different places.
    prototxt, weights = random_weights("segnet_driving", tmp_path)
    model = read_model(prototxt, weights, outputs=["conv5_1_D"])
    x = np.random.default_rng(3).uniform(-1, 1, tuple(model.input().shape)).astype(np.float32)
    wanted, found = run_caffe(prototxt, weights, data=x), infer(model, x)
    span = np.ptp(wanted["conv5_1_D"])
    assert_close("SegNet, conv5_1_D, of its range", found["conv5_1_D"] / span, wanted["conv5_1_D"] / span, 1e-5)
    same = float((found["argmax"] == wanted["argmax"].reshape(found["argmax"].shape)).mean())
    print(f"SegNet, pixels of the same class: {same:.4f}")
    assert same > 0.99


def test_reading_needs_less_than_a_gigabyte() -> None:
    program = f"""
from pathlib import Path
from ovlab.caffe import read_model
real = Path({str(REAL)!r})
read_model(real / "models/mobilenet-ssd.prototxt", real / "models/mobilenet-ssd-synthetic.caffemodel")
# Not ru_maxrss: that begins with the size of the process which started this one.
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert int(done.stdout) < 1_000_000  # KiB
