"""Figures: labelled with units, of a size for print, for any number of models, devices, scenarios, precisions."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from report_factory import Maker, Recipe, make_plots

from ovlab.report import report
from ovlab.report.page.svg import inline_svg
from ovlab.report.style import (
    COLOURS,
    NARROW,
    WIDE,
    Plot,
    colours,
    dashes,
    drawn_for,
    fills,
    fits_page,
    hatches,
    legend_above,
    new_panels,
    plain_number,
    save,
    shapes,
    tell_each,
)


def plots(make: Maker, recipe: Recipe) -> dict[str, Plot]:
    return make_plots(*make(recipe))


def labels(figure: Figure) -> str:
    return f"{figure.get_supxlabel()} | {figure.get_supylabel()}"


def test_axes_say_their_units(make: Maker) -> None:
    made = plots(make, Recipe())
    assert labels(made["speedup"].figure) == " | speed-up against fp32 (×)"
    assert labels(made["accuracy_latency"].figure) == "median latency (ms) | top-1 accuracy (%)"
    assert labels(made["latency_net"].figure) == "latency (ms) | share of inferences (%)"


def test_captions_say_how_many_launches_and_what_the_interval_is(make: Maker) -> None:
    made = plots(make, Recipe(launches=4))
    assert "95 % confidence intervals, n = 4 launches a cell." in made["speedup"].caption
    assert "all 1440 timed inferences of 24 launches" in made["latency_net"].caption
    assert "no interval is known" in plots(make, Recipe(launches=1))["speedup"].caption


@pytest.mark.parametrize("latency", [1e-4, 4.2, 1e5])
def test_figures_are_as_wide_as_a_column_or_a_page(make: Maker, latency: float, tmp_path: Path) -> None:
    recipe = Recipe(
        models=["a"],
        devices=["cpu", "gpu"],
        precisions=[*COLOURS, "other"],
        latency_ms=latency,
        launches=2,
    )
    for plot in plots(make, recipe).values():
        assert plot.figure.get_figwidth() in {3.3, 6.7}
        text = save(plot, tmp_path)
        assert (tmp_path / f"{plot.name}.png").stat().st_size > 1000
        assert "NaN" not in text
        assert "nan" not in re.findall(r' d="([^"]*)"', text)


def test_a_wide_interval_does_not_hide_the_bars(make: Maker) -> None:
    made = plots(make, Recipe(speedups={"int8": (2.0, 0.01, 400.0)}, scenarios=["offline"]))["speedup"]
    axes = made.figure.axes[0]
    top = axes.get_ylim()[1]
    assert top < 5
    (bar,) = (one for one in axes.patches if isinstance(one, Rectangle) and one.get_height() == 2)
    middle = bar.get_x() + bar.get_width() / 2
    # It ends within the panel, in a triangle with the bar's value above.
    (triangle,) = (one for one in axes.lines if one.get_marker() == "^" and one.get_xdata()[0] == pytest.approx(middle))
    assert 2 < triangle.get_ydata()[0] < top
    assert max(max(one.get_ydata()) for one in axes.lines) < top
    (label,) = (one for one in axes.texts if one.get_text() == "2.0" and one.xy[0] == pytest.approx(middle))
    assert label.xy[1] == triangle.get_ydata()[0]


def test_no_reference_or_nothing_at_all_draws_nothing(make: Maker) -> None:
    assert plots(make, Recipe(absent={"cpu": "no CPU"})) == {}
    assert "speedup" not in plots(make, Recipe(precisions=["fp32"], models=["alone"]))


def test_every_sample_is_in_the_distribution(make: Maker) -> None:
    settings, records = make(Recipe(precisions=["fp32"], scenarios=["single_stream"], launches=1, samples=5000))
    plot = make_plots(settings, records)["latency_net"]
    x = pd.Series(plot.figure.axes[0].lines[-1].get_xdata(), dtype=float)
    y = pd.Series(plot.figure.axes[0].lines[-1].get_ydata(), dtype=float)
    taken = records.samples("net", "cpu", "single_stream")
    assert taken is not None
    # Thinned for drawing, but the extremes and the median are those of all samples.
    assert len(x) < 300
    assert (x.min(), x.max()) == (taken["latency_ms"].min(), taken["latency_ms"].max())
    assert x[(y - 50).abs().idxmin()] == pytest.approx(taken["latency_ms"].median(), rel=0.005)


def test_a_precision_has_one_colour_everywhere() -> None:
    assert colours(["int8", "fp32"])["int8"] == colours(["int8"])["int8"] == COLOURS["int8"]
    many = colours([f"p{i}" for i in range(6)] + list(COLOURS))
    assert len(set(many.values())) == len(many)


def test_text_stays_text(make: Maker, tmp_path: Path) -> None:
    plot = plots(make, Recipe(models=["a$b$"]))["accuracy_latency"]
    text = save(plot, tmp_path)
    assert ">a$b$<" in text
    assert (
        b"/FontType 42" in (tmp_path / "accuracy_latency.pdf").read_bytes()
        or b"FontFile2" in (tmp_path / "accuracy_latency.pdf").read_bytes()
    )
    assert "<dc:date>" not in text


def test_an_inlined_svg_keeps_its_references(make: Maker, tmp_path: Path) -> None:
    body = inline_svg(save(plots(make, Recipe())["speedup"], tmp_path), "f1", frozenset(["d55e00"]))
    ids = set(re.findall(r'\bid="([^"]+)"', body))
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', body))
    assert used
    assert used <= ids
    assert all(name.startswith("f1-") for name in ids)
    assert "http" not in body
    assert "<pattern" in body and not re.search(r'fill="(?!none)', body)  # hatched bars keep their colour
    head = body[: body.index(">")]
    assert "viewBox" in head
    assert not re.search(r"\s(width|height)=", head)


def test_ticks_are_plain_numbers() -> None:
    assert [plain_number(x) for x in (0.002, 5, 20000, 1e7)] == ["0.002", "5", "20000", "1e+07"]


@pytest.mark.parametrize("looks", [colours, dashes, fills, hatches, shapes])
def test_precisions_are_told_apart_with_and_without_colour(looks: Callable[[list[str]], dict[str, Any]]) -> None:
    names = list(COLOURS)
    assert len({str(one) for one in looks(names).values()}) == len(names)
    assert looks([names[3]])[names[3]] == looks(names)[names[3]]  # the same in every figure
    assert set(looks(["of_ones_own", "another"])) == {"of_ones_own", "another"}


def test_papers_get_each_figure_for_a_column_and_for_the_text(make: Maker, tmp_path: Path) -> None:
    settings, records = make(Recipe(devices=["cpu", "gpu"]))
    report(settings, records, tmp_path / "index.html")
    names = {path.stem for path in (tmp_path / "figures").glob("*.svg")}
    assert len(names) == 3
    for name in names:
        for ending, inches in (("column", 3.3), ("text", 6.7)):
            written = (tmp_path / "figures" / f"{name}-{ending}.pdf").read_bytes()
            box = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+) ([\d.]+) ?\]", written)
            assert box is not None and float(box[1]) == pytest.approx(72 * inches)
            assert float(box[2]) < 72 * 9.5
            assert b"/FontFile2" in written and b"/Type3" not in written


def test_no_figure_for_a_column_is_taller_than_a_page() -> None:
    low, _ = new_panels(6, 3, 2.0)
    tall, _ = new_panels(12, 3, 2.0)
    assert fits_page(low, NARROW) and not fits_page(tall, NARROW)
    assert fits_page(tall, WIDE)
    with drawn_for(NARROW):
        narrow, _ = new_panels(6, 3, 2.0)
    assert (narrow.get_figwidth(), narrow.get_figheight()) == (3.3, 6.5)


def test_each_point_of_a_collection_tells_its_own_numbers(tmp_path: Path) -> None:
    figure, (axes,) = new_panels(1, 1, 2.0)
    x, sizes = [3.0, 1.0, 2.0], [10.0, 20.0, 30.0]
    for scale in (1.0, [1.0] * 3):  # of one size matplotlib writes a shape once, of several sizes each
        points = axes.scatter(x, x, np.array(sizes) * scale if isinstance(scale, list) else 10.0)
        tell_each(points, [f"x is {one:g} <&>" for one in x])
    text = save(Plot("points", "", figure), tmp_path)
    found = re.findall(
        r'<g id="(mark-[\d-]+)" class="mark"><title>x is (\d) &lt;&amp;&gt;</title>(.*?)</g>', text, re.S
    )
    assert [one[1] for one in found] == ["3", "1", "2"] * 2
    assert len({one[0] for one in found}) == 6
    for part in (found[:3], found[3:]):
        places = [float(re.search(r'(?: x="| d="M )([\d.]+)', one[2])[1]) for one in part]  # type: ignore[index]
        assert places[1] < places[2] < places[0]


def test_a_legend_has_as_many_columns_as_fit() -> None:
    handles = [Patch(label="a name of some length") for _ in range(6)]
    columns = []
    for width in (WIDE, NARROW):
        with drawn_for(width):
            figure, _ = new_panels(1, 1, 2.0)
        legend_above(figure, handles)
        columns.append(figure.legends[0]._ncols)
    assert columns[0] > columns[1] >= 1
