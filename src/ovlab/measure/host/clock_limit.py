"""A lower limit of the processor's clock for a while, put back whatever happens.

The limits are the kernel's, ``policy*/scaling_max_freq`` [1]_: only root may write them, and virtual machines mostly
have none. Before they are changed they are noted in a file; should the process be killed, so that nothing can be put
back, the next measurement on this host finds the note and does it (`restore_left_over`). A restart of the host puts
them back too.

References
----------
.. [1] Linux kernel documentation, ``Documentation/admin-guide/pm/cpufreq.rst``.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import signal
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import NoReturn

from ovlab.errors import OvlabError, UnavailableError, one_line
from ovlab.files import read_json, write_json

log = logging.getLogger("ovlab.measure.host.clock_limit")
CPUFREQ = Path("/sys/devices/system/cpu/cpufreq")
BOOT = Path("/proc/sys/kernel/random/boot_id")
LIMIT, LOWEST, HIGHEST = "scaling_max_freq", "scaling_min_freq", "cpuinfo_max_freq"
POLICY = re.compile(r"policy\d+")
ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Signals that end a process without a word unless it handles them."""
HELD = (*ENDING, signal.SIGINT)


class _Ended(BaseException):
    """A signal came that ends this process."""

    def __init__(self, number: int) -> None:
        self.number = number


@dataclass
class Limits:
    """What the clock was limited to, in kHz by the kernel's policies.

    Attributes
    ----------
    before, lowered : dict of int
        The limits before, and while they were lowered, as read back.
    """

    before: dict[str, int]
    lowered: dict[str, int] = field(default_factory=dict)


def why_not_settable(root: Path = CPUFREQ) -> str:
    """Say why the limits of this host's clock cannot be set; empty if they can."""
    policies = _policies(root)
    if not policies:
        return "the kernel offers no limit of the clock here (no cpufreq, as in most virtual machines)"
    denied = [one.name for one in policies if not os.access(one / LIMIT, os.W_OK)]
    return f"{LIMIT} of {', '.join(denied)} may not be written by this user (root may)" if denied else ""


@contextlib.contextmanager
def lowered_clock(share: float, note: Path, root: Path = CPUFREQ) -> Iterator[Limits]:
    """Limit the clock of all cores to a share of what it is limited to now, and put it back.

    A signal that would end this process does so when the limits are put back.

    Parameters
    ----------
    share : float
        Of the present limit, 0 to 1.
    note : Path
        Where the limits are noted meanwhile.
    root : Path
        Folder of the kernel's policies.

    Yields
    ------
    Limits
        Before and meanwhile.

    Raises
    ------
    UnavailableError
        If the limits cannot be set, or would be below the lowest clock.
    """
    why = why_not_settable(root)
    if why:
        raise UnavailableError(why)
    limits = Limits({one.name: _khz(one / LIMIT) for one in _policies(root)})
    asked = {name: round(share * khz) for name, khz in limits.before.items()}
    for name, khz in asked.items():
        lowest = _khz(root / name / LOWEST)
        if khz < lowest:
            raise UnavailableError(
                f"{share:.3g} of the limit of {name} is {khz / 1e6:.3g} GHz, below its lowest clock of "
                f"{lowest / 1e6:.3g} GHz"
            )
    with _endings_as_exceptions():
        try:
            with _undisturbed():
                limits.lowered = _lower(asked, limits.before, note, root)
            yield limits
        finally:
            with _undisturbed():
                _put_back(limits.before, note, root)


def _lower(asked: Mapping[str, int], before: Mapping[str, int], note: Path, root: Path) -> dict[str, int]:
    try:
        write_json(note, {"boot": _boot(), "limits": dict(before)})
        for name, khz in asked.items():
            _set(root / name / LIMIT, khz)
        lowered = {name: _khz(root / name / LIMIT) for name in asked}
    except OSError as error:
        raise UnavailableError(f"the limit of the clock cannot be set ({one_line(error)})") from None
    unchanged = [name for name, khz in lowered.items() if khz >= before[name]]
    if unchanged:
        raise UnavailableError(f"the kernel did not take a lower limit of the clock for {', '.join(unchanged)}")
    return lowered


def restore_left_over(note: Path, root: Path = CPUFREQ) -> None:
    """Put back the limits that a killed run has left lowered; say so, or say what is to be done by hand.

    Called with the host to oneself, so that a note is no one's who is still at work. A note that another user has
    written, or of limits that no policy of this host could have, is not heeded.
    """
    if not note.is_file():
        return
    limits = _noted(note, root)
    if limits is None:
        return
    left = {name: khz for name, khz in limits.items() if _khz(root / name / LIMIT) < khz}
    if left:
        log.warning("a run that was killed has left the clock limited; putting back %s", _in_words(left, root))
    _put_back(left, note, root)


def _put_back(limits: Mapping[str, int], note: Path, root: Path) -> None:
    failed = {}
    for name, khz in limits.items():
        try:
            _set(root / name / LIMIT, khz)
            if _khz(root / name / LIMIT) != khz:
                failed[name] = khz
        except OSError:
            failed[name] = khz
    if failed:
        log.error("the clock is still limited: write by hand, as root, %s", _in_words(failed, root))
    else:
        note.unlink(missing_ok=True)


def _noted(note: Path, root: Path) -> dict[str, int] | None:
    """Return the limits of a note, None where it is not to be trusted: everybody may write into its folder.

    None is left of a note from before the host was started anew: its limits are those of the start.
    """
    try:
        about = note.lstat()
        mine = not note.is_symlink() and about.st_uid in {os.geteuid(), 0}
        found = read_json(note) if mine else {"boot": None, "limits": {}}
        limits = {str(name): int(khz) for name, khz in found["limits"].items()}
        if mine and found["boot"] != _boot():
            return {}
        known = {one.name: (_khz(one / LOWEST), _khz(one / HIGHEST)) for one in _policies(root)}
    except (OSError, OvlabError, ValueError, TypeError, KeyError, AttributeError) as error:
        log.warning("%s: is no note of the clock's limits, and is not heeded (%s)", note, one_line(error))
        return None
    fits = all(name in known and known[name][0] <= khz <= known[name][1] for name, khz in limits.items())
    if not limits or not fits:
        log.warning("%s: is no note of this host's limits of the clock, and is not heeded", note)
        return None
    return limits


def _policies(root: Path) -> list[Path]:
    found = (one for one in root.glob("policy*") if POLICY.fullmatch(one.name) and (one / LIMIT).is_file())
    return sorted(found, key=lambda one: int(one.name.removeprefix("policy")))


def _boot() -> str:
    """Return what is another after each start of the host; empty where the kernel does not tell."""
    try:
        return BOOT.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _khz(path: Path) -> int:
    return int(path.read_text(encoding="ascii"))


def _set(path: Path, khz: int) -> None:
    path.write_text(f"{khz}\n", encoding="ascii")


def _in_words(limits: Mapping[str, int], root: Path) -> str:
    return ", ".join(f"{khz} to {root / name / LIMIT}" for name, khz in limits.items())


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Let signals that would end this process wait: they come twice at times, and the second would cut this off."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, HELD)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


@contextlib.contextmanager
def _endings_as_exceptions() -> Iterator[None]:
    """Let what is to be put back be put back before a signal that nobody handles ends this process."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, _frame: FrameType | None) -> NoReturn:
        raise _Ended(number)

    unhandled = [number for number in ENDING if signal.getsignal(number) is signal.SIG_DFL]
    for number in unhandled:
        signal.signal(number, end)
    ended = 0
    try:
        yield
    except _Ended as end_of_it:
        ended = end_of_it.number
    finally:
        for number in unhandled:
            signal.signal(number, signal.SIG_DFL)
    if ended:
        os.kill(os.getpid(), ended)
