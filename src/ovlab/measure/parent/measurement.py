"""What a session takes: the load that its scenario asks for, then the interleaved rounds."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ovlab.measure.host.noise_gate import NoiseGate
from ovlab.measure.parent.compile_cache import compile_from_cache
from ovlab.measure.parent.launch_plan import LaunchPlan
from ovlab.measure.parent.launches import VariantUnderTest
from ovlab.measure.parent.rounds import run_rounds
from ovlab.records import Quantity
from ovlab.specs import SessionSettings


@dataclass
class SessionMeasurement:
    """What was measured.

    Attributes
    ----------
    variants : dict
        The variants that were launched, with their launches.
    errors : dict
        Why a variant was not launched at all.
    cached : dict
        Compile times from a warm cache in ms, by variant.
    data : dict
        For the session's record: ``noise`` (the gate's readings), ``sweep`` (a row for each variant, point and stage).
    written : dict
        SHA-256 of further files, by name.
    waited_s : float
        Seconds for which the choice of the load has waited for a quiet host.
    seconds : float
        How long it took, choosing included.
    """

    variants: dict[str, VariantUnderTest] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    cached: dict[str, list[float]] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    written: dict[str, str] = field(default_factory=dict)
    waited_s: float = 0.0
    seconds: float = 0.0


def measure(
    settings: SessionSettings, plans: Mapping[str, LaunchPlan], scratch: Path, folder: Path
) -> SessionMeasurement:
    """Measure the variants of a session under its scenario.

    Parameters
    ----------
    settings : SessionSettings
        The session's.
    plans : mapping
        The variants by name.
    scratch : Path
        Folder for what is passed to launches and back.
    folder : Path
        Gets the samples of a sweep's choice.
    """
    started = time.perf_counter()
    measured = SessionMeasurement()
    if settings.scenario.mode == "sweep":
        _sweep(settings, plans, scratch, folder, measured)
    elif settings.scenario.mode == "server":
        _server(settings, plans, scratch, measured)
    else:
        measured.variants = {name: launch_plan.under_test(settings.scenario) for name, launch_plan in plans.items()}
    plan = settings.measurement
    gate = NoiseGate.after(plan.noise, measured.waited_s)
    run_rounds(measured.variants, settings.reference, plan, settings.seed, scratch, gate)
    measured.data["noise"] = gate.record()
    measured.cached = compile_from_cache(
        measured.variants, plan.cached_launches, plan.timeout_s, settings.seed, scratch
    )
    measured.seconds = time.perf_counter() - started
    return measured


def _sweep(
    settings: SessionSettings,
    plans: Mapping[str, LaunchPlan],
    scratch: Path,
    folder: Path,
    measured: SessionMeasurement,
) -> None:
    from ovlab.measure.parent.sweep import SAMPLES, Sweep  # half a second that other scenarios do not need

    sweep = Sweep(settings, plans, scratch)
    sweep.run()
    measured.waited_s = sweep.waited_s
    measured.errors = sweep.errors
    measured.data["sweep"] = sweep.rows()
    measured.written = sweep.write_samples(folder / SAMPLES)
    measured.variants = {
        name: plans[name].under_test(settings.scenario.at(point)) for name, point in sweep.best.items()
    }


def _server(
    settings: SessionSettings, plans: Mapping[str, LaunchPlan], scratch: Path, measured: SessionMeasurement
) -> None:
    from ovlab.measure.parent.server import offered_rate, too_few_arrivals

    offered = offered_rate(settings, plans, scratch)
    measured.waited_s, measured.errors = offered.waited_s, offered.errors
    few = too_few_arrivals(offered.rate, settings.measurement.duration_s)
    if few:
        measured.errors = dict.fromkeys(plans, few) | offered.errors
        return
    measured.variants = {
        name: launch_plan.under_test(settings.scenario, rate=offered.rate)
        for name, launch_plan in plans.items()
        if name not in offered.errors
    }


def load_note(settings: SessionSettings, variant: VariantUnderTest, values: Mapping[str, Quantity]) -> str:
    """Return what a reader of a row must know about its load; empty for most."""
    if settings.scenario.server is not None:
        from ovlab.measure.parent.server import server_note

        results = [launch.result for launch in variant.launches]
        return server_note(values, settings.scenario.server.p99_ms, results)
    if settings.scenario.sweep is not None:
        from ovlab.measure.parent.sweep import sweep_note

        return sweep_note(settings, variant)
    return ""
