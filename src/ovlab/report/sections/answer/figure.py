"""The figure that shows the answer: accuracy against latency, with the Pareto front."""

from __future__ import annotations

from itertools import cycle
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from ovlab.report.format import Estimate, estimate_text
from ovlab.report.results import headline_scenario, rows_of
from ovlab.report.sections.answer.best import best_variant
from ovlab.report.style import (
    INK,
    LOG_FROM,
    STYLE,
    Plot,
    colours,
    fills,
    interval_note,
    legend_above,
    log_axis,
    new_panels,
    tell,
)
from ovlab.report.task_words import metric_title
from ovlab.specs import ReportSettings, default_precision

MARKERS = "osD^vPX*<>"
LATENCY = ["latency_ms_p50", "latency_ms_p50_low", "latency_ms_p50_high"]
ACCURACY = ["accuracy", "accuracy_low", "accuracy_high"]
Named = tuple[str, str]
"""A precision on a device."""


def tradeoff_figure(settings: ReportSettings, ok: pd.DataFrame) -> Plot | None:
    """Draw accuracy against latency under the headline scenario: a panel for each model and host.

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
    hosts = settings.experiment.hosts
    panels = list(rows.groupby(["model", "host"], sort=False))
    with mpl.rc_context(STYLE):
        figure, grid = new_panels(len(panels), 3, 2.3)
        for axes, ((model, host), panel) in zip(grid, panels, strict=True):
            _draw_points(axes, panel, marks, palette, metric_title(settings, rows_of(panel)[0]))
            named = _named(settings, ok[(ok["model"] == model) & (ok["host"] == host)], panel)
            _draw_front(axes, panel, named)
            axes.set_title(str(model) if len(hosts) < 2 else f"{model}, {host}")
        titles = {metric_title(settings, row) for row in rows_of(rows)}
        figure.supxlabel("median latency (ms)")
        figure.supylabel(f"{titles.pop() if len(titles) == 1 else 'accuracy'} (%)")
        shape = "o" if len(devices) > 1 else marks[devices[0]]
        handles = [Line2D([], [], marker=shape, ls="", label=name, **_look(name, palette)) for name in names]
        white: Any = {"ls": "", "ms": 5, "mfc": "white", "mec": INK}
        if len(devices) > 1:
            handles += [Line2D([], [], marker=marks[device], label=device, **white) for device in devices]
        handles.append(Line2D([], [], color="#555555", lw=0.8, ls=(0, (3, 2)), label="Pareto front"))
        legend_above(figure, handles)
    caption = (
        f"Accuracy against median latency under {scenario}; better is up and to the left. {interval_note(rows)} "
        "Those of accuracy come from the validation images; an interval may go on beyond the panel. The Pareto front "
        "joins the points of which none is both faster and more accurate, intervals left aside."
    )
    return Plot("accuracy_latency", caption, figure)


def _named(settings: ReportSettings, cells: pd.DataFrame, panel: pd.DataFrame) -> dict[Named, str]:
    """Tell which points are named in the panel, and how: the device's default, and the fastest variant."""
    devices = list(panel["device"].unique())
    named = {}
    if (default := default_precision(settings.precisions)) is not None:
        named[default, str(devices[0])] = default
    if (best := best_variant(cells, settings.reference)) is not None:
        row = best.lossless or best.row
        how = "fastest" if best.lossless is None else "fastest without loss"
        where = f" on {row['device']}" if len(devices) > 1 else ""
        named[str(row["precision"]), str(row["device"])] = f"{how}{where}: {row['precision']}"
    return named


def pareto_front(points: pd.DataFrame) -> pd.DataFrame:
    """Return the points of which none other is as fast and as accurate, and better in one; by rising latency.

    Parameters
    ----------
    points : DataFrame
        With ``latency_ms_p50`` and ``accuracy``.
    """
    ordered = points.sort_values(["latency_ms_p50", "accuracy"], ascending=[True, False], kind="stable")
    before = ordered["accuracy"].astype(float).cummax().shift(fill_value=-np.inf)
    return ordered[ordered["accuracy"].astype(float) > before]


def _draw_front(axes: Axes, panel: pd.DataFrame, named: dict[Named, str]) -> None:
    front = pareto_front(panel)
    x, y = front["latency_ms_p50"].astype(float), 100 * front["accuracy"].astype(float)
    axes.plot(x, y, color="#555555", lw=0.8, ls=(0, (3, 2)), drawstyle="steps-post", zorder=1.5)
    for row in rows_of(panel):
        text = named.get((str(row["precision"]), str(row["device"])))
        if text is not None:
            leads = text.startswith("fastest")
            place: Any = {"textcoords": "offset points", "fontsize": 8, "color": INK, "zorder": 4}
            place |= {"va": "top", "fontweight": "bold"} if leads else {"va": "bottom"}
            at = float(row["latency_ms_p50"]), 100 * float(row["accuracy"])
            across = axes.transAxes.inverted().transform(axes.transData.transform(at))[0]
            # To the side on which it stays within the panel.
            side = 1 if across < 0.5 else -1
            place |= {"ha": "left" if side > 0 else "right"}
            note = axes.annotate(text, at, (6 * side, -6 if leads else 6), **place)
            note.set_path_effects([withStroke(linewidth=2.5, foreground="#ffffff")])


def _look(name: str, palette: dict[str, str]) -> dict[str, Any]:
    """Return how a precision's points look: its colour, and without colours what is filled of them."""
    return {"color": palette[name], "mfcalt": "#ffffff", "fillstyle": fills([name])[name], "ms": 5.5, "mew": 0.9}


def _draw_points(axes: Axes, panel: pd.DataFrame, marks: dict[str, str], palette: dict[str, str], metric: str) -> None:
    shown = panel.assign(**{name: 100 * panel[name].astype(float) for name in ACCURACY})
    across, along = _distances(shown[LATENCY]), _distances(shown[ACCURACY])
    lines: Any = {"fmt": "none", "elinewidth": 0.9, "ecolor": list(shown["precision"].map(palette))}
    axes.errorbar(shown[LATENCY[0]].astype(float), shown[ACCURACY[0]], along, across, **lines)
    # Earlier precisions are larger, so that they show behind a later one at the same place.
    sizes = {name: max(4.0, 7.0 - number) for number, name in enumerate(palette)}
    for row in rows_of(panel):
        latency, accuracy = Estimate.of_row(row, "latency_ms_p50"), Estimate.of_row(row, "accuracy", 100)
        name, device = row["precision"], row["device"]
        look = _look(name, palette) | {"ms": sizes[name]}
        (point,) = axes.plot(row["latency_ms_p50"], 100 * row["accuracy"], marks[device], **look)
        told = f"{name} on {device}\nmedian latency {estimate_text(latency, ' ms')}"
        tell(point, f"{told}\n{metric} {estimate_text(accuracy, ' %', least=2)}")
    values, ends = panel["latency_ms_p50"].astype(float), panel["latency_ms_p50_high"].astype(float)
    low, high = values.min(), values.max()
    if high / low > LOG_FROM:
        log_axis(axes, low / 1.8, high * 1.8)
    else:
        axes.set_xlim(0, 1.12 * max(high, min(ends.fillna(high).max(), 2 * high)))
    axes.margins(y=0.12)
    axes.grid()


def _distances(bounded: pd.DataFrame) -> NDArray[np.float64]:
    """Return how far the bounds are below and above the values; 0 where there is no interval."""
    value, low, high = bounded.astype(float).to_numpy().T
    distances: NDArray[np.float64] = np.nan_to_num(np.clip([value - low, high - value], 0, None))
    return distances
