"""The tables of profiles: totals, coverage, verdicts, parts of a speed-up, conversions, advice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

from ovlab.layers.roofline.comparison import BY_LAYERS
from ovlab.layers.roofline.shares import PARTS
from ovlab.records import Record
from ovlab.report.columns import HOST, PRECISION
from ovlab.report.format import MISSING, Estimate, joined
from ovlab.report.records import Records
from ovlab.report.sections.layers.profiled import Profiled, compared_with, estimate_of, profiled_variants
from ovlab.report.sections.layers.slow import slow_as_a_whole
from ovlab.report.table import Column, Entry, Table
from ovlab.specs import ReportSettings

AXES = [Column("model", "model"), Column("device", "device"), HOST]
PERCENT: Any = {"unit": "%", "numeric": True, "scale": 100}
CI = "Brackets: 95 % confidence interval of the launches (Student’s t)."
SHOWN_FLOATING = 8
LAYERS = {
    "gained": "gained",
    "lost": "lost",
    "same_type": "same type",
    "other_layers": "no arithmetic",
    "unmatched": "only in one",
    "conversions": "conversions",
    "outside": "outside",
}
CAUSES = dict(zip(PARTS, PARTS, strict=True)) | {"outside": "outside"}


def peaks_table(records: Records) -> Table:
    """Make the table of what the machine's devices do at best."""
    columns = [
        Column("device", "device"),
        HOST,
        Column("peak", "peak"),
        Column("value", "measured", numeric=True),
        Column("unit", "unit"),
        Column("theoretical", "theoretical", numeric=True),
        Column("reached", "reached", **PERCENT),
        Column("kernel", "kernel"),
    ]
    rows: list[list[Entry]] = []
    for (device, host), record in records.peaks.items():
        rows += [[device, host, *row] for row in _peak_rows(record)] if record.ok else []
    remarks = [remark for record in records.peaks.values() for remark in record.data.get("remarks", [])]
    caption = (
        "What this machine does at best, of several windows and processes: arithmetic (two operations a "
        "multiply-accumulate) of a large convolution or matrix product, bytes read and written by copies that fit each "
        "level of cache, the clock of a chain of multiplications, and what a node costs that has next to nothing to "
        f"do. Theoretical: from the CPU’s flags and that clock. {' '.join(_gathered(remarks))}"
    )
    return Table("peaks", caption.strip(), columns, rows, grouped=2, made_from=("peaks",))


def _gathered(remarks: list[str]) -> list[str]:
    """Make sentences of remarks ``WHAT: REMARK``: one for all of which the same is to be said."""
    concerned: dict[str, list[str]] = {}
    for remark in dict.fromkeys(remarks):
        what, _, said = remark.partition(": ")
        concerned.setdefault(said, []).append(what)
    return [f"{joined(what)}: {said}." if said else f"{joined(what)}." for said, what in concerned.items()]


def _peak_rows(record: Record) -> Iterator[list[Entry]]:
    titles = {"arithmetic": "arithmetic in {}", "bandwidth": "bandwidth of {}", "clock": "clock"}
    titles |= {"node_overhead": "overhead of a node"}
    for name, quantity in record.values.items():
        kind, _, which = name.partition("_")
        title = titles.get(name) or titles.get(kind)
        if title is None or (kind in {"node", "clock"} and name not in titles):
            continue
        of_type = kind == "arithmetic"
        others = [record.value(f"{one}_{which}") if of_type else None for one in ("theoretical", "reached")]
        kernel = record.data["kernels"].get(which, MISSING) if kind == "arithmetic" else MISSING
        yield [
            title.format(which),
            Estimate.of(quantity.value),
            quantity.unit.replace("us", "µs"),
            *map(Estimate.of, others),
            kernel,
        ]


def verdict_table(settings: ReportSettings, records: Records) -> Table:
    """Make the table of what limits each variant."""
    columns = [
        *AXES,
        PRECISION,
        Column("executed_precision", "executed in"),
        Column("largest", "mostly"),
        *(Column(name, name, interval=True, **PERCENT) for name in PARTS),
    ]
    rows: list[list[Entry]] = []
    for one in profiled_variants(settings, records):
        shares = [one.estimate("verdict", "shares", name) for name in PARTS]
        firm = "" if not slow_as_a_whole(one, settings, records) else " (not firm)"
        words = [one.data["executed_precision"], one.data["verdict"]["largest"] + firm]
        rows.append([*one.names, *words, *shares])
    caption = (
        "Shares of the nodes’ time: what the arithmetic peak of the executed type explains; what the bandwidth of the "
        "level that holds the working set explains beyond; the overhead of a node; conversions between types and "
        "layouts that the plugin inserted; and the remainder. Mixed: launches do not agree on the largest, or it is "
        "not clear of the second. Not firm: the host was disturbed meanwhile (the remark among the control totals says "
        f"how). {CI}"
    )
    return Table("verdicts", caption, columns, rows, grouped=3, stacked=True, made_from=("profile",))


def checks_table(settings: ReportSettings, records: Records) -> Table:
    """Make the table of what the verdicts rest on, and of measurements that should agree with them."""
    columns = [
        *AXES,
        PRECISION,
        Column("working_set_mb", "working set", "MB", numeric=True),
        Column("level", "held by"),
        Column("bandwidth_from_dram", "bandwidth, if of DRAM", **PERCENT),
        Column("one_thread", "slower in one thread", "×", numeric=True),
        Column("batch_time", "image in a batch", **PERCENT),
    ]
    profiled = list(profiled_variants(settings, records))
    at_lower_clock = any("lower_clock" in one.data for one in profiled)
    if at_lower_clock:
        columns.append(Column("follows_clock", "follows the clock", **PERCENT))
    rows: list[list[Entry]] = []
    for one in profiled:
        found, scaling = one.data["verdict"], one.data.get("scaling", {})
        held = [Estimate.of(found["working_set_mb"]), found["level"] or MISSING]
        numbers = [found["bandwidth_from_dram"]["value"], scaling.get("one_thread"), scaling.get("batch_time")]
        numbers += [one.data.get("lower_clock", {}).get("follows")] if at_lower_clock else []
        rows.append([*one.names, *held, *map(Estimate.of, numbers)])
    caption = (
        "What the verdicts rest on. Working set: all weights, with the largest inputs and outputs of a node; the level "
        "of cache that holds it gives the bandwidth. Bandwidth, if of DRAM: the share that it would explain if all "
        "bytes came from there. Cross-checks: latency with one thread over that with all (near their number where "
        "arithmetic limits, less where overhead or a shared level does, below 1 where threads wait for each other on a "
        "disturbed host or in layers too small to share); time of an image in a batch over that of one "
        "alone (below 100 % by what a batch spreads)."
    )
    if at_lower_clock:
        caption += (
            " Follows the clock: share of the time that grew as arithmetic did when the clock was lowered (near 100 % "
            "where arithmetic and caches limit, less where DRAM does)."
        )
    return Table("verdict_checks", caption, columns, rows, grouped=3, made_from=("profile",))


def totals_table(settings: ReportSettings, records: Records) -> Table:
    """Make the table of control totals."""
    columns = [
        *AXES,
        PRECISION,
        Column("macs", "MACs", "10⁶", numeric=True, scale=1e-6),
        Column("macs_over_model", "found", **PERCENT),
        Column("latency", "latency", "ms", numeric=True, interval=True),
        Column("time_over_latency", "nodes/latency", interval=True, **PERCENT),
        Column("remark", "remark", width=r"0.3\linewidth"),
    ]
    rows: list[list[Entry]] = []
    for one in profiled_variants(settings, records):
        totals = [one.estimate("totals", name) for name in ("macs", "macs_over_model", "latency", "time_over_latency")]
        remark = "; ".join([*one.data["complaints"], *slow_as_a_whole(one, settings, records)]) or MISSING
        rows.append([*one.names, *totals, remark])
    caption = (
        "Control totals: multiply-accumulates (MACs) of the model and how many are found among the executed nodes "
        "(100 % in order), and the sum of the nodes’ times over the latency measured without counters in the same "
        f"processes (92 to 102 % in order). {CI}"
    )
    return Table("profile_totals", caption, columns, rows, grouped=3, stacked=True, made_from=("profile",))


def coverage_table(settings: ReportSettings, records: Records) -> Table:
    """Make the table of INT8 coverage, a column a denominator."""
    titles = {"macs": "MACs", "time": "time", "layers": "timed layers", "nodes": "all nodes"}
    columns = [*AXES, PRECISION, *(Column(f"int8_{name}", title, **PERCENT) for name, title in titles.items())]
    rows: list[list[Entry]] = []
    for one in profiled_variants(settings, records):
        shares = one.data["coverage"]["shares"]
        rows.append([*one.names, *(Estimate.of(shares[name]["value"]) for name in titles)])
    caption = (
        "INT8 coverage by its denominators: of the multiply-accumulates (MACs) of the model; of the time of all nodes; "
        "of the timed nodes that execute layers; of all nodes of the executed graph. Nodes that take an image’s bytes "
        "as they are count too, in variants that are not quantised as well."
    )
    return Table("coverage", caption, columns, rows, grouped=3, made_from=("profile",))


def floating_table(settings: ReportSettings, records: Records, most: int | None = None) -> Table:
    """Make the table of layers that quantised variants left in floating point, `most` a variant (default: all)."""
    columns = [
        *AXES,
        PRECISION,
        Column("layer", "layer", width=r"0.3\linewidth"),
        Column("type", "type"),
        Column("executed_precision", "executed in"),
        Column("share", "share of the time", **PERCENT),
        Column("macs", "multiply-accumulates", "10⁶", numeric=True, scale=1e-6),
        Column("why", "why", width=r"0.3\linewidth"),
    ]
    rows: list[list[Entry]] = []
    for one in profiled_variants(settings, records):
        for layer in one.data["coverage"]["floating"][:most]:
            numbers = [Estimate.of(layer["share"]), Estimate.of(layer["macs"])]
            names = [layer["layer"], layer["type"], layer["precision"]]
            rows.append([*one.names, *names, *numbers, layer["why"]])
    caption = (
        "Layers of quantised variants that are executed in floating point, those that take longest first, and why, as "
        "far as the IR and the variant’s record tell."
    )
    return Table("floating_layers", caption, columns, rows, grouped=4, made_from=("profile",))


def conversions_table(settings: ReportSettings, records: Records) -> Table:
    """Make the table of inserted nodes by what they convert from and to."""
    columns = [
        *AXES,
        PRECISION,
        Column("conversion", "from and to"),
        Column("nodes", "nodes", numeric=True, whole=True),
        Column("time_us", "time", "µs", numeric=True, interval=True),
    ]
    rows: list[list[Entry]] = []
    for one in profiled_variants(settings, records):
        for name, found in one.data["conversions"].items():
            entries = [Estimate.of(found["nodes"]), estimate_of(found["time"])]
            rows.append([*one.names, name, *entries])
    caption = (
        "Nodes that the plugin inserted, by the element type and layout that they convert from and to (abcd: channels "
        f"before rows, acdb: channels last). {CI}"
    )
    return Table("conversions", caption, columns, rows, grouped=4, made_from=("profile",))


def advice_table(settings: ReportSettings, records: Records) -> Table:
    """Make the table of what would help."""
    columns = [
        *AXES,
        PRECISION,
        Column("advice", "what was found, and what to try", width=r"0.6\linewidth"),
        Column("gain", "gain at most", **PERCENT),
    ]
    rows: list[list[Entry]] = [
        [*one.names, advice["text"] + _amid(one, settings, records), Estimate.of(advice["gain"])]
        for one in profiled_variants(settings, records)
        for advice in one.data["advice"]
    ]
    caption = (
        "What would help, by rules that cite the numbers of the profile and are silent where these do not carry them. "
        "Gain at most: of the latency, by the same numbers; what a change really brings is to be measured."
    )
    return Table("advice", caption, columns, rows, grouped=3, made_from=("profile",))


def _amid(one: Profiled, settings: ReportSettings, records: Records) -> str:
    return " (by the numbers of a disturbed host)" if slow_as_a_whole(one, settings, records) else ""


def parts_tables(settings: ReportSettings, records: Records) -> list[Table]:
    """Make the tables of differences between variants, taken apart by layers and by cause: a row a comparison."""
    start = "The difference of two variants’ latencies in one stream, in ms, taken apart by"
    end = (
        "the parts add up to what is saved. Outside: time outside of nodes. Speed-up: latency of the first over that "
        f"of the second. {CI}"
    )
    layers = "; ".join(f"{LAYERS[name]}: {words}" for name, words in BY_LAYERS.items())
    by_layers = f"{start} layers, matched through their original names; {end} Parts: {layers}."
    by_cause = f"{start} cause, as differences of the times whose shares are given above; {end}"
    return [
        _parts_table("speedup_by_layers", by_layers, "by_layers", LAYERS, (settings, records)),
        _parts_table("speedup_by_cause", by_cause, "by_cause", CAUSES, (settings, records)),
    ]


def _parts_table(
    name: str, caption: str, view: str, parts: dict[str, str], source: tuple[ReportSettings, Records]
) -> Table:
    milliseconds: Any = {"unit": "ms", "numeric": True, "interval": True, "signed": True}
    columns = [
        *AXES,
        Column("second", "variant"),
        Column("first", "against"),
        Column("speedup", "speed-up", "×", numeric=True, interval=True, least=1),
        Column("saved_ms", "saved", **milliseconds),
        *(Column(f"{part}_ms", title, **milliseconds) for part, title in parts.items()),
    ]
    settings, records = source
    rows: list[list[Entry]] = []
    others: list[list[Entry]] = []  # in the CSV file alone
    experiment = settings.experiment
    for model, device, host in product(experiment.models, experiment.devices, experiment.hosts):
        record = records.profiles.get((model, device, host))
        for one in record.data["comparisons"] if record is not None and record.ok else []:
            found = [one["speedup"], one["saved"], *(one[view][part] for part in parts)]
            is_shown = one["first"] in compared_with(records, model, device, host)
            row = [model, device, host, one["second"], one["first"], *map(estimate_of, found)]
            (rows if is_shown else others).append(row)
    table = Table(name, caption, columns, rows, grouped=3, stacked=True, made_from=("profile",))
    return replace(table, whole=replace(table, rows=[*rows, *others]))
