"""Profiles that are slow as a whole: amid noise, by slow launches, or beside the session of the same variant."""

from __future__ import annotations

from ovlab.report.records import Records
from ovlab.report.sections.layers.profiled import Profiled
from ovlab.specs import ReportSettings

APART = 1.25
"""Latencies so many times apart are not those of the same host in the same state."""


def slow_as_a_whole(one: Profiled, settings: ReportSettings, records: Records) -> list[str]:
    """Say why a profile's shares may be those of a slow host; nothing where nothing speaks for it."""
    said = [one.data["disturbed"]] if one.data.get("disturbed") else []
    profiled = one.estimate("totals", "latency").value
    measured = session_latency_ms(one, settings, records)
    if profiled and measured and not 1 / APART <= profiled / measured <= APART:
        said.append(
            f"its latency without counters is {profiled / measured:.2g} times that of its session: the host was "
            f"{'slower' if profiled > measured else 'faster'} while layers were profiled"
        )
    return said


def session_latency_ms(one: Profiled, settings: ReportSettings, records: Records) -> float | None:
    """Return the median latency of the variant's session under a load like the profile's, one request at a time."""
    for scenario in settings.experiment.scenarios:
        record = records.sessions.get((one.model, one.device, scenario, one.host))
        if record is None or not record.ok or not _is_alike(record.settings.get("scenario", {})):
            continue
        found = record.data.get("rows", {}).get(one.precision, {})
        if found.get("status") == "ok":
            return _value((found["values"] or {}).get("latency_p50"))
    return None


def _is_alike(scenario: dict[str, object]) -> bool:
    batch, threads = scenario.get("batch") or 1, scenario.get("threads")
    return (
        scenario.get("mode") == "synchronous"
        and scenario.get("performance_hint") in {None, "LATENCY"}
        and batch == 1
        and threads is None
    )


def _value(quantity: object) -> float | None:
    value = quantity.get("value") if isinstance(quantity, dict) else None
    return float(value) if isinstance(value, int | float) else None
