"""The profile step: all variants of a model on one device, profiled in interleaved rounds and compared."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from ovlab.csv_files import write_csv
from ovlab.environment import host_identity
from ovlab.errors import OvlabError, UnavailableError
from ovlab.files import sha256_of
from ovlab.layers.peaks.machine import Peaks
from ovlab.layers.profile.analysis import PAIR_COLUMNS, analyse, compare_all, pair_rows, plain_comparison
from ovlab.layers.profile.clock import launch_at_lower_clock
from ovlab.layers.profile.launching import (
    Launched,
    disturbance,
    launch_rounds,
    launch_scaling,
    require_profilable,
)
from ovlab.layers.profile.model import Profile
from ovlab.layers.profile.table import launch_table, node_table, write_tables
from ovlab.layers.request import ProfileRequest
from ovlab.layers.roofline.comparison import Comparison
from ovlab.layers.roofline.coverage import Choices
from ovlab.measure.device.properties import compile_properties, require_device
from ovlab.measure.host.exclusive import exclusive_host
from ovlab.measure.host.place import named_host, require_host
from ovlab.measure.parent.session import Variant
from ovlab.records import Record, require_ok, require_usable
from ovlab.scratch import scratch_folder
from ovlab.specs import ProfileSettings, ScenarioSpec, default_precision

log = logging.getLogger("ovlab.layers")
SINGLE_STREAM = ScenarioSpec(mode="synchronous", performance_hint="LATENCY")
PAIRS = "comparisons"


def profile_variants(
    settings: ProfileSettings, variants: Mapping[str, Variant], source: Record, peaks: Record, folder: Path
) -> Record:
    """Profile the variants of one model on one device.

    Parameters
    ----------
    settings : ProfileSettings
        Device, precisions and how to profile.
    variants : mapping
        The variants by precision.
    source : Record
        The downloaded data set: real images are the inputs.
    peaks : Record
        The peaks of the device on this host.
    folder : Path
        Gets ``nodes.parquet`` and ``nodes.csv`` with the dictionary ``nodes.columns.csv``, ``launches.parquet``, and
        ``comparisons.csv`` with every pair of nodes that stand for the same layers.

    Returns
    -------
    Record
        Of kind ``profile``; ``data["variants"]`` holds status, reason and analysis by precision,
        ``data["comparisons"]`` any two of them, ``data["compared_with"]`` the reference and the device's default, which
        the report compares with, ``data["lower_clock"]`` to what the clock was to be lowered, and why it was
        not. Its status is ``failed`` if no variant could be profiled.

    Raises
    ------
    UnavailableError
        If the device is not on this host.
    OvlabError
        If this is not the host that was asked for, or the peaks are of another one.
    """
    place = require_host(settings)
    with named_host(settings):
        require_device(settings.device, f"device/{settings.device_name}.yaml")
    machine = _peaks_of_this_host(peaks)
    found: dict[str, dict[str, Any]] = {}
    with scratch_folder() as scratch, exclusive_host() as alone:
        requests: dict[str, ProfileRequest] = {}
        for name in settings.precisions:
            try:
                images = scratch / f"{len(requests)}.npy"
                with named_host(settings):
                    requests[name] = _request(settings, name, variants[name], source, images)
            except UnavailableError as error:
                found[name] = {"status": "unavailable", "reason": str(error)}
            except OvlabError as error:
                found[name] = {"status": "failed", "reason": str(error)}
        plan, noise = settings.profiling, settings.noise
        launched = launch_rounds(requests, plan, noise, settings.seed, scratch, machine)
        able = {name: requests[name] for name, one in launched.items() if not one.error}
        scaling = launch_scaling(able, settings.profiling, scratch) if settings.profiling.batch else {}
        lower = launch_at_lower_clock(able, launched, plan, scratch) if plan.lower_clock else ({}, "")
    record = _record(settings, variants, machine, found, launched, folder)
    record.data["host"] = place
    for name, one in scaling.items():
        record.data["variants"][name]["scaling"] = asdict(one)
    for name, at in lower[0].items():
        record.data["variants"][name]["lower_clock"] = at.plain()
    record.data["lower_clock"] = {"asked": plan.lower_clock, "reason": lower[1]}
    record.data["alone"] = asdict(alone)
    return record


def _peaks_of_this_host(record: Record) -> Peaks:
    if record.status == "unavailable":
        raise UnavailableError(record.reason)
    require_ok(record, "peaks")
    if host_identity(record.environment) != host_identity():
        raise OvlabError(
            f"peaks: are those of another host or OpenVINO ({record.environment['cpu']['model']}), expected this "
            "one's; measure them anew (scripts/measure_peaks.py)"
        )
    return Peaks.of(record)


def _request(settings: ProfileSettings, name: str, variant: Variant, source: Record, images: Path) -> ProfileRequest:
    from ovlab.data.inputs import save_images  # not needed where the device is absent

    require_usable(variant.record, variant.folder, "variant")
    model = variant.folder / "model.xml"
    require_profilable(model)
    plan = settings.profiling
    precision = settings.precisions[name]
    resize = precision.resize_of(settings.resize)
    save_images(images, model, source, settings.dataset, settings.dataset_name, resize, plan.images)
    properties = compile_properties(settings.device, SINGLE_STREAM, precision)
    return ProfileRequest(str(model), settings.device.device, properties, str(images), plan.warm_up_s, plan.duration_s)


def _record(
    settings: ProfileSettings,
    variants: Mapping[str, Variant],
    peaks: Peaks,
    found: dict[str, dict[str, Any]],
    launched: Mapping[str, Launched],
    folder: Path,
) -> Record:
    record = Record(kind="profile", settings=settings.plain())
    profiles: dict[str, Profile] = {}
    for name, one in launched.items():
        try:
            if one.error:
                raise OvlabError(one.error)
            profiles[name] = Profile.of(one.results)
        except OvlabError as error:
            log.warning("%s %s: %s", settings.model_name, name, error)
            found[name] = {"status": "failed", "reason": str(error)}
    default = default_precision(settings.precisions)
    firsts = [settings.reference, *([default] if default is not None else [])]
    comparisons = compare_all(profiles, peaks, firsts)
    flags = record.environment["cpu"]["flags"] if settings.device.device == "CPU" else []
    for name, profile in profiles.items():
        made = variants[name].record
        choices = Choices.of(made.settings, made.data)
        analysis = analyse(profile, choices, peaks, flags, comparisons.get((settings.reference, name)))
        for complaint in analysis.complaints:
            log.warning("%s %s: totals do not close: %s", settings.model_name, name, complaint)
        disturbed = disturbance(launched[name], settings.noise)
        if disturbed:
            log.warning("%s %s: %s", settings.model_name, name, disturbed)
        found[name] = {"status": "ok", "reason": "", **analysis.plain(), "noise": launched[name].noise}
        found[name] |= {"disturbed": disturbed, "left_out_rounds": launched[name].left_out}
    reasons = [f"{name}: {one['reason']}" for name, one in found.items() if one["status"] == "failed"]
    if profiles:
        record.files = _write(profiles, peaks, comparisons, folder)
    elif reasons:
        record.status, record.reason = "failed", "; ".join(reasons)
    else:
        record.status, record.reason = "unavailable", next(iter(found.values()))["reason"]
    record.inputs = {
        f"{name}/{file}": digest
        for name, variant in variants.items()
        for file, digest in variant.record.data.get("sha256", {}).items()
    }
    record.data = {
        "variants": {name: found[name] for name in settings.precisions},
        "comparisons": [plain_comparison(*names, one) for names, one in comparisons.items()],
        "compared_with": list(dict.fromkeys(firsts)),
        "peaks_disturbed": list(peaks.disturbed),
        "threads": peaks.threads,
    }
    return record


def _write(
    profiles: Mapping[str, Profile], peaks: Peaks, comparisons: Mapping[tuple[str, str], Comparison], folder: Path
) -> dict[str, str]:
    nodes = pd.concat([node_table(name, one, peaks) for name, one in profiles.items()], ignore_index=True)
    launches = pd.concat([launch_table(name, one) for name, one in profiles.items()], ignore_index=True)
    files = write_tables(nodes, launches, folder)
    rows = [row for names, one in comparisons.items() for row in pair_rows(names[0], names[1], one)]
    pairs = pd.DataFrame(rows, columns=list(PAIR_COLUMNS))
    path = folder / f"{PAIRS}.csv"
    write_csv(path, pairs)
    return files | {path.name: sha256_of(path)}
