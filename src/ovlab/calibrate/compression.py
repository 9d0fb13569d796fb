"""Calls of NNCF that need no accuracy: quantisation, and compression of weights only."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import openvino as ov

from ovlab.calibrate.images import CalibrationImages
from ovlab.calibrate.options import advanced_parameters, compression_options, quantization_options
from ovlab.convert.quantisation import weight_types
from ovlab.data import Image, SplitImage, load
from ovlab.errors import OvlabError, nearest
from ovlab.runtime import image_size, set_batch
from ovlab.specs import IgnoredScopeSpec, QuantizationSpec, ResizeSpec, WeightCompressionSpec
from ovlab.usercode.activity import tick

NOT_OPERATIONS = {"Parameter", "Result", "Constant"}
FOUR_BITS = {"i4", "u4", "nf4", "f4e2m1"}
# FP8 weights are stored in 8 bits too, in types of their own.
STORED = FOUR_BITS | {"i8", "u8", "f8e4m3", "f8e5m2"}


def quantize(model: ov.Model, drawn: CalibrationImages, options: QuantizationSpec, resize: ResizeSpec) -> ov.Model:
    """Call ``nncf.quantize`` with the declared options on images that are decoded one at a time.

    Raises
    ------
    OvlabError
        If the ignored scope matches nothing, or with NNCF's own reason in one line.
    """
    import nncf

    check_ignored_scope(model, options.ignored_scope, "quantization")
    mode = nncf.QuantizationMode(options.mode) if options.mode else None

    def call(fixed: ov.Model) -> ov.Model:
        made: ov.Model = nncf.quantize(
            fixed,
            calibration_data(fixed, drawn, resize),
            mode=mode,
            advanced_parameters=advanced_parameters(options),
            **quantization_options(options, len(drawn.calibration)),
        )
        return made

    with nncf_errors("quantization"):
        return at_batch_one(model, call)


def compress_weights(
    model: ov.Model, drawn: CalibrationImages | None, options: WeightCompressionSpec, resize: ResizeSpec
) -> ov.Model:
    """Call ``nncf.compress_weights`` with the declared options.

    Parameters
    ----------
    drawn : CalibrationImages, optional
        The calibration images, for options that look at some.

    Raises
    ------
    OvlabError
        If no weight was stored as `options` say, the ignored scope matches nothing, or with NNCF's own reason in
        one line.
    """
    import nncf

    check_ignored_scope(model, options.ignored_scope, "weight_compression")

    def call(fixed: ov.Model) -> ov.Model:
        data = {}
        if drawn is not None:
            data = {"dataset": calibration_data(fixed, drawn, resize), "subset_size": len(drawn.calibration)}
        made: ov.Model = nncf.compress_weights(fixed, **compression_options(options), **data)
        return made

    with nncf_errors("weight_compression"):
        made = at_batch_one(model, call)
    stored = weight_types(made)
    wanted = FOUR_BITS if "4_" in options.mode or options.mode.endswith("4") else STORED
    if not wanted & set(stored):
        raise OvlabError(
            f"weight_compression.mode: {options.mode} left no weight of this model in that type (it has "
            f"{', '.join(stored) or 'none'}); 4 bits are for matrix products, the last of them only with all_layers"
        )
    return made


def calibration_data(model: ov.Model, drawn: CalibrationImages, resize: ResizeSpec) -> object:
    """Return the calibration images as NNCF takes them."""
    import nncf

    height, width = image_size(model)

    def pixels(image: SplitImage) -> Image:
        tick()
        return load(image.path, height, width, resize, upright=drawn.upright).pixels[None]

    return nncf.Dataset(drawn.calibration, pixels)


def at_batch_one(model: ov.Model, call: Callable[[ov.Model], ov.Model]) -> ov.Model:
    """Fix the batch to one image while `call` works on the model, and give the result the shape that it had."""
    import nncf

    nncf.set_log_level(logging.WARNING)
    shape = model.inputs[0].get_partial_shape()
    set_batch(model, 1)
    made = call(model)
    made.reshape({made.inputs[0]: shape})
    return made


@contextmanager
def nncf_errors(section: str) -> Iterator[None]:
    """Turn NNCF's complaints about options into one line that begins with the section of the YAML."""
    from nncf import errors

    complaints = (
        errors.ValidationError,
        errors.ParameterNotSupportedError,
        errors.UnsupportedModelError,
        errors.InvalidGroupSizeError,
        ValueError,  # as for a number of bits that the target device has not got
    )
    try:
        yield
    except complaints as error:
        raise OvlabError(f"{section}: {' '.join(str(error).split())}") from None


def check_ignored_scope(model: ov.Model, scope: IgnoredScopeSpec, section: str) -> None:
    """Refuse an ignored scope of which an entry matches nothing, with the nearest that would.

    Raises
    ------
    OvlabError
        Naming key and entry.
    """
    if not scope.must_match:
        return
    operations = [op for op in model.get_ordered_ops() if op.get_type_name() not in NOT_OPERATIONS]
    names = [op.get_friendly_name() for op in operations]
    types = sorted({op.get_type_name() for op in operations})
    where = f"{section}.ignored_scope"
    for entry in scope.names:
        if entry not in names:
            raise OvlabError(f"{where}.names: the model has no operation {entry!r}{nearest(entry, names)}")
    for entry in scope.patterns:
        if not any(re.match(entry, name) for name in names):
            raise OvlabError(
                f"{where}.patterns: {entry!r} matches none of the model's {len(names)} operations, such as "
                f"{', '.join(repr(name) for name in names[:3])}"
            )
    for entry in scope.types:
        if entry not in types:
            raise OvlabError(f"{where}.types: the model has no operation of type {entry!r}{nearest(entry, types)}")
