"""Does the IR compute what the original model computes? Ask ONNX Runtime, on real images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
import openvino as ov
from numpy.typing import NDArray

from ovlab.convert.preprocess import reference_input
from ovlab.errors import OvlabError, one_line
from ovlab.records import Quantity
from ovlab.runtime import core, set_batch
from ovlab.specs import ModelSpec

FLOATS = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64}


def open_original(path: Path) -> onnxruntime.InferenceSession:
    """Open an ONNX model in ONNX Runtime, on the CPU.

    Raises
    ------
    OvlabError
        If it does not, as for an operation of the model's own.
    """
    try:
        return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors have no class in common
        raise OvlabError(f"{path.name}: ONNX Runtime does not open it ({one_line(error)})") from None


def compare_with_onnxruntime(
    session: onnxruntime.InferenceSession, ir: ov.Model, spec: ModelSpec, images: Sequence[NDArray[np.uint8]]
) -> dict[str, Quantity]:
    """Run the IR and the original ONNX model on the same images and measure how far their outputs are apart.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
        The original (`open_original`).
    ir : openvino.Model
        The converted model, with its preprocessing embedded. Reshaped to the original's batch.
    spec : ModelSpec
        The model.
    images : sequence of ndarray of uint8, shape (height, width, 3)
        Images of the input's size, in BGR.

    Returns
    -------
    dict of Quantity
        ``parity_absolute``: the largest absolute difference of any output element; ``parity_relative``: the same
        divided by the largest absolute value of that output; ``parity_images``.

    Raises
    ------
    OvlabError
        If the outputs are not comparable or contain NaN.
    """
    feed = next((one for one in session.get_inputs() if one.name == spec.input.name), session.get_inputs()[0])
    # A model of fixed batch is fed the same image in all its places.
    batch = feed.shape[0] if isinstance(feed.shape[0], int) and feed.shape[0] > 0 else 1
    set_batch(ir, batch)
    compiled = core().compile_model(ir, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    absolute = relative = 0.0
    for image in images:
        pixels = reference_input(image, spec.input, spec.preprocess).astype(FLOATS[feed.type]).repeat(batch, axis=0)
        expected = dict(
            zip([one.name for one in session.get_outputs()], session.run(None, {feed.name: pixels}), strict=True)
        )
        answer = compiled(image[None].repeat(batch, axis=0))
        for port in compiled.outputs:
            difference, size = _difference(port, answer[port], expected)
            absolute = max(absolute, difference)
            relative = max(relative, difference / size if size else difference)
    return {
        "parity_absolute": Quantity(absolute, "output units"),
        "parity_relative": Quantity(relative, "fraction"),
        "parity_images": Quantity(len(images), "count"),
    }


def _difference(
    port: ov.Output, found: NDArray[np.float32], expected: dict[str, NDArray[np.float32]]
) -> tuple[float, float]:
    name = next((name for name in port.get_names() if name in expected), None)
    if name is None:
        raise OvlabError(f"parity: output {sorted(port.get_names())} is none of ONNX's {sorted(expected)}")
    reference = np.asarray(expected[name], np.float64)
    if reference.shape != found.shape:
        raise OvlabError(f"parity: output {name!r} is {found.shape}, ONNX Runtime's is {reference.shape}")
    if not np.isfinite(reference).all() or not np.isfinite(found).all():
        raise OvlabError(f"parity: output {name!r} contains NaN or infinity")
    return float(np.abs(found - reference).max()), float(np.abs(reference).max())
