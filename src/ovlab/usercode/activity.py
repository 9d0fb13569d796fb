"""What a process says while it runs code of the user's own: a page of memory that its parent sees.

Saying it takes microseconds, so that it can be done for every image. Imported in a launch, so it imports little; in a
process that nobody watches nothing is said.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

Limit = Literal["load_s", "image_s"]
"""Which of ``limits.code`` bounds the time."""
LIMITS: tuple[Limit, ...] = ("load_s", "image_s")
# Of the numbers on the page.
ACTIVE, CALLS, LIMIT, SCALE, BASELINE, OWN, ASLEEP = range(7)
TEXT, PAGE = 64, 4096
WARM_UP_CALLS = 8
"""Calls over which the baseline of memory is taken: meanwhile each request in flight gets its buffers."""


class Activity:
    """The page, and the pipe that wakes who watches it.

    Made before the fork. Numbers that are written together are read apart: who watches looks twice before it acts.
    """

    def __init__(self) -> None:
        self._page = mmap.mmap(-1, PAGE)
        self.numbers = memoryview(self._page)[:TEXT].cast("d")
        self.numbers[ASLEEP] = 1.0
        self.images_seen = 0
        self.read_end, self._write_end = os.pipe()

    def wake(self) -> None:
        """Wake who watches, if it sleeps."""
        if self.numbers[ASLEEP]:
            self.numbers[ASLEEP] = 0.0
            os.write(self._write_end, b".")

    def close_write_end(self) -> None:
        """Let the reading end see when the child is gone."""
        os.close(self._write_end)

    def say(self, text: str) -> None:
        """Write what runs now."""
        data = text.encode("utf-8", "replace")[: PAGE - TEXT - 1]
        self._page[TEXT : TEXT + len(data) + 1] = data + b"\0"

    def said(self) -> str:
        """Return what runs now."""
        return self._page[TEXT:].split(b"\0", 1)[0].decode("utf-8", "replace")


class _Watched:
    """What this process says to whom."""

    activity: Activity | None = None
    largest_image: int = 0
    workers: int = 0
    ahead: int = 0


def be_watched(activity: Activity | None) -> None:
    """Say on this page from now on what code of the user's own runs in this process."""
    _Watched.activity = activity


def expect_images(ahead: int, workers: int) -> None:
    """Say how much memory decoding images ahead may take, which is not the user's code's doing.

    Parameters
    ----------
    ahead : int
        Bytes of decoded images at the input's size.
    workers : int
        Threads that decode.
    """
    _Watched.ahead, _Watched.workers = ahead, workers
    _say_own()


def note_image(pixels: int) -> None:
    """Say that an image of so many pixels is about to be decoded."""
    if pixels > _Watched.largest_image:
        _Watched.largest_image = pixels
        _say_own()


def _say_own() -> None:
    if _Watched.activity is not None:
        # A progressive JPEG takes 9 bytes a pixel while it is decoded.
        _Watched.activity.numbers[OWN] = _Watched.ahead + 9.0 * _Watched.workers * _Watched.largest_image


def tick() -> None:
    """Let the time of what runs begin anew: another image of the same work."""
    if _Watched.activity is not None and _Watched.activity.numbers[ACTIVE]:
        numbers = _Watched.activity.numbers
        numbers[CALLS] += 1
        numbers[ACTIVE] = numbers[CALLS]


class UserCode:
    """Says that code of the user's own runs, as a context.

    Parameters
    ----------
    what : str
        Whose code, to begin an error line with: ``decoder mine (mine.py), image val/7.jpg``.
    limit : {"load_s", "image_s"}
        Which of ``limits.code`` bounds its time.
    times : float
        How often the limit may be taken, as for a batch of images.
    alone : bool
        Whether all memory that is taken meanwhile is this code's doing; not where a framework calls it now and then.
    """

    __slots__ = ("_alone", "_before", "_limit", "_times", "_what")

    def __init__(self, what: str, limit: Limit, times: float = 1.0, *, alone: bool = True) -> None:
        self._what, self._limit, self._times, self._alone = what, limit, times, alone

    def __enter__(self) -> Self:
        activity = _Watched.activity
        if activity is None:
            return self
        numbers = activity.numbers
        self._before = (numbers[ACTIVE], numbers[LIMIT], numbers[SCALE], activity.said() if numbers[ACTIVE] else "")
        which = LIMITS.index(self._limit)
        if not self._before[0]:
            _take_baseline(activity, which if self._alone else None)
        numbers[CALLS] += 1
        activity.say(self._what)
        numbers[LIMIT], numbers[SCALE] = which, self._times
        numbers[ACTIVE] = numbers[CALLS]
        activity.wake()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        activity = _Watched.activity
        if activity is None:
            return
        active, limit, times, what = self._before
        numbers = activity.numbers
        if active:  # what was interrupted goes on, with its time anew
            activity.say(what)
            numbers[LIMIT], numbers[SCALE] = limit, times
            numbers[CALLS] += 1
            active = numbers[CALLS]
        numbers[ACTIVE] = active


def _take_baseline(activity: Activity, which: int | None) -> None:
    """Note how much memory the process has: anew for every load, for images over the first of them."""
    numbers = activity.numbers
    if which is None:
        numbers[BASELINE] = 0.0
        activity.images_seen = 0
    elif which == LIMITS.index("load_s"):
        numbers[BASELINE] = own_memory()
        activity.images_seen = 0
    elif activity.images_seen < WARM_UP_CALLS:
        numbers[BASELINE] = max(numbers[BASELINE] if activity.images_seen else 0.0, own_memory())
        activity.images_seen += 1


def own_memory(pid: int | str = "self") -> float:
    """Return the bytes of memory that a process has (its resident set); 0 where the system does not say."""
    try:
        text = Path(f"/proc/{pid}/statm").read_text(encoding="ascii")
        return int(text.split()[1]) * mmap.PAGESIZE
    except (OSError, IndexError, ValueError):
        return 0.0
