"""Interleaved rounds of launches: every round starts a fresh process for each variant, in an order drawn anew."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ovlab.errors import OvlabError, one_line
from ovlab.files import read_json, write_json
from ovlab.measure.noise import NoiseGate
from ovlab.measure.request import LaunchRequest
from ovlab.memory import oom_kills, why_killed

if TYPE_CHECKING:
    from ovlab.specs import MeasurementSpec

log = logging.getLogger("ovlab.measure")
KILLED = 9  # signal.SIGKILL, which Windows lacks
LOGGED = 8
"""So many contenders of a round are logged one by one."""


@dataclass
class Launch:
    """What one launch gave: its numbers, and its samples (start in s, latency in ms)."""

    round: int
    position: int
    result: dict[str, Any]
    start_s: NDArray[np.float64]
    latency_ms: NDArray[np.float64]


@dataclass
class Contender:
    """One variant in a session.

    Attributes
    ----------
    request : callable
        ``request(samples, inspect)`` makes what a launch is asked to do.
    error : str
        Why it was taken out of the race; empty while it is in.
    """

    request: Callable[[Path, bool], LaunchRequest]
    launches: list[Launch] = field(default_factory=list)
    error: str = ""


def run_rounds(
    contenders: Mapping[str, Contender],
    reference: str,
    plan: MeasurementSpec,
    seed: int,
    scratch: Path,
    gate: NoiseGate | None = None,
) -> float:
    """Measure all contenders until every speed-up is known well enough or time is up.

    Parameters
    ----------
    contenders : mapping
        By name; their `launches` and `error` are filled. One that fails leaves the others in the race.
    reference : str
        Whose throughput the speed-ups are relative to.
    plan : MeasurementSpec
        How many rounds, how long.
    seed : int
        Draws the order in each round.
    scratch : Path
        Folder for requests, results and samples.
    gate : NoiseGate, optional
        Watches over the host; by default a new one with the plan's bounds. What it reads goes to each launch's
        ``result["noise"]``.

    Returns
    -------
    float
        Seconds taken, waiting for a quiet host included.
    """
    gate = gate or NoiseGate(plan.noise)
    generator = np.random.default_rng(seed)
    started = time.perf_counter()
    for number in range(1, plan.max_launches + 1):
        names = [name for name, contender in contenders.items() if not contender.error]
        if not names:
            break
        gate.before_round(number)
        for position, index in enumerate(generator.permutation(len(names))):
            name = names[index]
            _launch(contenders[name], number, position, plan.timeout_s, scratch, gate)
        log.info("round %d: %s", number, _summary(contenders))
        elapsed = time.perf_counter() - started - gate.waited_s
        if number >= plan.launches and (elapsed > plan.time_limit_s or _known_well(contenders, reference, plan.width)):
            break
    gate.conclude(launch for contender in contenders.values() for launch in contender.launches)
    return time.perf_counter() - started


def _launch(contender: Contender, number: int, position: int, timeout: float, scratch: Path, gate: NoiseGate) -> None:
    request, result, samples = scratch / "request.json", scratch / "result.json", scratch / "samples.npy"
    for leftover in (result, samples):
        leftover.unlink(missing_ok=True)
    write_json(request, asdict(contender.request(samples, not contender.launches)))
    before = gate.start()
    started = time.perf_counter()
    try:
        answer = run_launch(request, result, timeout)
    except OvlabError as error:
        contender.error = str(error)
        return
    answer["launch_s"] = time.perf_counter() - started
    answer["noise"] = gate.finish(before, answer)
    try:
        start_s, latency_ms = np.load(samples)
    except (OSError, ValueError) as error:
        contender.error = f"the launch left no readable samples: {one_line(error)}"
        return
    contender.launches.append(Launch(number, position, answer, start_s, latency_ms))


def run_launch(request: Path, result: Path, timeout: float) -> dict[str, Any]:
    """Start one launch and sleep until it ends.

    Raises
    ------
    OvlabError
        If it fails, crashes, or is not done after `timeout` seconds (it is then killed).
    """
    # With a fault handler a native crash tells where it was.
    command = [sys.executable, "-X", "faulthandler", "-m", "ovlab.measure.launch", str(request), str(result)]
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
        raise OvlabError(
            f"the launch was not done after {timeout:g} s (measurement.timeout_s): it hung, or takes longer"
        ) from None
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


def speeds(contender: Contender) -> dict[int, float]:
    """Return what speed-ups compare, by round: throughput, or a server's highest rate (left out where there is none).

    A server's throughput would say nothing: it is the declared rate.
    """
    figures = ((launch.round, launch.result) for launch in contender.launches)
    found = {number: result.get("max_rate", result["throughput_fps"]) for number, result in figures}
    return {number: speed for number, speed in found.items() if speed is not None}


def paired(numerator: Contender, denominator: Contender) -> tuple[list[float], list[float]]:
    """Return the speeds of the rounds that two contenders share."""
    first, second = speeds(numerator), speeds(denominator)
    shared = sorted(first.keys() & second.keys())
    return [first[number] for number in shared], [second[number] for number in shared]


def _known_well(contenders: Mapping[str, Contender], reference: str, width: float) -> bool:
    base = contenders.get(reference)
    if base is None or base.error:
        return True
    from ovlab.stats.launches import settled  # half a second that an absent device does not need

    for name, contender in contenders.items():
        if name == reference or contender.error:
            continue
        if not settled(*paired(contender, base), width):
            return False
    return True


def _summary(contenders: Mapping[str, Contender]) -> str:
    parts = []
    for name, contender in contenders.items():
        if contender.error:
            parts.append(f"{name} failed: {contender.error}")
        elif contender.launches:
            last = contender.launches[-1]
            parts.append(f"{name} {np.median(last.latency_ms):.3g} ms {last.result['throughput_fps']:.4g} FPS")
    more = [f"and {len(parts) - LOGGED} more"] if len(parts) > LOGGED else []
    return ", ".join(parts[:LOGGED] + more)
