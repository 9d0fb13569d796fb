"""What forbids putting results beside each other: rows of one name that would be about different things."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

from ovlab.errors import OvlabError
from ovlab.merge.reading import Part
from ovlab.records import Record
from ovlab.text import shortened

DESCRIPTIVE = frozenset({"description", "licence", "homepage", "files", "generator"})
"""Keys that say where something comes from or what it is called: hashes tell whether it is the same."""
CALIBRATION = "splits.calibration"
"""Other images to calibrate with make another IR of the same model: that is marked, not refused."""


def require_distinct(parts: list[Part]) -> None:
    """Refuse results that are there twice: a measurement is one, however often it was copied.

    Raises
    ------
    OvlabError
        Naming both folders and the measurement.
    """
    for one, other in combinations(parts, 2):
        if one.path.resolve() == other.path.resolve() or (one.bundle and one.bundle == other.bundle):
            raise OvlabError(f"{one.results} and {other.results}: are the same results, expected each once")
        runs = {record.run_id: path for path, record in one.found if record.kind == "session" and record.ok}
        for path, record in other.found:
            if record.kind == "session" and record.ok and record.run_id in runs:
                where = path.parent.relative_to(other.path).as_posix()
                raise OvlabError(
                    f"{one.results} and {other.results}: both hold the measurement {record.run_id} ({where}), so one "
                    "is a copy of the other or of a part of it; expected each measurement once"
                )


def require_comparable(parts: list[Part]) -> None:
    """Refuse results whose rows would be about different things.

    These are other experiments, other references, and for what is called alike: other files of a model or a data set,
    another preprocessing or reading of outputs, other validated images, another metric.

    Raises
    ------
    OvlabError
        With the first of these in one line: both folders, what, and both values.
    """
    first, *others = parts
    for one, other in ((first, other) for other in others):
        _compare(one, other, "experiment", one.settings.name, other.settings.name)
        _compare(one, other, "reference", one.settings.reference, other.settings.reference)
    for one, other in combinations(parts, 2):
        for what, left, right in _meanings(one, other):
            _compare(one, other, what, left, right)


def _compare(one: Part, other: Part, what: str, left: Any, right: Any) -> None:
    if left != right:
        raise OvlabError(
            f"not comparable: {what} is {_told(left)} in {one.results} and {_told(right)} in {other.results}"
        )


def _told(value: Any) -> str:
    return value if isinstance(value, str) else shortened(value)


def _meanings(one: Part, other: Part) -> Iterator[tuple[str, Any, Any]]:
    """Yield what must be alike, with its values."""
    for group in ("models", "datasets"):
        kind = group.removesuffix("s").replace("dataset", "data set")
        yield from _shared(f"{kind} {{}}: SHA-256 of {{}}", _source_hashes(one, group), _source_hashes(other, group))
    yield from _shared("model {} in {}: SHA-256 of {}", _imported_hashes(one), _imported_hashes(other))
    for group in ("models", "datasets"):
        kind = group.removesuffix("s").replace("dataset", "data set")
        left, right = getattr(one.settings, group), getattr(other.settings, group)
        for name in left.keys() & right.keys():
            for key, (is_left, is_right) in differing_keys(left[name].plain(), right[name].plain()).items():
                if not key.startswith(CALIBRATION):
                    yield f"{kind} {name}: {key}", is_left, is_right
    yield from _shared("model {} in {}: {}", _validations(one), _validations(other))


def _shared(
    words: str, left: Mapping[tuple[str, ...], str], right: Mapping[tuple[str, ...], str]
) -> Iterator[tuple[str, str, str]]:
    for key in left.keys() & right.keys():
        yield words.format(*key), left[key], right[key]


def _source_hashes(part: Part, group: str) -> dict[tuple[str, ...], str]:
    """Return the hashes of the files that each model or data set was made from, by (name, file)."""
    found: dict[tuple[str, ...], str] = {}
    twice: set[tuple[str, ...]] = set()
    for path, record in part.found:
        if record.kind != "source" or path.parts[-4] != group:
            continue
        for file, sha256 in record.inputs.items():
            key = (path.parts[-3], file)
            if found.setdefault(key, sha256) != sha256:
                twice.add(key)  # variants of one model that others made, from files of one name
    return {key: sha256 for key, sha256 in found.items() if key not in twice}


def _imported_hashes(part: Part) -> dict[tuple[str, ...], str]:
    """Return the hashes of the files that each variant was converted from, by (model, precision, file)."""
    return {
        (record.settings["model_name"], record.settings["precision_name"], file): sha256
        for record in _of(part, "variant")
        if "weights" in record.settings  # those that are calibrated are made from an IR
        for file, sha256 in record.inputs.items()
    }


def _validations(part: Part) -> dict[tuple[str, ...], str]:
    """Return by what each variant was validated, by (model, precision, what)."""
    found: dict[tuple[str, ...], str] = {}
    for record in _of(part, "accuracy"):
        names = (record.settings["model_name"], record.settings["precision_name"])
        found[*names, "metric"] = str(record.data.get("metric"))
        images = record.value("samples")
        digest = record.data.get("images_digest")
        if digest is not None:
            found[*names, "validated images"] = f"{digest} ({images:g} of them)" if images is not None else str(digest)
    return found


def _of(part: Part, kind: str) -> list[Record]:
    return [record for _, record in part.found if record.kind == kind and record.ok]


def differing_keys(left: Any, right: Any, prefix: str = "") -> dict[str, tuple[Any, Any]]:
    """Return the values that differ between plain settings, by their dotted keys, but for descriptions."""
    if isinstance(left, dict) and isinstance(right, dict):
        found: dict[str, tuple[Any, Any]] = {}
        for key in {**left, **right}:
            if prefix or key not in DESCRIPTIVE:
                found |= differing_keys(left.get(key), right.get(key), f"{prefix}.{key}" if prefix else str(key))
        return found
    return {} if left == right else {prefix: (left, right)}
