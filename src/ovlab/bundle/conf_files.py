"""The YAML files that an experiment used, and whether what they say is what it ran with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from ovlab.bundle.checks.numbers import differences
from ovlab.bundle.layout import CONF, read_bounded_text
from ovlab.errors import OvlabError, one_line
from ovlab.specs import ReportSettings, Spec

GROUPS = {
    "model": "models",
    "dataset": "datasets",
    "precision": "precisions",
    "device": "devices",
    "scenario": "scenarios",
    "host": "hosts",
}
"""Groups of the configuration, and where the report's settings have what was composed."""
TOP = ("seed", "reference", "measurement", "validation", "experiment")
LARGEST = 1 << 22
MOST_DEFAULTS = 100


def used_files(settings: ReportSettings, folders: Sequence[Path]) -> dict[str, Path]:
    """Find the files that an experiment is composed of.

    Parameters
    ----------
    settings : ReportSettings
        The experiment: names are those of files.
    folders : sequence of Path
        Folders of YAML files, in the order in which they are searched.

    Returns
    -------
    dict of Path
        By name below the configuration's folder: those of every name, and what their lists of defaults name.
    """
    wanted = ["config.yaml", f"experiment/{settings.name}.yaml"]
    for group, axis in GROUPS.items():
        wanted += [f"{group}/{name}.yaml" for name in getattr(settings, axis, {})]
    wanted += [f"model_precision/{model}-{name}.yaml" for model in settings.models for name in settings.precisions]
    found: dict[str, Path] = {}
    for name in wanted:  # grows while it is gone through
        path = next((folder / name for folder in folders if (folder / name).is_file()), None)
        if path is not None and name not in found and len(found) < 100_000:
            found[name] = path
            wanted += list(_defaults(name, path))[:MOST_DEFAULTS]
    return found


def _defaults(name: str, path: Path) -> Iterator[str]:
    """Yield the files that a file's list of defaults names."""
    try:
        entries = _read(path, name).get("defaults", [])
    except OvlabError:
        return
    group = name.rpartition("/")[0]
    for entry in entries if isinstance(entries, list) else []:
        pairs = entry.items() if isinstance(entry, dict) else [(group, entry)]
        for place, names in pairs:
            for one in names if isinstance(names, list) else [names]:
                if isinstance(one, str) and one != "_self_":
                    folder = str(place).removeprefix("override ").strip("/")
                    yield f"{one.lstrip('/') if one.startswith('/') else f'{folder}/{one}'.lstrip('/')}.yaml"


def conf_differences(folder: Path, names: Sequence[str], settings: ReportSettings) -> list[str]:
    """Say what the YAML files of a bundle say otherwise than the experiment ran with: by an override, or edited since.

    Parameters
    ----------
    folder : Path
        The bundle.
    names : sequence of str
        Its YAML files.
    settings : ReportSettings
        What the experiment ran with.

    Returns
    -------
    list of str
        One line a value: file, key, what it says, what was run.
    """
    ran = settings.plain()
    lines: list[str] = []
    top: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for name in sorted(names, key=lambda one: one.count("/")):
        inner = name.removeprefix(f"{CONF}/")
        group, _, stem = inner.removesuffix(".yaml").rpartition("/")
        try:
            data = _read(folder / name, name)
        except OvlabError as error:
            lines.append(str(error))
            continue
        if inner in {"config.yaml", f"experiment/{settings.name}.yaml"}:
            for key in TOP:
                if key in data:
                    top[key] = _merged(top.get(key), data[key])
                    sources[key] = name
        elif group in GROUPS and stem in ran.get(GROUPS[group], {}):
            spec = getattr(settings, GROUPS[group])[stem]
            lines += _compare(data, spec, ran[GROUPS[group]][stem], name)
    for key, said in top.items():
        spec = getattr(settings, key)
        lines += (
            _compare(said, spec, ran[key], sources[key], key)
            if isinstance(spec, Spec)
            else list(differences(said, ran[key], f"{sources[key]}: {key}"))
        )
    return lines


PER_MODEL = ("source", "per_model")
"""What a precision says whose files are others': they are named in ``conf/model_precision``, for each model."""


def _compare(data: Any, spec: Spec, ran: Mapping[str, Any], name: str, prefix: str = "") -> list[str]:
    """Compare what a file says, as the spec reads it, with what was run; what it leaves open is not compared."""
    if not isinstance(data, dict):
        return [f"{name}: {prefix}: says no keys and values"]
    if "defaults" in data or _has_interpolation(data):
        return [f"{name}: is composed of other files, so that it is not compared with what was run"]
    try:
        own = {key: value for key, value in data.items() if (key, value) != PER_MODEL}
        said = type(spec).model_validate(own).plain()
    except ValidationError as error:
        return [f"{name}: is not what the experiment ran with ({one_line(error)})"]
    lines = []
    for key in data:
        where = ".".join(part for part in (prefix, key) if part)
        lines += list(differences(said.get(key), ran.get(key), f"{name}: {where}"))
    return [line.replace("was recomputed", "was run") for line in lines]


def _has_interpolation(data: Any) -> bool:
    if isinstance(data, dict | list):
        return any(_has_interpolation(one) for one in (data.values() if isinstance(data, dict) else data))
    return isinstance(data, str) and "${" in data


def _merged(below: Any, above: Any) -> Any:
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    return {**below, **{key: _merged(below.get(key), value) for key, value in above.items()}}


def _read(path: Path, name: str) -> dict[str, Any]:
    text = read_bounded_text(path, name) if path.stat().st_size <= LARGEST else ""
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.SafeLoader)):
            raise ValueError("an alias, which may stand for any number of things")
        data = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise OvlabError(f"{name}: is no YAML ({one_line(error)})") from None
    return data if isinstance(data, dict) else {}
