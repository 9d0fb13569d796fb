"""The roofline figure: every node of a model's variants under the measured roofs."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullFormatter

from ovlab.layers.peaks.machine import DRAM, Peaks
from ovlab.report.records import Records
from ovlab.report.sections.layers.profiled import nodes_of
from ovlab.report.style import INK, STYLE, Plot, file_name, new_panels, plain_number
from ovlab.specs import ReportSettings

# Colours of element types, those of the precisions that they are mostly asked for by.
TYPES = {"f32": "#7B8BA3", "bf16": "#009E73", "f16": "#56B4E9", "i8": "#D55E00"}
TITLES = {"f32": "FP32", "bf16": "BF16", "f16": "FP16", "i8": "INT8"}
PANELS = 4
LARGEST = 130
"""Marker area in square points of the node that takes longest."""
MARGIN = 1.6
LEAST_SHARE = 0.002
"""Nodes with a smaller share of their variant's time are not drawn: they would stretch the axes."""
DASHES = ("-", (0, (6, 1.5)), (0, (3, 1, 1, 1)))


def roofline_figures(settings: ReportSettings, records: Records) -> list[Plot]:
    """Draw the roofline of each model on each device: a panel a variant."""
    plots = []
    for (model, device), _ in records.profiles.items():
        machine = records.peaks.get(device)
        frame = nodes_of(records, model, device)
        if machine is None or not machine.ok or frame.empty:
            continue
        known = frame[frame["gops"].notna() & frame["intensity"].notna() & (frame["share"] >= LEAST_SHARE)]
        present = [name for name in settings.experiment.precisions if (known["precision"] == name).any()]
        if present:
            plots.append(_figure(model, device, frame, known, present[:PANELS], Peaks.of(machine)))
    return plots


def _figure(
    model: str, device: str, frame: pd.DataFrame, known: pd.DataFrame, precisions: list[str], peaks: Peaks
) -> Plot:
    levels = [one for one in dict.fromkeys([*known["level"], DRAM]) if one in peaks.bandwidth]
    shown = known[known["precision"].isin(precisions)]
    across = (shown["intensity"].min() / MARGIN, max(shown["intensity"].max() * MARGIN, 200.0))
    along = (shown["gops"].min() / MARGIN, MARGIN * max(shown["gops"].max(), *(one / 1e9 for one in _tops(peaks))))
    dashes: dict[str, Any] = dict(zip(levels, DASHES, strict=False)) | {DRAM: (0, (1, 1.5))}
    with mpl.rc_context(STYLE):
        figure, grid = new_panels(len(precisions), 2 if len(precisions) > 3 else 3, 2.2, narrow=False, share_y=True)
        for axes, precision in zip(grid, precisions, strict=True):
            _panel(axes, shown[shown["precision"] == precision], peaks, dashes, shown["time_us"].max())
            axes.set_title(precision)
            axes.set(xscale="log", yscale="log", xlim=across, ylim=along, xlabel=None, ylabel=None)
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_formatter(FuncFormatter(lambda value, _: plain_number(value)))
                axis.set_minor_formatter(NullFormatter())
        figure.supxlabel("arithmetic intensity (operations/byte)", fontsize=8)
        figure.supylabel("reached (GOP/s)", fontsize=8)
        kinds = [kind for kind in TYPES if kind in set(shown["executed_precision"]) | set(peaks.arithmetic)]
        handles = [Line2D([], [], marker="o", ls="-", ms=4, lw=1, color=TYPES[one], label=TITLES[one]) for one in kinds]
        handles += [Line2D([], [], ls=dashes[one], color=INK, lw=0.8, label=f"bandwidth of {one}") for one in levels]
        figure.legend(handles=handles, loc="outside upper center", ncols=min(len(handles), 6), columnspacing=1.2)
    beyond = 1 - known["time_us"].sum() / max(frame["time_us"].sum(), 1e-9)
    caption = (
        f"{model} on {device}: nodes that multiply, under the measured roofs: horizontal the arithmetic peak of each "
        "element type, slanted the bandwidth of the level of cache that holds the working set and, dotted, of DRAM. "
        "Area of a marker: its time. In a hot loop nothing comes from DRAM, so that nodes may lie above its roof. Not "
        f"drawn: nodes that multiply nothing or hold less than {100 * LEAST_SHARE:g} % of the time, {100 * beyond:.0f} "
        "% of all variants’ time together."
    )
    return Plot(file_name("roofline", model, device), caption, figure)


def _panel(axes: Axes, own: pd.DataFrame, peaks: Peaks, dashes: dict[str, Any], longest: float) -> None:
    intensities = np.geomspace(1e-2, 1e5, 200)
    highest = max(_tops(peaks))
    for level in (one for one in dashes if one in peaks.bandwidth):
        slope = np.minimum(peaks.bandwidth[level] * intensities, highest) / 1e9
        under = slope < highest / 1e9
        axes.plot(intensities[under], slope[under], color=INK, lw=0.8, ls=dashes[level], zorder=1)
    steepest = max((peaks.bandwidth[level] for level in dashes if level in peaks.bandwidth), default=0.0)
    for kind, peak in peaks.arithmetic.items():
        start = peak / steepest if steepest else 1e-2
        axes.plot([start, 1e5], [peak / 1e9] * 2, color=TYPES.get(kind, INK), lw=1, zorder=1)
    palette = {kind: TYPES.get(kind, INK) for kind in own["executed_precision"].unique()}
    size: Any = {"size": "time_us", "sizes": (6, LARGEST), "size_norm": (0, longest)}
    sns.scatterplot(
        own,
        x="intensity",
        y="gops",
        hue="executed_precision",
        palette=palette,
        **size,
        alpha=0.75,
        linewidth=0.3,
        legend=False,
        ax=axes,
        zorder=2,
    )
    axes.grid()


def _tops(peaks: Peaks) -> list[float]:
    return list(peaks.arithmetic.values()) or [1e9]
