"""What a session takes: the load that its scenario asks for, then the interleaved rounds."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ovlab.measure.cached import compile_cached
from ovlab.measure.maker import RequestMaker
from ovlab.measure.noise import NoiseGate
from ovlab.measure.rounds import Contender, run_rounds
from ovlab.records import Quantity
from ovlab.specs import SessionSettings


@dataclass
class Taken:
    """What was measured.

    Attributes
    ----------
    contenders : dict
        The variants that were launched, with their launches.
    errors : dict
        Why a variant was not launched at all.
    cached : dict
        Compile times from a warm cache in ms, by variant.
    data : dict
        For the session's record: ``noise`` (as the gate tells), ``sweep`` (a row for each variant, point and stage).
    written : dict
        SHA-256 of further files, by name.
    waited_s : float
        Seconds for which the choice of the load has waited for a quiet host.
    seconds : float
        How long it took, choosing included.
    """

    contenders: dict[str, Contender] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    cached: dict[str, list[float]] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    written: dict[str, str] = field(default_factory=dict)
    waited_s: float = 0.0
    seconds: float = 0.0


def measure(settings: SessionSettings, makers: Mapping[str, RequestMaker], scratch: Path, folder: Path) -> Taken:
    """Measure the variants of a session under its scenario.

    Parameters
    ----------
    settings : SessionSettings
        The session's.
    makers : mapping
        The variants by name.
    scratch : Path
        Folder for what is passed to launches and back.
    folder : Path
        Gets the samples of a sweep's choice.
    """
    started = time.perf_counter()
    taken = Taken()
    if settings.scenario.mode == "sweep":
        _sweep(settings, makers, scratch, folder, taken)
    elif settings.scenario.mode == "server":
        _server(settings, makers, scratch, taken)
    else:
        taken.contenders = {name: maker.contender(settings.scenario) for name, maker in makers.items()}
    plan = settings.measurement
    gate = NoiseGate.after(plan.noise, taken.waited_s)
    run_rounds(taken.contenders, settings.reference, plan, settings.seed, scratch, gate)
    taken.data["noise"] = gate.record()
    taken.cached = compile_cached(taken.contenders, plan.cached_launches, plan.timeout_s, settings.seed, scratch)
    taken.seconds = time.perf_counter() - started
    return taken


def _sweep(
    settings: SessionSettings, makers: Mapping[str, RequestMaker], scratch: Path, folder: Path, taken: Taken
) -> None:
    from ovlab.measure.sweep import SAMPLES, Sweep  # half a second that other scenarios do not need

    sweep = Sweep(settings, makers, scratch)
    sweep.run()
    taken.waited_s = sweep.waited_s
    taken.errors = sweep.errors
    taken.data["sweep"] = sweep.rows()
    taken.written = sweep.write_samples(folder / SAMPLES)
    taken.contenders = {name: makers[name].contender(settings.scenario.at(point)) for name, point in sweep.best.items()}


def _server(settings: SessionSettings, makers: Mapping[str, RequestMaker], scratch: Path, taken: Taken) -> None:
    from ovlab.measure.server import offered_rate, too_few_arrivals

    offered = offered_rate(settings, makers, scratch)
    taken.waited_s, taken.errors = offered.waited_s, offered.errors
    few = too_few_arrivals(offered.rate, settings.measurement.duration_s)
    if few:
        taken.errors = dict.fromkeys(makers, few) | offered.errors
        return
    taken.contenders = {
        name: maker.contender(settings.scenario, rate=offered.rate)
        for name, maker in makers.items()
        if name not in offered.errors
    }


def load_note(settings: SessionSettings, contender: Contender, values: Mapping[str, Quantity]) -> str:
    """Return what a reader of a row must know about its load; empty for most."""
    if settings.scenario.server is not None:
        from ovlab.measure.server import server_note

        results = [launch.result for launch in contender.launches]
        return server_note(values, settings.scenario.server.p99_ms, results)
    if settings.scenario.sweep is not None:
        from ovlab.measure.sweep import sweep_note

        return sweep_note(settings, contender)
    return ""
