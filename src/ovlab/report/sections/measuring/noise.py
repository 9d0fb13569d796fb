"""How quiet the host was while it measured: one row a session, and what to say of it."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

import pandas as pd

from ovlab.measure.host.noise_bounds import KINDS, NOISY
from ovlab.records import Record
from ovlab.report.columns import AXES
from ovlab.report.format import Estimate, counted, joined
from ovlab.report.records import Records
from ovlab.report.results import rows_of
from ovlab.report.table import Column, Entry, Table
from ovlab.specs import NoiseSpec

MOST_NAMED = 4
Readings = list[Mapping[str, Any]]

SHOWN = [
    Column("launches", "launches", numeric=True, whole=True),
    Column("noisy_launches", "noisy", numeric=True, whole=True),
    Column("other_load", "other load", "%", numeric=True, scale=100),
    Column("other_load_max", "worst", "%", numeric=True, scale=100),
    Column("steal_max", "stolen", "%", numeric=True, scale=100),
    Column("kernel_ms", "kernel", "ms", numeric=True),
    Column("kernel_slowdown_max", "slowdown", "%", numeric=True, scale=100),
    Column("clock_mhz_min", "clock", "MHz", numeric=True),
    Column("clock_mhz_max", "to", "MHz", numeric=True),
    Column("temperature_c_max", "heat", "°C", numeric=True),
    Column("throttling", "throttled", numeric=True, whole=True),
    Column("minor_faults", "faults", numeric=True, whole=True),
    Column("major_faults_max", "major", numeric=True, whole=True),
    Column("preemptions", "preempted", numeric=True, whole=True),
    Column("waited_s", "waited", "s", numeric=True),
]
CAPTION = (
    "How quiet the host was in each session. Noisy: launches beyond a bound. Other load: processor time of other "
    "processes, of all cores’ time, median and worst launch. Stolen: what the hypervisor gave to others, of the "
    "time wanted, worst launch. Kernel: best time of a fixed piece of work between rounds, and its worst slowdown. "
    "Clock: lowest to highest. Heat: hottest sensor of the processor. Throttled: thermal events. Faults (median), "
    "major faults (most) and preemptions (median): in the timed part of a launch. Waited: for a quiet host. What no"
    " host reports has no column."
)


def noise_table(records: Records) -> Table:
    """Make the table of noise: one row a session that was measured; what is known of no session has no column."""
    rows: list[list[Entry]] = []
    for (model, device, scenario, host), session in records.sessions.items():
        names = [model, device, host, scenario]
        readings = _readings(session)
        if readings:
            summary = _summary(session, readings)
            rows.append([*names, *(Estimate.of(summary[column.key]) for column in SHOWN)])
    first = len(AXES)
    known = [
        number
        for number in range(len(SHOWN))
        if any(isinstance(entry := row[first + number], Estimate) and entry.value is not None for row in rows)
    ]
    kept = [*range(first), *(first + number for number in known)]
    columns = [[*AXES, *SHOWN][one] for one in kept]
    return Table(
        "noise",
        CAPTION,
        columns,
        [[row[one] for one in kept] for row in rows],
        grouped=first - 1,
        made_from=("session",),
    )


def _readings(session: Record) -> Readings:
    launches = session.data.get("launches", {})
    return [one["noise"] for own in launches.values() for one in own if "noise" in one]


def _summary(session: Record, readings: Readings) -> dict[str, float | None]:
    whole = session.data["noise"]
    return {
        "launches": len(readings),
        "noisy_launches": sum(bool(one["beyond"]) for one in readings),
        "other_load": _of(statistics.median, readings, "other_load"),
        "other_load_max": _of(max, readings, "other_load"),
        "steal_max": _of(max, readings, "steal"),
        "kernel_ms": min(whole["kernel_ms"]),
        "kernel_slowdown_max": _of(max, readings, "kernel_slowdown"),
        "clock_mhz_min": _of(min, readings, "clock_mhz"),
        "clock_mhz_max": _of(max, readings, "clock_mhz"),
        "temperature_c_max": _of(max, readings, "temperature_c"),
        "throttling": _of(sum, readings, "throttling"),
        "minor_faults": _of(statistics.median, readings, "minor_faults"),
        "major_faults_max": _of(max, readings, "major_faults"),
        "preemptions": _of(statistics.median, readings, "preemptions"),
        "waited_s": whole["waited_s"],
    }


def _of(statistic: Any, readings: Readings, name: str) -> float | None:
    known = [one[name] for one in readings if one.get(name) is not None]
    return float(statistic(known)) if known else None


def noise_paragraphs(spec: NoiseSpec, records: Records) -> list[str]:
    """Say what the gate's bounds were, and how the measuring hosts were set: governor, turbo and the like."""
    hosts = [session.data["noise"]["host"] for session in records.sessions.values() if _readings(session)]
    if not hosts:
        return []
    parts = [
        f"{title}: {joined(sorted({_word(host.get(name)) for host in hosts}))}"
        for name, title in (
            ("governor", "frequency governor"),
            ("driver", "driver"),
            ("turbo", "turbo"),
            ("smt", "simultaneous multithreading"),
        )
    ]
    pairs = ((kind, getattr(spec, name)) for name, kind in KINDS.items())
    bounds = [f"{kind.title} {kind.text(bound)}" for kind, bound in pairs if bound is not None]
    gate = (
        f"Before a round a session waits (at most {spec.wait_s:g} s in all) while the host is beyond a bound: "
        f"{joined(bounds)}. A row with more than {100 * spec.tolerated:g} % of its launches beyond a bound "
        f"{'is marked as noisy' if spec.then == 'mark' else 'fails'}."
    )
    return [*([gate] if bounds else []), f"Settings of the processor while it measured: {'; '.join(parts)}."]


def _word(value: str | bool | None) -> str:
    if isinstance(value, str):
        return value
    return {None: "not reported by the host", True: "on", False: "off"}[value]


def noise_sentences(frame: pd.DataFrame) -> list[str]:
    """Say which cells of the results were measured amid noise, and what the first of them were marked for."""
    reasons = frame["reason"].fillna("").astype(str)
    noisy = frame[(frame["status"] == "ok") & reasons.str.startswith(NOISY)]
    sentences = [
        f"{row['model']} {row['precision']} on {row['device']}, {row['scenario']}: "
        f"{str(row['reason']).removeprefix(NOISY)}."
        for row in rows_of(noisy)[:MOST_NAMED]
    ]
    if not sentences:
        return []
    more = [] if len(noisy) <= MOST_NAMED else ["The others: column reason of results.csv."]
    measured = int((frame["status"] == "ok").sum())
    return [f"{len(noisy)} of {counted(measured, 'measured cell')} marked as noisy.", *sentences, *more]
