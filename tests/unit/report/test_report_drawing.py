"""Figures drawn in two processes: the same files, whatever happens to the second one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from report_factory import Maker, Recipe, make_plots

from ovlab.report.style import Plot, drawing, save, save_all


class NotToBeSent(Figure):
    """A figure that stays in the process that made it."""

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("cannot be pickled")


class EndsItsReader(Figure):
    """A figure that ends the process that gets it."""

    def __reduce__(self) -> tuple[object, ...]:
        return os._exit, (1,)


@pytest.fixture(autouse=True)
def always_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "PANELS_OF_TWO", 1)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_two_processes_write_the_same_bytes(make: Maker, tmp_path: Path) -> None:
    """Also with the axes whose ticks are formatted by functions: logarithmic ones, and those of latencies."""
    recipe = Recipe(models=["a", "b"], devices=["cpu", "gpu"], launches=2, samples=20)
    first, again = (list(make_plots(*make(recipe)).values()) for _ in range(2))
    alone = {plot.name: save(plot, tmp_path / "alone") for plot in first}
    assert save_all(again, tmp_path / "two", 2) == alone
    assert files(tmp_path / "two") == files(tmp_path / "alone")
    untouched = [plot.name for plot in again if plot.figure.get_layout_engine() is not None]
    assert untouched  # not laid out here: the other process has drawn them


@pytest.mark.parametrize("kind", [NotToBeSent, EndsItsReader])
def test_what_the_second_process_does_not_draw_is_drawn_here(kind: type[Figure], tmp_path: Path) -> None:
    def plot(name: str, figure: Figure) -> Plot:
        for axes in figure.subplots(1, 2):
            axes.plot([1, 2], [3, 4])
        return Plot(name, "", figure)

    plots = [plot("first", kind()), plot("second", Figure())]
    drawn = save_all(plots, tmp_path, 2)
    assert set(drawn) == {"first", "second"}
    assert {path.name for path in tmp_path.iterdir()} == {f"{n}.{s}" for n in drawn for s in ("svg", "pdf", "png")}
