"""Who is contacted while a program runs: seen by Python's audit events and, where it is installed, by strace."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# Python runs a module of this name, if it finds one, before everything else, in every process of a run.
AUDIT = """
import sys

LOOKED_UP = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo")
REACHED = ("socket.connect", "socket.sendto", "socket.sendmsg")

def hook(event, arguments):
    # Addresses of the internet are tuples, those on this host alone are names.
    if event in LOOKED_UP or event in REACHED and isinstance(arguments[1], tuple):
        with open({notes!r}, "a") as file:
            print(event, *arguments[event in REACHED:], file=file)

sys.addaudithook(hook)
"""
TRACE = ("--seccomp-bpf", "-f", "-qq", "-e", "trace=network", "-o")
INTERNET = re.compile(r"\bAF_(INET6?|NETLINK)\b")
# What urllib3 does when it is imported: it looks whether the host has IPv6, and contacts nobody.
HARMLESS = re.compile(r"socket\(AF_INET6?, SOCK_STREAM|bind\(.*(\"::1\"|\"127\.)")


@dataclass(frozen=True)
class Watched:
    """How a program ended, what it printed, and whom it contacted or looked up: one line each."""

    code: int
    output: str
    contacts: list[str]


@functools.cache
def can_trace() -> bool:
    """Whether strace is installed and may follow a process here."""
    strace = shutil.which("strace")
    if strace is None:
        return False
    command = [strace, *TRACE, os.devnull, sys.executable, "-c", ""]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def watched(
    command: Sequence[str], folder: Path, *, cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> Watched:
    """Run a program and note whom it and its children contact or look up.

    Parameters
    ----------
    command : sequence of str
        The program.
    folder : Path
        Gets ``home`` and ``tmp``, which are its home folder and that of its temporary files, and the notes.
    cwd : Path, optional
        Where it runs.
    environment : dict, optional
        Variables besides.
    """
    notes, trace, site = folder / "audit.txt", folder / "trace.txt", folder / "site"
    for made in (site, folder / "home", folder / "tmp"):
        made.mkdir(parents=True, exist_ok=True)
    (site / "sitecustomize.py").write_text(AUDIT.format(notes=str(notes)), encoding="utf-8")
    paths = [str(site), *filter(None, [os.environ.get("PYTHONPATH"), (environment or {}).get("PYTHONPATH")])]
    own = {"HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp"), "PYTHONPATH": os.pathsep.join(paths)}
    prefix = ["strace", *TRACE, str(trace)] if can_trace() else []
    done = subprocess.run(
        [*prefix, *command],
        cwd=cwd,
        env=os.environ | (environment or {}) | own,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=600,
    )
    heard = notes.read_text(encoding="utf-8").splitlines() if notes.exists() else []
    seen = trace.read_text(encoding="utf-8", errors="replace").splitlines() if trace.exists() else []
    return Watched(done.returncode, done.stdout, heard + [line for line in seen if is_contact(line)])


def is_contact(line: str) -> bool:
    """Whether a line of strace's is a call that reaches, or asks for, another host."""
    return bool(INTERNET.search(line)) and not HARMLESS.search(line)
