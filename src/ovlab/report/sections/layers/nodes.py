"""The tables of single nodes: those that take longest, and layers of two variants beside each other."""

from __future__ import annotations

import pandas as pd

from ovlab.report.columns import PRECISION
from ovlab.report.format import MISSING, Estimate
from ovlab.report.records import Records
from ovlab.report.sections.layers.profiled import compared_with, drawn_profiles, nodes_of, pairs_of
from ovlab.report.sections.layers.tables import AXES, PERCENT
from ovlab.report.table import Column, Entry, Table
from ovlab.specs import ReportSettings

SHOWN_NODES, SHOWN_PAIRS = 8, 4
WORDS = ["node", "type", "kernel", "executed_precision"]
NUMBERS = ["time_us", "time_us_min", "time_us_max", "share", "macs", "intensity", "gops", "gbps", "roof_share"]


def nodes_table(settings: ReportSettings, records: Records, most: int | None = None) -> Table:
    """Make the table of executed nodes: `most` a variant, those that take longest (default: all, as executed)."""
    columns = [
        *AXES,
        PRECISION,
        Column("node", "node", width=r"0.2\linewidth"),
        Column("type", "type", width=r"0.1\linewidth"),
        Column("kernel", "kernel", width=r"0.12\linewidth"),
        Column("executed_precision", "executed in"),
        Column("time_us", "time", "µs", numeric=True),
        Column("time_us_min", "least", "µs", numeric=True),
        Column("time_us_max", "most", "µs", numeric=True),
        Column("share", "share", **PERCENT),
        Column("macs", "MACs", "10⁶", numeric=True, scale=1e-6),
        Column("intensity", "intensity", "operations/byte", numeric=True),
        Column("gops", "reached", "GOP/s", numeric=True),
        Column("gbps", "moved", "GB/s", numeric=True),
        Column("roof_share", "of its roof", **PERCENT),
    ]
    rows: list[list[Entry]] = []
    for model, device, host in records.profiles if most is None else drawn_profiles(settings, records):
        frame = nodes_of(records, model, device, host)
        for precision in settings.experiment.precisions:
            own = frame[frame["precision"] == precision]
            shown = own if most is None else own.nlargest(most, "time_us")
            for row in shown.to_dict("records"):
                words = [str(row[name]) or MISSING for name in WORDS]
                rows.append([model, device, host, precision, *words, *(Estimate.of(row[name]) for name in NUMBERS)])
    caption = (
        "Executed nodes that take longest: median time of the launches with its least and most, share of the nodes’ "
        "time, and how much of what the roof allows at their intensity (operations a byte of weights, inputs and "
        "outputs) they reach. MACs: multiply-accumulates. The CSV file holds all nodes."
    )
    return Table("nodes", caption, columns, rows, grouped=4, made_from=("profile",))


def pairs_table(settings: ReportSettings, records: Records, most: int | None = None) -> Table:
    """Make the table of layers of two variants: the `most` that gained and that lost most (default: all)."""
    columns = [
        *AXES,
        Column("comparison", "variants"),
        Column("layers", "layers", width=r"0.3\linewidth"),
        Column("first_precision", "before"),
        Column("second_precision", "after"),
        Column("first_us", "before", "µs", numeric=True),
        Column("second_us", "after", "µs", numeric=True),
        Column("saved_us", "saved", "µs", numeric=True, signed=True),
        Column("speedup", "speed-up", "×", numeric=True, interval=True),
    ]
    rows: list[list[Entry]] = []
    for model, device, host in records.profiles if most is None else drawn_profiles(settings, records):
        frame = pairs_of(records, model, device, host)
        shown_firsts = compared_with(records, model, device, host)
        for (first, second), group in frame.groupby(["first", "second"], sort=False):
            if most is not None and first not in shown_firsts:
                continue
            ordered = group.sort_values("saved_us", ascending=False)
            shown = ordered if most is None else pd.concat([ordered.head(most), ordered.tail(most)]).drop_duplicates()
            for row in shown.to_dict("records"):
                names = [f"{second} against {first}", _shortened(str(row["layers"]), most)]
                types = [str(row[name]) for name in ("first_precision", "second_precision")]
                numbers = [Estimate.of(row[name]) for name in ("first_us", "second_us", "saved_us")]
                rows.append([model, device, host, *names, *types, *numbers, Estimate.of_row(row, "speedup")])
    caption = (
        f"Layers of two variants beside each other, matched through the names of the original layers: the "
        f"{SHOWN_PAIRS} that gained most and the {SHOWN_PAIRS} that gained least or lost. The CSV file holds all, "
        f"of any two variants; here they are against {settings.reference} and against what the device does by itself. "
        "Brackets: 95 % confidence interval."
    )
    return Table("layer_speedups", caption, columns, rows, grouped=4, made_from=("profile",))


def _shortened(layers: str, most: int | None) -> str:
    """Name the first layer of a node that stands for several; the CSV file names them all."""
    names = layers.split(",")
    return layers if most is None or len(names) == 1 else f"{names[0]} (+{len(names) - 1})"
