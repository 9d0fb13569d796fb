"""What differs between results that may stand beside each other all the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ovlab.merge.comparable import CALIBRATION, DESCRIPTIVE
from ovlab.merge.facts import Difference, differing
from ovlab.merge.labels import Names
from ovlab.merge.reading import Part
from ovlab.specs import HERE
from ovlab.text import shortened

SOFTWARE = {"os": "OS", "python": "Python", "git_commit": "git commit of ovlab"}
SHOWN_DIGITS = 12
MISSING = "none"


def find_differences(parts: Sequence[Part], names: Sequence[Names]) -> list[Difference]:
    """Return what differs between the hosts' results, software first, then variants, then settings.

    Parameters
    ----------
    parts : sequence of Part
        What is merged; comparable.
    names : sequence of dict
        What the hosts of each part are called.
    """
    return [*_software(parts, names), *_variants(parts, names), *_settings(parts, names)]


def _software(parts: Sequence[Part], names: Sequence[Names]) -> Iterator[Difference]:
    """Compare packages and systems with which was measured."""
    facts = {name: _facts(part, host) for part, own in zip(parts, names, strict=True) for host, name in own.items()}
    for what in dict.fromkeys(what for one in facts.values() for what in one):
        yield from differing(what, {host: one.get(what, MISSING) for host, one in facts.items() if one})


def _facts(part: Part, host: str) -> dict[str, str]:
    """Return what the sessions of a host tell of its software; several values where it changed in between."""
    found: dict[str, dict[str, None]] = {}
    for _, record in part.found:
        if record.kind != "session" or record.settings.get("host_name", HERE) != host:
            continue
        packages = record.environment.get("packages", {})
        facts = {title: record.environment.get(key) for key, title in SOFTWARE.items()} | dict(packages)
        for what, value in facts.items():
            found.setdefault(what, {})[MISSING if value is None else str(value)] = None
    return {what: ", ".join(values) for what, values in found.items()}


def _variants(parts: Sequence[Part], names: Sequence[Names]) -> Iterator[Difference]:
    """Compare the IRs: conversion and calibration of another version, or by other images, make other ones."""
    hashes: dict[tuple[str, str], dict[str, str]] = {}
    for part, own in zip(parts, names, strict=True):
        first: set[tuple[str, str]] = set()
        for _, record in part.found:
            if record.kind != "variant" or not record.ok:
                continue
            variant = (record.settings["model_name"], record.settings["precision_name"])
            if variant in first:
                continue  # where calibration is repeated, the first is the one that is measured
            first.add(variant)
            text = " ".join(f"{name} {sha256[:SHOWN_DIGITS]}" for name, sha256 in sorted(record.files.items()))
            hashes.setdefault(variant, {}).update(dict.fromkeys(own.values(), text))
    for (model, precision), values in hashes.items():
        yield from differing("IR", values, model=model, precision=precision)


def _settings(parts: Sequence[Part], names: Sequence[Names]) -> Iterator[Difference]:
    """Compare how was calibrated, validated and measured."""
    plain = {name: part.settings for part, own in zip(parts, names, strict=True) for name in own.values()}
    for key in ("measurement", "validation"):
        yield from _keys(key, {host: getattr(one, key).plain() for host, one in plain.items()}, {})
    yield from differing("seed", {host: str(one.seed) for host, one in plain.items()})
    for axis in ("precision", "device", "scenario"):
        specs = {host: getattr(one, f"{axis}s") for host, one in plain.items()}
        for name in dict.fromkeys(name for one in specs.values() for name in one):
            values = {host: one[name].plain() for host, one in specs.items() if name in one}
            yield from _keys(f"{axis} {name}", values, {axis: name})
    for name in dict.fromkeys(name for one in plain.values() for name in one.experiment.devices):
        values = {host: one.accuracy_device(name) for host, one in plain.items() if name in one.experiment.devices}
        if any(one.validates_apart(name) for one in plain.values()):
            yield from differing(f"device {name}: validated on", values, device=name)
    data = {host: one.datasets for host, one in plain.items()}
    for name in dict.fromkeys(name for one in data.values() for name in one):
        # All else of a data set is compared before: it would be another one.
        values = {host: one[name].plain() for host, one in data.items() if name in one}
        yield from _keys(f"data set {name}", values, {}, only=CALIBRATION)


def _keys(
    where: str, values: Mapping[str, dict[str, Any]], concerns: dict[str, str], only: str = ""
) -> Iterator[Difference]:
    """Compare settings key by key."""
    flat = {host: dict(_leaves(one)) for host, one in values.items()}
    joint = "." if " " not in where else ": "
    for key in dict.fromkeys(key for one in flat.values() for key in one):
        if not key.startswith(only):
            continue
        told = {host: shortened(one[key]) if key in one else MISSING for host, one in flat.items()}
        yield from differing(f"{where}{joint}{key}", told, **concerns)


def _leaves(value: Any, prefix: str = "") -> Iterable[tuple[str, Any]]:
    if not isinstance(value, dict):
        yield prefix, value
        return
    for key, one in value.items():
        if prefix or key not in DESCRIPTIVE:
            yield from _leaves(one, f"{prefix}.{key}" if prefix else str(key))
