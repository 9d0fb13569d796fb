"""OpenVINO, opened the same way everywhere."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from ovlab.errors import OvlabError, UnavailableError, nearest, one_line
from ovlab.extension import load_extension_of, own_operations

if TYPE_CHECKING:
    from ovlab.specs import PrecisionSpec

STDERR = 2
MOST_WORDS = 20_000
"""Bytes of native code's words that go into a log."""
CAPABILITY = {"f32": "FP32", "f16": "FP16", "bf16": "BF16", "default": None}
"""What a device must be capable of to be asked for a type; ``default`` asks for none and lets the device decide."""


@contextlib.contextmanager
def words_into_log(log: logging.Logger) -> Iterator[None]:
    """Keep what native code writes to standard error for the log alone, at its level ``DEBUG``.

    Frontends quote the bytes of a file that is no model, which a terminal would obey; the error that they raise says
    what is wrong.
    """
    sys.stderr.flush()
    with tempfile.TemporaryFile() as words, contextlib.ExitStack() as stack:
        try:
            kept = os.dup(STDERR)
        except OSError:  # closed: nobody reads it
            yield
            return
        stack.callback(os.close, kept)
        os.dup2(words.fileno(), STDERR)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, STDERR)
            words.seek(0)
            if said := words.read(MOST_WORDS).decode("utf-8", "backslashreplace").strip():
                log.debug("written to standard error: %s", said)


@functools.cache
def core() -> ov.Core:
    """Return this process's OpenVINO core."""
    return ov.Core()


def read_ir(path: Path) -> ov.Model:
    """Read an IR, with the extension that it needs.

    Raises
    ------
    OvlabError
        If a file is missing or damaged, or the extension does not load.
    """
    for part in (path, path.with_suffix(".bin")):
        if not part.is_file():
            raise OvlabError(f"{part}: missing; the variant's folder is incomplete, delete it to have it made anew")
    load_extension_of(core(), path.parent)
    try:
        with own_operations(path.parent, "reading the model"):
            return core().read_model(path)
    except RuntimeError as error:
        raise OvlabError(f"{path}: not a readable IR ({one_line(error)})") from None


def image_input(model: ov.Model, name: str | None) -> ov.Output:
    """Return the model's image input.

    Raises
    ------
    OvlabError
        If there are several inputs and no name says which, or no input has the name.
    """
    return _choose(list(model.inputs), name, "input")


def task_output(model: ov.Model, name: str | None) -> ov.Output:
    """Return the model's output; see :func:`image_input`."""
    return _choose(list(model.outputs), name, "output")


def _choose(ports: list[ov.Output], name: str | None, what: str) -> ov.Output:
    names = [sorted(port.get_names()) for port in ports]
    every = [one for several in names for one in several]
    if name is None:
        if len(ports) != 1:
            raise OvlabError(f"{what}.name: missing, but the model has {len(ports)} {what}s: {', '.join(every)}")
        return ports[0]
    for port, own in zip(ports, names, strict=True):
        if name in own:
            return port
    raise OvlabError(f"{what}.name: the model has no {what} {name!r}{nearest(name, every)}")


def image_size(model: ov.Model) -> tuple[int, int]:
    """Return height and width in pixels of an IR's u8 NHWC image input."""
    shape = model.inputs[0].get_partial_shape()
    if shape[1].is_dynamic or shape[2].is_dynamic:
        raise OvlabError("input.shape: height and width must be fixed")
    return shape[1].get_length(), shape[2].get_length()


def set_batch(model: ov.Model, batch: int) -> None:
    """Reshape an IR to a batch size, if it does not have it already.

    Raises
    ------
    OvlabError
        If the model cannot take that batch.
    """
    shape = model.inputs[0].get_partial_shape()
    if shape.is_static and shape[0].get_length() == batch:
        return
    shape[0] = batch
    try:
        model.reshape({model.inputs[0]: shape})
    except RuntimeError as error:
        raise OvlabError(f"batch: the model cannot take {batch} ({one_line(error)})") from None


def bind_input(request: ov.InferRequest, pixels: NDArray[np.uint8]) -> None:
    """Let a request read its input from an array, without a copy, and keep the array for as long as the request.

    OpenVINO's tensor holds the address alone: an array that its owner has dropped would be read after it is freed.
    """
    request.set_input_tensor(ov.Tensor(pixels, shared_memory=True))
    request.pixels = pixels


def choose_precision(precision: PrecisionSpec, device: str) -> str:
    """Return the floating-point type to ask a physical device for: the first that it supports.

    Asking for one that it lacks would not fail: OpenVINO runs another one without saying so.

    Returns
    -------
    str
        ``f32``, ``f16``, ``bf16``, or ``default`` for none of them: see `precision_hint`.

    Raises
    ------
    UnavailableError
        If the device supports none of them.
    """
    wanted = precision.precisions_for(device)
    capabilities: Iterable[str] = core().get_property(device, "OPTIMIZATION_CAPABILITIES")
    for element_type in wanted:
        if CAPABILITY[element_type] in {None, *capabilities}:
            return element_type
    raise UnavailableError(
        f"{device} does not execute {' or '.join(wanted)} (it has {', '.join(sorted(capabilities))})"
    )


def precision_hint(element_type: str) -> dict[str, str]:
    """Return the property that asks a device for a floating-point type; none where the device is to decide."""
    return {} if CAPABILITY[element_type] is None else {"INFERENCE_PRECISION_HINT": element_type}
