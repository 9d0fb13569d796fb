"""The figures: speed-up bars, accuracy against latency, latency distributions."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle, product
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from ovlab.report.format import counted
from ovlab.report.results import headline_scenario, rows_of
from ovlab.report.sections.results.tables import speedup_definition
from ovlab.report.style import (
    INK,
    STYLE,
    Plot,
    colours,
    draw_bars,
    file_name,
    fitting,
    log_axis,
    new_panels,
    plain_number,
)
from ovlab.report.task_words import metric_title
from ovlab.specs import ReportSettings

MARKERS = "osD^vPX*<>"
LOG_FROM = 6.0
"""Ratio of the largest to the smallest latency from which the axis is logarithmic."""
POINTS = 40_000
"""About so many points are drawn for the launches of a figure; all samples go into each curve."""
LATENCY = ["latency_ms_p50", "latency_ms_p50_low", "latency_ms_p50_high"]
ACCURACY = ["accuracy", "accuracy_low", "accuracy_high"]
Samples = Callable[[str, str, str], pd.DataFrame | None]


def speedup_figure(ok: pd.DataFrame, reference: str) -> Plot | None:
    """Draw speed-ups as bars with intervals: a panel for each model and device, the scenarios along x.

    Parameters
    ----------
    ok : DataFrame
        The results' rows with status ``ok``.

    Returns
    -------
    Plot or None
        None if there is nothing to draw.
    """
    rows = ok[(ok["precision"] != reference) & ok["speedup"].notna()]
    if rows.empty:
        return None
    palette = colours(ok["precision"].unique())
    names = list(rows["precision"].unique())
    panels = list(rows.groupby(["model", "device"], sort=False))
    bars = max(panel["scenario"].nunique() for _, panel in panels) * len(names)
    with mpl.rc_context(STYLE):
        figure, grid = new_panels(len(panels), fitting(max(1.5, 0.19 * bars + 0.5)), 2.0, narrow=bars <= 12)
        for axes, ((model, device), panel) in zip(grid, panels, strict=True):
            _speedup_panel(axes, panel, names, palette)
            axes.set_title(f"{model}\n{device}" if ok["model"].nunique() > 1 else str(device))
        figure.supylabel(f"speed-up against {reference} (×)")
        handles = [Patch(color=palette[name], label=name) for name in names]
        figure.legend(handles=handles, loc="outside upper center", ncols=min(len(names), 6))
    caption = (
        f"Speed-up against {reference} (the dashed line): {speedup_definition(rows)}. "
        f"{_intervals(rows)} An interval that ends in a triangle goes on beyond the panel."
    )
    return Plot("speedup", caption, figure)


def _speedup_panel(axes: Axes, panel: pd.DataFrame, names: list[str], palette: dict[str, str]) -> None:
    values, high = panel["speedup"].astype(float), panel["speedup_high"].astype(float)
    top = 1.18 * max(1.0, values.max(), min(float(high.fillna(0).max()), 1.5 * values.max()))
    colour: Any = {"hue": "precision", "hue_order": names, "palette": palette}
    draw_bars(axes, panel, "speedup", top / 1.12, labelled=len(panel) <= 10, x="scenario", **colour)
    axes.axhline(1, color=INK, lw=0.7, ls=(0, (4, 3)))
    axes.set_ylim(0, top)
    scenarios = panel["scenario"].unique()
    axes.set_xlim(-0.6, len(scenarios) - 0.4)
    axes.set_xticks(range(len(scenarios)), [_wrapped(one) for one in scenarios])


def tradeoff_figure(settings: ReportSettings, ok: pd.DataFrame) -> Plot | None:
    """Draw accuracy against latency under the headline scenario: a panel for each model.

    Returns
    -------
    Plot or None
        None if there is nothing to draw.
    """
    known = ok[ok["accuracy"].notna() & ok["latency_ms_p50"].notna()]
    scenario = headline_scenario(known)
    rows = known[known["scenario"] == scenario]
    if rows.empty:
        return None
    palette = colours(ok["precision"].unique())
    names, devices = list(rows["precision"].unique()), list(rows["device"].unique())
    marks = dict(zip(devices, cycle(MARKERS), strict=False))
    panels = list(rows.groupby("model", sort=False))
    with mpl.rc_context(STYLE):
        figure, grid = new_panels(len(panels), 3, 2.2)
        for axes, (model, panel) in zip(grid, panels, strict=True):
            _tradeoff_panel(axes, panel, marks, palette)
            axes.set_title(str(model))
        titles = {metric_title(settings, row) for row in rows_of(rows)}
        figure.supxlabel("median latency (ms)")
        figure.supylabel(f"{titles.pop() if len(titles) == 1 else 'accuracy'} (%)")
        handles = [Line2D([], [], marker="s", ls="", ms=5, color=palette[name], label=name) for name in names]
        white: Any = {"ls": "", "ms": 5, "mfc": "white", "mec": INK}
        if len(devices) > 1:
            handles += [Line2D([], [], marker=marks[device], label=device, **white) for device in devices]
        columns = min(len(handles), 8 if len(panels) > 1 else 3)
        figure.legend(handles=handles, loc="outside upper center", ncols=columns, columnspacing=1.2, handletextpad=0.2)
    caption = (
        f"Accuracy against median latency under {scenario}; better is up and to the left. {_intervals(rows)} "
        "Those of accuracy come from the validation images. An interval may go on beyond the panel."
    )
    return Plot("accuracy_latency", caption, figure)


def _tradeoff_panel(axes: Axes, panel: pd.DataFrame, marks: dict[str, str], palette: dict[str, str]) -> None:
    shown = panel.assign(**{name: 100 * panel[name].astype(float) for name in ACCURACY})
    across, along = _distances(shown[LATENCY]), _distances(shown[ACCURACY])
    lines: Any = {"fmt": "none", "elinewidth": 0.9, "ecolor": list(shown["precision"].map(palette))}
    axes.errorbar(shown[LATENCY[0]].astype(float), shown[ACCURACY[0]], along, across, **lines)
    # Earlier precisions are larger, so that they show behind a later one at the same place.
    sizes = {name: max(4.0, 7.0 - number) ** 2 for number, name in enumerate(palette)}
    look: Any = {"hue": "precision", "palette": palette, "size": "precision", "sizes": sizes, "markers": marks}
    sns.scatterplot(shown, x=LATENCY[0], y=ACCURACY[0], style="device", **look, legend=False, ax=axes)
    values, ends = panel["latency_ms_p50"].astype(float), panel["latency_ms_p50_high"].astype(float)
    low, high = values.min(), values.max()
    if high / low > LOG_FROM:
        log_axis(axes, low / 1.8, high * 1.8)
    else:
        axes.set_xlim(0, 1.12 * max(high, min(ends.fillna(high).max(), 2 * high)))
    axes.margins(y=0.12)
    axes.set(xlabel=None, ylabel=None)
    axes.grid()


def _distances(bounded: pd.DataFrame) -> NDArray[np.float64]:
    """Return how far the bounds are below and above the values; 0 where there is no interval."""
    value, low, high = bounded.astype(float).to_numpy().T
    distances: NDArray[np.float64] = np.nan_to_num(np.clip([value - low, high - value], 0, None))
    return distances


def latency_figures(ok: pd.DataFrame, samples: Samples) -> list[Plot]:
    """Draw the distribution of all samples' latencies: a figure a model, a panel for each device and scenario.

    Parameters
    ----------
    ok : DataFrame
        The results' rows with status ``ok``.
    samples : callable
        ``samples(model, device, scenario)`` returns the session's samples, None where they are not at hand.
    """
    palette = colours(ok["precision"].unique())
    plots = []
    for model, cells in ok.groupby("model", sort=False):
        panels: dict[tuple[str, str], pd.DataFrame] = {}
        for (device, scenario), rows in cells.groupby(["device", "scenario"], sort=False):
            taken = samples(str(model), str(device), str(scenario))
            if taken is not None and not (own := taken[taken["precision"].isin(rows["precision"])]).empty:
                panels[str(device), str(scenario)] = own
        if panels:
            plots.append(_latency_figure(str(model), cells, panels, palette))
    return plots


def _latency_figure(
    model: str, cells: pd.DataFrame, panels: dict[tuple[str, str], pd.DataFrame], palette: dict[str, str]
) -> Plot:
    devices = list(dict.fromkeys(device for device, _ in panels))
    scenarios = list(dict.fromkeys(scenario for _, scenario in panels))
    measured = set(pd.concat(one["precision"] for one in panels.values()))
    names = [name for name in cells["precision"].unique() if name in measured]
    launches = sum(one.groupby(["precision", "round"]).ngroups for one in panels.values())
    points = int(np.clip(POINTS / launches, 20, 120))
    with mpl.rc_context(STYLE):
        figure, grid = new_panels(len(devices) * len(scenarios), len(scenarios), 1.6, share_y=True)
        for axes, (device, scenario) in zip(grid, product(devices, scenarios), strict=True):
            if (device, scenario) in panels:
                _latency_panel(axes, panels[device, scenario], names, palette, points)
                axes.set_title(f"{device}, {scenario}")
            else:
                axes.set_axis_off()
        figure.supxlabel("latency (ms)")
        figure.supylabel("share of inferences (%)")
        handles = [Line2D([], [], color=palette[name], lw=2, label=name) for name in names]
        figure.legend(
            handles=handles, loc="outside upper center", ncols=min(len(names), 6 if len(scenarios) > 1 else 3)
        )
    total = sum(len(one) for one in panels.values())
    caption = (
        f"{model}: distribution of latency, all {total} timed inferences of {launches} launches (none dropped). Bold: "
        "all launches together; thin: each launch by itself, so that their distance shows the spread between launches."
    )
    return Plot(file_name("latency", model), caption, figure)


def _latency_panel(axes: Axes, samples: pd.DataFrame, names: list[str], palette: dict[str, str], points: int) -> None:
    shared: Any = {"hue": "precision", "hue_order": names, "palette": palette, "estimator": None, "legend": False}
    each, together = _curves(samples, ["precision", "round"], points), _curves(samples, ["precision"], 240)
    sns.lineplot(each, x="latency_ms", y="share", units="round", lw=0.5, alpha=0.55, sort=False, ax=axes, **shared)
    sns.lineplot(together, x="latency_ms", y="share", lw=1.6, sort=False, ax=axes, **shared)
    axes.set(xlabel=None, ylabel=None)
    low, high = float(samples["latency_ms"].min()), float(samples["latency_ms"].max())
    if high / low > LOG_FROM:
        log_axis(axes, low / 1.15, high * 1.15)
    else:
        axes.set_xlim(max(0.0, low - 0.06 * (high - low) - 1e-3 * low), high + 0.06 * (high - low) + 1e-3 * high)
        axes.xaxis.set_major_formatter(lambda value, _: plain_number(value))
    axes.set_ylim(0, 101)
    axes.set_yticks([0, 50, 90, 100])
    axes.grid()


def _curves(samples: pd.DataFrame, keys: list[str], points: int) -> pd.DataFrame:
    """Return the distribution of each group of samples, one below the other."""
    curves: dict[Any, pd.DataFrame] = {
        names: _distribution(own["latency_ms"], points) for names, own in samples.groupby(keys, sort=False)
    }
    stacked: pd.DataFrame = pd.concat(curves, names=keys).reset_index(level=keys).reset_index(drop=True)
    return stacked


def _distribution(latencies: pd.Series, points: int) -> pd.DataFrame:
    """Return the cumulative distribution in %, thinned for drawing; the smallest and the largest sample stay."""
    ordered = np.sort(latencies.to_numpy())
    share = 100 * np.arange(1, ordered.size + 1) / ordered.size
    if ordered.size > points:
        # Half of the points are spread evenly, half lie in the upper tenth, where the tail is.
        even = np.linspace(0, ordered.size - 1, points // 2)
        tail = np.linspace(0.9 * ordered.size, ordered.size - 1, points // 2)
        chosen = np.unique(np.concatenate([even, tail]).astype(int))
        ordered, share = ordered[chosen], share[chosen]
    return pd.DataFrame({"latency_ms": np.append(ordered[:1], ordered), "share": np.append(0.0, share)})


def _wrapped(name: str) -> str:
    return name.replace("_", "_\n") if len(name) > 9 else name


def _intervals(rows: pd.DataFrame) -> str:
    """Say what the intervals are and how many launches they come from."""
    launches = rows["launches"].dropna().astype(int)
    if launches.empty:
        return "No interval is known."
    fewest, most = int(launches.min()), int(launches.max())
    number = counted(most, "launch") if fewest == most else f"{fewest} to {most} launches"
    if most == 1:
        return f"n = {number} a cell: no interval is known."
    return f"Lines: 95 % confidence intervals, n = {number} a cell."
