"""The measuring host and the days, as the page's head and a paper name them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ovlab.records import Record
from ovlab.report.format import counted
from ovlab.report.records import Records

# Which packages the host line names; the environment table has them all.
NAMED_PACKAGES = {"openvino": "OpenVINO", "nncf": "NNCF"}


@dataclass(frozen=True)
class HostFacts:
    """What is told of a host: empty or None where it does not tell."""

    cpu: str
    cores: int | None
    system: str
    packages: dict[str, str]


def measured_by(records: Records) -> list[Record]:
    """Return the records that speak of the measuring host: the sessions, or all where there is none."""
    return list(records.sessions.values()) or records.everything()


def dates(records: Records) -> str:
    """Return the day, or the first and the last day, on which was measured (UTC)."""
    days = sorted({record.created[:10] for record in measured_by(records)})
    return "" if not days else days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"


def host_facts(records: Records) -> list[HostFacts]:
    """Return the measuring hosts, each once."""
    found: list[HostFacts] = []
    for record in measured_by(records):
        if (one := _facts(record.environment)) not in found:
            found.append(one)
    return found


def _facts(environment: dict[str, Any]) -> HostFacts:
    cpu, packages = environment.get("cpu", {}), environment.get("packages", {})
    known = {name: str(packages[name]) for name in NAMED_PACKAGES if packages.get(name)}
    return HostFacts(str(cpu.get("model") or ""), cpu.get("usable_cores"), str(environment.get("os") or ""), known)


def host_line(records: Records) -> str:
    """Return the host in one line; several are separated by semicolons, and named where they have names."""
    named = records.by_host()
    if len(named) < 2:
        return "; ".join(line for line in map(_line, host_facts(records)) if line)
    found = {
        name: dict.fromkeys(_line(_facts(one.environment)) for one in own.found_by_host())
        for name, own in named.items()
    }
    return "; ".join(f"{name}: {', '.join(lines) or 'not reached'}" for name, lines in found.items())


def _line(host: HostFacts) -> str:
    versions = [f"{NAMED_PACKAGES[name]} {version}" for name, version in host.packages.items()]
    parts = [host.cpu, counted(host.cores, "core") if host.cores else "", host.system, *versions]
    return " · ".join(part for part in parts if part)
