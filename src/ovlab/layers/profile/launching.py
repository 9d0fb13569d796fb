"""Rounds of fresh processes that profile the variants of a session, in an order drawn anew each round."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ovlab.errors import OvlabError, UnavailableError
from ovlab.layers.child.profile import fix_shapes
from ovlab.layers.launches import run_child
from ovlab.layers.profile.scaling import Scaling
from ovlab.layers.request import ProfileRequest, ScalingRequest
from ovlab.measure.host.footprint import footprint
from ovlab.measure.host.noise_bounds import beyond
from ovlab.measure.host.noise_gate import NoiseGate
from ovlab.memory import available_memory
from ovlab.runtime import read_ir
from ovlab.specs import NoiseSpec, ProfilingSpec

log = logging.getLogger("ovlab.layers")
TWICE = 2
"""A profiling process holds the variant with counters and without."""


@dataclass
class Launched:
    """What the launches of a variant gave; `error` says why it was taken out, and is empty otherwise."""

    results: list[dict[str, Any]] = field(default_factory=list)
    noise: list[dict[str, Any]] = field(default_factory=list)
    error: str = ""


def launch_rounds(
    requests: Mapping[str, ProfileRequest], plan: ProfilingSpec, noise: NoiseSpec, seed: int, scratch: Path
) -> dict[str, Launched]:
    """Profile variants in rounds; one that fails is left out of later rounds.

    Parameters
    ----------
    requests : mapping
        What a launch of each variant has to do.
    plan : ProfilingSpec
        How many rounds.
    noise : NoiseSpec
        How quiet the host must be.
    seed : int
        Draws the order.
    scratch : Path
        Folder for what is passed to launches and back.

    Returns
    -------
    dict of Launched
        By the names of `requests`. ``noise`` is what others did during each launch, with ``beyond``, the names of the
        readings beyond their bounds.
    """
    gate = NoiseGate(noise)
    found = {name: Launched() for name in requests}
    for number in range(1, plan.launches + 1):
        gate.before_round(number)
        names = [name for name, one in found.items() if not one.error]
        for index in np.random.default_rng([seed, number]).permutation(len(names)):
            one = found[names[index]]
            before = gate.start()
            try:
                request = requests[names[index]]
                one.results.append(run_child(request, scratch, plan.timeout_s, "profiling.timeout_s"))
            except OvlabError as error:
                one.error = str(error)
                log.warning("%s: %s", names[index], error)
                continue
            readings = gate.finish(before, {})
            one.noise.append({**readings, "beyond": beyond(noise, readings)})
    return found


def launch_scaling(requests: Mapping[str, ProfileRequest], plan: ProfilingSpec, scratch: Path) -> dict[str, Scaling]:
    """Measure how each variant's time follows threads and batch, in one process each; one that fails is left out."""
    found: dict[str, Scaling] = {}
    for name, request in requests.items():
        try:
            asked = ScalingRequest(asdict(request) | {"duration_s": plan.duration_s / 2}, plan.batch)
            found[name] = Scaling.of(run_child(asked, scratch, plan.timeout_s, "profiling.timeout_s"), plan.batch)
        except OvlabError as error:
            log.warning("%s: scaling was not measured: %s", name, error)
    return found


def require_profilable(model: Path) -> None:
    """Refuse what surely cannot be profiled before a process is started for it.

    Parameters
    ----------
    model : Path
        An IR.

    Raises
    ------
    OvlabError
        If it is no readable IR or an input's shape is dynamic.
    UnavailableError
        If it does not fit into this host's memory twice: no fault of the experiment.
    """
    ir = read_ir(model)
    try:
        fix_shapes(ir)
    except OvlabError as error:
        raise OvlabError(f"{model}: {error}") from None
    needed, available = TWICE * footprint(ir).total, available_memory()
    if needed > available:
        raise UnavailableError(
            f"{model}: takes an estimated {needed / 1e9:.3g} GB of memory to profile (twice, with counters and "
            f"without), but {available / 1e9:.3g} GB is available"
        )
