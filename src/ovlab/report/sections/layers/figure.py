"""The roofline figure: every node of a model's variants under the measured roofs."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullFormatter

from ovlab.layers.peaks.machine import DRAM, Peaks
from ovlab.report.format import significant
from ovlab.report.records import Records, elsewhere
from ovlab.report.sections.layers.profiled import compared_with, drawn_profiles, nodes_of
from ovlab.report.style import (
    INK,
    STYLE,
    Plot,
    file_name,
    legend_above,
    log_axis,
    new_panels,
    plain_number,
    plain_tick,
    tell_each,
)
from ovlab.specs import ReportSettings

# Colours of element types, those of the precisions that they are mostly asked for by.
TYPES = {"f32": "#7B8BA3", "bf16": "#009E73", "f16": "#56B4E9", "i8": "#D55E00"}
TITLES = {"f32": "FP32", "bf16": "BF16", "f16": "FP16", "i8": "INT8"}
MARKERS = {"f32": "o", "bf16": "D", "f16": "^", "i8": "s"}
COLUMNS, PANELS = 3, 9
"""The reference, the device's own choice and INT8 side by side, others below them; what fits on a page."""
LARGEST = 130
"""Marker area in square points of the node that takes longest."""
SMALLEST = 5
MARGIN = 1.6
LEAST_SHARE = 0.002
"""Nodes with a smaller share of their variant's time are not drawn: they would stretch the axes."""
WEAK = (0, (1, 1.5))


def roofline_figures(settings: ReportSettings, records: Records) -> list[Plot]:
    """Draw the roofline of each model on each device: a panel a variant."""
    plots = []
    for model, device, host in drawn_profiles(settings, records):
        machine = records.peaks.get((device, host))
        frame = nodes_of(records, model, device, host)
        if machine is None or not machine.ok or frame.empty:
            continue
        known = frame[frame["gops"].notna() & frame["intensity"].notna() & (frame["share"] >= LEAST_SHARE)]
        present = [name for name in settings.experiment.precisions if (known["precision"] == name).any()]
        if present:
            ordered = _ordered(present, compared_with(records, model, device, host), known)
            place = records.place(device, host)
            name = file_name("roofline", model, device, *elsewhere(host))
            plots.append(Plot(name, *_figure(f"{model} on {place}", known, ordered[:PANELS], Peaks.of(machine))))
    return plots


def _ordered(present: list[str], first: list[str], known: pd.DataFrame) -> list[str]:
    """Put the reference and the device's choice first, then what computes mostly in INT8, then others."""
    narrow = [name for name in present if _is_narrow(known[known["precision"] == name])]
    chosen = [name for name in first if name in present]
    return list(dict.fromkeys([*chosen, *narrow[:1], *present]))


def _is_narrow(own: pd.DataFrame) -> bool:
    return bool(own.loc[own["executed_precision"] == "i8", "macs"].sum() > own["macs"].sum() / 2)


def _figure(title: str, known: pd.DataFrame, precisions: list[str], peaks: Peaks) -> tuple[str, Figure]:
    """Draw one and return its caption with it."""
    shown = known[known["precision"].isin(precisions)]
    levels = [one for one in dict.fromkeys(shown["level"]) if one in peaks.bandwidth]
    # From left of where the slanted roofs end, so that a panel shows both kinds.
    ridges = [peak / peaks.bandwidth[level] for level in levels for peak in peaks.arithmetic.values()]
    lowest = min(shown["intensity"].min() / MARGIN, *(one / 4 for one in ridges), 25.0)
    across = (lowest, max(shown["intensity"].max() * MARGIN, 200.0))
    along = (shown["gops"].min() / MARGIN, MARGIN * max(shown["gops"].max(), *(one / 1e9 for one in _tops(peaks))))
    longest = shown["time_us"].max()
    with mpl.rc_context(STYLE):
        figure, grid = new_panels(len(precisions), COLUMNS, 2.3, narrow=False, share_y=True)
        for axes, precision in zip(grid, precisions, strict=True):
            own = shown[shown["precision"] == precision]
            _roofs(axes, own, peaks, across)
            _nodes(axes, own, longest)
            axes.set_title(f"{precision} ({100 * own['share'].sum():.0f} %)", fontsize=8)
            log_axis(axes, *across)
            axes.set_yscale("log")
            axes.set(ylim=along, xlabel=None, ylabel=None)
            axes.yaxis.set_major_formatter(FuncFormatter(plain_tick))
            axes.yaxis.set_minor_formatter(NullFormatter())
        figure.supxlabel("arithmetic intensity (operations/byte)", fontsize=8)
        figure.supylabel("reached (GOP/s)", fontsize=8)
        legend_above(figure, _handles(shown, peaks, levels, longest))
    caption = (
        f"{title}: nodes that multiply, under the measured roofs: horizontal the arithmetic peak of each "
        "element type, slanted the bandwidth of the level of cache that holds the variant’s working set and, dotted, "
        "of DRAM. Area of a marker: its time. In a hot loop nothing comes from DRAM, so that nodes may lie above its "
        "roof. In the titles: the share of the time of the nodes that are drawn. The others multiply nothing or hold "
        f"less than {100 * LEAST_SHARE:g} %."
    )
    return caption, figure


def _roofs(axes: Axes, own: pd.DataFrame, peaks: Peaks, across: tuple[float, float]) -> None:
    highest, end = max(_tops(peaks)), across[1]
    bandwidths = {level: peaks.bandwidth[level] for level in (own["level"].iloc[0], DRAM) if level in peaks.bandwidth}
    for level, bandwidth in bandwidths.items():
        # Two points make a line on logarithmic axes.
        ends = np.array([across[0] / 10, highest / bandwidth])
        axes.plot(ends, bandwidth * ends / 1e9, color=INK, lw=0.8, ls=WEAK if level == DRAM else "-", zorder=1)
    steepest = max(bandwidths.values(), default=0.0)
    for kind, peak in peaks.arithmetic.items():
        start = peak / steepest if steepest else across[0]
        axes.plot([start, end], [peak / 1e9] * 2, color=TYPES.get(kind, INK), lw=1, zorder=1)


def _nodes(axes: Axes, own: pd.DataFrame, longest: float) -> None:
    for kind, nodes in own.groupby("executed_precision", sort=False):
        area = SMALLEST + (LARGEST - SMALLEST) * nodes["time_us"] / longest
        look: Any = {"color": TYPES.get(str(kind), INK), "marker": MARKERS.get(str(kind), "o"), "ec": "#ffffff"}
        points = axes.scatter(nodes["intensity"], nodes["gops"], area, alpha=0.75, lw=0.3, zorder=2, **look)
        tell_each(points, [_told(node) for node in nodes.to_dict("records")])
    axes.grid()


def _told(node: dict[Any, Any]) -> str:
    kind = str(node["executed_precision"])
    reached, intensity, time, share = (
        significant(value) for value in (node["gops"], node["intensity"], node["time_us"], 100 * node["share"])
    )
    return (
        f"{node['node']}, {TITLES.get(kind, kind)}\n{reached} GOP/s at {intensity} operations/byte\n"
        f"{time} µs, {share} % of the time"
    )


def _handles(shown: pd.DataFrame, peaks: Peaks, levels: list[str], longest: float) -> list[Line2D]:
    kinds = [kind for kind in TYPES if kind in set(shown["executed_precision"]) | set(peaks.arithmetic)]
    # The peaks are told here: beside their lines, which are close to each other, their numbers would overlap.
    told = {one: f", peak {peak / 1e9:.0f} GOP/s" for one, peak in peaks.arithmetic.items()}
    handles = [
        Line2D([], [], marker=MARKERS[one], ls="-", ms=4, lw=1, color=TYPES[one], label=TITLES[one] + told.get(one, ""))
        for one in kinds
    ]
    caches = [level for level in levels if level != DRAM]
    if caches:
        handles.append(Line2D([], [], color=INK, lw=0.8, label=f"bandwidth of {' or '.join(caches)}"))
    if DRAM in peaks.bandwidth:
        handles.append(Line2D([], [], color=INK, lw=0.8, ls=WEAK, label=f"bandwidth of {DRAM}"))
    # A round time, drawn as large as its nodes are: areas grow linearly from that of no time.
    time = 10 ** np.floor(np.log10(longest))
    area = SMALLEST + (LARGEST - SMALLEST) * time / longest
    handles.append(
        Line2D([], [], marker="o", ls="", ms=np.sqrt(area), color="#C9CDD3", mew=0, label=f"{plain_number(time)} µs")
    )
    return handles


def _tops(peaks: Peaks) -> list[float]:
    return list(peaks.arithmetic.values()) or [1e9]
