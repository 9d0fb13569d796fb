"""How Hydra gets at the YAML files: through the bounded reader, the user's folder first."""

from __future__ import annotations

import copy
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, NoReturn

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.object_type import ObjectType
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigLoadError, ConfigResult, ConfigSource
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import DictConfig, OmegaConf

from ovlab.errors import OvlabError
from ovlab.text import shortened
from ovlab_flow.grid_cache.seen import note_file, note_folder, note_text
from ovlab_flow.yaml_files import read_yaml

log = logging.getLogger("ovlab_flow")
SCHEME = "ovlab"
LONGEST_DEFAULT = 200
MAIN = "main"
"""What Hydra calls the folder that it was initialised with."""
EXTRA = "extra_conf"
"""What the user's folder is called."""


class ConfSource(ConfigSource):
    """A folder of YAML files, each read once and within bounds."""

    def __init__(self, provider: str, path: str) -> None:
        super().__init__(provider=provider, path=path)
        self._read: dict[Path, tuple[str, DictConfig]] = {}

    @staticmethod
    def scheme() -> str:
        """Return what paths of this kind begin with."""
        return SCHEME

    def load_config(self, config_path: str) -> ConfigResult:
        """Read a file.

        Raises
        ------
        OvlabError
            If it is no YAML that can be used: file, line, key.
        """
        path = self._inside(self._normalize_file_name(config_path))
        note_file(path)
        if not path.is_file():
            raise ConfigLoadError(f"no file {shown_path(path)}")
        if self.provider == EXTRA:
            ConfSearchPath.used.add(path)
        if path not in self._read:
            self._read[path] = read_yaml(path, shown_path(path))
            _check_defaults(self._read[path][1], shown_path(path))
        text, config = self._read[path]
        try:
            header = self._get_header_dict(text[:512])
        except ValueError as error:
            raise OvlabError(f"{shown_path(path)}, line 1: {error}") from None
        return ConfigResult(self.provider, self.full_path(), copy.deepcopy(config), header)

    def available(self) -> bool:
        """Tell whether the folder is there."""
        return Path(self.path).is_dir()

    def is_group(self, config_path: str) -> bool:
        """Tell whether there is such a folder."""
        note_folder(Path(self.path, config_path))
        return Path(self.path, config_path).is_dir()

    def is_config(self, config_path: str) -> bool:
        """Tell whether there is such a file."""
        note_file(Path(self.path, self._normalize_file_name(config_path)))
        return Path(self.path, self._normalize_file_name(config_path)).is_file()

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        """List the names of a group."""
        note_folder(Path(self.path, config_path))
        found: list[str] = []
        for path in Path(self.path, config_path).iterdir():
            self._list_add_result(found, f"{config_path}/{path.name}", path.name, results_filter)
        return sorted(set(found))

    def _inside(self, name: str) -> Path:
        """Return the path of a file; a list of defaults may not lead out of the folder."""
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise OvlabError(f"{shown_path(Path(self.path))}: defaults: {name!r} lies outside of this folder")
        return Path(self.path) / name


def _check_defaults(config: DictConfig, shown: str) -> None:
    """Refuse a list of defaults that Hydra would fail at without saying where."""

    def refuse(entry: Any) -> NoReturn:
        raise OvlabError(f"{shown}: defaults: {shortened(entry)}, expected a list of names, or of GROUP: NAME")

    data: Any = OmegaConf.to_container(config, resolve=False)
    entries = data.get("defaults", [])
    note_text(str(entries))
    if not isinstance(entries, list):
        refuse(entries)
    for entry in entries:
        pairs = entry.items() if isinstance(entry, dict) and len(entry) == 1 else [("_", entry)]
        for group, names in pairs:
            listed = names if isinstance(names, list) else [names]
            is_null = names is None and isinstance(entry, dict)
            if not _is_name(group) or not (is_null or all(map(_is_name, listed))):
                refuse(entry)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST_DEFAULT and ".." not in value.split("/")


class ConfSearchPath(SearchPathPlugin):
    """Has Hydra read through :class:`ConfSource`, and puts the user's folder in front."""

    folder: str | None = None
    used: ClassVar[set[Path]] = set()
    """Files of the user's folder that were read."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Replace Hydra's own way to the main folder."""
        for element in search_path.get_path():
            if element.provider == MAIN:
                element.path = element.path.replace("file://", f"{SCHEME}://", 1)
        if self.folder is not None:
            search_path.prepend(provider=EXTRA, path=f"{SCHEME}://{self.folder}")


def search_first(folder: Path | None) -> None:
    """Make Hydra read the configuration through this module.

    Parameters
    ----------
    folder : Path, optional
        The user's folder, searched before the one that Hydra is initialised with.
    """
    # Hydra takes what follows the scheme as it is: an escaped space would be part of another folder's name.
    ConfSearchPath.folder = None if folder is None else folder.as_posix()
    ConfSearchPath.used.clear()
    Plugins.instance().register(ConfSource)
    Plugins.instance().register(ConfSearchPath)


def require_files(folder: Path, main: Path) -> None:
    """Refuse a folder of the user's that cannot give anything: no YAML file lies where a group's would.

    Raises
    ------
    OvlabError
        Naming the subfolder that is meant, if there is one.
    """
    groups = sorted(path.name for path in main.iterdir() if path.is_dir())
    if any(folder.glob("*.yaml")) or _has_files(folder, groups):
        return
    shown = shown_path(folder)
    inner = [path for path in sorted(folder.iterdir()) if path.is_dir() and _has_files(path, groups)]
    if inner:
        raise OvlabError(f"extra_conf: {shown}: no YAML file of a group in it; did you mean '{shown_path(inner[0])}'?")
    hint = "; files of the configuration end in .yaml" if any(folder.glob("*/*.yml")) else ""
    raise OvlabError(
        f"extra_conf: {shown}: no YAML file of a group in it, expected such as model/NAME.yaml "
        f"(groups: {', '.join(groups)}){hint}"
    )


def say_if_unused(folder: Path, experiment: str) -> None:
    """Warn that nothing was read of the user's folder, once all is composed."""
    if not ConfSearchPath.used:
        has = [path.relative_to(folder).as_posix() for path in sorted(folder.glob("*/*.yaml"))]
        shown = ", ".join(has[:3]) + (", ..." if len(has) > 3 else "")
        log.warning("extra_conf: experiment %s uses nothing of %s (it has %s)", experiment, shown_path(folder), shown)


def _has_files(folder: Path, groups: Sequence[str]) -> bool:
    return any(path for group in groups for path in folder.glob(f"{group}/*.yaml"))


def shown_path(path: Path) -> str:
    """Return how messages call a file: from the current folder where it lies in it."""
    try:
        return path.relative_to(Path.cwd()).as_posix()
    except ValueError:
        return path.as_posix()
