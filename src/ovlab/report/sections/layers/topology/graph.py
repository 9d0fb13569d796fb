"""The executed graph of a variant, from the profile's nodes."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from ovlab.report.records import Records
from ovlab.report.sections.layers.profiled import nodes_of, pairs_of
from ovlab.specs import ReportSettings


@dataclass(frozen=True)
class Graph:
    """What a device executes of a variant.

    Attributes
    ----------
    model, device, host, precision : str
        Names.
    nodes : DataFrame
        One row a node in the order of execution (`ovlab.layers.profile.table.COLUMNS`).
    edges : list of (int, int)
        From which node to which, by their positions; empty where the device does not report them.
    against : dict
        Speed-up of each node against another variant's nodes that stand for the same layers, by that variant's
        precision; None where there is no such node or counters do not resolve it.
    """

    model: str
    device: str
    host: str
    precision: str
    nodes: pd.DataFrame
    edges: list[tuple[int, int]]
    against: dict[str, list[float | None]] = field(default_factory=dict)


def graphs_of(settings: ReportSettings, records: Records, model: str, device: str, host: str) -> list[Graph]:
    """Return the graphs of the variants that were profiled, in the experiment's order."""
    frame, pairs = nodes_of(records, model, device, host), pairs_of(records, model, device, host)
    found = []
    for precision in settings.experiment.precisions:
        own = frame[frame["precision"] == precision].reset_index(drop=True)
        if not own.empty:
            against = _speedups(own, pairs, precision)
            known = {name: ratios for name, ratios in against.items() if name in settings.experiment.precisions}
            found.append(Graph(model, device, host, precision, own, _edges(own), known))
    return found


def _edges(nodes: pd.DataFrame) -> list[tuple[int, int]]:
    return [
        (int(source), number)
        for number, sources in enumerate(nodes["inputs"].fillna("").astype(str))
        for source in sources.split()
    ]


def _speedups(nodes: pd.DataFrame, pairs: pd.DataFrame, precision: str) -> dict[str, list[float | None]]:
    """Return the speed-up of each node against each other variant."""
    ratios: dict[str, dict[str, float]] = {}
    known = pairs[pairs["speedup"].notna()]
    own = known[(known["first"] == precision) | (known["second"] == precision)]
    for first, second, layers, speedup in zip(
        *(own[name] for name in ("first", "second", "layers", "speedup")), strict=True
    ):
        is_second = second == precision
        by_layer = ratios.setdefault(str(first if is_second else second), {})
        by_layer |= dict.fromkeys(str(layers).split(","), float(speedup) if is_second else 1 / float(speedup))
    of_nodes = [str(names).split(",") for names in nodes["layers"].fillna("")]
    return {
        other: [next((by_layer[name] for name in names if name in by_layer), None) for names in of_nodes]
        for other, by_layer in ratios.items()
    }
