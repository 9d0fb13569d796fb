"""Scenarios: what may be said, and what is refused in one line."""

from __future__ import annotations

from typing import Any

import pytest

from ovlab.errors import OvlabError
from ovlab.specs import Point, ScenarioSpec, ServerSpec, parse_spec

SERVER = {"rate": 50, "p99_ms": 100}


def parse(**data: Any) -> ScenarioSpec:
    return parse_spec(ScenarioSpec, data, "s.yaml")


def refused(**data: Any) -> str:
    with pytest.raises(OvlabError) as caught:
        parse(**data)
    return str(caught.value)


@pytest.mark.parametrize(("rate", "expected"), [(50, 50.0), ("50%", 500.0), ("2.5 %", 25.0), ("120%", 1200.0)])
def test_a_rate(rate: float | str, expected: float) -> None:
    assert ServerSpec.model_validate(SERVER | {"rate": rate}).rate_at(1000.0) == pytest.approx(expected)


@pytest.mark.parametrize("rate", ["50", "%", "-5%", "0%", "half", ""])
def test_no_rate(rate: str) -> None:
    expected = (
        f"s.yaml: server.rate: {rate!r} is neither a number of arrivals per second nor a percentage such as '50%'"
    )
    assert refused(mode="server", server=SERVER | {"rate": rate}) == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"mode": "server"}, "server: missing, but needed by mode server"),
        ({"mode": "sweep"}, "sweep: missing, but needed by mode sweep"),
        ({"mode": "asynchronous", "server": SERVER}, "server: given with mode asynchronous, expected mode server"),
        ({"mode": "server", "server": SERVER, "sweep": {}}, "sweep: given with mode server, expected mode sweep"),
        ({"mode": "sweep", "batch": 2, "sweep": {}}, "batch: 2 with mode sweep, expected a list in sweep.batch"),
        (
            {"mode": "sweep", "streams": "auto", "sweep": {}},
            "streams: auto with mode sweep, expected a list in sweep.streams",
        ),
        ({"mode": "sweep", "sweep": {"batch": []}}, "sweep: batch: empty, expected at least one value"),
        ({"mode": "sweep", "sweep": {"streams": [1, 1]}}, "sweep: streams: has a value twice (1)"),
        ({"mode": "sweep", "sweep": {"batch": [0]}}, "sweep.batch.0: input should be greater than 0 (got 0)"),
        ({"mode": "sweep", "sweep": {"nireq": [1]}}, "sweep.nireq: unknown key"),
        ({"mode": "server", "server": SERVER | {"p99_ms": 0}}, "server.p99_ms: input should be greater than 0 (got 0)"),
        (
            {"mode": "server", "server": SERVER | {"trial_queries": 50}},
            "server.trial_queries: input should be greater than or equal to 100 (got 50)",
        ),
    ],
)
def test_refused(data: dict[str, Any], expected: str) -> None:
    assert refused(**data).startswith(f"s.yaml: {expected}")


def test_points_are_crossed_in_their_order() -> None:
    spec = parse(mode="sweep", sweep={"batch": [2, 1], "infer_requests": [None, 3], "streams": ["auto"]})
    assert spec.sweep is not None
    points = spec.sweep.points()
    assert points == [(2, None, "auto"), (2, 3, "auto"), (1, None, "auto"), (1, 3, "auto")]
    assert str(points[0]) == "batch 2, infer_requests hint, streams auto"


def test_a_point_is_an_asynchronous_scenario() -> None:
    spec = parse(mode="sweep", performance_hint="THROUGHPUT", threads=2, sweep={"batch": [4]})
    expected = parse(
        mode="asynchronous", performance_hint="THROUGHPUT", threads=2, batch=4, infer_requests=3, streams=1
    )
    assert spec.at(Point(4, 3, 1)) == expected
