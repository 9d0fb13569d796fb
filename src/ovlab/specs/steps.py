"""The settings of each step: all that its result depends on besides its input files."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from ovlab.specs.base import Spec
from ovlab.specs.dataset import AnyDatasetSpec
from ovlab.specs.device import DeviceSpec
from ovlab.specs.host import HERE, ExpectSpec, HostSpec, NoiseSpec
from ovlab.specs.model import AnyModelSpec, ModelSpec, ResizeSpec
from ovlab.specs.precision import PrecisionSpec
from ovlab.specs.quantization import QuantizationSpec, WeightCompressionSpec
from ovlab.specs.reporting.baseline import BaselineSpec
from ovlab.specs.run import ExperimentSpec, MeasurementSpec, PeaksSpec, ProfilingSpec, ValidationSpec
from ovlab.specs.scenario import ScenarioSpec
from ovlab.specs.source import ExtensionFile


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
    imported : bool
        Whether others made this variant: `model` is then what the precision's ``source`` says, and may be quantised.
    """

    model_name: str
    precision_name: str
    model: AnyModelSpec
    dataset: AnyDatasetSpec
    weights: Literal["f32", "f16"]
    extension: ExtensionFile | None = None
    # Not written where it is not so: settings from before there was such a thing keep their digests.
    imported: Annotated[bool, Field(exclude_if=operator.not_)] = False

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
    quantization, weight_compression : QuantizationSpec, WeightCompressionSpec, optional
        How; exactly one of them is there.
    seed : int
        Draws the subset of the calibration split; 0 where none is drawn.
    model : ModelSpec, optional
        What the outputs mean: for accuracy control, which validates while it calibrates.
    """

    model_name: str
    precision_name: str
    dataset_name: str
    dataset: AnyDatasetSpec
    resize: ResizeSpec
    quantization: QuantizationSpec | None = None
    weight_compression: WeightCompressionSpec | None = None
    seed: int
    model: AnyModelSpec | None = None

    @model_validator(mode="after")
    def _made_in_one_way(self) -> CalibrateSettings:
        if (self.quantization is None) == (self.weight_compression is None):
            raise ValueError("quantization: expected either this or weight_compression")
        if self.controls_accuracy and self.model is None:
            raise ValueError("model: missing, but needed by quantization.accuracy_control")
        return self

    @property
    def controls_accuracy(self) -> bool:
        """Whether the accuracy is held while calibrating."""
        return self.quantization is not None and self.quantization.accuracy_control is not None


class ValidateSettings(Spec):
    """What the validate step depends on, besides the variant and the data set's files.

    Attributes
    ----------
    calibration_seed : int, optional
        Which of the repeated calibrations made the variant; none if it was drawn from no images.
    device_name : str, optional
        Name of the file of the device that it is validated on; none for the plain string ``validation.device``.
    device : DeviceSpec, optional
        What that file says.
    """

    model_name: str
    precision_name: str
    model: AnyModelSpec
    dataset: AnyDatasetSpec
    precision: PrecisionSpec
    validation: ValidationSpec
    calibration_seed: int | None = None
    # Left out where there is none: what was validated without one keeps its digest.
    device_name: Annotated[str | None, Field(exclude_if=operator.not_)] = None
    device: Annotated[DeviceSpec | None, Field(exclude_if=operator.not_)] = None

    @property
    def name(self) -> str:
        """The variant's name, for messages."""
        on = f" on {self.device_name}" if self.device_name else ""
        return f"{self.model_name} {self.precision_name}{on}"


class MeasuringSettings(Spec):
    """What every step depends on that measures a host.

    Attributes
    ----------
    host_name : str
        Name of the host's file.
    expect : ExpectSpec
        By what the host is known: elsewhere the step is refused.
    """

    host_name: str = HERE
    expect: ExpectSpec = ExpectSpec()


class SessionSettings(MeasuringSettings):
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
    dataset: AnyDatasetSpec
    resize: ResizeSpec
    precisions: dict[str, PrecisionSpec]
    reference: str
    device: DeviceSpec
    scenario: ScenarioSpec
    measurement: MeasurementSpec
    seed: int

    @property
    def default_precision(self) -> str | None:
        """The precision that shows what the device does by itself; None where the session has none."""
        return default_precision(self.precisions)


class PeaksSettings(MeasuringSettings):
    """What the step that finds a machine's peaks depends on.

    Attributes
    ----------
    device_name : str
        Name of the device's file.
    device : DeviceSpec
        A physical device.
    host : str
        Identity of the host: another one has other peaks. Of the machine that the workflow runs on it is
        `ovlab.environment.host_identity`; of others it stands for what their files say.
    """

    device_name: str
    device: DeviceSpec
    host: str = ""
    peaks: PeaksSpec = PeaksSpec()


class ProfileSettings(MeasuringSettings):
    """What the profile step depends on: all variants of one model on one device, profiled together.

    Attributes
    ----------
    precisions : dict of PrecisionSpec
        The variants' precisions by name, in the order of the records.
    reference : str
        The precision that the others are compared with.
    seed : int
        Draws the order of launches.
    """

    model_name: str
    device_name: str
    dataset_name: str
    dataset: AnyDatasetSpec
    resize: ResizeSpec
    precisions: dict[str, PrecisionSpec]
    reference: str
    device: DeviceSpec
    profiling: ProfilingSpec = ProfilingSpec()
    noise: NoiseSpec = NoiseSpec()
    seed: int = 0


def default_precision(precisions: Mapping[str, PrecisionSpec]) -> str | None:
    """Return the first precision that leaves everything to the device, None if there is none."""
    return next((name for name, one in precisions.items() if one.is_device_default), None)


class ImportedVariant(Spec):
    """A variant that others made: where it comes from.

    Attributes
    ----------
    model, precision : str
        Their names.
    source : ModelSpec
        Its files, and how they are read.
    """

    model: str
    precision: str
    source: AnyModelSpec


class ReportSettings(Spec):
    """What the report step needs to know of an experiment, besides its records.

    Attributes
    ----------
    precisions : dict
        By name, each without a `source`, which is one model's.
    imported : tuple of ImportedVariant
        The variants that others made.
    options : tuple of str
        What the run was given besides the experiment's name, as ``--config`` takes it, secrets hidden.
    """

    name: str
    experiment: ExperimentSpec
    reference: str
    measurement: MeasurementSpec
    validation: ValidationSpec
    seed: int
    models: dict[str, AnyModelSpec]
    datasets: dict[str, AnyDatasetSpec]
    precisions: dict[str, PrecisionSpec]
    devices: dict[str, DeviceSpec]
    scenarios: dict[str, ScenarioSpec]
    hosts: dict[str, HostSpec] = {HERE: HostSpec()}
    baseline: BaselineSpec = BaselineSpec()
    imported: Annotated[tuple[ImportedVariant, ...], Field(exclude_if=operator.not_)] = ()
    options: Annotated[tuple[str, ...], Field(exclude_if=operator.not_)] = ()

    def validates_apart(self, device: str) -> bool:
        """Tell whether a device of the experiment has accuracies of its own.

        It has if it is asked for, unless ``validation.device`` is the very same: then the one validation serves both.
        """
        spec = self.devices.get(device)
        if spec is None or device not in self.experiment.validate_on:
            return False
        return spec.device != self.validation.device or bool(spec.properties or spec.member_properties)

    def accuracy_device(self, device: str) -> str:
        """Return the OpenVINO device that the accuracy of a device's cells is validated on."""
        return self.devices[device].device if self.validates_apart(device) else self.validation.device

    def source_of(self, model: str, precision: str) -> ModelSpec | None:
        """Return where a variant comes from that others made; None for those that were made here."""
        found = (one.source for one in self.imported if (one.model, one.precision) == (model, precision))
        return next(found, None)
