"""The tables of all measured cells: headline, speed-up, accuracy, costs."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from ovlab.report.columns import (
    ACCURACY,
    AXES,
    CELL,
    CI,
    DELTA,
    DEVICES,
    EXECUTED,
    HOST,
    LATENCY,
    LAUNCHES,
    MAXIMUM,
    MEMORY,
    OVER_DEFAULT,
    P90,
    P95,
    P99,
    PRECISION,
    SIZE,
    SPEEDUP,
    THROUGHPUT,
    results_table,
)
from ovlab.report.table import Column, Table

COSTS = [
    P95,
    MAXIMUM,
    Column("compile_ms", "compile, cold", "ms", numeric=True),
    Column("compile_cached_ms", "from cache", "ms", numeric=True),
    Column("first_inference_ms", "first inference", "ms", numeric=True),
    MEMORY,
    Column("steady_rss_mb", "steady memory", "MB", numeric=True),
    Column("cpu_ms_per_image", "CPU time an image", "ms", numeric=True),
    Column("energy_mj_per_inference", "energy an inference, packages", "mJ", numeric=True),
    Column("energy_mj_per_inference_psys", "energy an inference, platform", "mJ", numeric=True),
]


def headline_table(ok: pd.DataFrame, reference: str) -> Table:
    """Make the main table: one row a cell that was measured."""
    columns = [*AXES, PRECISION, EXECUTED, DEVICES, LATENCY, P90, P99, THROUGHPUT, *speedup_columns(ok)]
    columns += [ACCURACY, DELTA, SIZE, *_marks(ok)]
    caption = (
        f"Latency, throughput, speed-up and accuracy of each cell. Speed-up and difference are against {reference}; "
        "over default: against what the device does by itself. "
        f"{CI}; none where it is not known. MB: 10⁶ bytes."
    )
    return replace(results_table("headline", caption, columns, ok, grouped=4, made_from=CELL), stacked=True)


def _marks(frame: pd.DataFrame) -> list[Column]:
    """Return the column of what merged results differ in, where they do."""
    is_marked = "differs" in frame and any(isinstance(one, str) and one for one in frame["differs"])
    return [Column("differs", "differs", width=r"0.2\linewidth")] if is_marked else []


def speedup_columns(ok: pd.DataFrame) -> list[Column]:
    """Return the columns of speed-ups: over the device's default only where that is not the reference by name."""
    over_default = ok["speedup_over_default"].notna() & (ok["speedup_over_default"] != ok["speedup"])
    return [SPEEDUP, OVER_DEFAULT] if over_default.any() else [SPEEDUP]


def speedup_definition(ok: pd.DataFrame) -> str:
    """Say what is compared, in words: a server's throughput is what is offered, so its highest rate is taken."""
    servers = "max_rate" in ok and ok["max_rate"].notna().any()
    return f"ratio of throughputs{' (of servers: highest rates)' if servers else ''} in the same round"


def speedup_table(ok: pd.DataFrame, reference: str) -> Table:
    """Make the table of speed-ups."""
    columns = [*AXES, PRECISION, EXECUTED, LATENCY, THROUGHPUT, *speedup_columns(ok), LAUNCHES]
    caption = (
        f"Speed-up against {reference}: {speedup_definition(ok)}; over default: against what the device does by "
        f"itself. {CI}, from launches."
    )
    return results_table("speedup", caption, columns, ok, grouped=4)


def accuracy_table(frame: pd.DataFrame, reference: str) -> Table:
    """Make the table of accuracies: one row a variant, and a device where they were validated on several."""
    known = frame[frame["accuracy"].notna()]
    validated_on = list(known["accuracy_device"].dropna().unique())
    several = len(validated_on) > 1
    columns = [
        AXES[0],
        PRECISION,
        *([Column("accuracy_device", "validated on")] if several else []),
        Column("dataset", "data set"),
        Column("metric", "metric"),
        ACCURACY,
        DELTA,
        Column("agreement", "agreement", "%", numeric=True, scale=100),
        Column("samples", "images", numeric=True, whole=True),
        SIZE,
    ]
    where = "and device (paired), that of the cell where the experiment asks for it" if several else "(paired)"
    only = f" Validated on {validated_on[0]}." if len(validated_on) == 1 else ""
    caption = f"Accuracy, and its difference to {reference} on the same images {where}.{only} {CI}."
    table = results_table(
        "accuracy", caption, columns, known, grouped=1, unique=True, made_from=("accuracy", "variant")
    )
    if len(table.rows) == len(known[["model", "precision", "accuracy_device"]].drop_duplicates()):
        return table
    # Merged results, of which some have another variant: each host's, so that none is taken for another's.
    by_host = [AXES[0], HOST, *columns[1:]]
    return results_table("accuracy", caption, by_host, known, grouped=1, unique=True, made_from=("accuracy", "variant"))


def costs_table(ok: pd.DataFrame) -> Table:
    """Make the table of what a cell costs: one row a cell; what is known of no cell has no column."""
    known = [column for column in COSTS if column.key in ok and ok[column.key].notna().any()]
    caption = (
        "Further latencies, and costs: compiling without and with a model cache, the first inference, resident memory "
        "of the process (largest, and after the warm-up), processor time, and energy where its counters can be read. "
        "MB: 10⁶ bytes."
    )
    return results_table("costs", caption, [*AXES, PRECISION, *known], ok, grouped=4)
