"""Nodes as a table, one row each, with the dictionary of its columns."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ovlab.csv_files import write_csv
from ovlab.files import sha256_of, write_atomically
from ovlab.layers.peaks.machine import Peaks
from ovlab.layers.profile.model import Profile
from ovlab.layers.roofline.shares import PARTS, level_of, parts_of

OPERATIONS_A_MAC = 2
COLUMNS = {
    "precision": "name of the variant's precision",
    "order": "position in the order of execution",
    "node": "name of the node in the device's executed graph",
    "type": "type of the node, as the device's plugin calls it",
    "kernel": "kernel that executes it (primitiveType); empty: not reported",
    "executed_precision": "type of its arithmetic: f32, f16, bf16, i8; empty: not reported",
    "layers": "names of the model's operations that it stands for, separated by commas; empty: inserted by the plugin",
    "inputs": "positions (order) of the nodes that it takes from, separated by spaces; empty: none, or not reported",
    "shape": "shape of its first output: 1x64x56x56; empty: not reported",
    "conversion": "from which element type and layout to which an inserted node converts",
    "time_us": "median over the launches of the mean time of a call, in microseconds; 0: below one",
    "time_us_min": "least of the launches",
    "time_us_max": "largest of the launches",
    "share": "time over the sum of all nodes' times, in 0..1",
    "macs": "multiply-accumulates of its operations, in one inference",
    "weight_bytes": "bytes of its weights in the type that they are computed in; empty: not reported",
    "input_bytes": "bytes of its other inputs",
    "output_bytes": "bytes of its outputs",
    "intensity": "arithmetic intensity: operations (2 a multiply-accumulate) a byte of weights, inputs and outputs",
    "gops": "operations per second reached, in 10^9",
    "gbps": "bytes per second taken and given, in 10^9",
    "level": "cache level that holds the variant's working set, whose bandwidth is the slanted roof",
    "roof_gops": "operations per second that the roof allows at this intensity, in 10^9; empty: its type has no peak",
    "roof_share": "operations per second reached over those that the roof allows, in 0..1",
    "compute_us": "part of the time that the arithmetic peak explains",
    "bandwidth_us": "further part that the level's bandwidth explains",
    "overhead_us": "further part that the overhead of a node explains",
    "conversions_us": "time of a node that converts between types and layouts",
    "remainder_us": "part that nothing of this explains",
}
NODES, LAUNCHES, DICTIONARY = "nodes", "launches", "nodes.columns.csv"


def node_table(precision: str, profile: Profile, peaks: Peaks) -> pd.DataFrame:
    """Make the table of a variant's nodes; `COLUMNS` says what each column is."""
    level = level_of(profile, peaks)
    total = profile.total_us
    rows = []
    orders = {node.name: number for number, node in enumerate(profile.nodes)}
    for number, node in enumerate(profile.nodes):
        time = node.time_us
        size = node.bytes
        operations = OPERATIONS_A_MAC * node.macs
        intensity = operations / size if size and operations else None
        roof = peaks.roof(node.precision, intensity, level) if intensity is not None else None
        reached = operations / time * 1e6 if time and operations else None
        row: dict[str, Any] = {
            "precision": precision,
            "order": number,
            "node": node.name,
            "type": node.type,
            "kernel": node.kernel,
            "executed_precision": node.precision,
            "layers": ",".join(node.layers),
            "inputs": " ".join(str(orders[name]) for name in node.inputs if name in orders),
            "shape": node.shape,
            "conversion": node.conversion,
            "time_us": time,
            "time_us_min": float(np.min(node.times_us)),
            "time_us_max": float(np.max(node.times_us)),
            "share": time / total,
            "macs": node.macs,
            "weight_bytes": node.weight_bytes,
            "input_bytes": node.input_bytes,
            "output_bytes": node.output_bytes,
            "intensity": intensity,
            "gops": None if reached is None else reached / 1e9,
            "gbps": size / time / 1e3 if time and size is not None else None,
            "level": level,
            "roof_gops": None if roof is None else roof / 1e9,
            "roof_share": reached / roof if reached is not None and roof else None,
        }
        parts = parts_of(node, np.array([time]), peaks, level)
        rows.append(row | {f"{name}_us": float(parts[name][0]) for name in PARTS})
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    numbers = ["weight_bytes", "input_bytes", "output_bytes", "intensity", "gops", "gbps", "roof_gops", "roof_share"]
    return frame.astype(dict.fromkeys(numbers, "float64"))


def launch_table(precision: str, profile: Profile) -> pd.DataFrame:
    """Make the table of every node's time in every launch (``precision, launch, node, time_us``)."""
    return pd.DataFrame(
        {"precision": precision, "launch": launch, "node": node.name, "time_us": time}
        for node in profile.nodes
        for launch, time in enumerate(node.times_us, 1)
    )


def write_tables(nodes: pd.DataFrame, launches: pd.DataFrame, folder: Path) -> dict[str, str]:
    """Write ``nodes.parquet``, ``nodes.csv`` with its dictionary ``nodes.columns.csv``, and ``launches.parquet``.

    Returns
    -------
    dict
        SHA-256 of each file by its name.
    """
    dictionary = pd.DataFrame({"column": list(COLUMNS), "meaning": list(COLUMNS.values())})
    parquet = {f"{NODES}.parquet": nodes, f"{LAUNCHES}.parquet": launches}
    texts = {f"{NODES}.csv": nodes, DICTIONARY: dictionary}
    for name, frame in parquet.items():
        write_atomically(folder / name, partial(frame.to_parquet, index=False))
    for name, frame in texts.items():
        write_csv(folder / name, frame)
    return {name: sha256_of(folder / name) for name in (*parquet, *texts)}
