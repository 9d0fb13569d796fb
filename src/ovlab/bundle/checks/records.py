"""Records: whole, at their place, made from what other records left, with the settings that the report states."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ovlab.bundle.checks.numbers import differences, first_faults
from ovlab.bundle.layout import read_bounded, read_bounded_json
from ovlab.bundle.opening import OpenedBundle
from ovlab.errors import OvlabError
from ovlab.inputs.listing import parse_listing
from ovlab.records import Kind, Record, read_record
from ovlab.report.records import PLACES
from ovlab.specs import ReportSettings

Found = list[tuple[Path, Record]]
LISTING = "files.lst"
SELF_MADE = ("samples.parquet", "sweep.parquet", "predictions.parquet")
"""Inputs of a record that are its own files."""
WORDS = ("description", "licence", "homepage")
SOURCE = ("files", "generator")
"""Of a data set: told by the record of its source."""
AXES = {"device": "devices", "scenario": "scenarios"}
"""What the settings of a session and a profile share with the report's, by name."""


def read_records(bundle: OpenedBundle) -> tuple[Found, list[str]]:
    """Read the records of a bundle's experiment, and say what is wrong with them."""
    found: Found = []
    faults: list[str] = []
    listed = bundle.records()
    for kind, path in listed:
        name = path.relative_to(bundle.folder).as_posix()
        try:
            data = read_bounded_json(path, name)
            if not isinstance(data, dict) or not isinstance(data.get("sha256"), str):
                raise OvlabError(f"{name}: has no hash of its own")
            record = read_record(path, kind)
            bundle.check_beside(record, path.parent)
        except OvlabError as error:
            faults.append(_named(str(error), bundle.folder, name))
            continue
        found.append((path, record))
        faults += _place_faults(kind, path, record, name)
    faults += [f"{name}: stands in the list of records twice" for name in _twice(str(path) for _, path in listed)]
    faults += _unlisted(bundle, {path for _, path in listed}, found)
    return found, faults


def _named(text: str, folder: Path, name: str) -> str:
    shown = text.replace(f"{folder}/", "")
    return shown if shown.startswith(name.rpartition("/")[0]) else f"{name}: {shown}"


def _twice(names: Iterable[str]) -> list[str]:
    seen: set[str] = set()
    return [name for name in names if name in seen or seen.add(name)]  # type: ignore[func-returns-value]


def _place_faults(kind: Kind, path: Path, record: Record, name: str) -> Iterator[str]:
    """Yield what of a record's names is not that of the folders that it lies in: it belongs to another cell."""
    places = PLACES.get(kind, ())
    folders = path.parent.parts[-len(places) :] if places else ()
    for key, folder in zip(places, folders, strict=False):
        named = record.settings.get(key)
        if key != "digest" and named is not None and named != folder:
            yield f"{name}: is the record of {named!r}, in the place of {folder!r} ({key})"


def _unlisted(bundle: OpenedBundle, records: set[Path], found: Found) -> Iterator[str]:
    """Yield files of the results that neither a record nor the report accounts for."""
    known = {path.relative_to(bundle.folder).as_posix() for path in records}
    for path, record in found:
        place = path.parent.relative_to(bundle.folder).as_posix()
        known |= {f"{place}/{name}" for name in record.files}
    for path, record in found:
        if record.kind == "source":
            yield from _listed_faults(bundle, path, record)
    report = bundle.experiment.relative_to(bundle.folder).as_posix() + "/report/"
    files = tuple(f"{path.parent.relative_to(bundle.folder).as_posix()}/files/" for path in records)
    for name in sorted(bundle.hashes):
        is_result = name.startswith("results/") and not name.startswith(report)
        if is_result and name not in known and not name.startswith(files):
            yield f"{name}: no record of the experiment names this file"


def _listed_faults(bundle: OpenedBundle, path: Path, record: Record) -> Iterator[str]:
    """Yield which files of a source are not those that were there when it was made."""
    place = path.parent.relative_to(bundle.folder).as_posix()
    there = {name: sha256 for name, sha256 in bundle.hashes.items() if name.startswith(f"{place}/files/")}
    if not there or LISTING not in record.files:
        return
    try:
        entries = parse_listing(read_bounded(path.parent / LISTING, f"{place}/{LISTING}"))
    except ValueError:
        yield f"{place}/{LISTING}: is not a list of files"
        return
    listed = {f"{place}/files/{name}": one.sha256 for name, one in entries}
    for name in sorted(there.keys() ^ listed.keys()):
        yield f"{name}: {'is not in the list of' if name in there else 'missing, but it is in the list of'} its source"
    for name in sorted(there.keys() & listed.keys()):
        if listed[name] not in {there[name], None}:
            yield f"{name}: is not the file that was there when its source was made"


def check_chain(found: Found, bundle: OpenedBundle) -> list[str]:
    """Check that what went into each step is what other steps of the experiment left.

    Returns
    -------
    list of str
        A line for each record with an input that no other one made.
    """
    made: set[str] = set()
    for _, record in found:
        made |= {*record.files.values(), *_hashes(record.data.get("sha256"))}
        if record.kind == "source":
            made |= {*record.inputs.values(), *(str(one.get("sha256")) for one in record.data.get("files", []))}
    faults = []
    for path, record in found:
        if record.kind not in {"variant", "accuracy", "session", "profile"} or not record.ok:
            continue
        strange = [role for role, sha256 in record.inputs.items() if role not in SELF_MADE and sha256 not in made]
        if strange and record.kind != "variant":  # a source of the user's own lists no file of the framework
            name = path.relative_to(bundle.folder).as_posix()
            faults.append(f"{name}: was made from another {strange[0]}, which no record of the experiment left")
    return faults + _variant_faults(found, bundle)


def _variant_faults(found: Found, bundle: OpenedBundle) -> list[str]:
    """Say which accuracy, session or profile is of other files than the variant of its name."""
    variants: dict[tuple[str, str], list[Mapping[str, str]]] = {}
    for _, record in found:
        if record.kind == "variant":
            key = (record.settings.get("model_name", ""), record.settings.get("precision_name", ""))
            variants.setdefault(key, []).append(dict(record.data.get("sha256", {})))
    faults = []
    for path, record in found:
        model, name = record.settings.get("model_name", ""), path.relative_to(bundle.folder).as_posix()
        if record.kind == "accuracy" and record.ok:
            roles = {file: file for file in ("model.xml", "model.bin")}
            precisions = {record.settings.get("precision_name", ""): roles}
        elif record.kind in {"session", "profile"}:
            precisions = {}
            for role in record.inputs:
                precision, _, file = role.rpartition("/")
                if precision:
                    precisions.setdefault(precision, {})[file] = role
        else:
            continue
        for precision, roles in precisions.items():
            known = variants.get((model, precision), [])
            own = {file: record.inputs.get(role) for file, role in roles.items()}
            if not any(all(one.get(file) == sha256 for file, sha256 in own.items()) for one in known):
                faults.append(f"{name}: its {precision} is not the variant {model} {precision} of this experiment")
    return faults


def _hashes(value: Any) -> set[str]:
    return {str(one) for one in value.values()} if isinstance(value, dict) else set()


def check_settings(found: Found, settings: ReportSettings, bundle: OpenedBundle) -> list[str]:
    """Check that records were made with the settings that the report states."""
    stated = _without_words(settings.plain())
    faults: list[str] = []
    for path, record in found:
        name = path.relative_to(bundle.folder).as_posix()
        lines = first_faults(_settings_faults(record, stated, name))
        faults += [line.replace("was recomputed", "is what the report says") for line in lines]
    return faults


def _settings_faults(record: Record, stated: Mapping[str, Any], name: str) -> Iterator[str]:
    own = _without_words(record.settings)
    if record.kind in {"session", "profile", "accuracy"}:
        for axis, all_of in AXES.items():
            if axis in own and own.get(f"{axis}_name") in stated[all_of]:
                yield from differences(own[axis], stated[all_of][own[f"{axis}_name"]], f"{name}: settings.{axis}")
        for precision, spec in own.get("precisions", {}).items():
            if precision in stated["precisions"]:
                both = spec, stated["precisions"][precision]
                own_spec, stated_spec = (_without(one, ("source", "calibration_seeds")) for one in both)
                yield from differences(own_spec, stated_spec, f"{name}: settings.precisions.{precision}")
    keys = {"session": ("measurement", "seed", "reference"), "profile": ("seed", "reference")}.get(record.kind, ())
    for key in keys:
        if key in own:
            yield from differences(own[key], stated[key], f"{name}: settings.{key}")
    dataset = own.get("model", {}).get("dataset") if record.kind == "accuracy" else None
    if dataset in stated["datasets"]:
        read, said = (_without(one, SOURCE) for one in (own["dataset"], stated["datasets"][dataset]))
        yield from differences(read, said, f"{name}: settings.dataset")
        model = stated["models"].get(own.get("model_name"))
        is_imported = any(
            (one["model"], one["precision"]) == (own.get("model_name"), own.get("precision_name"))
            for one in stated.get("imported", [])
        )
        if model is not None and not is_imported:
            yield from differences(own["model"], model, f"{name}: settings.model")


def _without_words(data: Any) -> Any:
    """Leave out what no result depends on, so that the settings of a step lack it."""
    if isinstance(data, dict):
        return {key: _without_words(value) for key, value in data.items() if key not in WORDS}
    return [_without_words(value) for value in data] if isinstance(data, list) else data


def _without(spec: Mapping[str, Any], keys: Collection[str]) -> dict[str, Any]:
    return {key: value for key, value in spec.items() if key not in keys}
