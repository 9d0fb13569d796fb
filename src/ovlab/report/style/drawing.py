"""Many figures as files, drawn in two processes where that saves more than the second one costs."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.process import BaseProcess
from pathlib import Path
from pickle import PicklingError

from ovlab.report.style.files import Plot, save

PANELS_OF_TWO = 100
"""Panels from which a second process is started: it takes 2 to 3 s to come up, and a panel 0.1 s to be drawn."""


def save_all(plots: Sequence[Plot], folder: Path, processes: int = 1) -> dict[str, str]:
    """Write figures as :func:`save` does, the same bytes whichever process draws them.

    Parameters
    ----------
    plots : sequence of Plot
        With names of their own.
    folder : Path
        Gets the files.
    processes : int
        With 2 or more, half of many figures is drawn in a second process, which imports the program's main module
        once more, as :mod:`multiprocessing` does: that must do nothing when it is imported.

    Returns
    -------
    dict
        The SVGs' texts by name.

    Raises
    ------
    OSError
        If a file cannot be written.
    """
    if processes < 2 or len(plots) < 2 or sum(map(_panels, plots)) < PANELS_OF_TWO:
        return {plot.name: save(plot, folder) for plot in plots}
    ordered = sorted(plots, key=_panels, reverse=True)
    context = multiprocessing.get_context("spawn")  # not fork: Arrow and BLAS may have threads
    with ProcessPoolExecutor(1, mp_context=context, initializer=_end_with_parent) as pool:
        waiting = [(plot, pool.submit(save, plot, folder)) for plot in ordered]
        # The other process begins at the front, with the largest; what it has not come to is drawn here.
        return {plot.name: _drawn(plot, folder, one) for plot, one in reversed(waiting)}


def _drawn(plot: Plot, folder: Path, there: Future[str]) -> str:
    """Draw a figure here if the other process has not begun with it, or could not: it is gone, or cannot be sent it."""
    if there.cancel():
        return save(plot, folder)
    try:
        return there.result()
    except (BrokenProcessPool, PicklingError, AttributeError, TypeError):
        return save(plot, folder)


def _panels(plot: Plot) -> int:
    return len(plot.figure.axes)


def _end_with_parent() -> None:
    """Leave nothing behind where the parent is killed: a pool's process would wait for work for ever."""
    threading.Thread(target=_end_after, args=[multiprocessing.parent_process()], daemon=True).start()


def _end_after(parent: BaseProcess | None) -> None:
    if parent is not None:
        parent.join()
        os._exit(1)
