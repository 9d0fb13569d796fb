"""Server: random arrivals, and the highest rate that keeps within the latency bound."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from ovlab.report.columns import AXES, CI, LATENCY, MAXIMUM, P90, P95, P99, PRECISION, results_table
from ovlab.report.format import counted
from ovlab.report.section import ReportContext, Section
from ovlab.report.sections.server.figure import server_figure
from ovlab.report.style import Plot
from ovlab.report.table import Column, Table
from ovlab.specs import ReportSettings
from ovlab.specs.scenario import ServerSpec

RATE = Column("max_rate", "highest rate", "1/s", numeric=True, interval=True)
CAPACITY = Column("capacity", "capacity", "1/s", numeric=True)
OFFERED = Column("offered_rate", "offered rate", "1/s", numeric=True)


class Server(Section):
    """Latency at an offered rate, and the highest rate of arrivals within a bound of latency."""

    anchor = "server-section"
    title = "Server"
    question = "How many random arrivals are served within the bound of latency?"

    def tables(self, report: ReportContext) -> list[Table]:
        """Make the table of servers."""
        return [server_table(report.ok)]

    def figures(self, report: ReportContext) -> list[Plot]:
        """Draw the highest rates, where there are servers."""
        plot = server_figure(report.placed_ok)
        return [] if plot is None else [plot]

    def method(self, report: ReportContext) -> list[str]:
        """Say how servers were measured."""
        return server_paragraphs(report.settings)


def server_table(ok: pd.DataFrame) -> Table:
    """Make the table of servers: one row a cell."""
    rows = ok[ok["offered_rate"].notna()]
    columns = [*AXES, PRECISION, OFFERED, LATENCY, P90, P95, P99, MAXIMUM, RATE, CAPACITY]
    note = Column("reason", "note", width=r"0.2\linewidth")
    if (rows["reason"].fillna("") != "").any():
        columns.append(note)
    caption = (
        "Servers. Latencies at the offered rate, each from the moment at which its inference was due. Highest rate: of "
        "random arrivals, with p99 within the scenario’s bound. Capacity: inferences per second with all requests in "
        f"flight. {CI}, from launches."
    )
    return replace(results_table("server", caption, columns, rows, grouped=4), stacked=True)


def server_paragraphs(settings: ReportSettings) -> list[str]:
    """Describe how servers were measured: a paragraph for each of these scenarios."""
    scenarios = {name: settings.scenarios.get(name) for name in settings.experiment.scenarios}
    return [_paragraph(name, one.server) for name, one in scenarios.items() if one is not None and one.server]


def _paragraph(name: str, server: ServerSpec) -> str:
    rate = f"{server.rate} of what the reference does with all requests in flight"
    if not isinstance(server.rate, str):
        rate = f"{server.rate:g} per second"
    return (
        f"{name}: inferences arrive as a Poisson process, {rate}, the same for all variants of a round. "
        "Latency counts from when an inference was due, waiting for a free request included. Each launch then "
        f"searches the highest rate with p99 within {server.p99_ms:g} ms: {counted(server.steps, 'bisection')} "
        f"between 0 and its capacity, each of {server.trial_s:g} s and at least "
        f"{counted(server.trial_queries, 'arrival')}, failed when more than 1 % are late. A speed-up is the ratio "
        "of the highest rates in the same round."
    )
