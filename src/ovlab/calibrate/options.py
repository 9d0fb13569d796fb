"""From the options in YAML to NNCF's own objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ovlab.specs import AccuracyControlSpec, IgnoredScopeSpec, QuantizationSpec, RangeSpec, WeightCompressionSpec
from ovlab.specs.quantization import QuantizerSpec, StatisticsSpec

if TYPE_CHECKING:
    import nncf


def quantization_options(options: QuantizationSpec, images: int) -> dict[str, Any]:
    """Return the keyword arguments that ``nncf.quantize`` and ``nncf.quantize_with_accuracy_control`` share.

    Parameters
    ----------
    options : QuantizationSpec
        What the YAML says.
    images : int
        Size of the subset.
    """
    import nncf

    return {
        "preset": nncf.QuantizationPreset(options.preset) if options.preset else None,
        "target_device": nncf.TargetDevice(options.target_device),
        "subset_size": images,
        "fast_bias_correction": options.fast_bias_correction,
        "model_type": nncf.ModelType(options.model_type) if options.model_type else None,
        "ignored_scope": ignored_scope(options.ignored_scope),
    }


def ignored_scope(scope: IgnoredScopeSpec) -> nncf.IgnoredScope:
    """Return NNCF's ignored scope."""
    import nncf

    return nncf.IgnoredScope(
        names=list(scope.names),
        patterns=list(scope.patterns),
        types=list(scope.types),
        subgraphs=[nncf.Subgraph(list(one.inputs), list(one.outputs)) for one in scope.subgraphs],
        validate=scope.must_match,
    )


def advanced_parameters(options: QuantizationSpec) -> nncf.AdvancedQuantizationParameters:
    """Return NNCF's advanced parameters; what the YAML leaves out keeps NNCF's default."""
    import nncf
    from nncf.common.quantization.quantizer_propagation.structs import QuantizerPropagationRule

    chosen: dict[str, Any] = {
        "quantize_outputs": options.quantize_outputs,
        "inplace_statistics": options.inplace_statistics,
        "disable_channel_alignment": options.disable_channel_alignment,
        "disable_bias_correction": options.disable_bias_correction,
    }
    if options.overflow_fix is not None:
        chosen["overflow_fix"] = nncf.OverflowFix(options.overflow_fix)
    if options.quantizer_propagation_rule is not None:
        chosen["quantizer_propagation_rule"] = QuantizerPropagationRule[options.quantizer_propagation_rule]
    for side in ("activations", "weights"):
        quantizer: QuantizerSpec | None = getattr(options, f"{side}_quantization")
        estimator: RangeSpec | None = getattr(options, f"{side}_range_estimator")
        if quantizer is not None:
            chosen[f"{side}_quantization_params"] = _quantizer(quantizer)
        if estimator is not None:
            chosen[f"{side}_range_estimator_params"] = _range(estimator)
    if options.bias_correction is not None:
        correction = nncf.AdvancedBiasCorrectionParameters(**options.bias_correction.plain())
        chosen["bias_correction_params"] = correction
    if options.smooth_quant_alphas is not None:
        chosen["smooth_quant_alphas"] = nncf.AdvancedSmoothQuantParameters(**options.smooth_quant_alphas.plain())
    return nncf.AdvancedQuantizationParameters(**chosen)


def _quantizer(spec: QuantizerSpec) -> Any:
    from nncf.common.quantization.structs import QuantizationScheme
    from nncf.quantization.advanced_parameters import FP8QuantizationParameters, FP8Type, QuantizationParameters

    if spec.destination_type is not None:
        return FP8QuantizationParameters(FP8Type(spec.destination_type))
    options = {key: value for key, value in spec.plain().items() if value is not None}
    if spec.mode is not None:
        options["mode"] = QuantizationScheme(spec.mode)
    return QuantizationParameters(**options)


def _range(spec: RangeSpec) -> Any:
    from nncf.quantization import range_estimator

    if spec.name is not None:
        return getattr(range_estimator.RangeEstimatorParametersSet, spec.name.upper())
    ends = {end: _statistics(one) for end in ("min", "max") if (one := getattr(spec, end)) is not None}
    return range_estimator.RangeEstimatorParameters(**ends)


def _statistics(spec: StatisticsSpec) -> Any:
    from nncf.quantization.range_estimator import AggregatorType, StatisticsCollectorParameters, StatisticsType

    return StatisticsCollectorParameters(
        statistics_type=StatisticsType(spec.statistics_type) if spec.statistics_type else None,
        aggregator_type=AggregatorType(spec.aggregator_type) if spec.aggregator_type else None,
        clipping_value=spec.clipping_value,
        quantile_outlier_prob=spec.quantile_outlier_prob,
    )


def restorer_parameters(options: AccuracyControlSpec) -> nncf.AdvancedAccuracyRestorerParameters:
    """Return NNCF's parameters of the search for layers to revert."""
    import nncf
    from nncf.quantization.advanced_parameters import RestoreMode

    chosen: dict[str, Any] = {
        "tune_hyperparams": options.tune_hyperparams,
        "ranking_subset_size": options.ranking_subset_size,
        # One after the other: inference takes all cores anyway, and the ledger has an order.
        "num_ranking_workers": 1,
        "restore_mode": RestoreMode(options.restore_mode),
    }
    if options.max_num_iterations is not None:
        chosen["max_num_iterations"] = options.max_num_iterations
    return nncf.AdvancedAccuracyRestorerParameters(**chosen)


def compression_options(options: WeightCompressionSpec) -> dict[str, Any]:
    """Return the keyword arguments of ``nncf.compress_weights``, besides the data."""
    import nncf
    from nncf.quantization.advanced_parameters import AdvancedCompressionParameters, GroupSizeFallbackMode

    sensitivity = options.sensitivity_metric
    chosen: dict[str, Any] = {
        "mode": nncf.CompressWeightsMode(options.mode),
        "ignored_scope": ignored_scope(options.ignored_scope),
        "ratio": options.ratio,
        "group_size": options.group_size,
        "all_layers": options.all_layers,
        "backup_mode": nncf.BackupMode(options.backup_mode) if options.backup_mode else None,
        "sensitivity_metric": nncf.SensitivityMetric(sensitivity) if sensitivity else None,
        "advanced_parameters": AdvancedCompressionParameters(
            group_size_fallback_mode=GroupSizeFallbackMode(options.group_size_fallback_mode),
            min_adjusted_group_size=options.min_adjusted_group_size,
        ),
    }
    # NNCF refuses these for 8 bits even when they are False.
    return chosen | {
        name: True for name in ("awq", "scale_estimation", "gptq", "lora_correction") if getattr(options, name)
    }
