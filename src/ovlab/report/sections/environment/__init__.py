"""Environment: the machine and the software."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from ovlab.records import Kind, Record
from ovlab.report.format import MISSING, counted, plain_value
from ovlab.report.records import Records
from ovlab.report.section import ReportContext, Section
from ovlab.report.sections.environment.arithmetic import arithmetic_facts
from ovlab.report.table import Column, Entry, Table

PROPERTIES = {"os": "OS", "python": "Python", "memory_gb": "memory (GB)"}


class Environment(Section):
    """The machine and the software that the results were made with."""

    anchor = "environment-section"
    title = "Environment"
    question = "On which machine, with which software?"

    def tables(self, report: ReportContext) -> list[Table]:
        """Make the table of properties."""
        return [environment_table(environment_facts(report.records))]


def environment_table(environment: list[tuple[str, str]]) -> Table:
    """Make the table of the environment from its properties and their values."""
    columns = [Column("property", "property"), Column("value", "value", width=r"0.7\linewidth")]
    rows: list[list[Entry]] = [[name, value] for name, value in environment]
    return Table(
        "environment",
        "The machine and the software that the results were made with.",
        columns,
        rows,
        made_from=get_args(Kind),
    )


def environment_facts(records: Records) -> list[tuple[str, str]]:
    """Return every property of the environment.

    Where hosts differ, each has its value; where records of one host do, each value has the number of its records.
    """
    named = {host: own.found_by_host() for host, own in records.by_host().items()} if len(records.hosts) > 1 else {}
    if not named:
        return arithmetic_facts(records) + list(_facts(records.everything()).items())
    by_host = {host: _facts(found) for host, found in named.items() if found}
    names = dict.fromkeys(name for facts in by_host.values() for name in facts)
    arithmetic = {host: dict(arithmetic_facts(own)) for host, own in records.by_host().items() if host in by_host}
    titles = dict.fromkeys(name for facts in arithmetic.values() for name in facts)
    return [(name, _of_hosts(arithmetic, name)) for name in titles] + [
        (name, _of_hosts(by_host, name)) for name in names
    ]


def _of_hosts(by_host: Mapping[str, Mapping[str, str]], name: str) -> str:
    """Return the value that the hosts have in common, or that of each."""
    values = {host: facts.get(name, MISSING) for host, facts in by_host.items()}
    if len(set(values.values())) == 1:
        return next(iter(values.values()))
    return "; ".join(f"{host}: {value}" for host, value in values.items())


def _facts(records: Iterable[Record]) -> dict[str, str]:
    found: dict[str, Counter[str]] = {}
    for record in records:
        for name, value in _flat(record.environment):
            found.setdefault(name, Counter())[value] += 1
    return {
        name: next(iter(values))
        if len(values) == 1
        else "; ".join(f"{value} ({counted(number, 'record')})" for value, number in values.items())
        for name, values in found.items()
    }


def _flat(environment: dict[str, Any]) -> Iterable[tuple[str, str]]:
    for name, value in environment.items():
        title = PROPERTIES.get(name, name.replace("_", " "))
        if isinstance(value, dict):
            prefix = "" if name == "packages" else f"{name.upper() if name == 'cpu' else name} "
            for inner, one in value.items():
                yield f"{prefix}{inner.replace('_', ' ')}", plain_value(one)
        else:
            yield title, plain_value(value)
