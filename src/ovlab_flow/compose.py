"""Compose the YAML files with Hydra and turn what comes out into typed specs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Annotated, Any

from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.types import Override, OverrideType
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import Field, field_validator

from ovlab.errors import OvlabError, nearest
from ovlab.specs import (
    BaselineSpec,
    DatasetSpec,
    DeviceSpec,
    DownloadSpec,
    ExperimentSpec,
    HostSpec,
    LimitsSpec,
    MeasurementSpec,
    ModelSpec,
    PrecisionSpec,
    ProfilingSpec,
    ScenarioSpec,
    Spec,
    ValidationSpec,
    parse_spec,
)
from ovlab.specs.base import SpecT
from ovlab.text import shortened
from ovlab_flow.conf_source import require_files, say_if_unused, search_first, shown_path
from ovlab_flow.hydra_compose import compose_files, plain_data
from ovlab_flow.imported import PER_MODEL, complete_source, no_source
from ovlab_flow.overrides import parse_overrides
from ovlab_flow.paths import is_folder, why_bad_folder, why_bad_name
from ovlab_flow.yaml_files import KEYS_AND_VALUES, read_yaml

GROUPS = ("model", "dataset", "precision", "device", "scenario", "host")
EXCEPTIONS = "model_precision"


class RunSpec(Spec):
    """The top level of ``conf/config.yaml``, with the experiment's own settings on top.

    Attributes
    ----------
    results : str
        Folder of the results.
    seed : int
        Draws calibration subsets and the order of launches.
    reference : str
        The precision that accuracy and speed are compared with, and that INT8 variants are made from.
    """

    results: Annotated[str, Field(min_length=1)]
    seed: Annotated[int, Field(ge=0, lt=2**32)]
    reference: str
    download: DownloadSpec = DownloadSpec()
    limits: LimitsSpec = LimitsSpec()
    measurement: MeasurementSpec
    profiling: ProfilingSpec = ProfilingSpec()
    validation: ValidationSpec
    baseline: BaselineSpec = BaselineSpec()
    experiment: ExperimentSpec

    @field_validator("results")
    @classmethod
    def _can_keep_results(cls, value: str) -> str:
        if why := why_bad_folder(value):
            raise ValueError(f"{shortened(value)}: {why}")
        return value


@dataclass(frozen=True)
class Parts:
    """What one model in one precision is composed of."""

    model: ModelSpec
    dataset: DatasetSpec
    precision: PrecisionSpec

    @property
    def variant_model(self) -> ModelSpec:
        """The model as this variant's files are: the precision's source where others made it."""
        return self.precision.source or self.model


@dataclass(frozen=True)
class Selection:
    """All that an experiment selects, composed: variants by (model, precision), the others by name."""

    variants: dict[tuple[str, str], Parts]
    devices: dict[str, DeviceSpec]
    scenarios: dict[str, ScenarioSpec]
    hosts: dict[str, HostSpec]

    @property
    def sources(self) -> dict[tuple[str, str], ModelSpec]:
        """Where the variants come from that others made, by (model, precision)."""
        sources = {pair: parts.precision.source for pair, parts in self.variants.items()}
        return {pair: source for pair, source in sources.items() if source is not None}


class Composer:
    """Composes parts of one configuration; made by :func:`composer`.

    Parameters
    ----------
    folders : sequence of Path
        The folders that are searched, in order.
    experiment : str
        Name of the experiment.
    overrides : sequence of str
        Overrides in Hydra's grammar.
    """

    def __init__(self, folders: Sequence[Path], experiment: str, overrides: Sequence[str]) -> None:
        self._folders = folders
        self._experiment = experiment
        self._overrides = parse_overrides(overrides)
        self._datasets: dict[str, str] = {}
        self._names: dict[str, list[str]] = {}
        self._good_names: set[str] = set()
        self._unused = {_line(override) for override in self._overrides}
        self.check_name("experiment", experiment)

    def names(self, group: str) -> list[str]:
        """Return the names that a group offers."""
        if group not in self._names:  # asked for every name of an experiment; Hydra reads all its sources each time
            self._names[group] = sorted(set(GlobalHydra.instance().config_loader().get_group_options(group)))
        return self._names[group]

    def check_name(self, group: str, name: str, where: str = "") -> None:
        """Refuse a name that no file has, with the nearest that one has."""
        names, prefix = self.names(group), f"{where}: " if where else ""
        if name not in names:
            hint = self._only_an_exception(name) if group == "precision" else ""
            raise OvlabError(f"{prefix}unknown {group} {shortened(name)}{hint or nearest(name, names)}")
        if name not in self._good_names:
            if why := why_bad_name(name):
                raise OvlabError(f"{prefix}{group} {shortened(name)}: a file cannot be called so: {why}")
            self._good_names.add(name)

    def _only_an_exception(self, precision: str) -> str:
        """Say so if there are files for models in a precision that has none of its own."""
        found = next((one for one in self.names(EXCEPTIONS) if one.endswith(f"-{precision}")), None)
        if found is None:
            return ""
        return f"; {self.where(EXCEPTIONS, found)} changes one of that name, which needs a file in conf/precision"

    def where(self, group: str, name: str) -> str:
        """Return the file that a name stands for, to begin an error line with."""
        path = self._file(group, name)
        return f"{group}/{name}.yaml" if path is None else shown_path(path)

    def _file(self, group: str, name: str) -> Path | None:
        paths = (folder / group / f"{name}.yaml" for folder in self._folders)
        return next((path for path in paths if path.is_file()), None)

    def run(self) -> RunSpec:
        """Compose what belongs to the experiment as a whole."""
        composed = self._compose({})
        data = {key: value for key, value in composed.items() if key not in GROUPS}
        return self._parsed(RunSpec, data, self.where("experiment", self._experiment), "")

    def select(
        self,
        variants: Sequence[tuple[str, str]],
        devices: Sequence[str],
        scenarios: Sequence[str],
        hosts: Sequence[str],
    ) -> Selection:
        """Compose models in precisions, devices, scenarios and hosts.

        A composition takes 0.1 s, nearly all of it Hydra's own: each serves one of every kind.

        Parameters
        ----------
        variants : sequence of (model, precision)
            Each is composed with the model's data set and the exceptions that the two have.
        devices, scenarios, hosts : sequence of str
            Names.
        """
        selection = Selection({}, {}, {}, {})
        for variant, device, scenario, host in zip_longest(variants, devices, scenarios, hosts):
            choices = {"device": device, "scenario": scenario, "host": host}
            if variant is not None:
                choices |= {"model": variant[0], "precision": variant[1]}
            composed = self._with_dataset({group: name for group, name in choices.items() if name is not None})
            if variant is not None:
                selection.variants[variant] = Parts(
                    self._spec(ModelSpec, "model", variant[0], composed),
                    self._spec(DatasetSpec, "dataset", composed["model"]["dataset"], composed),
                    self._precision(variant[0], variant[1], composed),
                )
            if device is not None:
                selection.devices[device] = self._spec(DeviceSpec, "device", device, composed)
            if scenario is not None:
                selection.scenarios[scenario] = self._spec(ScenarioSpec, "scenario", scenario, composed)
            if host is not None:
                selection.hosts[host] = self._spec(HostSpec, "host", host, composed)
        return selection

    def _precision(self, model: str, precision: str, composed: dict[str, Any]) -> PrecisionSpec:
        """Parse a precision, with what the model says of a variant that others made."""
        data = composed.get("precision")
        if isinstance(data, dict):
            if data.get("source") == PER_MODEL:
                raise no_source(model, precision, self.names(EXCEPTIONS))
            completed = complete_source(data, composed["model"], self._where_set(model, precision, "source"))
            composed = composed | {"precision": completed}
        try:
            return self._spec(PrecisionSpec, "precision", precision, composed)
        except OvlabError as error:
            text = str(error)
            own = self.where("precision", precision)
            key = text.removeprefix(f"{own}: ").partition(":")[0].partition(".")[0]
            where = self._where_set(model, precision, key)
            raise OvlabError(f"{where}{text.removeprefix(own)}" if text.startswith(f"{own}: ") else text) from None

    def _where_set(self, model: str, precision: str, key: str) -> str:
        """Return the file that a key of a precision stands in: its own, or that of the exception for a model."""
        path = self._file(EXCEPTIONS, f"{model}-{precision}")
        if path is not None:
            section = read_yaml(path, shown_path(path))[1].get("precision")
            if isinstance(section, DictConfig) and key in section:
                return shown_path(path)
        return self.where("precision", precision)

    def _spec(self, spec: type[SpecT], group: str, name: str, composed: dict[str, Any]) -> SpecT:
        where = self.where(group, name)
        if group not in composed:
            raise OvlabError(f"{where}: says nothing of a {group}; does a header '# @package' put it elsewhere?")
        if not isinstance(composed[group] or {}, dict):
            raise OvlabError(f"{where}: {KEYS_AND_VALUES}")
        return self._parsed(spec, composed[group] or {}, where, f"{group}.")

    def _parsed(self, spec: type[SpecT], data: dict[str, Any], where: str, prefix: str) -> SpecT:
        """Parse, and blame the override rather than the file where it is the override's key that is wrong."""
        try:
            return parse_spec(spec, data, where)
        except OvlabError as error:
            text = str(error).removeprefix(f"{where}: ")
            for override in self._overrides:
                key = override.key_or_group
                if key.startswith(prefix) and text.startswith(f"{key.removeprefix(prefix)}:"):
                    raise OvlabError(f"override {shortened(override.input_line)}: {text}") from None
            raise

    def _with_dataset(self, choices: dict[str, str]) -> dict[str, Any]:
        """Compose, with the data set that the model names."""
        if "model" not in choices:
            return self._compose(choices)
        # Which one is known only when the model is composed; what its file or the last composition says is nearly
        # always right.
        model = choices["model"]
        guess = self._datasets.get(model) or self._dataset_in_file(model)
        composed = self._compose(choices if guess is None else choices | {"dataset": guess})
        named = self._spec(ModelSpec, "model", model, composed).dataset
        if named != guess:
            self.check_name("dataset", named, f"{self.where('model', model)}: dataset")
            composed = self._compose(choices | {"dataset": named})
        self._datasets[model] = named
        return composed

    def _dataset_in_file(self, model: str) -> str | None:
        """Return the data set that a model's own file names; None where another file or an override does."""
        if any(override.key_or_group == "model.dataset" for override in self._overrides):
            return None
        path = self._file("model", model)
        try:
            name = None if path is None else read_yaml(path, shown_path(path))[1].get("dataset")
        except (OvlabError, OmegaConfBaseException):
            return None  # Hydra reads it next, and its message says where
        return name if isinstance(name, str) and name in self.names("dataset") and why_bad_name(name) is None else None

    def refuse_unused(self) -> None:
        """Refuse an override that changed nothing: its key is in none of the composed files."""
        if self._unused:
            line = sorted(self._unused)[0].removeprefix("++")
            raise OvlabError(f"override {shortened(line)}: nothing that this experiment selects has such a section")

    def _compose(self, choices: dict[str, str]) -> dict[str, Any]:
        # In quotes: a name such as 2024 is one all the same.
        chosen = [f"{group}='{name}'" for group, name in ({"experiment": self._experiment} | choices).items()]
        top = [override for override in self._overrides if _head(override) not in GROUPS]
        inner = [override for override in self._overrides if _head(override) in choices]
        lines = [_line(override) for override in top]
        composed = compose_files(chosen, lines)
        if inner:
            # Only where its section exists: an option of quantisation is no option of fp32.
            fitting = [_line(one) for one in inner if one.is_add() or _has_section(composed, one)]
            self._unused.difference_update(fitting)
            composed = compose_files(chosen, lines + fitting)
        self._unused.difference_update(lines)
        files = {"experiment": self._experiment} | choices
        return plain_data(composed, {group: self.where(group, name) for group, name in files.items()})


@contextmanager
def composer(
    conf: Path, experiment: str, extra_conf: Path | None = None, overrides: Sequence[str] = ()
) -> Iterator[Composer]:
    """Open the configuration.

    Parameters
    ----------
    conf : Path
        Folder of the YAML files.
    experiment : str
        Name of the experiment.
    extra_conf : Path, optional
        Another folder of the same layout, searched first.
    overrides : sequence of str
        Overrides in Hydra's grammar.

    Yields
    ------
    Composer

    Raises
    ------
    OvlabError
        If anything in the configuration is wrong: one line that names file and key.
    """
    folders = [conf.resolve()]
    if extra_conf is not None:
        if not is_folder(extra_conf):
            raise OvlabError(f"extra_conf: no folder {shortened(str(extra_conf))}")
        folders.insert(0, extra_conf.resolve())
        require_files(*folders)
    search_first(folders[0] if extra_conf is not None else None)
    with initialize_config_dir(config_dir=str(conf.resolve()), version_base="1.3", job_name="ovlab"):
        yield Composer(folders, experiment, overrides)
    if extra_conf is not None:
        say_if_unused(folders[0], experiment)


def _line(override: Override) -> str:
    """Return the override as Hydra gets it: one may also set a key that the YAML leaves at its default.

    Whether there is such a key is the specs' business, who know the nearest one.
    """
    plain = override.type == OverrideType.CHANGE
    return f"++{override.input_line}" if plain else str(override.input_line)


def _head(override: Override) -> str:
    return override.key_or_group.split(".")[0]


def _has_section(composed: DictConfig, override: Override) -> bool:
    section = override.key_or_group.rpartition(".")[0]
    return isinstance(OmegaConf.select(composed, section, throw_on_resolution_failure=False), DictConfig)
