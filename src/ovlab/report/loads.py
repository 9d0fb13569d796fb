"""What loads tell beyond latency and throughput: a server's rates, a sweep's points, and what an inference costs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from ovlab.report.format import MISSING, Estimate, counted, significant
from ovlab.report.results import Records
from ovlab.report.style import INK, NARROW, STYLE, WIDE, Plot, colours, new_figure
from ovlab.report.tables import (
    AXES,
    CI,
    LATENCY,
    MEMORY,
    P90,
    P99,
    PRECISION,
    Column,
    Entry,
    Table,
    results_table,
)
from ovlab.specs import ReportSettings, ScenarioSpec

P50 = Column("latency_ms_p50", "latency p50", "ms", numeric=True)
P95 = Column("latency_ms_p95", "p95", "ms", numeric=True)
MAXIMUM = Column("latency_ms_max", "max", "ms", numeric=True)
RATE = Column("max_rate", "highest rate", "1/s", numeric=True, interval=True)
CAPACITY = Column("capacity", "capacity", "1/s", numeric=True)
OFFERED = Column("offered_rate", "offered rate", "1/s", numeric=True)
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
POINT = ("batch", "infer_requests", "streams")
CHOSEN = "chosen"
COARSE, FINALIST = "coarse", "finalist"
SHADE = 0.55
"""Share of the colour map that is used, so that dark text is readable on every cell."""


def costs_table(ok: pd.DataFrame) -> Table:
    """Make the table of what a cell costs: one row a cell; what no cell tells has no column."""
    told = [column for column in COSTS if column.key in ok and ok[column.key].notna().any()]
    caption = (
        "Further latencies, and costs: compiling without and with a model cache, the first inference, resident memory "
        "of the process (largest, and after the warm-up), processor time, and energy where its counters can be read. "
        "MB: 10⁶ bytes."
    )
    return results_table("costs", caption, [*AXES, PRECISION, *told], ok, grouped=3)


def server_table(ok: pd.DataFrame) -> Table:
    """Make the table of servers: one row a cell."""
    rows = ok[ok["offered_rate"].notna()]
    columns = [*AXES, PRECISION, OFFERED, LATENCY, P90, P95, P99, MAXIMUM, RATE, CAPACITY]
    note = Column("reason", "note", width=r"0.2\linewidth")
    if (rows["reason"].fillna("") != "").any():
        columns.append(note)
    caption = (
        "Servers. Latencies at the offered rate, each from the moment at which its inference was due. Highest rate: of "
        "random arrivals, with p99 within the scenario’s bound. Capacity: inferences per second with all requests in "
        f"flight. {CI}, from launches."
    )
    return replace(results_table("server", caption, columns, rows, grouped=3), stacked=True)


def sweep_points(records: Records) -> pd.DataFrame:
    """Return the points of all sweeps: a row for each session, variant, point and stage."""
    rows = [
        dict(zip(("model", "device", "scenario"), names, strict=True)) | row
        for names, session in records.sessions.items()
        for row in session.data.get("sweep", [])
    ]
    frame = pd.DataFrame(rows)
    for name in POINT[1:]:
        if name in frame:
            frame[name] = [_asked(value) for value in frame[name]]
    return frame


def _asked(value: Any) -> str:
    known = value is not None and value == value  # noqa: PLR0124  (NaN, as pandas writes None among numbers)
    if not known:
        return "hint"
    return str(int(value)) if isinstance(value, float) else str(value)


def sweep_table(points: pd.DataFrame) -> Table:
    """Make the table of sweeps.

    Parameters
    ----------
    points : DataFrame
        As of :func:`sweep_points`.
    """
    columns = [
        *AXES,
        PRECISION,
        Column("stage", "stage"),
        Column("batch", "batch", numeric=True, whole=True),
        Column("infer_requests", "requests"),
        Column("streams", "streams"),
        Column("executed_infer_requests", "requests, executed", numeric=True, whole=True),
        Column("executed_streams", "streams, executed", numeric=True, whole=True),
        Column("throughput_fps", "throughput", "images/s", numeric=True),
        P50,
        P90,
        P95,
        P99,
        Column("launches", "launches", numeric=True, whole=True),
        Column("noisy_launches", "noisy", numeric=True, whole=True),
        Column("choice", "choice"),
        Column("error", "error", width=r"0.2\linewidth"),
    ]
    shown = points.copy()
    if not shown.empty:
        shown["choice"] = [CHOSEN if chosen else "" for chosen in shown["chosen"]]
    caption = (
        "Points of the sweeps: what was asked for (hint: what the performance hint leads to), what was executed, and "
        "the launches that the points were chosen by. The values of the results come from further launches."
    )
    return results_table("sweep", caption, columns, shown, grouped=4)


def finalists(table: Table) -> Table:
    """Leave out what is too long to read: the coarse pass, and columns that say nothing of the finalists."""
    stage = [column.key for column in table.columns].index("stage")
    rows = [row for row in table.rows if row[stage] == FINALIST]
    told = [
        number
        for number, column in enumerate(table.columns)
        if column.key != "stage" and (number < table.grouped or any(_says(row[number]) for row in rows))
    ]
    kept: list[list[Entry]] = [[row[number] for number in told] for row in rows]
    caption = f"{table.caption} Here: the finalists; sweep.csv has every point."
    return replace(table, caption=caption, columns=[table.columns[number] for number in told], rows=kept)


def _says(entry: Entry) -> bool:
    return entry.value is not None if isinstance(entry, Estimate) else entry not in ("", MISSING)


def load_paragraphs(settings: ReportSettings) -> list[str]:
    """Describe how servers and sweeps were measured: a paragraph for each of these scenarios."""
    described = (
        (name, settings.scenarios[name]) for name in settings.experiment.scenarios if name in settings.scenarios
    )
    paragraphs = (_paragraph(name, scenario) for name, scenario in described)
    return [text for text in paragraphs if text]


def _paragraph(name: str, scenario: ScenarioSpec) -> str:
    if scenario.server is not None:
        server = scenario.server
        rate = f"{server.rate} of what the reference does with all requests in flight"
        if not isinstance(server.rate, str):
            rate = f"{server.rate:g} per second"
        return (
            f"{name}: inferences arrive as a Poisson process, {rate}, the same for all variants of a round. "
            "Latency counts from when an inference was due, waiting for a free request included. Each launch then "
            f"searches the highest rate with p99 within {server.p99_ms:g} ms: {counted(server.steps, 'bisection')} "
            f"between 0 and its capacity, each of {server.trial_s:g} s and at least "
            f"{counted(server.trial_queries, 'arrival')}, failed when more than 1 % are late. A speed-up is the ratio "
            "of the highest rates in the same round."
        )
    if scenario.sweep is not None:
        sweep = scenario.sweep
        limit = (
            f" whose latency p{sweep.limit_percentile} is within {sweep.latency_limit_ms:g} ms"
            if sweep.latency_limit_ms is not None
            else ""
        )
        return (
            f"{name}: {counted(len(sweep.points()), 'point')} of batch, requests in flight and streams. "
            f"{counted(sweep.coarse_launches, 'coarse launch')} of {sweep.duration_s:g} s each; the best "
            f"{counted(sweep.finalists, 'point')}{limit} (and what the hint alone leads to) are launched "
            f"{sweep.finalist_launches} times again, and the fastest of these is chosen, for each precision by itself. "
            "What is reported comes from launches made after the choice."
        )
    return ""


def server_figure(ok: pd.DataFrame) -> Plot | None:
    """Draw the highest rates as bars with intervals, a panel for each session; None if there is no server."""
    rows = ok[ok["offered_rate"].notna()]
    if rows.empty:
        return None
    palette = colours(ok["precision"].unique())
    panels = list(rows.groupby(["model", "device", "scenario"], sort=False))
    with mpl.rc_context(STYLE):
        columns = min(len(panels), 3)
        lines = -(-len(panels) // columns)
        figure = new_figure(NARROW if columns == 1 else WIDE, 0.5 + 2.0 * lines)
        grid = figure.subplots(lines, columns, squeeze=False)
        for axes in grid.flat[len(panels) :]:
            axes.set_axis_off()
        for axes, (names, panel) in zip(grid.flat, panels, strict=False):
            _server_panel(axes, panel, palette)
            axes.set_title("\n".join([str(names[0]), ", ".join(str(name) for name in names[1:])]))
        figure.supylabel("arrivals (1/s)", fontsize=8)
        handles = [
            Line2D([], [], marker="_", ls="", ms=9, mew=1.2, color=INK, label="capacity"),
            Line2D([], [], color=INK, lw=0.7, ls=(0, (4, 3)), label="offered rate"),
        ]
        figure.legend(handles=handles, loc="outside upper center", ncols=2)
    caption = (
        "Bars: highest rate of random arrivals whose 99th percentile of latency is within the scenario’s bound, with "
        "its 95 % confidence interval from launches. Above them what all requests in flight achieve."
    )
    return Plot("server", caption, figure)


def _server_panel(axes: Axes, panel: pd.DataFrame, palette: dict[str, str]) -> None:
    names = list(panel["precision"])
    tops = [0.0]
    for x, row in enumerate(panel.to_dict("records")):
        rate = Estimate.of(row["max_rate"], row["max_rate_low"], row["max_rate_high"])
        capacity = Estimate.of(row["capacity"]).value or 0.0
        value = rate.value or 0.0
        axes.bar(x, value, 0.7, color=palette[row["precision"]])
        axes.plot(x, capacity, "_", color=INK, ms=16, mew=1.2)
        if rate.low is not None and rate.high is not None:
            axes.plot([x, x], [rate.low, min(rate.high, 1.5 * max(value, capacity))], color=INK, lw=0.9)
        label = significant(value) if rate.value is not None else "none"
        axes.annotate(label, (x, 0), (0, 3), textcoords="offset points", ha="center", va="bottom", fontsize=7)
        tops += [value, capacity]
    axes.axhline(float(panel["offered_rate"].iloc[0]), color=INK, lw=0.7, ls=(0, (4, 3)))
    axes.set_ylim(0, 1.12 * max(*tops, float(panel["offered_rate"].max())))
    axes.set_xlim(-0.6, len(names) - 0.4)
    axes.set_xticks(range(len(names)), names)
    axes.tick_params(axis="x", length=0)
    axes.grid(axis="y")


def sweep_figures(settings: ReportSettings, points: pd.DataFrame) -> list[Plot]:
    """Draw the matrix of each sweep: a figure a session, a panel a precision."""
    if points.empty:
        return []
    coarse = points[points["stage"] == COARSE]
    sessions: Any = coarse.groupby(["model", "device", "scenario"], sort=False)
    return [_sweep_figure(names, rows, points, settings.scenarios[names[2]]) for names, rows in sessions]


def _sweep_figure(names: Any, rows: pd.DataFrame, points: pd.DataFrame, scenario: ScenarioSpec) -> Plot:
    precisions = list(rows["precision"].unique())
    batches = list(dict.fromkeys(rows["batch"]))
    settings = list(dict.fromkeys(zip(rows["infer_requests"], rows["streams"], strict=True)))
    chosen = points[points["chosen"].astype(bool)]
    with mpl.rc_context(STYLE):
        columns = max(1, min(len(precisions), int(5.9 / (0.42 * len(batches) + 0.2))))
        lines = -(-len(precisions) // columns)
        figure = new_figure(WIDE if columns > 1 else NARROW, 0.7 + lines * (0.45 + 0.19 * len(settings)))
        grid = figure.subplots(lines, columns, squeeze=False, sharey=True)
        for axes in grid.flat[len(precisions) :]:
            axes.set_axis_off()
        for axes, precision in zip(grid.flat, precisions, strict=False):
            own = rows[rows["precision"] == precision]
            best = chosen[_same(chosen, names) & (chosen["precision"] == precision)]
            _matrix(axes, own, batches, settings, best, scenario)
            axes.set_title(str(precision))
        figure.supxlabel("batch", fontsize=8)
        figure.supylabel("requests in flight, streams", fontsize=8)
    limit = scenario.sweep.latency_limit_ms if scenario.sweep is not None else None
    percentile = scenario.sweep.limit_percentile if scenario.sweep is not None else 99
    over = f" In brackets: latency p{percentile} above the limit of {limit:g} ms." if limit is not None else ""
    launches = int(rows["launches"].max())
    caption = (
        f"{names[0]} on {names[1]}, {names[2]}: throughput in images/s at each point of the sweep (coarse pass, "
        f"{counted(launches, 'launch')} a point; hint: what the hint leads to). The darker, the closer "
        f"to the best. Framed: the chosen point, whose reported value comes from further launches.{over} ×: failed."
    )
    name = "_".join(re.sub(r"[^A-Za-z0-9_.-]", "_", str(one)) for one in names)
    return Plot(f"sweep_{name}", caption, figure)


def _same(frame: pd.DataFrame, names: Iterable[Any]) -> pd.Series:
    result = pd.Series(True, index=frame.index)
    for axis, name in zip(("model", "device", "scenario"), names, strict=True):
        result &= frame[axis] == name
    return result


def _matrix(
    axes: Axes,
    own: pd.DataFrame,
    batches: list[int],
    settings: list[tuple[str, str]],
    best: pd.DataFrame,
    scenario: ScenarioSpec,
) -> None:
    values = np.full((len(settings), len(batches)), np.nan)
    for row in own.to_dict("records"):
        place = settings.index((row["infer_requests"], row["streams"])), batches.index(row["batch"])
        value = Estimate.of(row.get("throughput_fps")).value
        values[place] = np.nan if value is None else value
        text = "×" if value is None else significant(value)
        axes.text(
            place[1], place[0], f"({text})" if _over(row, scenario) else text, ha="center", va="center", fontsize=6
        )
    top = np.nanmax(values) if np.isfinite(values).any() else 1.0
    axes.imshow(values / top, cmap="Blues", vmin=0, vmax=1 / SHADE, aspect="auto")
    for row in best.to_dict("records"):
        x, y = batches.index(row["batch"]), settings.index((row["infer_requests"], row["streams"]))
        axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, fill=False, ec=INK, lw=1.4, clip_on=False))
    axes.set_xticks(range(len(batches)), [str(one) for one in batches])
    axes.set_yticks(range(len(settings)), [", ".join(one) for one in settings])
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _over(row: dict[Any, Any], scenario: ScenarioSpec) -> bool:
    sweep = scenario.sweep
    if sweep is None or sweep.latency_limit_ms is None:
        return False
    value = Estimate.of(row.get(f"latency_ms_p{sweep.limit_percentile}")).value
    return value is not None and value > sweep.latency_limit_ms
