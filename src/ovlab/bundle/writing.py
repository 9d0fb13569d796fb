"""Write a bundle: whole or not at all, the same bytes for the same results."""

from __future__ import annotations

import importlib.metadata
import json
import logging
import os
import shutil
import subprocess
import zipfile
import zlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from ovlab.bundle.collecting import collect, collect_workflow, find_experiment, measured_until
from ovlab.bundle.conf_files import conf_differences, used_files
from ovlab.bundle.generated import generated_texts
from ovlab.bundle.layout import CONF, INFO, MANIFEST, MERGED, RESULTS, SETTINGS, AuthorSpec, BundleInfo, read_info
from ovlab.bundle.manifest import CHUNK, check_names, format_manifest, hash_stream, walk
from ovlab.bundle.opening import OpenedBundle
from ovlab.download.progress import Progress
from ovlab.errors import OvlabError
from ovlab.files import atomic_path, move, open_file, write_text
from ovlab.records import Record
from ovlab.scratch import OWNER, scratch_folder
from ovlab.specs import ReportSettings
from ovlab.specs.base import parse_spec

log = logging.getLogger("ovlab.bundle")
SOFTWARE = ("ovlab", "matplotlib", "numpy", "pandas", "pyarrow", "scipy", "rocrate")
PROBE, WORTH = 1 << 18, 0.8
"""Bytes of a file that are compressed to see, and the share of them that must not be left for it to be worth the time
that it takes everybody who opens the bundle: images, Parquet and most weights are stored as they are."""
LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip archive can state."""


def write_bundle(
    results: Path,
    experiment: str,
    target: Path,
    *,
    home: Path,
    conf: Sequence[Path] = (),
    models: bool = False,
    data: bool = False,
    title: str = "",
    authors: Sequence[AuthorSpec] = (),
    licence: str = "",
) -> str:
    """Export an experiment of a results folder as a bundle.

    Parameters
    ----------
    results : Path
        The results folder.
    experiment : str
        Name of the experiment.
    target : Path
        What to write: an archive if its name ends in ``.zip``, else a folder, which must not exist.
    home : Path
        The checkout that the workflow's files are copied from.
    conf : sequence of Path
        Further folders of YAML files, searched before ``conf`` of the checkout.
    models, data : bool
        Whether the files of models and of data sets come along.
    title, authors, licence
        For the citation; see `ovlab.bundle.layout.BundleInfo`.

    Returns
    -------
    str
        The fingerprint: SHA-256 of the manifest.

    Raises
    ------
    OvlabError
        If something is missing or was changed since it was made, a file cannot be called so everywhere, or the target
        exists.
    """
    is_zip = target.suffix.lower() == ".zip"
    if target.exists() and not is_zip:
        raise OvlabError(f"{target}: exists already")
    is_merged = (results / experiment / MERGED).is_file()
    found = None if is_merged else find_experiment(results, experiment)
    target.parent.mkdir(parents=True, exist_ok=True)
    with scratch_folder(target.parent, prefix=f".{target.stem}.", suffix=".partial") as scratch:
        folder = scratch / "bundle"
        folder.mkdir()
        if found is None:
            from ovlab.merge.bundling import collect_merged

            same = partial(write_bundle, home=home, conf=conf, models=models, data=data, authors=authors)
            collect_merged(results, experiment, folder, partial(same, licence=licence))
            replaced = 0
            dates = [read_info(path.parent).date for path in folder.glob(f"parts/*/{INFO}")]
        else:
            replaced = collect(found, folder, models=models, data=data)
            dates = [measured_until(found.found)]
        settings_path = folder / RESULTS / experiment / SETTINGS
        settings = ReportSettings.from_json(settings_path.read_text(encoding="utf-8"), SETTINGS)
        collect_workflow(home, folder, {} if is_merged else used_files(settings, [*conf, home / CONF]))
        yaml_files = [name for name in walk(folder) if name.startswith(f"{CONF}/")]
        about = {
            "experiment": experiment,
            "title": title or settings.experiment.title or experiment,
            "authors": [one.plain() for one in authors],
            "licence": licence,
            "date": max(dates),
            "models": models,
            "data": data,
            "workflow_commit": _commit(home),
            "conf_differences": () if is_merged else conf_differences(folder, yaml_files, settings),
            "paths_replaced": replaced,
            "software": {name: importlib.metadata.version(name) for name in SOFTWARE},
        }
        fingerprint = _finish(folder, parse_spec(BundleInfo, about, INFO), settings)
        if is_zip:
            with atomic_path(target) as unfinished:
                write_zip(folder, unfinished)
        else:
            move(folder, target)
    log.info("%s: %s", target, fingerprint)
    return fingerprint


def _finish(folder: Path, info: BundleInfo, settings: ReportSettings) -> str:
    """Write what is made from the rest: what the bundle says of itself, metadata, README, manifest."""
    write_text(folder / INFO, json.dumps(info.plain(), indent=1, ensure_ascii=False) + "\n")
    names = sorted(walk(folder))
    check_names([*names, MANIFEST], "bundle")
    total = sum((folder / name).stat().st_size for name in names)
    hashes: dict[str, str] = {}
    with Progress("hashing", total, "B") as progress:
        for name in names:
            with open_file(folder / name) as file:
                hashes[name], size = hash_stream(file)
            progress.advance(size)
    opened = OpenedBundle(folder, info, hashes)
    records = reported_records(opened)
    for name, text in generated_texts(info, hashes, records, settings).items():
        write_text(folder / name, text)
        with open_file(folder / name) as file:
            hashes[name], _ = hash_stream(file)
    write_text(folder / MANIFEST, format_manifest(hashes))
    with open_file(folder / MANIFEST) as file:
        return hash_stream(file)[0]


def reported_records(bundle: OpenedBundle) -> list[Record]:
    """Return the records that a bundle's report is made from; those of a merged one are in the bundles in it."""
    if (bundle.experiment / MERGED).is_file():
        from ovlab.merge.bundling import parts_of, records_of_parts

        return records_of_parts(bundle.folder, parts_of(bundle.experiment))
    return [bundle.read(path, kind) for kind, path in bundle.records()]


def write_zip(folder: Path, target: Path) -> None:
    """Pack a folder: entries sorted, times and rights fixed, what is packed already stored as it is."""
    names = sorted(name for name in walk(folder) if name != OWNER)
    total = sum((folder / name).stat().st_size for name in names)
    with zipfile.ZipFile(target, "w", allowZip64=True) as file, Progress("packing", total, "B") as progress:
        for name in names:
            entry = zipfile.ZipInfo(name, LONG_AGO)
            entry.create_system, entry.external_attr = 3, 0o100644 << 16
            entry.file_size = (folder / name).stat().st_size
            with open_file(folder / name) as source:
                entry.compress_type = _compression(source.read(PROBE))
                source.seek(0)
                with file.open(entry, "w") as packed:
                    shutil.copyfileobj(source, packed, CHUNK)
            progress.advance(entry.file_size)


def _compression(beginning: bytes) -> int:
    """Choose the method for a file by how far its beginning can be compressed."""
    is_worth = len(zlib.compress(beginning)) < WORTH * len(beginning)
    return zipfile.ZIP_DEFLATED if is_worth else zipfile.ZIP_STORED


def _commit(home: Path) -> str | None:
    command = ["git", "-C", str(home), "describe", "--always", "--dirty", "--abbrev=40"]
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True, env=environment)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
