"""A writer of caffemodels that shares nothing with the reader, and a way to run a network on the CPU.

Field numbers are written out as in BVLC Caffe's caffe.proto, so that a wrong number in the reader's table shows.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

import numpy as np
import openvino as ov
from numpy.typing import NDArray

Array = NDArray[np.float32]


def varint(value: int) -> bytes:
    """Protocol buffers' variable-length integer."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def chunk(field: int, content: bytes) -> bytes:
    """A length-delimited field (wire type 2)."""
    return varint(field << 3 | 2) + varint(len(content)) + content


def number(field: int, value: int) -> bytes:
    """An integer field (wire type 0)."""
    return varint(field << 3) + varint(value)


def blob_proto(values: Array, *, legacy: bool = False) -> bytes:
    """BlobProto: data = 5 packed, shape = 7 with dim = 1 packed; or num, channels, height, width = 1..4."""
    data = chunk(5, np.asarray(values, "<f4").tobytes())
    if legacy:
        dims = (1,) * (4 - values.ndim) + values.shape
        return b"".join(number(i + 1, n) for i, n in enumerate(dims)) + data
    return chunk(7, chunk(1, b"".join(map(varint, values.shape)))) + data


def caffemodel(blobs: Mapping[str, Sequence[Array]], *, v1: bool = False) -> bytes:
    """NetParameter: layer = 100 (name = 1, type = 2, blobs = 7), or V1 layers = 2 (name = 4, type = 5, blobs = 6)."""
    out = chunk(1, b"a net")
    for name, values in blobs.items():
        if v1:
            body = chunk(4, name.encode()) + number(5, 4)
            out += chunk(2, body + b"".join(chunk(6, blob_proto(v, legacy=True)) for v in values))
        else:
            # 106 = convolution_param, 999 = what some fork added: both are to be skipped
            body = chunk(1, name.encode()) + chunk(2, b"Any") + chunk(106, number(1, 7)) + chunk(999, b"\x01\x02")
            body += struct.pack("<Bf", 5 << 3 | 5, 1.0)  # loss_weight = 5, a float
            out += chunk(100, body + b"".join(chunk(7, blob_proto(v)) for v in values))
    return out


def infer(model: ov.Model, *inputs: Array) -> dict[str, Array]:
    """Run a model in true single precision; outputs by name."""
    compiled = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1})
    result = compiled(list(inputs))
    return {name: result[output].copy() for output in compiled.outputs for name in output.names}
