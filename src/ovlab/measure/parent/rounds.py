"""Interleaved rounds of launches: every round starts a fresh process for each variant, in an order drawn anew."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ovlab.errors import OvlabError, one_line
from ovlab.files import write_json
from ovlab.measure.host.noise_gate import NoiseGate
from ovlab.measure.parent import launcher
from ovlab.measure.parent.launches import Launch, VariantUnderTest, paired

if TYPE_CHECKING:
    from ovlab.specs import MeasurementSpec

log = logging.getLogger("ovlab.measure")
LOGGED = 8
"""So many variants of a round are logged one by one."""


def run_rounds(
    variants: Mapping[str, VariantUnderTest],
    reference: str,
    plan: MeasurementSpec,
    seed: int,
    scratch: Path,
    gate: NoiseGate | None = None,
) -> float:
    """Measure all variants until every speed-up is known well enough or time is up.

    Parameters
    ----------
    variants : mapping
        By name; their `launches` and `error` are filled. One that fails does not stop the others.
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
        names = [name for name, variant in variants.items() if not variant.error]
        if not names:
            break
        gate.before_round(number)
        for position, index in enumerate(generator.permutation(len(names))):
            name = names[index]
            _launch(variants[name], number, position, plan.timeout_s, scratch, gate)
        log.info("round %d: %s", number, _summary(variants))
        elapsed = time.perf_counter() - started - gate.waited_s
        if number >= plan.launches and (elapsed > plan.time_limit_s or _known_well(variants, reference, plan.width)):
            break
    gate.conclude(launch for variant in variants.values() for launch in variant.launches)
    return time.perf_counter() - started


def _launch(
    variant: VariantUnderTest, number: int, position: int, timeout: float, scratch: Path, gate: NoiseGate
) -> None:
    request, result, samples = scratch / "request.json", scratch / "result.json", scratch / "samples.npy"
    for leftover in (result, samples):
        leftover.unlink(missing_ok=True)
    write_json(request, asdict(variant.request(samples, not variant.launches)))
    before = gate.start()
    started = time.perf_counter()
    try:
        answer = launcher.run_launch(request, result, timeout)
    except OvlabError as error:
        variant.error = str(error)
        return
    answer["launch_s"] = time.perf_counter() - started
    answer["noise"] = gate.finish(before, answer)
    try:
        start_s, latency_ms = np.load(samples)
    except (OSError, ValueError) as error:
        variant.error = f"the launch left no readable samples: {one_line(error)}"
        return
    variant.launches.append(Launch(number, position, answer, start_s, latency_ms))


def _known_well(variants: Mapping[str, VariantUnderTest], reference: str, width: float) -> bool:
    base = variants.get(reference)
    if base is None or base.error:
        return True
    from ovlab.stats.launches import settled  # half a second that an absent device does not need

    for name, variant in variants.items():
        if name == reference or variant.error:
            continue
        if not settled(*paired(variant, base), width):
            return False
    return True


def _summary(variants: Mapping[str, VariantUnderTest]) -> str:
    parts = []
    for name, variant in variants.items():
        if variant.error:
            parts.append(f"{name} failed: {variant.error}")
        elif variant.launches:
            last = variant.launches[-1]
            parts.append(f"{name} {np.median(last.latency_ms):.3g} ms {last.result['throughput_fps']:.4g} FPS")
    more = [f"and {len(parts) - LOGGED} more"] if len(parts) > LOGGED else []
    return ", ".join(parts[:LOGGED] + more)
