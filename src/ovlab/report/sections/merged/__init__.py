"""Merged results: where each host's come from, in what they differ, and what was measured twice."""

from __future__ import annotations

from collections.abc import Sequence

from ovlab.merge.facts import Difference, Merged
from ovlab.report.format import MISSING, capitalised, counted, joined
from ovlab.report.page.host import dates, host_facts
from ovlab.report.records import Records
from ovlab.report.section import Finding, ReportContext, Section
from ovlab.report.sections.merged.twice import AGREE, DIFFER, Repeated, measured_twice, twice_table
from ovlab.report.table import Column, Entry, Table

TOLD = 6


class MergedResults(Section):
    """Where merged results come from; nothing in a report of one run."""

    anchor = "merged-section"
    title = "Merged results"
    question = "Whose results are these, and what differs between them?"

    def tables(self, report: ReportContext) -> list[Table]:
        """Make the tables: hosts, differences, cells that were measured twice."""
        merged = report.records.merged
        if merged is None:
            return []
        return [
            origins_table(merged, report),
            differences_table(merged.differences, report.records),
            twice_table(measured_twice(report)),
        ]

    def findings(self, report: ReportContext) -> list[Finding]:
        """Say how many hosts there are, in how much they differ, and whether repetitions agree."""
        merged = report.records.merged
        return [] if merged is None else [Finding(self.title, sentences(merged, measured_twice(report)))]


def origins_table(merged: Merged, report: ReportContext) -> Table:
    """Make the table of hosts: what each is, and where its results come from."""
    columns = [
        Column("host", "host"),
        Column("results", "results", width=r"0.2\linewidth"),
        Column("was", "called there"),
        Column("cpu", "CPU", width=r"0.2\linewidth"),
        Column("packages", "software", width=r"0.2\linewidth"),
        Column("measured", "measured on"),
        Column("ok", "cells measured"),
    ]
    known = report.records.by_host()
    rows: list[list[Entry]] = []
    for one in merged.origins:
        own = known.get(one.host)
        facts = host_facts(own) if own is not None else []
        cpus = [f"{fact.cpu}, {counted(fact.cores, 'core')}" if fact.cores else fact.cpu for fact in facts]
        versions = [f"{name} {version}" for fact in facts for name, version in fact.packages.items()]
        cells = report.frame[report.frame["host"] == one.host]
        rows.append(
            [
                one.host,
                f"{one.results} (bundle {one.bundle[:12]})" if one.bundle else one.results,
                one.was,
                "; ".join(dict.fromkeys(cpus)) or MISSING,
                ", ".join(dict.fromkeys(versions)) or MISSING,
                (dates(own) if own is not None else "") or MISSING,
                f"{(cells['status'] == 'ok').sum()} of {len(cells)}",
            ]
        )
    return Table(
        "merged", "The hosts, and the results that theirs were taken from.", columns, rows, made_from=("session",)
    )


def differences_table(differences: Sequence[Difference], records: Records) -> Table:
    """Make the table of what differs: a row for each value, the one that most hosts have first."""
    columns = [
        Column("what", "what"),
        Column("concerns", "concerns"),
        Column("value", "value", width=r"0.3\linewidth"),
        Column("hosts", "hosts", width=r"0.3\linewidth"),
    ]
    rows: list[list[Entry]] = [
        [one.what, " ".join(one.concerns.values()) or "all cells", value, ", ".join(hosts)]
        for one in differences
        for value, hosts in one.hosts_by_value().items()
    ]
    known = {host: [one.run_id for one in own.everything()] for host, own in records.by_host().items()}
    runs = [
        tuple(dict.fromkeys(run for host in hosts for run in known.get(host, [])))
        for one in differences
        for hosts in one.hosts_by_value().values()
    ]
    caption = (
        "What differs between the merged results. The first value of each is that of most hosts; the cells of the "
        "others that it concerns are marked with it in the column differs of the results."
    )
    return Table("differences", caption, columns, rows, grouped=2, runs=runs)


def sentences(merged: Merged, repeated: Sequence[Repeated]) -> list[str]:
    """Say what a reader must know before comparing hosts."""
    hosts = [one.host for one in merged.origins]
    said = [f"Results of {counted(len(hosts), 'host')} are merged ({_some(hosts)}); no ratio is taken across hosts."]
    if merged.differences:
        names = [" ".join([one.what, *one.concerns.values()]) for one in merged.differences]
        said.append(f"They were not made alike in {counted(len(names), 'respect')}: {_some(names)}.")
    else:
        said.append("They were made alike: same software, IRs and settings.")
    if repeated:
        known = [one for one in repeated if one.verdict in {AGREE, DIFFER}]
        agreeing = sum(one.verdict == AGREE for one in known)
        said.append(
            f"{capitalised(counted(len(repeated), 'pair'))} of cells measured twice on one machine: "
            f"{agreeing} of {len(known)} with intervals agree within them."
        )
    return said


def _some(names: Sequence[str]) -> str:
    more = [f"{len(names) - TOLD} more"] if len(names) > TOLD else []
    return joined([*names[:TOLD], *more])
