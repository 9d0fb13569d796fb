"""What a run's record says of where its numbers come from, in a few lines."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ovlab.records import Record
from ovlab.report.format import MISSING

MOST_ENTRIES = 12
"""Entries of a longer list of the settings (names of classes) are told by their number; the record has them all."""


@dataclass(frozen=True, slots=True)
class RunFacts:
    """A run: its id, what it is of, its properties and hashes, and its settings as JSON."""

    run: str
    title: str
    facts: list[tuple[str, str]]
    hashes: list[tuple[str, str]]
    settings: str


def run_facts(record: Record, title: str) -> RunFacts:
    """Say of a record what it was made from, with what, and where."""
    place, environment = record.data.get("host") or {}, record.environment
    cpu = environment.get("cpu", {})
    packages = environment.get("packages", {})
    machine = [place.get("name"), place.get("node"), cpu.get("model"), environment.get("os")]
    facts = [
        ("status", f"{record.status}: {record.reason}" if record.reason else record.status),
        ("made", record.created or MISSING),
        ("host", " · ".join(dict.fromkeys(str(one) for one in machine if one)) or MISSING),
        ("packages", ", ".join(f"{name} {version}" for name, version in packages.items()) or MISSING),
        ("python", str(environment.get("python") or MISSING)),
        ("commit", str(environment.get("git_commit") or MISSING)),
    ]
    return RunFacts(record.run_id, title, facts, _hashes(record), _settings(record))


def _hashes(record: Record) -> list[tuple[str, str]]:
    found = [*_source_files(record), *((f"read {name}", digest) for name, digest in record.inputs.items())]
    if digest := record.data.get("images_digest"):
        found.append(("names of the images", str(digest)))
    return [*found, *((f"left {name}", digest) for name, digest in record.files.items())]


def _source_files(record: Record) -> list[tuple[str, str]]:
    """Return what a download found: its record lists the files by name."""
    return [
        (f"found {one.get('name', '')}", str(one.get("sha256") or MISSING)) for one in record.data.get("files") or []
    ]


def _settings(record: Record) -> str:
    return json.dumps(_shortened(record.settings), ensure_ascii=False)


def _shortened(value: Any) -> Any:
    """Leave out of the settings what says nothing (null, empty), and the end of long lists."""
    if isinstance(value, dict):
        return {name: _shortened(one) for name, one in value.items() if one not in (None, "", [], {})}
    if isinstance(value, list):
        more = [f"... {len(value)} in all"] if len(value) > MOST_ENTRIES else []
        return [*map(_shortened, value[:MOST_ENTRIES]), *more]
    return value
