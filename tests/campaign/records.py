"""Whether results are what they seem to be: every record against its files, and against an undisturbed run."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from ovlab.errors import OvlabError, one_line
from ovlab.files import sha256_of
from ovlab.records import Kind, Record, read_record

# Where records of a kind lie, and the files without which none of them is complete.
PLACES: dict[Kind, tuple[str, tuple[str, ...]]] = {
    "source": ("sources/*/*/*/source.json", ()),
    "variant": ("variants/*/*/*/variant.json", ("model.xml", "model.bin")),
    "accuracy": ("accuracy/*/*/*/accuracy.json", ("predictions.parquet",)),
    "session": ("*/sessions/*/*/*/*/session.json", ("samples.parquet",)),
    "peaks": ("peaks/*/*/*/peaks.json", ()),
    "profile": ("*/profiles/*/*/*/profile.json", ("nodes.parquet",)),
}
# What no two runs have alike.
TIMED_VALUES = {"calibration_time", "validation_time", "images_per_second", "measuring_time"}
FIGURES = (
    "model precision device scenario status metric accuracy accuracy_low accuracy_high accuracy_delta "
    "accuracy_delta_low accuracy_delta_high samples batch infer_requests streams execution_devices executed_precision"
).split()
LEFT_BEHIND = ("*.partial", "*.partial.*", "*.part", "tmp????????", "ovlab-*")


@dataclass
class Findings:
    """What a look at the results has found.

    Attributes
    ----------
    false : list of str
        What looks finished and is not, or says something else than the undisturbed run.
    failed : dict
        Records that say that their step failed, and why: no result, but no false one either.
    checked : int
        How many records were looked at.
    """

    false: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    checked: int = 0


def check_results(results: Path, truth: dict[str, Any] | None = None) -> Findings:
    """Check every record, table, page and verdict in a results folder.

    Parameters
    ----------
    results : Path
        The folder.
    truth : dict, optional
        What `facts_of` has told of an undisturbed run.
    """
    found = Findings()
    for kind, path in record_paths(results):
        found.checked += 1
        name = str(path.relative_to(results))
        try:
            record = read_record(path, kind)
            if "sha256" not in json.loads(path.read_text(encoding="utf-8")):
                raise OvlabError("has no hash of itself")
            if record.status == "failed" and record.reason:
                found.failed[name] = record.reason
                continue
            if record.status != "ok":
                raise OvlabError(f"status {record.status!r}, reason {record.reason!r}")
            facts = _facts(kind, record, path.parent)
            rows = record.data.get("rows", {}) if kind == "session" else {}
            if broken := {row["reason"] for row in rows.values() if row["status"] == "failed" and row["reason"]}:
                found.failed[name] = ", ".join(sorted(broken))
                continue
        except (OvlabError, OSError, ValueError, KeyError) as error:
            found.false.append(f"{name}: {one_line(error)}")
            continue
        if truth is not None and name not in truth:
            found.false.append(f"{name}: the undisturbed run has no such record")
        elif truth is not None and facts != truth[name]:
            found.false.append(f"{name}: differs from the undisturbed run in {_difference(facts, truth[name])}")
    found.false += [f"{path.relative_to(results)}: {why}" for path, why in _unreadable(results)]
    found.false += [f"{path.relative_to(results)}: {why}" for path, why in _premature(results)]
    return found


def record_paths(results: Path) -> Iterator[tuple[Kind, Path]]:
    """Yield every record with the kind that it should be."""
    for kind, (pattern, _) in PLACES.items():
        for path in sorted(results.glob(pattern)):
            yield kind, path


def facts_of(results: Path) -> dict[str, Any]:
    """Return what every record says that another run must say, too: figures, hashes, names; no timing."""
    return {
        str(path.relative_to(results)): _facts(kind, read_record(path), path.parent)
        for kind, path in record_paths(results)
    }


def figures_of(results: Path, experiment: str) -> list[dict[str, Any]]:
    """Return the final figures of an experiment, as `results.csv` has them, without what was timed."""
    frame = pd.read_csv(results / experiment / "report/tables/results.csv", dtype=str, keep_default_na=False)
    return frame[list(FIGURES)].to_dict("records")


def left_behind(*folders: Path, before: float = math.inf) -> list[Path]:
    """Return the half-made files and folders of processes that are no more.

    Parameters
    ----------
    before : float
        Only those that were last written to before this time, in seconds since the epoch.
    """
    found = {path for folder in folders for pattern in LEFT_BEHIND for path in folder.rglob(pattern)}
    return sorted(path for path in found if path.stat().st_mtime < before)


def _facts(kind: Kind, record: Record, folder: Path) -> dict[str, Any]:
    """Check an ``ok`` record against its files and return what another run must say, too."""
    for name in PLACES[kind][1]:
        if name not in record.files:
            raise OvlabError(f"names no {name}")
    for name, sha256 in record.files.items():
        if sha256_of(folder / name) != sha256:
            raise OvlabError(f"{name} is not the file that was recorded")
    facts: dict[str, Any] = {
        "files": dict(record.files),
        "inputs": dict(record.inputs),
        "values": {name: value for name, value in record.values.items() if name not in TIMED_VALUES},
    }
    match kind:
        case "source":
            facts["tree"] = tree_hash(folder / "files")
        case "accuracy":
            rows = len(pd.read_parquet(folder / "predictions.parquet"))
            if rows != record.value("samples"):
                raise OvlabError(f"{rows} predictions, but {record.value('samples')} samples")
            facts["images"] = record.data["images_digest"]
        case "peaks" | "profile":  # timings, but of what was measured
            facts = {"inputs": {name: value for name, value in record.inputs.items() if name not in record.files}}
        case "session":
            _check_samples(record, folder / "samples.parquet")
            # Other samples each time.
            del facts["files"], facts["inputs"]["samples.parquet"], facts["values"]
            facts["rows"] = {name: row["status"] for name, row in record.data["rows"].items()}
    return facts


def _check_samples(record: Record, path: Path) -> None:
    samples = pd.read_parquet(path)
    for name, row in record.data["rows"].items():
        own = samples[samples["precision"] == name]
        if row["status"] == "ok" and own.empty:
            raise OvlabError(f"{name}: ok without a sample")
        if row["status"] == "ok" and abs(own["latency_ms"].max() - row["values"]["latency_max"]["value"]) > 1e-6:
            raise OvlabError(f"{name}: its figures are not those of its samples")


def tree_hash(folder: Path) -> str:
    """Return one hash of all files below a folder, by name and content."""
    if not folder.is_dir():
        raise OvlabError("its files are missing")
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            digest.update(f"{path.relative_to(folder)}\0{sha256_of(path)}\n".encode())
    return digest.hexdigest()


def _difference(facts: dict[str, Any], truth: dict[str, Any]) -> str:
    parts = []
    for key in sorted(truth):
        if facts.get(key) == truth[key]:
            continue
        one, other = facts.get(key), truth[key]
        inner = [name for name in other if one.get(name) != other[name]] if isinstance(one, dict) else []
        parts.append(f"{key} ({', '.join(inner)})" if inner else key)
    return ", ".join(parts)


def _unreadable(results: Path) -> Iterator[tuple[Path, str]]:
    """Yield the files under their final names that are not whole."""
    for path in results.rglob("*"):
        if "files" in path.parts or "partial" in path.name or not path.is_file():
            continue
        try:
            if path.suffix == ".json":
                json.loads(path.read_text(encoding="utf-8"))
            elif path.suffix == ".parquet":
                pd.read_parquet(path)
            elif path.suffix == ".html" and not path.read_text(encoding="utf-8").rstrip().endswith("</html>"):
                yield path, "ends before its end"
            elif path.suffix in {".csv", ".md", ".tex", ".svg", ".pdf", ".png"} and not path.stat().st_size:
                yield path, "is empty"
        except (OSError, ValueError) as error:
            yield path, one_line(error)


def _premature(results: Path) -> Iterator[tuple[Path, str]]:
    """Yield the verdicts that are not on the results that are there."""
    for path in results.glob("*/verdict.txt"):
        results_csv = path.parent / "report/tables/results.csv"
        if not results_csv.exists():  # the report was removed: this is what was said of it
            continue
        rows = pd.read_csv(results_csv)
        if not (rows["status"] != "failed").all():
            yield path, "stands although a cell failed"
        if path.read_text(encoding="utf-8").split(" ")[0] != str(len(rows)):
            yield path, "counts other cells than there are"
