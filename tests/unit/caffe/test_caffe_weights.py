"""What a caffemodel may hold, byte by byte."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from caffe_net import blob_proto, caffemodel, chunk, number

from ovlab.caffe.weights import read_caffemodel
from ovlab.errors import OvlabError

VALUES = np.arange(6, dtype=np.float32).reshape(2, 3)


def stored(tmp_path: Path, *blobs: bytes) -> Path:
    """A caffemodel of one layer 'l' with the given BlobProto messages."""
    path = tmp_path / "net.caffemodel"
    path.write_bytes(chunk(100, chunk(1, b"l") + b"".join(chunk(7, blob) for blob in blobs)))
    return path


def shape(*dims: int) -> bytes:
    return chunk(7, b"".join(number(1, dim) for dim in dims))  # not packed, as some writers do


def test_both_forms(tmp_path: Path) -> None:
    path = tmp_path / "net.caffemodel"
    for v1, wanted in ((False, (2, 3)), (True, (1, 1, 2, 3))):
        path.write_bytes(caffemodel({"l": [VALUES], "empty": [], "m": [VALUES + 1, VALUES]}, v1=v1))
        weights = read_caffemodel(path)
        assert list(weights) == ["l", "m"]
        assert [blob.shape for blob in weights["l"]] == [wanted]
        np.testing.assert_array_equal(weights["l"][0].reshape(2, 3), VALUES)
        np.testing.assert_array_equal(weights["m"][0].reshape(2, 3), VALUES + 1)


@pytest.mark.parametrize(
    "data",
    [
        chunk(5, VALUES.astype("<f4").tobytes()),
        chunk(8, VALUES.astype("<f8").tobytes()),
        number(10, 0) + chunk(12, VALUES.astype("<f8").tobytes()),
        number(10, 1) + chunk(12, VALUES.astype("<f4").tobytes()),
        number(10, 2) + chunk(12, VALUES.astype("<f2").tobytes()),
    ],
    ids=["float", "double", "raw double", "raw float", "raw half"],
)
def test_precisions(tmp_path: Path, data: bytes) -> None:
    (blob,) = read_caffemodel(stored(tmp_path, shape(2, 3) + data))["l"]
    assert blob.dtype == np.float32
    np.testing.assert_array_equal(blob, VALUES)


def test_shapes(tmp_path: Path) -> None:
    data = chunk(5, VALUES.tobytes())
    scalar = chunk(7, b"") + chunk(5, struct.pack("<f", 7))
    path = stored(tmp_path, data, shape(6, 1) + data, blob_proto(VALUES, legacy=True), scalar)
    assert [blob.shape for blob in read_caffemodel(path)["l"]] == [(6,), (6, 1), (1, 1, 2, 3), ()]


def test_the_first_layer_of_a_name_counts(tmp_path: Path) -> None:
    path = tmp_path / "net.caffemodel"
    path.write_bytes(caffemodel({"l": [VALUES]}) + caffemodel({"l": [VALUES + 1]}))
    np.testing.assert_array_equal(read_caffemodel(path)["l"][0], VALUES)


@pytest.mark.parametrize(
    ("blob", "problem"),
    [
        (shape(2, 4) + chunk(5, VALUES.tobytes()), r"layer 'l': blob 0 holds 6 values, its shape \(2, 4\)"),
        (shape(2, 3) + chunk(5, VALUES.tobytes()[:-1]), "blob 0 has 23 bytes, which are no whole number of values"),
        (shape(2, 3) + number(10, 3) + chunk(12, b"123456"), "is stored as type 3; expected floating point"),
        (shape(2, 3), r"holds 0 values, its shape \(2, 3\)"),
        (shape(2**40, 2**40, 0) + chunk(5, VALUES.tobytes()), "holds 6 values"),
    ],
)
def test_bad_blobs_are_named(tmp_path: Path, blob: bytes, problem: str) -> None:
    with pytest.raises(OvlabError, match=f"net.caffemodel: {problem}|{problem}"):
        read_caffemodel(stored(tmp_path, blob))


def test_what_is_no_caffemodel_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.caffemodel"
    path.write_bytes(caffemodel({"l": [VALUES]})[:-5])
    with pytest.raises(OvlabError, match="is no caffemodel, or is cut off"):
        read_caffemodel(path)
    path.write_bytes(b"")
    with pytest.raises(OvlabError, match="holds no layers; expected a caffemodel"):
        read_caffemodel(path)
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    with pytest.raises(OvlabError, match=r"is no caffemodel, or is cut off|holds no layers"):
        read_caffemodel(path)
