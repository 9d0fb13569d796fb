"""Typed specs: what the YAML files may say.

They refuse unknown keys and wrong types in one line that names the file, the key and the nearest valid name.
"""

from ovlab.specs.base import Spec, parse_spec
from ovlab.specs.dataset import DatasetSpec, SplitSpec
from ovlab.specs.device import DeviceSpec
from ovlab.specs.host import HERE, ExpectSpec, HostSpec, NoiseSpec
from ovlab.specs.model import CaffeSpec, InputSpec, ModelSpec, OutputSpec, PreprocessSpec, ResizeSpec
from ovlab.specs.precision import PrecisionSpec
from ovlab.specs.quantization import (
    AccuracyControlSpec,
    IgnoredScopeSpec,
    QuantizationSpec,
    RangeSpec,
    WeightCompressionSpec,
)
from ovlab.specs.reporting.baseline import BaselineSpec
from ovlab.specs.reporting.cells import Cell, CellPattern
from ovlab.specs.reporting.claims import ClaimSpec
from ovlab.specs.reporting.goals import GoalSpec, Limit
from ovlab.specs.run import (
    CodeLimitsSpec,
    ExclusionSpec,
    ExperimentSpec,
    LimitsSpec,
    MeasurementSpec,
    PeaksSpec,
    ProfilingSpec,
    ValidationSpec,
)
from ovlab.specs.scenario import Point, ScenarioSpec, ServerSpec, SweepSpec
from ovlab.specs.source import DownloadSpec, ExtensionFile, FileSpec, GeneratorSpec, HubFile, SourceSpec, UnpackSpec
from ovlab.specs.steps import (
    CalibrateSettings,
    ConvertSettings,
    ImportedVariant,
    MeasuringSettings,
    PeaksSettings,
    ProfileSettings,
    ReportSettings,
    SessionSettings,
    ValidateSettings,
    default_precision,
)

__all__ = [
    "HERE",
    "AccuracyControlSpec",
    "BaselineSpec",
    "CaffeSpec",
    "CalibrateSettings",
    "Cell",
    "CellPattern",
    "ClaimSpec",
    "CodeLimitsSpec",
    "ConvertSettings",
    "DatasetSpec",
    "DeviceSpec",
    "DownloadSpec",
    "ExclusionSpec",
    "ExpectSpec",
    "ExperimentSpec",
    "ExtensionFile",
    "FileSpec",
    "GeneratorSpec",
    "GoalSpec",
    "HostSpec",
    "HubFile",
    "IgnoredScopeSpec",
    "ImportedVariant",
    "InputSpec",
    "Limit",
    "LimitsSpec",
    "MeasurementSpec",
    "MeasuringSettings",
    "ModelSpec",
    "NoiseSpec",
    "OutputSpec",
    "PeaksSettings",
    "PeaksSpec",
    "Point",
    "PrecisionSpec",
    "PreprocessSpec",
    "ProfileSettings",
    "ProfilingSpec",
    "QuantizationSpec",
    "RangeSpec",
    "ReportSettings",
    "ResizeSpec",
    "ScenarioSpec",
    "ServerSpec",
    "SessionSettings",
    "SourceSpec",
    "Spec",
    "SplitSpec",
    "SweepSpec",
    "UnpackSpec",
    "ValidateSettings",
    "ValidationSpec",
    "WeightCompressionSpec",
    "default_precision",
    "parse_spec",
]
