"""Figures: labelled with units, of a size for print, for any number of models, devices, scenarios, precisions."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from report_factory import Maker, Recipe, make_plots

from ovlab.report.page.svg import inline_svg
from ovlab.report.style import COLOURS, Plot, colours, plain_number, save


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
