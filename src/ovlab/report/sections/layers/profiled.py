"""The profiles of an experiment, variant by variant."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from ovlab.csv_files import read_csv
from ovlab.errors import OvlabError, one_line
from ovlab.report.format import Estimate
from ovlab.report.records import ProfileKey, Records
from ovlab.specs import ReportSettings

NODES, PAIRS = "nodes.parquet", "comparisons.csv"
MOST_DRAWN = 8
"""Profiles whose roofline and executed graph are drawn; tables and files have the nodes of all."""


@dataclass(frozen=True)
class Profiled:
    """What the profile step said of a variant on a device of a host.

    Attributes
    ----------
    model, device, host, precision : str
        Names.
    data : dict
        See `ovlab.layers.profile.analysis.Analysis.plain`.
    """

    model: str
    device: str
    host: str
    precision: str
    data: dict[str, Any]

    @property
    def names(self) -> list[str]:
        """The entries of the columns that its rows begin with."""
        return [self.model, self.device, self.host, self.precision]

    def estimate(self, *keys: str) -> Estimate:
        """Return a quantity of the record, with its interval."""
        found: Any = self.data
        for key in keys:
            found = found[key]
        return estimate_of(found)


def drawn_profiles(settings: ReportSettings, records: Records) -> list[ProfileKey]:
    """Return the profiles that are drawn, in the order of the records: all, or where they are many some.

    These are of the devices that the experiment names first, for every model before the next device.
    """
    found = [key for key in records.profiles if _beside(records, key, NODES) is not None]
    devices = {device: number for number, device in enumerate(settings.experiment.devices)}
    chosen = set(sorted(found, key=lambda key: devices.get(key[1], len(devices)))[:MOST_DRAWN])
    return [key for key in found if key in chosen]


def not_drawn(settings: ReportSettings, records: Records) -> str:
    """Say which profiles are in the tables and files alone; nothing where all are drawn."""
    found = [key for key in records.profiles if _beside(records, key, NODES) is not None]
    left = len(found) - len(drawn_profiles(settings, records))
    return (
        f"Rooflines, executed graphs and single layers are shown of {len(found) - left} of {len(found)} profiles, of "
        "the devices that the experiment names first. The other tables speak of all; nodes.csv and layer_speedups.csv "
        "have all layers, the folder graphs has all graphs."
        if left
        else ""
    )


def estimate_of(quantity: dict[str, Any]) -> Estimate:
    """Return a quantity as the record holds it, with its interval."""
    return Estimate.of(quantity["value"], quantity.get("low"), quantity.get("high"))


def profiled_variants(settings: ReportSettings, records: Records) -> Iterator[Profiled]:
    """Yield the variants that were profiled, in the experiment's order."""
    experiment = settings.experiment
    for model, device, host in product(experiment.models, experiment.devices, experiment.hosts):
        record = records.profiles.get((model, device, host))
        variants = record.data.get("variants", {}) if record is not None and record.ok else {}
        for precision in experiment.precisions:
            data = variants.get(precision)
            if data is not None and data["status"] == "ok":
                yield Profiled(model, device, host, precision, data)


def not_profiled(settings: ReportSettings, records: Records) -> list[str]:
    """Say what was not profiled, and why; devices that are not on the host count as none."""
    sentences = []
    for (model, at, host), record in records.profiles.items():
        device = records.place(at, host)
        if record.status == "failed":
            sentences.append(f"{model} on {device} was not profiled: {record.reason}.")
        for precision, data in record.data.get("variants", {}).items():
            if record.status != "failed" and data["status"] != "ok" and precision in settings.experiment.precisions:
                sentences.append(f"{model} in {precision} on {device} was not profiled: {data['reason']}.")
    return sentences


def nodes_of(records: Records, model: str, device: str, host: str) -> pd.DataFrame:
    """Return the nodes of all variants of a model on a device (`ovlab.layers.profile.table.COLUMNS`); none: empty.

    Raises
    ------
    OvlabError
        If the file is there but cannot be read.
    """
    path = _beside(records, (model, device, host), NODES)
    if path is None:
        return pd.DataFrame({"precision": pd.Series(dtype=str), "time_us": pd.Series(dtype=float)})
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise OvlabError(f"{path}: cannot be read as nodes of a profile ({one_line(error)})") from None


def pairs_of(records: Records, model: str, device: str, host: str) -> pd.DataFrame:
    """Return the layers of any two variants beside each other (`ovlab.layers.profile.analysis.PAIR_COLUMNS`).

    Raises
    ------
    OvlabError
        If the file is there but cannot be read.
    """
    path = _beside(records, (model, device, host), PAIRS)
    if path is None:
        return pd.DataFrame(columns=["first", "second", "layers", "saved_us", "speedup"])
    try:
        return read_csv(path)
    except (OSError, ValueError) as error:
        raise OvlabError(f"{path}: cannot be read as layers of two variants ({one_line(error)})") from None


def _beside(records: Records, names: ProfileKey, name: str) -> Path | None:
    """Return a file beside a profile; None if it is not there."""
    folder = records.profile_folders.get(names)
    return folder / name if folder is not None and (folder / name).exists() else None


def compared_with(records: Records, model: str, device: str, host: str) -> list[str]:
    """Return the variants that the page compares with: the reference, and what the device does by itself."""
    return [str(one) for one in records.profiles[model, device, host].data.get("compared_with", [])]
