"""From a variant and a scenario to what its launches are asked to do."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ovlab.measure.device.properties import members_of
from ovlab.measure.parent.launches import VariantUnderTest
from ovlab.measure.request import LaunchRequest
from ovlab.specs import ScenarioSpec, SessionSettings

SHARE_OF_TIMEOUT = 4
"""A server's timed part and its search may each take this part of a launch's timeout; the rest is for all else."""


@dataclass(frozen=True)
class LaunchPlan:
    """How the launches of one variant of a session are made, whatever its load.

    Attributes
    ----------
    settings : SessionSettings
        The session's.
    model, images : Path
        The IR and the decoded images.
    properties : callable
        From a scenario to the properties that the variant is compiled with under it.
    """

    settings: SessionSettings
    model: Path
    images: Path
    properties: Callable[[ScenarioSpec], dict[str, Any]]

    def under_test(self, scenario: ScenarioSpec, *, rate: float | None = None, **changes: Any) -> VariantUnderTest:
        """Put the variant under a load.

        Parameters
        ----------
        scenario : ScenarioSpec
            Any but a sweep, which is many.
        rate : float, optional
            Arrivals per second of a server.
        **changes
            Fields of the launches' requests that differ from the session's.
        """
        plan = self.settings.measurement
        fixed: dict[str, Any] = {
            "model": str(self.model),
            "device": self.settings.device.device,
            "properties": self.properties(scenario),
            "members": tuple(members_of(self.settings.device)),
            "mode": scenario.mode,
            "batch": scenario.batch,
            "infer_requests": scenario.infer_requests,
            "images": str(self.images),
            "warm_up_s": plan.warm_up_s,
            "duration_s": plan.duration_s,
        }
        numbers = itertools.count()

        def request(samples: Path, inspect: bool) -> LaunchRequest:
            fields = fixed | {"samples": str(samples), "inspect": inspect}
            if scenario.server is not None:
                # Numbered alike for all variants: in the same round they meet the same arrivals.
                fields["arrivals"] = self._arrivals(scenario, rate, next(numbers))
            return LaunchRequest(**(fields | changes))

        return VariantUnderTest(request)

    def _arrivals(self, scenario: ScenarioSpec, rate: float | None, number: int) -> dict[str, Any]:
        server = scenario.server
        assert server is not None  # noqa: S101
        return {
            "rate": rate,
            "p99_ms": server.p99_ms,
            "trial_s": server.trial_s,
            "trial_queries": server.trial_queries,
            "steps": server.steps,
            "limit_s": self.settings.measurement.timeout_s / SHARE_OF_TIMEOUT,
            "seed": self.settings.seed + number,
        }
