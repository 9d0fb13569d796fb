"""A scenario: the load that variants are measured under."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from itertools import product
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, field_validator, model_validator

from ovlab.specs.base import Spec
from ovlab.specs.device import Properties

PositiveInt = Annotated[int, Field(gt=0, lt=2**31)]
PositiveFloat = Annotated[float, Field(gt=0)]
Seconds = Annotated[float, Field(gt=0, le=1e6)]
"""At most eleven days: beyond it, clocks and timeouts of the operating system fail."""
SecondsFromZero = Annotated[float, Field(ge=0, le=1e6)]
Launches = Annotated[int, Field(gt=0, le=10_000)]
"""Each is a process, and a row in what is kept."""
# Beyond these nothing is meant: a typing error would keep a launch busy until its timeout.
Batch = Annotated[int, Field(gt=0, le=2**24)]
Requests = Annotated[int, Field(gt=0, le=2**12)]
Threads = Annotated[int, Field(gt=0, le=2**12)]
Streams = Annotated[int, Field(gt=0, le=2**12)] | Literal["auto"] | None
MOST_POINTS = 10_000
FEWEST_QUERIES = 100  # a 99th percentile needs as many


class Point(NamedTuple):
    """One point of a sweep; None for what the performance hint leads to."""

    batch: int
    infer_requests: int | None
    streams: int | str | None

    def __str__(self) -> str:
        requests, streams = ("hint" if one is None else one for one in self[1:])
        return f"batch {self.batch}, infer_requests {requests}, streams {streams}"


class ServerSpec(Spec):
    """Section ``server`` of a scenario: inferences that arrive at random times (a Poisson process).

    Attributes
    ----------
    rate : float or str
        Arrivals per second; or a percentage of what the reference precision does with all requests in flight, measured
        at the beginning of the session, so that all of its variants are given the same load.
    p99_ms : float
        Bound on the 99th percentile of latency that the highest rate is searched for, in ms.
    trial_s, trial_queries : float, int
        A rate is tried for so many seconds, and for so many arrivals at least.
    steps : int
        Bisections: the rate is found to one part in ``2 ** steps`` of the capacity.
    """

    rate: PositiveFloat | str
    p99_ms: PositiveFloat
    trial_s: Seconds = 1.0
    trial_queries: Annotated[int, Field(ge=FEWEST_QUERIES, le=10_000_000)] = 200
    steps: Annotated[int, Field(gt=0, le=12)] = 6

    @field_validator("rate")
    @classmethod
    def _number_or_percentage(cls, value: float | str) -> float | str:
        if isinstance(value, str) and _percentage(value) is None:
            raise ValueError(f"{value!r} is neither a number of arrivals per second nor a percentage such as '50%'")
        return value

    def rate_at(self, capacity: float) -> float:
        """Return the arrivals per second, given what the reference does at most."""
        if isinstance(self.rate, str):
            return capacity * (_percentage(self.rate) or 0.0)
        return self.rate


class SweepSpec(Spec):
    """Section ``sweep`` of a scenario: every batch with every number of requests and of streams.

    Attributes
    ----------
    batch, infer_requests, streams : list
        The values to cross; null is what the performance hint leads to.
    latency_limit_ms : float, optional
        Points whose latency percentile `limit_percentile` is above it are out.
    warm_up_s, duration_s : float
        Seconds before timing, and timed, of the launches that points are chosen by.
    coarse_launches : int
        Launches of every point in the first pass.
    finalists, finalist_launches : int
        So many of the best points are launched so often again; the fastest of them is the one that is measured.
    """

    batch: tuple[Batch, ...] = (1,)
    infer_requests: tuple[Requests | None, ...] = (None,)
    streams: tuple[Streams, ...] = (None,)
    latency_limit_ms: PositiveFloat | None = None
    limit_percentile: Literal[50, 90, 95, 99] = 99
    warm_up_s: SecondsFromZero = 0.2
    duration_s: Seconds = 0.5
    coarse_launches: Launches = 1
    finalists: PositiveInt = 4
    finalist_launches: Launches = 3

    @model_validator(mode="after")
    def _every_axis_has_distinct_values(self) -> SweepSpec:
        for axis in Point._fields:
            values = getattr(self, axis)
            if not values:
                raise ValueError(f"{axis}: empty, expected at least one value")
            if twice := repeated(values):
                raise ValueError(f"{axis}: has a value twice ({twice[0]})")
        points = math.prod(len(getattr(self, axis)) for axis in Point._fields)
        if points > MOST_POINTS:
            raise ValueError(f"{', '.join(Point._fields)}: {points} points, expected at most {MOST_POINTS}")
        return self

    def points(self) -> list[Point]:
        """Cross the values, in their order."""
        return [Point(*values) for values in product(self.batch, self.infer_requests, self.streams)]


class ScenarioSpec(Spec):
    """A scenario's YAML file (``conf/scenario``): the load.

    Attributes
    ----------
    mode : {"synchronous", "asynchronous", "server", "sweep"}
        One inference after the other; as many in flight as there are requests; as they arrive; or the fastest of many
        asynchronous ones.
    batch : int
        Images in one inference.
    infer_requests : int, optional
        Requests in flight (``server``: at most); by default what the compiled model calls optimal.
    performance_hint : {"LATENCY", "THROUGHPUT"}, optional
        OpenVINO's hint; by default the device's own choice.
    streams : int or "auto", optional
        Parallel execution streams; by default what the hint leads to.
    threads : int, optional
        Threads of the CPU; by default what the hint leads to.
    pinning : bool, optional
        Whether the CPU's threads are bound to cores; by default OpenVINO's choice.
    properties : dict
        Any further properties of the device.
    member_properties : dict of dict
        Properties of the physical devices behind a virtual one: ``{CPU: {ENABLE_HYPER_THREADING: false}}``.
    server : ServerSpec, optional
        How inferences arrive; with mode ``server`` alone.
    sweep : SweepSpec, optional
        The points; with mode ``sweep`` alone.
    """

    description: str = ""
    mode: Literal["synchronous", "asynchronous", "server", "sweep"]
    batch: Batch = 1
    infer_requests: Requests | None = None
    performance_hint: Literal["LATENCY", "THROUGHPUT"] | None = None
    streams: Streams = None
    threads: Threads | None = None
    pinning: bool | None = None
    properties: Properties = {}
    member_properties: dict[str, Properties] = {}
    server: ServerSpec | None = None
    sweep: SweepSpec | None = None

    @model_validator(mode="after")
    def _synchronous_means_one_request(self) -> ScenarioSpec:
        if self.mode == "synchronous" and self.infer_requests not in {None, 1}:
            raise ValueError(f"infer_requests: {self.infer_requests} with mode synchronous, expected 1")
        return self

    @model_validator(mode="after")
    def _sections_belong_to_their_modes(self) -> ScenarioSpec:
        for section in ("server", "sweep"):
            given = getattr(self, section) is not None
            if given and self.mode != section:
                raise ValueError(f"{section}: given with mode {self.mode}, expected mode {section}")
            if not given and self.mode == section:
                raise ValueError(f"{section}: missing, but needed by mode {section}")
        return self

    @model_validator(mode="after")
    def _a_sweep_has_its_own_values(self) -> ScenarioSpec:
        for axis, default in (("batch", 1), ("infer_requests", None), ("streams", None)):
            if self.mode == "sweep" and getattr(self, axis) != default:
                raise ValueError(f"{axis}: {getattr(self, axis)} with mode sweep, expected a list in sweep.{axis}")
        return self

    def at(self, point: Point) -> ScenarioSpec:
        """Return the asynchronous scenario at one point of the sweep."""
        changes = {"mode": "asynchronous", "sweep": None} | point._asdict()
        return self.model_copy(update=changes)


def repeated(values: Sequence[Hashable]) -> list[Hashable]:
    """Return the values that are there more than once."""
    return [value for value, count in Counter(values).items() if count > 1]


def _percentage(text: str) -> float | None:
    """Read ``"50%"`` as 0.5; None for anything else, and for what is not above zero."""
    number = text.removesuffix("%").strip()
    if not text.endswith("%") or not number.replace(".", "", 1).isdecimal() or float(number) <= 0:
        return None
    return float(number) / 100
