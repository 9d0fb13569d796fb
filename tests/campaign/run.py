"""One run under attack: its processes, which stage it is in, and whether anything of it is left."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from campaign.experiment import run_command

MARK = "OVLAB_CAMPAIGN"
POLL_S = 0.02
PATIENCE = 20
"""How many times as long as a run may take it may wait for the measurements of others besides."""


def stage_of(command: list[str]) -> str | None:
    """Return the stage whose script a process runs."""
    scripts = [Path(part).stem for part in command[:3] if part.startswith("scripts/") and part.endswith(".py")]
    return scripts[0] if scripts else None


@dataclass
class Run:
    """A run that was started in a folder, in a process group of its own.

    Attributes
    ----------
    folder : Path
        Of the workflow.
    temporary : Path
        Its folder for temporary files.
    log : Path
        What it says.
    """

    folder: Path
    temporary: Path
    log: Path
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    def __post_init__(self) -> None:
        self.temporary.mkdir(exist_ok=True)
        environment = os.environ | {MARK: self.mark, "TMPDIR": str(self.temporary)}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                run_command(),
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def ended(self, within_s: float) -> bool:
        """Wait for its end, so many seconds at most, and longer while it waits for another measurement of this host."""
        left, patience = within_s, within_s * PATIENCE
        while self.process.poll() is None and left > 0 and patience > 0:
            began = time.monotonic()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(min(left, 1.0))
            seconds = time.monotonic() - began
            patience -= seconds
            left -= 0.0 if self._waits() else seconds
        return self.process.poll() is not None

    def _waits(self) -> bool:
        lines = self.log.read_bytes().rstrip().rsplit(b"\n", 1)
        return lines[-1].startswith(b"waiting: another measurement is running")

    def tree(self) -> dict[int, tuple[str, list[str]]]:
        """Return the role and the command of each of its processes, by process number.

        The roles: ``snakemake``, ``shell`` (of a job), ``step`` (the script), ``work`` (the process that does the
        step's work), ``launch`` (what the work has started).
        """
        found: dict[int, tuple[str, list[str]]] = {}
        with contextlib.suppress(psutil.Error):
            main = psutil.Process(self.process.pid)
            found[main.pid] = ("snakemake", [])
            for process in main.children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    command = process.cmdline()
                    parent = found.get(process.ppid(), ("", []))[0]
                    found[process.pid] = (_role(command, parent), command)
        return found

    def stages(self) -> set[str]:
        """Return the stages that are at work now."""
        return {stage for role, command in self.tree().values() if role == "step" and (stage := stage_of(command))}

    def alive(self) -> list[psutil.Process]:
        """Return its processes that live, orphans included: they are known by their environment."""
        return list(living(self.mark))

    def wait_for_orphans(self, within_s: float) -> list[psutil.Process]:
        """Wait until nothing of it lives, as :meth:`ended` waits, and return what lives all the same."""
        deadline, last = time.monotonic() + within_s, time.monotonic() + within_s * PATIENCE
        while (left := self.alive()) and time.monotonic() < min(deadline, last):
            time.sleep(POLL_S * 5)
            if self._waits():
                deadline = time.monotonic() + within_s
        return left

    def destroy(self) -> None:
        """End all of it, whatever it does."""
        for process in self.alive():
            with contextlib.suppress(psutil.Error):
                process.kill()
        self.process.wait()

    def send(self, number: signal.Signals, target: int | None) -> bool:
        """Send a signal to one process, or to the group, and tell whether it was there."""
        try:
            if target is None:
                os.killpg(self.process.pid, number)
            else:
                os.kill(target, number)
        except ProcessLookupError:
            return False
        return True


def living(mark: str) -> Iterator[psutil.Process]:
    """Yield the living processes that were started with a mark."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.status() != psutil.STATUS_ZOMBIE and process.environ().get(MARK) == mark:
                yield process


def _role(command: list[str], parent: str) -> str:
    if stage_of(command) is not None:
        return "work" if parent in {"step", "work"} else "step"
    if parent in {"snakemake", "shell"}:
        return "shell"
    return "launch"
