"""How a step runs: apart from its caller, logged, and with its failure turned into one line and a record."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from ovlab.addresses import hide_secrets
from ovlab.errors import OvlabError, UnavailableError, one_line
from ovlab.files.storage import storage_in_words, why_unwritable
from ovlab.memory import oom_kills, why_killed
from ovlab.records import Kind, Record, Status, write_record
from ovlab.text import visible
from ovlab.usercode.activity import Activity, be_watched
from ovlab.usercode.watch import Watch

log = logging.getLogger("ovlab")
FAILED = 1
ENDED = "the process was ended by code that it ran, such as a decoder or an extension"
STOPPING = (signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True)
class Step:
    """A step of the workflow, as its script describes it.

    Attributes
    ----------
    kind : str
        Kind of the record that the step leaves.
    record : Path
        Where the record goes.
    settings : dict
        The step's settings, kept in the record even if it fails.
    log : Path, optional
        Where the log goes, besides standard error.
    record_failure : bool
        Whether a failure is written to `record` and counts as done (exit code 0), so that a workflow goes on
        with its other cells. Without it nothing is written and the exit code is 1.
    """

    kind: Kind
    record: Path
    settings: dict[str, Any]
    log: Path | None = None
    record_failure: bool = False

    def run(self, work: Callable[[], Record]) -> int:
        """Run `work` in a process of its own and write the record that it returns.

        Parameters
        ----------
        work : callable
            Does the step and returns its record. May raise OvlabError, or anything else.

        Returns
        -------
        int
            The exit code.
        """
        if not hasattr(os, "fork"):
            return self._attempt(work)
        # A child of its own, so that even a native crash or the kernel's out-of-memory killer ends as a record.
        sys.stdout.flush()
        sys.stderr.flush()
        kills = oom_kills()
        # A signal that comes before both processes have their handlers waits until then, or the child would be left.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
        # By its exit code alone, a child whose work called os._exit(0) would have succeeded.
        read_end, write_end = os.pipe()
        activity = Activity()
        child = os.fork()
        if child == 0:
            be_watched(activity)
            code = FAILED
            # Stopped in an orderly way, so that a measuring step ends its launch and leaves no scratch files.
            signal.signal(signal.SIGTERM, _stop)
            if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
                signal.signal(signal.SIGINT, _interrupt)
            try:
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)
                code = self._attempt(lambda: _only_in(os.getpid(), work))
            except KeyboardInterrupt:
                code = 128 + signal.SIGINT
            except _Stopped:
                code = 128 + signal.SIGTERM
            except OSError as error:  # the log cannot be written, so this line has nowhere else to go
                print(visible(one_line(error)), file=sys.stderr)
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os.write(write_end, b".")
                os._exit(code)
        os.close(write_end)
        activity.close_write_end()
        watch = Watch(activity, child)
        watch.start()
        with os.fdopen(read_end, "rb", buffering=0) as farewell:
            return self._wait(child, kills, mask, farewell, watch)

    def _wait(
        self,
        child: int,
        kills: int | None,
        mask: set[signal.Signals | int],
        farewell: io.RawIOBase,
        watch: Watch,
    ) -> int:
        stopped = 0

        def forward(number: int, _frame: FrameType | None) -> None:
            nonlocal stopped
            stopped = number
            os.kill(child, number)

        previous = {number: signal.signal(number, forward) for number in STOPPING}
        try:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            if hasattr(os, "waitid"):  # the child's number stays its own until it is waited for
                os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
                watch.stop()
            _, status = os.waitpid(child, 0)
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
        code = os.waitstatus_to_exitcode(status)
        if watch.complaint:
            return self._fail("failed", watch.complaint)
        if code >= 0:
            os.set_blocking(farewell.fileno(), False)  # a process that the work has left behind may hold the other end
            if farewell.read(1):
                return code
            # A group's signal comes twice, from outside and from here: the second may meet the child at its end.
            return 128 + stopped if stopped else self._fail("failed", f"{ENDED} (exit code {code})")
        if -code in {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}:
            return 128 - code  # stopped from outside: no result, not a failure of the step
        name = signal.Signals(-code).name
        return self._fail("failed", why_killed(kills) if -code == signal.SIGKILL else f"killed by {name}")

    def _attempt(self, work: Callable[[], Record]) -> int:
        start_logging(self.log)
        try:
            record = work()
            write_record(self.record, record)
        except UnavailableError as error:
            return self._fail("unavailable", str(error))
        except OvlabError as error:
            return self._fail("failed", str(error), hide_secrets(error.detail))
        except (_Stopped, _Interrupted):
            raise
        except SystemExit as error:
            return self._fail("failed", f"{ENDED} (sys.exit({'' if error.code is None else repr(error.code)}))")
        except Exception as error:
            # Not our own words, which may quote an address.
            log.debug("%s", hide_secrets(traceback.format_exc()))
            return self._fail("failed", hide_secrets(one_line(error)))
        except BaseException as error:
            # Of a kind that ends a process without a word; what comes from outside has been passed on above.
            if isinstance(error, KeyboardInterrupt) and not hasattr(os, "fork"):
                raise
            return self._fail("failed", f"{ENDED} ({hide_secrets(one_line(error))})")
        return 0

    def _fail(self, status: Status, reason: str, detail: str = "") -> int:
        start_logging(self.log)
        log.error("%s: %s", status, reason)
        if detail:
            log.debug("%s", detail)
        if not self.record_failure:
            return FAILED
        try:
            data = {"detail": detail} if detail else {}
            record = Record(kind=self.kind, settings=self.settings, status=status, reason=reason, data=data)
            write_record(self.record, record)
        except OSError as error:  # the disk is full, say; the reason of the failure has been told, this is another
            if str(error) != reason:
                log.error("the record of this failure cannot be written: %s", one_line(error))
            return FAILED
        return 0


def _only_in(process: int, work: Callable[[], Record]) -> Record:
    """Do the work; a process that the user's code has forked in it, and that comes back from it, ends here.

    What fails because it was asked to end has not failed: a compiled module that is told so while it is imported makes
    an ImportError of it.
    """
    try:
        return work()
    except (Exception, SystemExit):
        if _Heard.stop is not None:
            raise _Heard.stop from None
        raise
    finally:
        if os.getpid() != process:
            os._exit(0)


class _Stopped(BaseException):
    """The step was asked to end (SIGTERM)."""


class _Interrupted(KeyboardInterrupt):
    """The step was interrupted from outside (SIGINT): a plain KeyboardInterrupt was raised by code that it ran."""


class _Heard:
    """What this process was told from outside, if it was asked to end."""

    stop: BaseException | None = None


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    _end_by(_Interrupted())


def _stop(_number: int, _frame: FrameType | None) -> None:
    _end_by(_Stopped())


def _end_by(stop: BaseException) -> None:
    """Let what follows the first signal end in order: a group's signal comes twice."""
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)
    _Heard.stop = stop
    raise stop


class _VisibleFormatter(logging.Formatter):
    """Writes what cannot be seen as escapes: names and messages of others are text, not commands for a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record))


class _LogFile(logging.FileHandler):
    """A log file that says once if it cannot be written any more, and lets the work go on."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (logging's name)
        """Go on without the file if its disk is full."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
            return
        logging.getLogger("ovlab").removeHandler(self)
        with contextlib.suppress(OSError):  # it tries once more
            self.close()
        path = Path(self.baseFilename)
        print(visible(f"{why_unwritable(error, path.parent, path.name)}; going on without this log"), file=sys.stderr)


def start_logging(path: Path | None = None) -> None:
    """Send the log to standard error (one line an event) and, with more detail, to a file."""
    root = logging.getLogger("ovlab")
    root.setLevel(logging.DEBUG)
    root.propagate = False
    for handler in list(root.handlers):
        root.removeHandler(handler)
        handler.close()
    console = logging.StreamHandler(sys.stderr)
    console.setLevel(logging.INFO)
    console.setFormatter(_VisibleFormatter("%(message)s"))
    root.addHandler(console)
    if path is not None:
        with storage_in_words(path.parent, path.name):
            path.parent.mkdir(parents=True, exist_ok=True)
            file = _LogFile(path, encoding="utf-8")
        file.setFormatter(_VisibleFormatter("%(asctime)s %(levelname)s %(message)s"))
        root.addHandler(file)
