"""Start one launch, sleep until it ends, and say why if it fails."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

from ovlab.errors import OvlabError
from ovlab.files import read_json
from ovlab.memory import oom_kills, why_killed

log = logging.getLogger("ovlab.measure")
LAUNCH = "ovlab.measure.child.launch"
KILLED = 9  # signal.SIGKILL, which Windows lacks


def run_launch(
    request: Path, result: Path, timeout: float, module: str = LAUNCH, limit: str = "measurement.timeout_s"
) -> dict[str, Any]:
    """Start one launch and sleep until it ends.

    Parameters
    ----------
    request, result : Path
        JSON files: what is asked, and what is answered.
    timeout : float
        Seconds.
    module : str
        What the fresh process runs.
    limit : str
        The setting that `timeout` comes from.

    Raises
    ------
    OvlabError
        If it fails, crashes, or is not done after `timeout` seconds (it is then killed).
    """
    # With a fault handler a native crash says where it happened.
    command = [sys.executable, "-X", "faulthandler", "-m", module, str(request), str(result)]
    kills = oom_kills()
    # With pipes, waiting is one blocking call; without them subprocess would poll beside the measurement.
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",  # a crash may print anything
    )
    try:
        output, errors = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        raise OvlabError(f"the launch was not done after {timeout:g} s ({limit}): it hung, or takes longer") from None
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    log.debug("%s%s", output, errors)
    if process.returncode == -KILLED:
        raise OvlabError(f"the launch was {why_killed(kills)}")
    if process.returncode or not result.exists():  # one that dies while it writes leaves half of it
        raise OvlabError(f"the launch crashed with exit code {process.returncode}: {_last_words(errors)}")
    answer: dict[str, Any] = read_json(result)
    if "error" in answer:
        raise OvlabError(answer["error"])
    return answer


def _last_words(errors: str) -> str:
    """Return what a crashed process said: the fault and the innermost call of Python, or its last line."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    fault = [number for number, line in enumerate(lines) if line.startswith("Fatal Python error:")]
    if not fault:
        return (lines or ["no message"])[-1]
    calls = [line for line in lines[fault[0] :] if line.startswith("File ")]
    return ", in ".join([lines[fault[0]], *calls[:1]])
