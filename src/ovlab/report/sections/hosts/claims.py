"""Which claims hold where: each tested with what was measured on each host alone."""

from __future__ import annotations

from fnmatch import fnmatchcase

from ovlab.report.columns import CELL
from ovlab.report.format import MISSING, joined
from ovlab.report.section import ReportContext
from ovlab.report.sections.claims import tested_claims
from ovlab.report.sections.claims.testing import Tested
from ovlab.report.table import Column, Entry, Table

Verdicts = dict[tuple[str, str], dict[str, Tested]]


def verdicts_by_host(report: ReportContext) -> Verdicts:
    """Return the verdicts on each claim and model, by host; a host that a claim does not speak of has none."""
    found: Verdicts = {}
    for host in report.hosts:
        for one in tested_claims(report.of_host(host)):
            if fnmatchcase(host, one.claim.left.where.host):
                found.setdefault((one.claim.text, one.model), {})[host] = one
    return found


def claims_by_host(report: ReportContext) -> Table:
    """Make the table of claims: a row for each claim and model, a column a host."""
    columns = [
        Column("claim", "claim", width=r"0.3\linewidth"),
        Column("model", "model"),
        *(Column(f"verdict_{host}", host, width=r"0.2\linewidth") for host in report.hosts),
    ]
    rows: list[list[Entry]] = [
        [claim, model, *(tested[host].verdict if host in tested else MISSING for host in report.hosts)]
        for (claim, model), tested in verdicts_by_host(report).items()
    ]
    caption = "Claims by host, each tested with what was measured there alone; the numbers are in the table of claims."
    return Table("host_claims", caption, columns, rows, grouped=1, made_from=CELL)


def parting_claims(report: ReportContext) -> list[str]:
    """Name the claims on which the hosts part."""
    sentences = []
    for (claim, model), tested in verdicts_by_host(report).items():
        verdicts = {host: one.verdict for host, one in tested.items() if one.cases}
        if len(set(verdicts.values())) > 1:
            said = [f"{verdict} on {host}" for host, verdict in verdicts.items()]
            sentences.append(f"“{claim.rstrip('.')}”, {model}: {joined(said)}.")
    return sentences
