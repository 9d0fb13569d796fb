"""Progress of long work: a bar on a terminal, and now and then a line in the log."""

from __future__ import annotations

import logging
import time

from tqdm import tqdm

log = logging.getLogger("ovlab.download")
EVERY_S = 10.0


class Progress:
    """Shows how far a piece of work is; a context manager.

    Parameters
    ----------
    what : str
        What is being done, such as ``unpacking a.zip``.
    total : int, optional
        How much there is to do, where that is known.
    unit : {"B", "entries"}
        What is counted.
    done : int
        How much was done before.
    """

    def __init__(self, what: str, total: int | None, unit: str, done: int = 0) -> None:
        self._what, self._total, self._unit, self._done = what, total, unit, done
        self._next_line = time.monotonic() + EVERY_S
        self._bar = tqdm(total=total, initial=done, unit=unit, unit_scale=unit == "B", desc=what, disable=None)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def advance(self, number: int = 1) -> None:
        """Note that so much more is done."""
        self._done += number
        self._bar.update(number)
        now = time.monotonic()
        if now >= self._next_line:
            self._next_line = now + EVERY_S
            # Where the bar is seen, the line is for the log's file alone.
            log.log(logging.INFO if self._bar.disable else logging.DEBUG, "%s: %s", self._what, self._so_far())

    def _so_far(self) -> str:
        of_all = "" if self._total is None else f" of {_amount(self._total, self._unit)}"
        return f"{_amount(self._done, self._unit)}{of_all}"


def _amount(number: int, unit: str) -> str:
    return f"{number / 1e6:.1f} MB" if unit == "B" else f"{number} {unit}"
