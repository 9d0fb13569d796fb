"""Does the IR compute what the original model computes? Ask ONNX Runtime, on real images."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import openvino as ov
from numpy.typing import NDArray

from ovlab.convert.preprocess import reference_input
from ovlab.errors import OvlabError, one_line
from ovlab.records import Quantity
from ovlab.runtime import core, set_batch
from ovlab.specs import ModelSpec

log = logging.getLogger("ovlab.convert")
ELEMENT_TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
    "tensor(int8)": np.int8,
    "tensor(uint16)": np.uint16,
    "tensor(int16)": np.int16,
    "tensor(uint32)": np.uint32,
    "tensor(int32)": np.int32,
    "tensor(uint64)": np.uint64,
    "tensor(int64)": np.int64,
}
"""What ONNX Runtime calls the types of inputs that an image can be given as."""
WITH_ROUNDING = (
    "; this quantised graph has operators from which rounding cannot be left out to compare (such as ConvInteger): how "
    "much is in order is for its `tolerance` to say"
)
ERRORS = 3
"""ONNX Runtime's level: below it, it warns of each constant that nothing takes."""
# The CPU would round the inputs of matrix products with stored integers as weights, one scale for every 32 of them.
EXACT = {"DYNAMIC_QUANTIZATION_GROUP_SIZE": "0"}
Answers = dict[str, tuple[NDArray[Any], NDArray[np.float64]]]
"""For one image, by output: what the IR gives, and what is expected."""


def open_original(
    path: Path, *, as_written: bool = False, content: bytes | None = None
) -> onnxruntime.InferenceSession:
    """Open an ONNX model in ONNX Runtime, on the CPU.

    Parameters
    ----------
    path : Path
        The model.
    as_written : bool
        Execute the operators that stand in the file, rather than integer kernels in place of QuantizeLinear,
        DequantizeLinear and what is between them.
    content : bytes, optional
        What to open instead of the file.

    Raises
    ------
    OvlabError
        If it does not, as for an operation of the model's own.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = ERRORS
    if as_written:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        return onnxruntime.InferenceSession(content or path, options, providers=["CPUExecutionProvider"])
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
        ``parity_absolute``: the largest absolute difference of any output element; ``parity_relative``: of any output
        the same divided by its range over all images, which is taken for at least `absolute_tolerance` over `tolerance`
        of the model; ``parity_range``: the range of that output; ``parity_images``.

    Raises
    ------
    OvlabError
        If the outputs are not comparable or contain NaN.
    """
    largest = _Largest(spec)
    for answers in both_answers(session, ir, spec, images):
        largest.add(answers)
    return largest.values()


def compare_quantised(
    path: Path, read: Callable[[], ov.Model], spec: ModelSpec, images: Sequence[NDArray[np.uint8]]
) -> dict[str, Quantity]:
    """Compare the IR of a quantised ONNX model with its original: without rounding, and as it is.

    Parameters
    ----------
    path : Path
        The original.
    read : callable
        Reads the IR; called once for each comparison, which changes what it reads.
    spec : ModelSpec
        The model.
    images : sequence of ndarray of uint8, shape (height, width, 3)
        Images of the input's size, in BGR.

    Returns
    -------
    dict of Quantity
        Those of `compare_with_onnxruntime` without rounding, and of the models as they are ``rounded_difference`` and
        ``rounding_noise`` (`ovlab.convert.rounding.RoundingNoise.worst`). The latter two are not there if the graph
        cannot be had without rounding: the former are those of the models as they are then.

    Raises
    ------
    OvlabError
        See `compare_with_onnxruntime`.
    """
    from ovlab.convert.rounding import RoundingNoise, ir_without_rounding, onnx_without_rounding

    original = open_original(path, as_written=True)
    content, unrounded = onnx_without_rounding(path), read()
    if content is None or not ir_without_rounding(unrounded):
        return compare_with_onnxruntime(original, read(), spec, images)
    cut = open_original(path, content=content)
    largest, noise = _Largest(spec), RoundingNoise()
    pairs = (both_answers(cut, unrounded, spec, images, EXACT), both_answers(original, read(), spec, images))
    for without, answers in zip(*pairs, strict=True):
        largest.add(without)
        for name, (found, expected) in answers.items():
            noise.add(name, found, expected, without[name][1])
    _, difference, rounding = noise.worst(spec.tolerance)
    return largest.values() | {
        "rounded_difference": Quantity(difference, "fraction"),
        "rounding_noise": Quantity(rounding, "fraction"),
    }


def parity_complaint(values: Mapping[str, Quantity], tolerance: float, *, quantised: bool = False) -> str:
    """Say why outputs are too far from ONNX Runtime's; empty if they are not.

    Parameters
    ----------
    values : mapping of Quantity
        From `compare_with_onnxruntime` or `compare_quantised`.
    tolerance : float
        Accepted as a fraction of the output's range.
    quantised : bool
        Whether the graph is.
    """
    from ovlab.convert.rounding import accepted

    relative, difference, rounding = (
        float(values[key].value or 0.0) if key in values else 0.0
        for key in ("parity_relative", "rounded_difference", "rounding_noise")
    )
    without = ", both without their rounding," if "rounding_noise" in values else ""
    how = " without rounding" if without else ""
    log.info("largest difference to ONNX Runtime%s: %.2g of the output's range", how, relative)
    if relative > tolerance:
        return (
            f"the IR's outputs differ from ONNX Runtime's{without} by {relative:.2g} of their range, more than its "
            f"tolerance {tolerance:g}" + (WITH_ROUNDING if quantised and not without else "")
        )
    if "rounding_noise" not in values:
        return ""
    log.info("with rounding: %.2g (root mean square); rounding alone changes %.2g", difference, rounding)
    if difference > accepted(tolerance, rounding):
        return (
            f"as it runs here, its outputs differ from ONNX Runtime's by {difference:.2g} of their range (root mean "
            f"square), more than rounding explains: it changes them by {rounding:.2g}, of which twice is accepted, and "
            f"the tolerance {tolerance:g}"
        )
    return ""


class _Largest:
    """The largest difference of each output over images, and its range: the largest absolute value over all of them.

    Parameters
    ----------
    spec : ModelSpec
        A difference is accepted up to its `tolerance` as a fraction of the range, and up to its `absolute_tolerance`
        whatever the range: where all images leave an output near zero, what remains is rounding of earlier sums.
    """

    def __init__(self, spec: ModelSpec) -> None:
        self._floor = spec.absolute_tolerance / spec.tolerance
        self._outputs: dict[str, tuple[float, float]] = {}
        self._images = 0

    def add(self, answers: Answers) -> None:
        self._images += 1
        for name, (found, expected) in answers.items():
            if found.shape != expected.shape:
                raise OvlabError(f"parity: output {name!r} is {found.shape}, ONNX Runtime's is {expected.shape}")
            difference, size = self._outputs.get(name, (0.0, 0.0))
            difference = max(difference, float(np.abs(found - expected).max(initial=0.0)))
            self._outputs[name] = difference, max(size, float(np.abs(expected).max(initial=0.0)))

    def values(self) -> dict[str, Quantity]:
        relative, size = max((self._relative(*one), one[1]) for one in self._outputs.values())
        return {
            "parity_absolute": Quantity(max(one for one, _ in self._outputs.values()), "output units"),
            "parity_relative": Quantity(relative, "fraction"),
            "parity_range": Quantity(size, "output units"),
            "parity_images": Quantity(self._images, "count"),
        }

    def _relative(self, difference: float, size: float) -> float:
        divisor = max(size, self._floor)
        return difference / divisor if divisor else difference


def both_answers(
    session: onnxruntime.InferenceSession,
    ir: ov.Model,
    spec: ModelSpec,
    images: Sequence[NDArray[np.uint8]],
    properties: dict[str, str] | None = None,
) -> Iterator[Answers]:
    """Run the IR and the original on each image; yield by output what the IR gives and what is expected.

    Parameters
    ----------
    session, ir, spec, images
        See `compare_with_onnxruntime`.
    properties : dict, optional
        Further ones to compile with.

    Raises
    ------
    OvlabError
        See `compare_with_onnxruntime`.
    """
    feed = next((one for one in session.get_inputs() if one.name == spec.input.name), session.get_inputs()[0])
    element_type = ELEMENT_TYPES.get(feed.type)
    if element_type is None:
        raise OvlabError(f"parity: input {feed.name!r} is {feed.type}, which no image can be given to ONNX Runtime as")
    # A model of fixed batch is fed the same image in all its places.
    batch = feed.shape[0] if isinstance(feed.shape[0], int) and feed.shape[0] > 0 else 1
    set_batch(ir, batch)
    compiled = core().compile_model(ir, "CPU", {"INFERENCE_PRECISION_HINT": "f32"} | (properties or {}))
    for image in images:
        pixels = reference_input(image, spec.input, spec.preprocess).astype(element_type).repeat(batch, axis=0)
        expected = dict(
            zip([one.name for one in session.get_outputs()], session.run(None, {feed.name: pixels}), strict=True)
        )
        answer = compiled(image[None].repeat(batch, axis=0))
        yield dict(_pair(port, answer[port], expected) for port in compiled.outputs)


def _pair(
    port: ov.Output, found: NDArray[np.float32], expected: dict[str, NDArray[np.float32]]
) -> tuple[str, tuple[NDArray[Any], NDArray[np.float64]]]:
    name = next((name for name in port.get_names() if name in expected), None)
    if name is None:
        raise OvlabError(f"parity: output {sorted(port.get_names())} is none of ONNX's {sorted(expected)}")
    reference = np.asarray(expected[name], np.float64)
    if not np.isfinite(reference).all() or not np.isfinite(found).all():
        raise OvlabError(f"parity: output {name!r} contains NaN or infinity")
    return name, (found, reference)
