"""What can be chosen of post-training quantisation and weight compression, in NNCF's own words."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from ovlab.specs.base import Spec
from ovlab.text import shortened

Fraction = Annotated[float, Field(ge=0, le=1)]
PositiveInt = Annotated[int, Field(gt=0, lt=2**31)]
RangeName = Literal["minmax", "mean_minmax", "median_minmax", "mean_no_outliers_minmax", "mean_quantile", "histogram"]
WeightMode = Literal[
    "int8_sym", "int8_asym", "int4_sym", "int4_asym", "nf4", "mxfp4", "mxfp8_e4m3", "fp8_e4m3", "fp4", "nvfp4"
]


AT_MOST = "at most "
"""Begins a number of images that a smaller split need not have: it is used whole."""


def _number_or_percentage(value: int | str) -> int | str:
    if isinstance(value, str) and not _is_percentage(value) and not _is_limit(value):
        raise ValueError(
            f"{shortened(value)} is no number of images, no limit such as 'at most 300' and no percentage such as '25%'"
        )
    return value


def _is_percentage(text: str) -> bool:
    number = text.removesuffix("%").strip()
    return text.endswith("%") and number.replace(".", "", 1).isdecimal() and 0 < float(number) <= 100


def _is_limit(text: str) -> bool:
    number = text.removeprefix(AT_MOST)
    return text.startswith(AT_MOST) and number.isascii() and number.isdecimal() and int(number) > 0


Subset = Annotated[PositiveInt | str, AfterValidator(_number_or_percentage)]
"""A number of images, or a percentage of a split such as ``"25%"``."""


class SubgraphSpec(Spec):
    """All operations on the paths between two sets of operations (``nncf.Subgraph``)."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


class IgnoredScopeSpec(Spec):
    """What stays in floating point (``nncf.IgnoredScope``).

    Attributes
    ----------
    names, patterns, types : list of str
        Operations by name, by regular expression of the name, by OpenVINO type (``Convolution``).
    subgraphs : list of SubgraphSpec
        Operations between others.
    must_match : bool
        Whether an entry that matches nothing is an error (NNCF's ``validate``).
    """

    names: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    subgraphs: tuple[SubgraphSpec, ...] = ()
    must_match: bool = True

    @field_validator("patterns")
    @classmethod
    def _regular_expressions(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            try:
                re.compile(pattern)
            except (re.error, OverflowError, RecursionError) as error:
                reason = "nested too deep" if isinstance(error, RecursionError) else error
                raise ValueError(f"{shortened(pattern)} is no regular expression ({reason})") from None
        return patterns


class StatisticsSpec(Spec):
    """How one end of a range is found (``nncf.StatisticsCollectorParameters``).

    Attributes
    ----------
    statistics_type : str, optional
        What is taken from each sample; a percentile is ``quantile`` with `quantile_outlier_prob`.
    aggregator_type : str, optional
        How the samples' values become one.
    clipping_value : float, optional
        Larger magnitudes are cut off first.
    quantile_outlier_prob : float
        Fraction of values beyond the quantile.
    """

    statistics_type: Literal["max", "min", "abs_max", "quantile", "abs_quantile", "mean", "raw"] | None = None
    aggregator_type: (
        Literal["mean", "max", "min", "median", "mean_no_outliers", "median_no_outliers", "histogram"] | None
    ) = None
    clipping_value: Annotated[float, Field(gt=0)] | None = None
    quantile_outlier_prob: Annotated[float, Field(ge=0, lt=0.5)] = 1e-4


class RangeSpec(Spec):
    """How a quantiser's range is estimated: one of NNCF's named ways, or the two ends described.

    In YAML the name alone will do: ``activations_range_estimator: mean_minmax``.
    """

    name: RangeName | None = None
    min: StatisticsSpec | None = None
    max: StatisticsSpec | None = None

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, data: Any) -> Any:
        return {"name": data} if isinstance(data, str) else data

    @model_validator(mode="after")
    def _named_or_described(self) -> RangeSpec:
        described = self.min is not None or self.max is not None
        if (self.name is not None) == described:
            raise ValueError("expected either a name such as mean_minmax, or min and max")
        return self


class QuantizerSpec(Spec):
    """How values are quantised (``nncf.QuantizationParameters``; FP8 with `destination_type`)."""

    num_bits: PositiveInt | None = None
    mode: Literal["symmetric", "asymmetric"] | None = None
    signedness_to_force: bool | None = None
    per_channel: bool | None = None
    narrow_range: bool | None = None
    destination_type: Literal["f8e4m3", "f8e5m2"] | None = None

    @model_validator(mode="after")
    def _integer_or_fp8(self) -> QuantizerSpec:
        others = self.model_fields_set - {"destination_type"}
        if self.destination_type is not None and any(getattr(self, name) is not None for name in others):
            raise ValueError("destination_type: an FP8 type cannot be combined with options of integers")
        return self


class BiasCorrectionSpec(Spec):
    """Limits of the bias correction (``nncf.AdvancedBiasCorrectionParameters``)."""

    apply_for_all_nodes: bool = False
    threshold: float | None = None


class SmoothQuantSpec(Spec):
    """SmoothQuant's alpha by type of layer; a negative one switches it off. By default NNCF's."""

    convolution: Annotated[float, Field(ge=-1, le=1)] = -1.0
    matmul: Annotated[float, Field(ge=-1, le=1)] = 0.95


class AccuracyControlSpec(Spec):
    """Accuracy control (``nncf.quantize_with_accuracy_control``): layers go back to floating point until it holds.

    Attributes
    ----------
    max_drop : float
        Largest accepted loss in the data set's own metric, as a fraction: 0.01 is one point, or one per cent.
    drop_type : {"absolute", "relative"}
        Whether `max_drop` is in the metric's unit or relative to the FP32 variant's value.
    control_share : float
        Part of the calibration split that is set aside as control images, where the data set declares no
        ``control`` split.
    images : int or str
        How many of the control images to use.
    time_budget_s : float, optional
        Seconds after which no further layer is tried.
    on_missed : {"report", "fail"}
        What a missed target means for the variant's rows.
    max_num_iterations : int, optional
        Most layers to revert.
    ranking_subset_size : int, optional
        Control images that rank the layers; by default as many as calibrate.
    restore_mode : {"activations_and_weights", "only_activations"}
        Whether a reverted layer keeps 8-bit weights.
    tune_hyperparams : bool
        Whether NNCF first searches better quantisation options, which takes long.
    """

    max_drop: Annotated[float, Field(ge=0, lt=1)] = 0.01
    drop_type: Literal["absolute", "relative"] = "absolute"
    control_share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    images: Subset = "100%"
    time_budget_s: Annotated[float, Field(gt=0)] | None = None
    on_missed: Literal["report", "fail"] = "report"
    max_num_iterations: PositiveInt | None = None
    ranking_subset_size: PositiveInt | None = None
    restore_mode: Literal["activations_and_weights", "only_activations"] = "activations_and_weights"
    tune_hyperparams: bool = False


class QuantizationSpec(Spec):
    """Post-training quantisation with ``nncf.quantize``. Options that are left out have NNCF's defaults.

    Attributes
    ----------
    subset : int or str
        How many images of the calibration split to use: a number that the split must have, ``at most 300`` for a
        number that a smaller split need not have, or a percentage such as ``"25%"``.
    preset : {"performance", "mixed"}
        Symmetric activations, or asymmetric ones where they go below zero.
    mode : {"fp8_e4m3", "fp8_e5m2"}, optional
        FP8 instead of INT8, for devices that have it.
    fast_bias_correction : bool
        False for the slower, more accurate bias correction.
    overflow_fix : {"enable", "first_layer_only", "disable"}, optional
        Whether weights use half of the range, against saturation on CPUs without VNNI.
    accuracy_control : AccuracyControlSpec, optional
        Hold the accuracy; layers that cost too much of it stay in floating point.
    """

    mode: Literal["fp8_e4m3", "fp8_e5m2"] | None = None
    preset: Literal["performance", "mixed"] | None = None
    target_device: Literal["ANY", "CPU", "GPU", "NPU", "CPU_SPR"] = "ANY"
    subset: Subset = "at most 300"
    fast_bias_correction: bool = True
    model_type: Literal["transformer"] | None = None
    ignored_scope: IgnoredScopeSpec = IgnoredScopeSpec()
    overflow_fix: Literal["enable", "first_layer_only", "disable"] | None = None
    quantize_outputs: bool = False
    inplace_statistics: bool = True
    disable_channel_alignment: bool = True
    disable_bias_correction: bool = False
    activations_quantization: QuantizerSpec | None = None
    weights_quantization: QuantizerSpec | None = None
    quantizer_propagation_rule: (
        Literal[
            "DO_NOT_MERGE_BRANCHES",
            "MERGE_IF_ALL_BRANCHES_SAME",
            "MERGE_WITH_POTENTIAL_REQUANTIZATION",
            "MERGE_ALL_IN_ONE",
        ]
        | None
    ) = None
    activations_range_estimator: RangeSpec | None = None
    weights_range_estimator: RangeSpec | None = None
    bias_correction: BiasCorrectionSpec | None = None
    smooth_quant_alphas: SmoothQuantSpec | None = None
    accuracy_control: AccuracyControlSpec | None = None

    @model_validator(mode="after")
    def _accuracy_control_is_for_int8(self) -> QuantizationSpec:
        if self.accuracy_control is not None and self.mode is not None:
            raise ValueError(f"accuracy_control: cannot be combined with mode {self.mode}")
        return self


class WeightCompressionSpec(Spec):
    """Compression of weights only, with ``nncf.compress_weights``: the arithmetic stays in floating point.

    Attributes
    ----------
    mode : str
        How weights are stored.
    ratio : float, optional
        4-bit modes: part of the weights in 4 bits, the rest in `backup_mode`.
    group_size : int, optional
        4-bit modes: weights that share a scale; -1 for a channel.
    group_size_fallback_mode : {"error", "ignore", "adjust"}
        What to do with a layer whose channels `group_size` does not divide.
    all_layers : bool, optional
        Whether embeddings and the last layer are in 4 bits too.
    awq, scale_estimation, gptq, lora_correction : bool
        NNCF's ways of losing less accuracy; all but AWQ look at calibration images.
    sensitivity_metric : str, optional
        What decides, for a `ratio` below 1, which layers keep more bits. All but ``weight_quantization_error`` look at
        calibration images.
    subset : int or str
        How many calibration images to look at, where an option does; as in `QuantizationSpec`.
    """

    mode: WeightMode = "int8_asym"
    ratio: Fraction | None = None
    group_size: Annotated[int, Field(ge=-1)] | None = None
    group_size_fallback_mode: Literal["error", "ignore", "adjust"] = "error"
    min_adjusted_group_size: PositiveInt = 32
    all_layers: bool | None = None
    ignored_scope: IgnoredScopeSpec = IgnoredScopeSpec()
    backup_mode: Literal["none", "int8_sym", "int8_asym", "mxfp8_e4m3", "fp8_e4m3"] | None = None
    awq: bool = False
    scale_estimation: bool = False
    gptq: bool = False
    lora_correction: bool = False
    sensitivity_metric: (
        Literal[
            "weight_quantization_error",
            "hessian_input_activation",
            "mean_activation_variance",
            "max_activation_variance",
            "mean_activation_magnitude",
        ]
        | None
    ) = None
    subset: Subset = "at most 128"

    @model_validator(mode="after")
    def _eight_bits_have_no_options(self) -> WeightCompressionSpec:
        if self.mode in {"int8_sym", "int8_asym"}:
            names = ("ratio", "group_size", "all_layers", "backup_mode", "sensitivity_metric")
            set_ones = [name for name in names if getattr(self, name) is not None]
            set_ones += [name for name in ("awq", "scale_estimation", "gptq", "lora_correction") if getattr(self, name)]
            if set_ones:
                raise ValueError(f"{set_ones[0]}: is for modes with 4 bits, not for {self.mode}")
        return self

    @property
    def needs_images(self) -> bool:
        """Whether calibration images are looked at."""
        data_aware = self.sensitivity_metric not in {None, "weight_quantization_error"}
        return data_aware or self.scale_estimation or self.gptq or self.lora_correction
