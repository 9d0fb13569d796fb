"""Every choice of the installed NNCF can be made in YAML, and reaches it."""

from __future__ import annotations

from dataclasses import fields
from inspect import signature
from typing import Any, get_args

import nncf
import pytest
from nncf.common.quantization.quantizer_propagation.structs import QuantizerPropagationRule
from nncf.quantization.advanced_parameters import AdvancedCompressionParameters, RestoreMode
from nncf.quantization.range_estimator import AggregatorType, RangeEstimatorParametersSet, StatisticsType

from ovlab.calibrate.options import (
    advanced_parameters,
    compression_options,
    quantization_options,
    restorer_parameters,
)
from ovlab.specs import AccuracyControlSpec, QuantizationSpec, WeightCompressionSpec
from ovlab.specs.quantization import RangeName, StatisticsSpec, WeightMode

# Not offered: batches are of one image; the old name of smooth_quant_alphas; what is internal to NNCF.
NOT_OFFERED = {"batchwise_statistics", "smooth_quant_alpha", "backend_params"}


def choices(spec: type, name: str) -> set[str]:
    annotation = spec.model_fields[name].annotation  # type: ignore[attr-defined]
    flat = [inner for one in get_args(annotation) or () for inner in (get_args(one) or (one,))]
    return {one for one in flat if isinstance(one, str)}


def test_every_advanced_parameter_of_nncf_has_a_key() -> None:
    theirs = {field.name.removesuffix("_params") for field in fields(nncf.AdvancedQuantizationParameters)}
    assert theirs - {name.removesuffix("_params") for name in NOT_OFFERED} <= set(QuantizationSpec.model_fields)


def test_every_argument_of_nncf_has_a_key() -> None:
    ours = set(QuantizationSpec.model_fields)
    arguments = set(signature(nncf.quantize).parameters) - {"model", "calibration_dataset", "advanced_parameters"}
    assert arguments - {"subset_size"} <= ours
    restorer = {field.name for field in fields(nncf.AdvancedAccuracyRestorerParameters)}
    # The ranking has one worker, since inference takes all cores; the folder is ours.
    assert restorer - {"num_ranking_workers", "intermediate_model_dir"} <= set(AccuracyControlSpec.model_fields)
    compression = set(signature(nncf.compress_weights).parameters)
    compression -= {"model", "dataset", "subset_size", "advanced_parameters", "compression_format"}
    assert compression <= set(WeightCompressionSpec.model_fields)
    assert {"group_size_fallback_mode", "min_adjusted_group_size"} <= {
        field.name for field in fields(AdvancedCompressionParameters)
    }


def test_every_name_that_nncf_knows_can_be_chosen() -> None:
    assert choices(QuantizationSpec, "target_device") | set(
        get_args(QuantizationSpec.model_fields["target_device"].annotation)
    ) >= {one.value for one in nncf.TargetDevice}
    assert choices(QuantizationSpec, "overflow_fix") == {one.value for one in nncf.OverflowFix}
    assert choices(QuantizationSpec, "preset") == {one.value for one in nncf.QuantizationPreset}
    assert choices(QuantizationSpec, "mode") == {one.value for one in nncf.QuantizationMode}
    assert choices(QuantizationSpec, "quantizer_propagation_rule") == {one.name for one in QuantizerPropagationRule}
    assert choices(StatisticsSpec, "statistics_type") == {one.value for one in StatisticsType}
    assert choices(StatisticsSpec, "aggregator_type") == {one.value for one in AggregatorType}
    assert {name.upper() for name in get_args(RangeName)} == {
        name for name in vars(RangeEstimatorParametersSet) if name.isupper()
    }
    assert set(get_args(AccuracyControlSpec.model_fields["restore_mode"].annotation)) == {
        one.value for one in RestoreMode
    }
    # Codebooks need a table of their own; below 4 bits OpenVINO's CPU has no kernels.
    left_out = {"codebook", "adaptive_codebook", "cb4", "int2_sym", "int3_sym"}
    assert set(get_args(WeightMode)) == {one.value for one in nncf.CompressWeightsMode} - left_out


def test_nothing_chosen_is_nncfs_default() -> None:
    assert advanced_parameters(QuantizationSpec()) == nncf.AdvancedQuantizationParameters()
    assert restorer_parameters(AccuracyControlSpec()) == nncf.AdvancedAccuracyRestorerParameters(num_ranking_workers=1)


def test_what_is_chosen_reaches_nncf() -> None:
    spec = QuantizationSpec.model_validate(
        {
            "target_device": "CPU_SPR",
            "overflow_fix": "first_layer_only",
            "quantize_outputs": True,
            "disable_bias_correction": True,
            "quantizer_propagation_rule": "DO_NOT_MERGE_BRANCHES",
            "activations_range_estimator": "mean_minmax",
            "weights_range_estimator": {
                "min": {"statistics_type": "quantile", "aggregator_type": "mean", "quantile_outlier_prob": 0.01},
                "max": {"statistics_type": "quantile", "aggregator_type": "mean", "quantile_outlier_prob": 0.02},
            },
            "activations_quantization": {"mode": "asymmetric", "per_channel": False},
            "weights_quantization": {"destination_type": "f8e4m3"},
            "bias_correction": {"threshold": 5.0},
            "smooth_quant_alphas": {"matmul": 0.5, "convolution": 0.25},
            "ignored_scope": {"subgraphs": [{"inputs": ["a"], "outputs": ["b"]}]},
        }
    )
    made = advanced_parameters(spec)
    assert made.overflow_fix == nncf.OverflowFix.FIRST_LAYER
    assert (made.quantize_outputs, made.disable_bias_correction) == (True, True)
    assert made.quantizer_propagation_rule is QuantizerPropagationRule.DO_NOT_MERGE_BRANCHES
    assert made.activations_range_estimator_params == RangeEstimatorParametersSet.MEAN_MINMAX
    weights = made.weights_range_estimator_params
    assert (weights.min.statistics_type, weights.max.aggregator_type) == (StatisticsType.QUANTILE, AggregatorType.MEAN)
    assert (weights.min.quantile_outlier_prob, weights.max.quantile_outlier_prob) == (0.01, 0.02)
    assert made.activations_quantization_params.mode == "asymmetric"
    assert made.activations_quantization_params.per_channel is False
    assert made.weights_quantization_params.destination_type.value == "f8e4m3"
    assert made.bias_correction_params.threshold == 5.0
    assert (made.smooth_quant_alphas.matmul, made.smooth_quant_alphas.convolution) == (0.5, 0.25)
    options = quantization_options(spec, 7)
    assert (options["target_device"], options["subset_size"]) == (nncf.TargetDevice.CPU_SPR, 7)
    assert options["ignored_scope"].subgraphs[0].inputs == ["a"]


def test_weight_compression_reaches_nncf() -> None:
    options: dict[str, Any] = {"mode": "int4_asym", "ratio": 0.8, "group_size": 64, "backup_mode": "int8_sym"}
    options |= {"awq": True, "sensitivity_metric": "max_activation_variance", "group_size_fallback_mode": "adjust"}
    spec = WeightCompressionSpec.model_validate(options)
    made = compression_options(spec)
    assert made["mode"] == nncf.CompressWeightsMode.INT4_ASYM
    assert (made["ratio"], made["group_size"], made["awq"]) == (0.8, 64, True)
    assert made["backup_mode"] == nncf.BackupMode.INT8_SYM
    assert made["sensitivity_metric"] == nncf.SensitivityMetric.MAX_ACTIVATION_VARIANCE
    assert made["advanced_parameters"].group_size_fallback_mode == nncf.GroupSizeFallbackMode.ADJUST
    assert "gptq" not in made  # NNCF refuses it for 8 bits even when it is False
    assert spec.needs_images
    assert not WeightCompressionSpec().needs_images


@pytest.mark.parametrize("name", get_args(RangeName))
def test_a_range_estimator_by_name(name: str) -> None:
    spec = QuantizationSpec.model_validate({"activations_range_estimator": name})
    again = QuantizationSpec.model_validate(spec.plain())
    assert again == spec
    assert advanced_parameters(spec).activations_range_estimator_params.min.statistics_type is not None
