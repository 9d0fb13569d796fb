"""The settings of each step: all that its result depends on besides its input files."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from ovlab.specs.base import Spec
from ovlab.specs.dataset import DatasetSpec
from ovlab.specs.device import DeviceSpec
from ovlab.specs.extension import ExtensionFile
from ovlab.specs.model import ModelSpec, ResizeSpec
from ovlab.specs.precision import PrecisionSpec, QuantizationSpec
from ovlab.specs.run import ExperimentSpec, MeasurementSpec, ScenarioSpec, ValidationSpec


class ConvertSettings(Spec):
    """What the convert step depends on.

    Attributes
    ----------
    model_name, precision_name : str
        Which variant this makes.
    weights : {"f32", "f16"}
        How floating-point weights are stored.
    extension : ExtensionFile, optional
        The file that the model's ``extension`` names, as it was when this was planned.
    """

    model_name: str
    precision_name: str
    model: ModelSpec
    dataset: DatasetSpec
    weights: Literal["f32", "f16"]
    extension: ExtensionFile | None = None

    @model_validator(mode="after")
    def _extension_is_known(self) -> ConvertSettings:
        if self.model.extension != (self.extension.path if self.extension else None):
            raise ValueError(f"extension: missing, but needed with model.extension: {self.model.extension!r}")
        return self


class CalibrateSettings(Spec):
    """What the calibrate step depends on, besides the FP32 variant.

    Attributes
    ----------
    model_name, precision_name : str
        Which variant this makes.
    seed : int
        Draws the subset of the calibration split.
    """

    model_name: str
    precision_name: str
    dataset_name: str
    dataset: DatasetSpec
    resize: ResizeSpec
    quantization: QuantizationSpec
    seed: int


class ValidateSettings(Spec):
    """What the validate step depends on, besides the variant and the data set's files."""

    model_name: str
    precision_name: str
    model: ModelSpec
    dataset: DatasetSpec
    precision: PrecisionSpec
    validation: ValidationSpec

    @property
    def name(self) -> str:
        """The variant's name, for messages."""
        return f"{self.model_name} {self.precision_name}"


class SessionSettings(Spec):
    """What a session depends on, besides its variants and the data set's files.

    Attributes
    ----------
    precisions : dict
        The precisions measured together, by name.
    reference : str
        The precision that speed-ups are relative to.
    """

    model_name: str
    device_name: str
    scenario_name: str
    dataset_name: str
    dataset: DatasetSpec
    resize: ResizeSpec
    precisions: dict[str, PrecisionSpec]
    reference: str
    device: DeviceSpec
    scenario: ScenarioSpec
    measurement: MeasurementSpec
    seed: int


class ReportSettings(Spec):
    """What the report step needs to know of an experiment, besides its records."""

    name: str
    experiment: ExperimentSpec
    reference: str
    measurement: MeasurementSpec
    validation: ValidationSpec
    seed: int
    models: dict[str, ModelSpec]
    datasets: dict[str, DatasetSpec]
    precisions: dict[str, PrecisionSpec]
    devices: dict[str, DeviceSpec]
    scenarios: dict[str, ScenarioSpec]
