"""What the hosts of merged results are called."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from ovlab.errors import OvlabError
from ovlab.merge.reading import Part
from ovlab.specs import HERE

LONGEST = 100
"""Bytes of a label, as of the names of conf files."""
RULE = "use letters, digits, '_', '-', '+', '.' and spaces, a letter, digit or '_' first"
_LABEL = re.compile(r"\w(?:[\w .+-]*[\w+-])?")
# What a processor's name says besides which one it is: trade marks, and the clock that its maker names.
_NOISE = re.compile(r"\((?:R|TM)\)|\bCPU\b|\bProcessor\b|\b\d+-Core\b|@.*$", re.IGNORECASE)
_SIGNS = re.compile(r"[^\w.+-]+")
Names = dict[str, str]
"""What a part's hosts are called in the merged report, by what they are called in it."""


def check_label(label: str) -> None:
    """Refuse a name that no host can have.

    Raises
    ------
    OvlabError
        Naming it, and what was expected.
    """
    if len(label.encode("utf-8", "replace")) > LONGEST:
        raise OvlabError(f"host {label!r}: is longer than {LONGEST} bytes")
    if not _LABEL.fullmatch(label) or not label.isprintable():
        raise OvlabError(f"host {label!r}: is no name for a host: {RULE}")
    if yaml.safe_load(label) != label or _is_number(label):
        raise OvlabError(f"host {label!r}: YAML reads it as something else than a name; choose another")


def _is_number(text: str) -> bool:
    """Tell whether a list in YAML would hold a number with it: some readers take more for one than others."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def name_hosts(parts: Sequence[Part], given: Sequence[str | None]) -> list[Names]:
    """Name the hosts of all parts, each its own name.

    Parameters
    ----------
    parts : sequence of Part
        What is merged.
    given : sequence of str or None
        The name that the user gives to the host of each; to several hosts it is put in front of theirs.

    Returns
    -------
    list of dict
        For each part, the name of each of its hosts. Without one given, that of the host's file; for the machine that
        the workflow ran on, its name in the network where it was recorded, else its processor's. Where
        that is the same for several, the name of the folder is added.

    Raises
    ------
    OvlabError
        If a given name is none, or is given twice.
    """
    for name, count in Counter(one for one in given if one is not None).items():
        check_label(name)
        if count > 1:
            raise OvlabError(f"host {name!r}: given to {count} of the results, expected a name of its own for each")
    wanted: dict[tuple[int, str], str] = {}
    fixed: dict[tuple[int, str], str] = {}
    for number, (part, label) in enumerate(zip(parts, given, strict=True)):
        for host in part.hosts:
            if label is not None:
                fixed[number, host] = label if len(part.hosts) == 1 else f"{label}-{host}"
            else:
                wanted[number, host] = _own_name(part, host)
    if twice := [name for name, count in Counter(fixed.values()).items() if count > 1]:
        raise OvlabError(f"host {twice[0]!r}: two of the results would be called so; give other names")
    names = fixed | _told_apart(wanted, set(fixed.values()), _folder_names(parts))
    return [{host: names[number, host] for host in part.hosts} for number, part in enumerate(parts)]


def _own_name(part: Part, host: str) -> str:
    """Return what a host calls itself."""
    if host != HERE:
        return host
    measured = [record for _, record in part.found if record.kind == "session"] or [one for _, one in part.found]
    here = [one for one in measured if one.settings.get("host_name", HERE) == HERE]
    nodes = (str(place.get("node") or "") for one in here if isinstance(place := one.data.get("host"), Mapping))
    models = (str(one.environment.get("cpu", {}).get("model") or "") for one in here)
    named = (_as_label(name) for name in (*nodes, *models))
    return next((name for name in named if name), HERE)


def _as_label(text: str) -> str:
    """Turn a name into one that a host can have; empty where nothing of it is left."""
    name = _SIGNS.sub("_", _NOISE.sub(" ", text).strip()).strip("_.-+ ")[:LONGEST]
    try:
        check_label(name)
    except (OvlabError, yaml.YAMLError):
        return ""
    return name


def _told_apart(wanted: dict[tuple[int, str], str], taken: set[str], folders: list[str]) -> dict[tuple[int, str], str]:
    """Add folders, and numbers where these do not help, to names that are not one's own."""
    counts = Counter(wanted.values())
    found: dict[tuple[int, str], str] = {}
    for key, name in wanted.items():
        base = name if counts[name] == 1 and name not in taken else f"{name}-{folders[key[0]]}".rstrip("-")
        own, number = base, 1
        while own in taken or own in found.values():
            number += 1
            own = f"{base}-{number}"
        found[key] = own
    return found


def _folder_names(parts: Sequence[Part]) -> list[str]:
    """Name the folders by the last part of their paths in which they differ."""
    paths = [Path(part.results).absolute() for part in parts]
    paths = [path.with_suffix("") if path.suffix == ".zip" else path for path in paths]
    deepest = min(len(path.parts) for path in paths)
    for depth in range(1, deepest):
        names = [_as_label(path.parts[-depth]) for path in paths]
        if all(names) and len(set(names)) == len(names):
            return names
    return [_as_label(path.name) for path in paths]
