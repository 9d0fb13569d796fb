"""A precision: a named way to make and run a variant."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from ovlab.specs.base import Spec

ElementType = Literal["f32", "f16", "bf16"]
ANY_DEVICE = "any"


class IgnoredScopeSpec(Spec):
    """What stays in floating point (``nncf.IgnoredScope``)."""

    names: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    types: tuple[str, ...] = ()


class QuantizationSpec(Spec):
    """Post-training quantisation with ``nncf.quantize``.

    Attributes
    ----------
    subset : int or str
        How many images of the calibration split to use: a number, or a percentage such as ``"25%"``.
    preset : {"performance", "mixed"}
        Symmetric activations, or asymmetric ones where they go below zero.
    """

    method: Literal["post_training"] = "post_training"
    preset: Literal["performance", "mixed"] | None = None
    target_device: Literal["ANY", "CPU", "GPU", "NPU"] = "ANY"
    subset: Annotated[int, Field(gt=0)] | str = 300
    fast_bias_correction: bool = True
    model_type: Literal["transformer"] | None = None
    ignored_scope: IgnoredScopeSpec = IgnoredScopeSpec()

    @field_validator("subset")
    @classmethod
    def _number_or_percentage(cls, value: int | str) -> int | str:
        if isinstance(value, str):
            number = value.removesuffix("%").strip()
            if not value.endswith("%") or not number.replace(".", "", 1).isdecimal() or not 0 < float(number) <= 100:
                raise ValueError(f"{value!r} is neither a number of images nor a percentage such as '25%'")
        return value


class PrecisionSpec(Spec):
    """A precision's YAML file (``conf/precision``).

    Attributes
    ----------
    weights : {"f32", "f16"}
        How the IR stores floating-point weights.
    inference_precision : list, or dict from device to list
        Floating-point types to run in, best first; the first that the device supports is asked for
        (``INFERENCE_PRECISION_HINT``). A dictionary's keys are device names without number (``CPU``, ``GPU``),
        or ``any``. A device that supports none of them gives rows that are `unavailable`.
    quantization : QuantizationSpec, optional
        How the INT8 variant is made; none for floating-point variants.
    """

    description: str = ""
    weights: Literal["f32", "f16"] = "f32"
    inference_precision: dict[str, tuple[ElementType, ...]]
    quantization: QuantizationSpec | None = None

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

    def precisions_for(self, device: str) -> tuple[ElementType, ...]:
        """Return the types to run in on a device such as ``CPU`` or ``GPU.1``, best first."""
        return self.inference_precision.get(device.split(".", maxsplit=1)[0], self.inference_precision[ANY_DEVICE])
