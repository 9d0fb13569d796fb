"""Embed the preprocessing, so that the IR takes an 8-bit image as a deployment would."""

from __future__ import annotations

from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino.preprocess import ColorFormat, PrePostProcessor

from ovlab.errors import OvlabError, one_line
from ovlab.runtime import image_input
from ovlab.specs import InputSpec, PreprocessSpec

COLOURS = {"RGB": ColorFormat.RGB, "GRAY": ColorFormat.GRAY}

WHOLE_NUMBERS = {
    f"{sign}{bits}": (0, 2**bits - 1) if sign == "u" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    for sign in "iu"
    for bits in (8, 16, 32, 64)
}
"""Least and largest number of the integer types that a pixel may become."""


def set_input_shape(model: ov.Model, spec: InputSpec) -> None:
    """Give the image input the declared shape, and check that its height and width are known.

    Raises
    ------
    OvlabError
        If the model has no such input, cannot take the shape, or leaves height or width open.
    """
    if len(model.inputs) > 1:
        names = ", ".join(port.get_any_name() for port in model.inputs)
        raise OvlabError(f"input: the model has {len(model.inputs)} inputs ({names}), expected one, an image")
    port = image_input(model, spec.name)
    if spec.shape is not None:
        try:
            model.reshape({port: ov.PartialShape(list(spec.shape))})
        except RuntimeError as error:
            raise OvlabError(f"input.shape: the model cannot take {list(spec.shape)} ({one_line(error)})") from None
    shape = image_input(model, spec.name).get_partial_shape()
    if shape.rank.is_dynamic or len(shape) != 4:
        raise OvlabError(f"input: expected an image input of 4 dimensions, the model's is {shape}")
    if any(shape[spec.layout.index(axis)].is_dynamic for axis in "HWC"):
        raise OvlabError(f"input.shape: missing; the model leaves its size open ({shape} as {spec.layout})")


def embed(model: ov.Model, spec: InputSpec, preprocess: PreprocessSpec) -> ov.Model:
    """Put channel order, mean and scale into the model.

    Parameters
    ----------
    model : openvino.Model
        With a 4-dimensional image input of known size.
    spec : InputSpec
        Which input, in which layout.
    preprocess : PreprocessSpec
        The arithmetic.

    Returns
    -------
    openvino.Model
        Its image input is u8, NHWC, BGR (what OpenCV decodes to); its outputs are f32.

    Raises
    ------
    OvlabError
        If the input does not have as many channels as the preprocessing declares, or its element type cannot take what
        the preprocessing makes of a pixel.
    """
    port = image_input(model, spec.name)
    channels = port.get_partial_shape()[spec.layout.index("C")].get_length()
    if channels != (1 if preprocess.channels == "GRAY" else 3):
        raise OvlabError(f"preprocess.channels: {preprocess.channels}, but the model's input has {channels} channels")
    index = list(model.inputs).index(port)
    ppp = PrePostProcessor(model)
    image = ppp.input(index)
    image.tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC")).set_color_format(ColorFormat.BGR)
    image.model().set_layout(ov.Layout(spec.layout))
    steps = image.preprocess()
    # Before the conversion to float: swapping bytes is cheaper than swapping floats.
    if preprocess.channels in COLOURS:
        steps.convert_color(COLOURS[preprocess.channels])
    element_type = port.get_element_type()
    if element_type.is_real():
        steps.convert_element_type(ov.Type.f32)
    else:
        _require_whole_numbers(preprocess, element_type.get_type_name())
        steps.convert_element_type(ov.Type.f32 if any(preprocess.mean) else element_type)
    if preprocess.unit_range:
        steps.scale(255.0)
    if any(preprocess.mean):
        steps.mean(_per_channel(preprocess.mean))
    if any(value != 1.0 for value in preprocess.scale):
        steps.scale(_per_channel(preprocess.scale))
    steps.convert_element_type(element_type)
    for position, output in enumerate(model.outputs):
        if output.get_element_type().is_real():
            ppp.output(position).tensor().set_element_type(ov.Type.f32)
    return ppp.build()


def _require_whole_numbers(preprocess: PreprocessSpec, element_type: str) -> None:
    """Raise if a model's integer input cannot take what the preprocessing makes of a pixel."""
    if element_type not in WHOLE_NUMBERS:
        raise OvlabError(f"input: the model's is of type {element_type}, which no image becomes")
    least, most = WHOLE_NUMBERS[element_type]
    if preprocess.unit_range or any(value != 1.0 for value in preprocess.scale):
        raise OvlabError(
            f"preprocess: the model's input takes whole numbers ({element_type}), expected neither unit_range nor scale"
        )
    if any(mean != int(mean) or not (least <= -mean and 255 - mean <= most) for mean in preprocess.mean):
        raise OvlabError(
            f"preprocess.mean: {list(preprocess.mean)} from 0..255 does not fit the model's input, which takes whole "
            f"numbers from {least} to {most} ({element_type})"
        )


def _per_channel(numbers: tuple[float, ...]) -> float | list[float]:
    return numbers[0] if len(numbers) == 1 else list(numbers)


def reference_input(image: NDArray[np.uint8], spec: InputSpec, preprocess: PreprocessSpec) -> NDArray[np.float32]:
    """Compute in NumPy what the embedded preprocessing computes, for the original model's own runtime.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        In BGR.
    spec : InputSpec
        The original input's layout.
    preprocess : PreprocessSpec
        The arithmetic.

    Returns
    -------
    ndarray of float32, shape (1, channels, height, width) or (1, height, width, channels)
    """
    pixels: NDArray[Any] = image.astype(np.float32)
    if preprocess.channels == "RGB":
        pixels = pixels[..., ::-1]
    elif preprocess.channels == "GRAY":
        # ITU-R BT.601 luma, rounded to 8 bits as the embedded conversion does.
        pixels = np.round(pixels @ np.array([0.114, 0.587, 0.299], np.float32))[..., None]
    if preprocess.unit_range:
        pixels = pixels / np.float32(255)
    pixels = (pixels - np.array(preprocess.mean, np.float32)) / np.array(preprocess.scale, np.float32)
    batch = np.ascontiguousarray(pixels, np.float32)[None]
    return np.ascontiguousarray(batch.transpose(0, 3, 1, 2)) if spec.layout == "NCHW" else batch
