"""Read the binary form of a network: the blobs of its layers, nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError

from ovlab.caffe.layer import Blob
from ovlab.caffe.schema import NetWeights
from ovlab.errors import OvlabError
from ovlab.files import open_file

# NVCaffe's Type enumeration, as far as weights are stored in it.
_RAW_TYPES = {0: "<f8", 1: "<f4", 2: "<f2"}


def read_caffemodel(path: Path) -> dict[str, list[Blob]]:
    """Read the weights of a caffemodel, in today's or in the V1 form.

    Parameters
    ----------
    path : Path
        The caffemodel. Fields that Caffe or a fork of it stores beside the blobs are skipped.

    Returns
    -------
    dict of str to list of ndarray
        The blobs of every layer that has some, by the layer's name; float32, in the stored shape.

    Raises
    ------
    OvlabError
        The file can't be read, is no caffemodel, or a blob's shape does not fit its number of values.
    """
    try:
        with open_file(path) as file:
            content = file.read()
    except OSError as error:
        raise OvlabError(f"{path}: cannot read the caffemodel: {error.strerror or error}") from error
    net = NetWeights()
    try:
        net.ParseFromString(content)
    except DecodeError as error:
        raise OvlabError(f"{path}: is no caffemodel, or is cut off ({len(content)} bytes)") from error
    layers = [*net.layer, *net.layers]
    if not layers:
        raise OvlabError(f"{path}: holds no layers; expected a caffemodel with weights")
    weights: dict[str, list[Blob]] = {}
    for layer in layers:
        name = layer.name.decode("utf-8", errors="replace")
        if layer.blobs:
            # Caffe, too, gives the blobs to the first layer of that name.
            weights.setdefault(name, [_blob(blob, f"{path}: layer '{name}'", i) for i, blob in enumerate(layer.blobs)])
    return weights


def _blob(blob: Any, where: str, index: int) -> Blob:
    """Read one blob: its values whatever they are stored as, its shape in either spelling."""
    if blob.data:
        values = _view(blob.data, "<f4", where, index)
    elif blob.double_data:
        values = _view(blob.double_data, "<f8", where, index)
    elif blob.raw_data_type in _RAW_TYPES:
        values = _view(blob.raw_data, _RAW_TYPES[blob.raw_data_type], where, index)
    else:
        raise OvlabError(f"{where}: blob {index} is stored as type {blob.raw_data_type}; expected floating point")
    if blob.HasField("shape"):
        shape = tuple(blob.shape.dim)
    elif any(blob.HasField(name) for name in ("num", "channels", "height", "width")):
        shape = (blob.num, blob.channels, blob.height, blob.width)
    else:
        shape = (len(values),)
    if min(shape, default=1) < 0 or np.prod(shape, dtype=object) != len(values):
        raise OvlabError(f"{where}: blob {index} holds {len(values)} values, its shape {shape} needs another number")
    return values.reshape(shape)


def _view(data: bytes, dtype: str, where: str, index: int) -> Blob:
    if len(data) % np.dtype(dtype).itemsize:
        raise OvlabError(f"{where}: blob {index} has {len(data)} bytes, which are no whole number of values")
    return np.frombuffer(data, dtype).astype(np.float32, copy=False)
