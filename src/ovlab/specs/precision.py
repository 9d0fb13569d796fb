"""A precision: a named way to make and run a variant."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from ovlab.specs.base import Spec
from ovlab.specs.model import AnyModelSpec, ResizeSpec
from ovlab.specs.quantization import QuantizationSpec, WeightCompressionSpec

DEFAULT = "default"
"""Stands for what the device does by itself: nothing is asked for."""
ElementType = Literal["f32", "f16", "bf16", "default"]
ANY_DEVICE = "any"
MOST_SEEDS = 1000
"""Each is a calibration, a validation and an IR of its own."""


class PrecisionSpec(Spec):
    """A precision's YAML file (``conf/precision``).

    Attributes
    ----------
    weights : {"f32", "f16"}
        How the IR stores floating-point weights.
    inference_precision : list, or dict from device to list
        Floating-point types to run in, best first; the first that the device supports is asked for
        (``INFERENCE_PRECISION_HINT``). A dictionary's keys are device names without number (``CPU``, ``GPU``),
        or ``any``. A device that supports none of them gives rows that are `unavailable`. ``default`` asks for nothing,
        so that the device decides; it stands alone.
    quantization : QuantizationSpec, optional
        How the INT8 variant is made; none for floating-point variants.
    weight_compression : WeightCompressionSpec, optional
        How only the weights are compressed; the arithmetic stays in floating point.
    calibration_seeds : int
        How often calibration is repeated, each time with another subset. The first is the variant that is measured;
        all are validated, and the spread of their accuracy is reported.
    source : ModelSpec, optional
        The files of a variant that others made, with all that a model's YAML says of its files; what its YAML leaves
        out is the model's (`ovlab_flow.imported`).
    """

    description: str = ""
    weights: Literal["f32", "f16"] = "f32"
    inference_precision: dict[str, tuple[ElementType, ...]]
    quantization: QuantizationSpec | None = None
    weight_compression: WeightCompressionSpec | None = None
    calibration_seeds: Annotated[int, Field(gt=0, le=MOST_SEEDS)] = 1
    # Not written where there is none: settings from before there was such a thing keep their digests.
    source: Annotated[AnyModelSpec | None, Field(exclude_if=lambda value: value is None)] = None

    @field_validator("inference_precision", mode="before")
    @classmethod
    def _for_any_device(cls, value: Any) -> Any:
        if isinstance(value, str):
            value = [value]
        return {ANY_DEVICE: value} if isinstance(value, list | tuple) else value

    @model_validator(mode="after")
    def _any_device_is_covered(self) -> PrecisionSpec:
        if not self.inference_precision.get(ANY_DEVICE):
            raise ValueError(f"inference_precision.{ANY_DEVICE}: missing, but needed for devices that are not named")
        return self

    @model_validator(mode="after")
    def _default_stands_alone(self) -> PrecisionSpec:
        for device, types in self.inference_precision.items():
            if DEFAULT in types and len(types) > 1:
                raise ValueError(
                    f"inference_precision.{device}: {list(types)}: {DEFAULT} asks for nothing, so it stands alone"
                )
        return self

    @model_validator(mode="after")
    def _imported_as_it_is(self) -> PrecisionSpec:
        if self.source is None:
            return self
        for key in ("quantization", "weight_compression"):
            if getattr(self, key) is not None:
                raise ValueError(
                    f"source: a variant that others made is measured as it is, so that it cannot be combined with {key}"
                )
        return self

    @model_validator(mode="after")
    def _made_in_one_way(self) -> PrecisionSpec:
        if self.quantization is not None and self.weight_compression is not None:
            raise ValueError("weight_compression: cannot be combined with quantization")
        if self.calibration_seeds > 1 and not self.draws_images:
            raise ValueError(f"calibration_seeds: {self.calibration_seeds}, but this precision calibrates on no images")
        return self

    @property
    def is_compressed(self) -> bool:
        """Whether the variant is made from the reference's by NNCF, rather than by conversion."""
        return self.quantization is not None or self.weight_compression is not None

    @property
    def draws_images(self) -> bool:
        """Whether a subset of the calibration split takes part in making the variant."""
        compression = self.weight_compression
        return self.quantization is not None or (compression is not None and compression.needs_images)

    @property
    def is_device_default(self) -> bool:
        """Whether it is what a device makes of the model's own files by itself: nothing compressed or asked for."""
        return (
            not self.is_compressed
            and self.source is None
            and all(types == (DEFAULT,) for types in self.inference_precision.values())
        )

    def resize_of(self, model: ResizeSpec) -> ResizeSpec:
        """Return how images are resized for the variant: as its own source says, else as for the model."""
        return model if self.source is None else self.source.preprocess.resize

    def precisions_for(self, device: str) -> tuple[ElementType, ...]:
        """Return the types to run in on a device such as ``CPU`` or ``GPU.1``, best first."""
        return self.inference_precision.get(device.split(".", maxsplit=1)[0], self.inference_precision[ANY_DEVICE])
