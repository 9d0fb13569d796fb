"""A sweep: which batch, number of requests and number of streams are fastest, within a limit on latency.

The fastest of many noisy numbers is too high on average (the winner's curse), so choosing and measuring are apart: a
coarse pass launches every point once, the best few are launched again, the fastest of these by its new launches is
chosen, and what the session then reports comes from further launches.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ovlab.errors import OvlabError
from ovlab.files import sha256_of, write_atomically
from ovlab.measure.host.footprint import require_memory
from ovlab.measure.host.noise_gate import NoiseGate
from ovlab.measure.parent.launch_plan import LaunchPlan
from ovlab.measure.parent.launches import VariantUnderTest
from ovlab.measure.parent.rounds import run_rounds
from ovlab.runtime import read_ir
from ovlab.specs import Point, SessionSettings, SweepSpec
from ovlab.stats.launches import launch_interval

log = logging.getLogger("ovlab.measure")
SAMPLES = "sweep.parquet"
COARSE, FINAL = "coarse", "finalist"
LEAST = 8
"""So many inferences a launch makes at least, however slow its point is."""
HINT = Point(1, None, None)
"""The point that the performance hint leads to by itself; where it is swept, it is always among the finalists."""
NEAR = 1.5
"""A point over the limit by less than this factor in the coarse pass may still be tried again."""


@dataclass
class Tried:
    """A point with its launches: of the coarse pass, and as a finalist."""

    point: Point
    coarse: VariantUnderTest
    final: VariantUnderTest | None = None


class Sweep:
    """The choice of each variant's point.

    Parameters
    ----------
    settings : SessionSettings
        Those of a session whose scenario is a sweep.
    plans : mapping
        The variants by name.
    scratch : Path
        Folder for requests, results and samples.
    """

    def __init__(self, settings: SessionSettings, plans: Mapping[str, LaunchPlan], scratch: Path) -> None:
        assert settings.scenario.sweep is not None  # noqa: S101
        self._settings = settings
        self._spec: SweepSpec = settings.scenario.sweep
        self._plans = plans
        self._scratch = scratch
        self.best: dict[str, Point] = {}
        """The chosen points by variant."""
        self.errors: dict[str, str] = {}
        """Why a variant has none."""
        self.waited_s = 0.0
        """Seconds for which a quiet host was waited for."""
        self._tried: dict[str, list[Tried]] = {}

    def run(self) -> None:
        """Launch and choose."""
        names = list(self._plans)
        points = self._spec.points()
        self._tried = {name: [Tried(point, self._under_test(name, point)) for point in points] for name in names}
        for name in names:
            self._refuse_impossible(name)
        log.info("sweep: %d points of %d variants", len(points), len(names))
        everyone = {f"{name} ({one.point})": one.coarse for name in names for one in self._tried[name]}
        self._launch(everyone, self._spec.coarse_launches)
        left = {name: ranked(self._tried[name], self._spec) for name in names}
        while any(left[name] for name in names if name not in self.best):
            self._next_finalists(left)
        for name in names:
            if name not in self.best:
                self.errors[name] = self._why_none(name)

    def _refuse_impossible(self, name: str) -> None:
        """Take points out whose batch the model cannot take, or has no memory for."""
        launch_plan = self._plans[name]
        for batch in self._spec.batch:
            try:
                require_memory(read_ir(launch_plan.model), batch, self._settings.measurement.images)
            except OvlabError as error:
                for one in self._tried[name]:
                    if one.point.batch == batch:
                        one.coarse.error = str(error)

    def _next_finalists(self, left: dict[str, list[Tried]]) -> None:
        """Launch the next best points of all variants that have none yet, and choose among them."""
        running: dict[str, VariantUnderTest] = {}
        for name, waiting in left.items():
            if name in self.best:
                continue
            chosen = waiting[: self._spec.finalists]
            chosen += [one for one in waiting[self._spec.finalists :] if one.point == HINT]
            left[name] = [one for one in waiting if one not in chosen]
            for one in chosen:
                one.final = self._under_test(name, one.point)
                running[f"{name} ({one.point})"] = one.final
        self._launch(running, self._spec.finalist_launches)
        for name in left:
            best = fastest(self._tried[name], self._spec)
            if best is not None and name not in self.best:
                self.best[name] = best.point
                log.info("sweep: %s is fastest with %s", name, best.point)

    def _under_test(self, name: str, point: Point) -> VariantUnderTest:
        spec = self._spec
        changes = {"warm_up_s": spec.warm_up_s, "duration_s": spec.duration_s, "least": LEAST, "inspect": False}
        return self._plans[name].under_test(self._settings.scenario.at(point), **changes)

    def _launch(self, variants: Mapping[str, VariantUnderTest], launches: int) -> None:
        plan = self._settings.measurement.model_copy(update={"launches": launches, "max_launches": launches})
        gate = NoiseGate.after(plan.noise, self.waited_s)
        run_rounds(variants, "", plan, self._settings.seed, self._scratch, gate)
        self.waited_s += gate.waited_s

    def _why_none(self, name: str) -> str:
        made = [one for one in self._tried[name] if one.coarse.launches]
        if not made:
            return f"sweep: every point fails: {self._tried[name][0].coarse.error}"
        spec = self._spec
        tails = [(tail(_latest(one), spec), one.point) for one in made]
        least, point = min(tails, key=lambda pair: pair[0])
        if spec.latency_limit_ms is None or least <= spec.latency_limit_ms:
            return f"sweep: the best points fail when they are launched again: {self._final_error(name)}"
        return (
            f"sweep: no point keeps p{spec.limit_percentile} within {spec.latency_limit_ms:g} ms; the least is "
            f"{least:.4g} ms with {point}"
        )

    def _final_error(self, name: str) -> str:
        finals = (one.final for one in self._tried[name])
        return next((final.error for final in finals if final is not None and final.error), "over the limit")

    def rows(self) -> list[dict[str, Any]]:
        """Return what every point gave: a row for each variant, point and stage, for the session's record."""
        return [
            {"precision": name, "stage": stage, "chosen": stage == FINAL and self.best.get(name) == one.point}
            | _numbers(one.point, variant)
            for name, tried in self._tried.items()
            for one in tried
            for stage, variant in ((COARSE, one.coarse), (FINAL, one.final))
            if variant is not None
        ]

    def write_samples(self, path: Path) -> dict[str, str]:
        """Write all samples of the choice and return the file's hash by its name; nothing where there are none."""
        parts = [
            pd.DataFrame(
                {
                    "precision": name,
                    **{axis: _asked(value) for axis, value in one.point._asdict().items()},
                    "stage": stage,
                    "round": launch.round,
                    "start_s": launch.start_s,
                    "latency_ms": launch.latency_ms,
                }
            )
            for name, tried in self._tried.items()
            for one in tried
            for stage, variant in ((COARSE, one.coarse), (FINAL, one.final))
            for launch in (variant.launches if variant is not None else [])
        ]
        path.unlink(missing_ok=True)
        if not parts:
            return {}
        frame = pd.concat(parts, ignore_index=True)
        write_atomically(path, lambda partial: frame.to_parquet(partial, index=False))
        return {path.name: sha256_of(path)}


def ranked(tried: list[Tried], spec: SweepSpec) -> list[Tried]:
    """Order the points for a second look: those within the limit, fastest first, then those just over it."""
    made = [one for one in tried if one.coarse.launches and not one.coarse.error]
    limit = spec.latency_limit_ms or math.inf
    within = [one for one in made if tail(one.coarse, spec) <= limit]
    near = [one for one in made if limit < tail(one.coarse, spec) <= NEAR * limit]
    within.sort(key=lambda one: -speed(one.coarse))
    near.sort(key=lambda one: tail(one.coarse, spec))
    return within + near


def fastest(tried: list[Tried], spec: SweepSpec) -> Tried | None:
    """Return the finalist with the highest throughput among those within the limit, by its new launches alone."""
    limit = spec.latency_limit_ms or math.inf
    finalists = [
        one for one in tried if one.final is not None and not one.final.error and tail(one.final, spec) <= limit
    ]
    return max(finalists, key=lambda one: speed(one.final), default=None)


def speed(variant: VariantUnderTest | None) -> float:
    """Return the typical throughput of a variant's launches in images per second."""
    launches = variant.launches if variant is not None else []
    return launch_interval([one.result["throughput_fps"] for one in launches]).value


def tail(variant: VariantUnderTest, spec: SweepSpec) -> float:
    """Return the latency percentile that is limited, of all samples of a variant, in ms."""
    return float(np.percentile(_pooled(variant), spec.limit_percentile))


def sweep_note(settings: SessionSettings, variant: VariantUnderTest) -> str:
    """Say so if the chosen point is over the limit in the launches that are reported."""
    spec = settings.scenario.sweep
    if spec is None or spec.latency_limit_ms is None or tail(variant, spec) <= spec.latency_limit_ms:
        return ""
    return (
        f"latency p{spec.limit_percentile} is {tail(variant, spec):.4g} ms in the reported launches, above the limit "
        f"of {spec.latency_limit_ms:g} ms that its point kept when it was chosen"
    )


def _asked(value: object) -> str:
    return "hint" if value is None else str(value)


def _latest(tried: Tried) -> VariantUnderTest:
    return tried.final if tried.final is not None and tried.final.launches else tried.coarse


def _pooled(variant: VariantUnderTest) -> Any:
    return np.concatenate([launch.latency_ms for launch in variant.launches])


def _numbers(point: Point, variant: VariantUnderTest) -> dict[str, Any]:
    """Return a point, what was executed there, and its numbers (None where it failed)."""
    row: dict[str, Any] = {**point._asdict(), "launches": len(variant.launches), "error": variant.error}
    if not variant.launches:
        return row
    result = variant.launches[0].result
    pooled = _pooled(variant)
    return row | {
        "executed_infer_requests": result["infer_requests"],
        "executed_streams": executed_streams(result["settings"]),
        "throughput_fps": speed(variant),
        **{f"latency_ms_p{q}": float(np.percentile(pooled, q)) for q in (50, 90, 95, 99)},
        "timed_inferences": len(pooled),
        "noisy_launches": sum(bool(launch.result["noise"]["beyond"]) for launch in variant.launches),
    }


def executed_streams(settings: Mapping[str, Any]) -> int | None:
    """Return the streams that a compiled model says it has: of a virtual device, those of the first one behind it."""
    inner: Mapping[str, Any] = next(iter(settings.get("members", {}).values()), {})
    try:
        return int(settings.get("NUM_STREAMS", inner.get("NUM_STREAMS")))
    except (TypeError, ValueError):
        return None
