"""Compose the YAML files with Hydra and turn what comes out into typed specs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Annotated, Any

import yaml
from hydra import compose, initialize_config_dir
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.types import Override, OverrideType
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import Field
from yaml import YAMLError

from ovlab.errors import OvlabError, nearest
from ovlab.specs import (
    DatasetSpec,
    DeviceSpec,
    ExperimentSpec,
    MeasurementSpec,
    ModelSpec,
    PrecisionSpec,
    ScenarioSpec,
    Spec,
    ValidationSpec,
    parse_spec,
)
from ovlab.specs.base import SpecT
from ovlab_flow.overrides import parse_overrides

GROUPS = ("model", "dataset", "precision", "device", "scenario")
CONF = "conf"


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
    measurement: MeasurementSpec
    validation: ValidationSpec
    experiment: ExperimentSpec


@dataclass(frozen=True)
class Parts:
    """What one model in one precision is composed of."""

    model: ModelSpec
    dataset: DatasetSpec
    precision: PrecisionSpec


@dataclass(frozen=True)
class Selection:
    """All that an experiment selects, composed: variants by (model, precision), devices and scenarios by name."""

    variants: dict[tuple[str, str], Parts]
    devices: dict[str, DeviceSpec]
    scenarios: dict[str, ScenarioSpec]


class _ExtraConf(SearchPathPlugin):
    """Puts the user's folder in front of Hydra's search path."""

    folder: str | None = None

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        if self.folder is not None:
            search_path.prepend(provider="extra_conf", path=self.folder)


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
        self._unused = {_line(override) for override in self._overrides}
        self.check_name("experiment", experiment)

    def names(self, group: str) -> list[str]:
        """Return the names that a group offers."""
        if group not in self._names:  # asked for every name of an experiment; Hydra reads all its sources each time
            self._names[group] = sorted(set(GlobalHydra.instance().config_loader().get_group_options(group)))
        return self._names[group]

    def check_name(self, group: str, name: str, where: str = "") -> None:
        """Refuse a name that no file has, with the nearest that one has."""
        names = self.names(group)
        if name not in names:
            prefix = f"{where}: " if where else ""
            raise OvlabError(f"{prefix}unknown {group} {name!r}{nearest(name, names)}")

    def where(self, group: str, name: str) -> str:
        """Return the file that a name stands for, to begin an error line with."""
        path = self._file(group, name)
        return f"{group}/{name}.yaml" if path is None else _relative(path)

    def _file(self, group: str, name: str) -> Path | None:
        paths = (folder / group / f"{name}.yaml" for folder in self._folders)
        return next((path for path in paths if path.is_file()), None)

    def run(self) -> RunSpec:
        """Compose what belongs to the experiment as a whole."""
        composed = self._compose({})
        data = {key: value for key, value in composed.items() if key not in GROUPS}
        return self._parsed(RunSpec, data, self.where("experiment", self._experiment), "")

    def select(
        self, variants: Sequence[tuple[str, str]], devices: Sequence[str], scenarios: Sequence[str]
    ) -> Selection:
        """Compose models in precisions, devices and scenarios.

        A composition takes 0.1 s, nearly all of it Hydra's own: each serves one of every kind.

        Parameters
        ----------
        variants : sequence of (model, precision)
            Each is composed with the model's data set and the exceptions that the two have.
        devices, scenarios : sequence of str
            Names.
        """
        selection = Selection({}, {}, {})
        for variant, device, scenario in zip_longest(variants, devices, scenarios):
            choices = {"device": device, "scenario": scenario}
            if variant is not None:
                choices |= {"model": variant[0], "precision": variant[1]}
            composed = self._with_dataset({group: name for group, name in choices.items() if name is not None})
            if variant is not None:
                selection.variants[variant] = Parts(
                    self._spec(ModelSpec, "model", variant[0], composed),
                    self._spec(DatasetSpec, "dataset", composed["model"]["dataset"], composed),
                    self._spec(PrecisionSpec, "precision", variant[1], composed),
                )
            if device is not None:
                selection.devices[device] = self._spec(DeviceSpec, "device", device, composed)
            if scenario is not None:
                selection.scenarios[scenario] = self._spec(ScenarioSpec, "scenario", scenario, composed)
        return selection

    def _spec(self, spec: type[SpecT], group: str, name: str, composed: dict[str, Any]) -> SpecT:
        return self._parsed(spec, composed[group] or {}, self.where(group, name), f"{group}.")

    def _parsed(self, spec: type[SpecT], data: dict[str, Any], where: str, prefix: str) -> SpecT:
        """Parse, and blame the override rather than the file where it is the override's key that is wrong."""
        try:
            return parse_spec(spec, data, where)
        except OvlabError as error:
            text = str(error).removeprefix(f"{where}: ")
            for override in self._overrides:
                key = override.key_or_group
                if key.startswith(prefix) and text.startswith(f"{key.removeprefix(prefix)}:"):
                    raise OvlabError(f"override {override.input_line!r}: {text}") from None
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
            content = None if path is None else yaml.safe_load(path.read_text(encoding="utf-8"))
        except (YAMLError, OSError, ValueError):
            return None  # Hydra reads it next, and its message says where
        name = content.get("dataset") if isinstance(content, dict) else None
        return name if isinstance(name, str) and name in self.names("dataset") else None

    def refuse_unused(self) -> None:
        """Refuse an override that changed nothing: its key is in none of the composed files."""
        if self._unused:
            line = sorted(self._unused)[0].removeprefix("++")
            raise OvlabError(f"override {line!r}: nothing that this experiment selects has such a section")

    def _compose(self, choices: dict[str, str]) -> dict[str, Any]:
        chosen = [f"experiment={self._experiment}", *(f"{group}={name}" for group, name in choices.items())]
        top = [override for override in self._overrides if _head(override) not in GROUPS]
        inner = [override for override in self._overrides if _head(override) in choices]
        lines = [_line(override) for override in top]
        composed = _hydra(chosen + lines)
        if inner:
            # Only where its section exists: an option of quantisation is no option of fp32.
            fitting = [_line(one) for one in inner if one.is_add() or _has_section(composed, one)]
            self._unused.difference_update(fitting)
            composed = _hydra(chosen + lines + fitting)
        self._unused.difference_update(lines)
        plain: Any = OmegaConf.to_container(composed, resolve=True, throw_on_missing=True)
        return dict(plain)


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
        if not extra_conf.is_dir():
            raise OvlabError(f"extra_conf: no folder {str(extra_conf)!r}")
        folders.insert(0, extra_conf.resolve())
    # Hydra takes what follows file:// as it is: an escaped space would be part of another folder's name.
    _ExtraConf.folder = f"file://{folders[0].as_posix()}" if extra_conf is not None else None
    Plugins.instance().register(_ExtraConf)
    try:
        with initialize_config_dir(config_dir=str(conf.resolve()), version_base="1.3", job_name="ovlab"):
            yield Composer(folders, experiment, overrides)
    except (HydraException, OmegaConfBaseException, YAMLError, ValueError, TypeError) as error:
        # Hydra merges without a look at what kind of thing a file holds, and fails in many ways.
        path = _without_keys(folders)
        if path is not None:
            raise OvlabError(f"{_relative(path)}: expected keys and values (KEY: VALUE)") from None
        if isinstance(error, HydraException | OmegaConfBaseException | YAMLError):
            raise OvlabError(f"configuration: {_one_line(error)}") from None
        raise


def _hydra(overrides: list[str]) -> DictConfig:
    return compose(config_name="config", overrides=overrides)


def _line(override: Override) -> str:
    """Return the override as Hydra gets it: one may also set a key that the YAML leaves at its default.

    Whether there is such a key is the specs' business, who know the nearest one.
    """
    plain = override.type == OverrideType.CHANGE
    return f"++{override.input_line}" if plain else str(override.input_line)


def _head(override: Override) -> str:
    return override.key_or_group.split(".")[0]


def _has_section(composed: DictConfig, override: Override) -> bool:
    return isinstance(OmegaConf.select(composed, override.key_or_group.rpartition(".")[0]), DictConfig)


def _without_keys(folders: Iterable[Path]) -> Path | None:
    """Find the first file that holds a list or a single value."""
    for folder in folders:
        for path in sorted(folder.rglob("*.yaml")):
            try:
                content = yaml.safe_load(path.read_text(encoding="utf-8"))
            except YAMLError:
                continue  # Hydra's message says where
            if content is not None and not isinstance(content, dict):
                return path
    return None


def _relative(path: Path) -> str:
    try:
        return path.relative_to(Path.cwd()).as_posix()
    except ValueError:
        return path.as_posix()


def _one_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # Hydra lists its search path after the message.
    kept = lines[: lines.index("Config search path:")] if "Config search path:" in lines else lines
    return " ".join(kept)
