"""Watch a child while it runs code of the user's own, and end it if it takes more than the limits allow."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time

import psutil

from ovlab.inputs import limits
from ovlab.usercode.activity import ACTIVE, ASLEEP, BASELINE, CALLS, LIMIT, LIMITS, OWN, SCALE, Activity, own_memory

INTERVAL_S = 0.1
IDLE_S = 1.0
"""Without code of the user's own for so long, the watch sleeps until it is woken: a measurement is not disturbed."""
LONGEST_GAP_S = 1.0
"""More than this between two looks is no time of the child's: both may have been stopped."""


class Watch(threading.Thread):
    """A thread of the parent that looks at its child; it sleeps as long as the child runs no code of the user's own.

    Started while the signals that stop a step are blocked, so that they go to the main thread.

    Attributes
    ----------
    complaint : str
        Why the child was ended; empty if it was not.
    """

    def __init__(self, activity: Activity, child: int) -> None:
        super().__init__(name="watch", daemon=True)
        self.complaint = ""
        self._activity, self._child = activity, child
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._serial = self._calls = 0.0
        self._taken = self._idle = 0.0
        self._looked = time.monotonic()

    def stop(self) -> None:
        """Look no more: the child has ended, and its number may soon be another's."""
        with self._lock:
            self._ended.set()

    def run(self) -> None:
        """Sleep, look, and end the child if need be."""
        while os.read(self._activity.read_end, 1):
            self._looked, self._idle = time.monotonic(), 0.0
            while not self._sleeps():
                complaint = self._look()
                with self._lock:
                    if self._ended.is_set():
                        return
                    if complaint:
                        self.complaint = complaint
                        end_process(self._child)
                        return
                self._ended.wait(INTERVAL_S)

    def _sleeps(self) -> bool:
        numbers = self._activity.numbers
        if self._idle < IDLE_S:
            return False
        numbers[ASLEEP] = 1.0
        time.sleep(INTERVAL_S)  # a call that began just now may have taken the watch for awake
        if numbers[ACTIVE] or numbers[CALLS] != self._calls:
            numbers[ASLEEP] = 0.0
            return False
        return True

    def _look(self) -> str:
        numbers = self._activity.numbers
        serial, calls = numbers[ACTIVE], numbers[CALLS]
        now = time.monotonic()
        gap, self._looked = min(now - self._looked, LONGEST_GAP_S), now
        is_same, self._serial = serial == self._serial, serial
        was_at_work, self._calls = calls != self._calls, calls
        self._taken = self._taken + gap if serial and is_same else 0.0
        self._idle = 0.0 if serial or was_at_work else self._idle + gap
        if not serial and not was_at_work:
            return ""
        what, key = self._activity.said(), LIMITS[int(numbers[LIMIT])]
        code = limits().code
        allowed = getattr(code, key) * numbers[SCALE]
        if self._taken > allowed and numbers[ACTIVE] == serial:
            return f"{what}: not done after {allowed:g} s (limits.code.{key})"
        baseline = numbers[BASELINE]
        grown = own_memory(self._child) + memory_of_descendants(self._child) - baseline - numbers[OWN]
        # Another baseline means that these two numbers are not of one call.
        if baseline and grown > code.memory_gb * 1e9 and numbers[BASELINE] == baseline:
            return (
                f"{what}: its process grew by {grown / 1e9:.2f} GB, more than {code.memory_gb:g} "
                "(limits.code.memory_gb)"
            )
        return ""


def memory_of_descendants(pid: int) -> float:
    """Return the bytes of memory of all processes that descend from one; what they share counts once."""
    total = 0.0
    with contextlib.suppress(psutil.Error):
        for process in psutil.Process(pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                memory = process.memory_full_info()
                total += getattr(memory, "pss", memory.uss)
    return total


def end_process(pid: int) -> None:
    """End a process and all that descend from it, at once."""
    with contextlib.suppress(psutil.Error):
        for process in psutil.Process(pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                process.kill()
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
