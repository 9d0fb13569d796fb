"""A section of the report: what each gives, and what it makes it from."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd

from ovlab.report.columns import HOST
from ovlab.report.records import Records
from ovlab.report.style import Plot
from ovlab.report.table import Table
from ovlab.report.trace import Tracer
from ovlab.specs import ReportSettings

TEMPLATE = "template.html.j2"


@dataclass(frozen=True, slots=True)
class Finding:
    """What is to be said about one subject: a precision of a model, or a matter of the whole experiment."""

    subject: str
    sentences: list[str]


@dataclass(frozen=True)
class ReportContext:
    """What sections are made from.

    Attributes
    ----------
    settings : ReportSettings
        The experiment.
    records : Records
        What its steps left.
    frame : DataFrame
        The results, one row a cell (:func:`ovlab.report.results.results_frame`).
    sections : sequence of Section
        All sections in the page's order, for those that gather what the others say.
    """

    settings: ReportSettings
    records: Records
    frame: pd.DataFrame
    sections: Sequence[Section] = ()

    @cached_property
    def ok(self) -> pd.DataFrame:
        """The results' rows with status ``ok``."""
        return self.frame[self.frame["status"] == "ok"]

    @cached_property
    def tracer(self) -> Tracer:
        """What finds the runs that a table's rows come from."""
        return Tracer(self.records)

    @cached_property
    def hosts(self) -> list[str]:
        """The hosts of the cells, in the experiment's order."""
        return [str(host) for host in self.frame["host"].unique()]

    @cached_property
    def placed(self) -> pd.DataFrame:
        """The results with each device called by its host too, where there are several: ``cpu of node7``.

        For what tells devices apart by their names, which then never puts together what is of different hosts.
        """
        if len(self.hosts) < 2:
            return self.frame
        return self.frame.assign(device=self.frame["device"] + " of " + self.frame["host"])

    @cached_property
    def placed_ok(self) -> pd.DataFrame:
        """Of these the rows with status ``ok``."""
        return self.placed.loc[self.ok.index]

    def of_host(self, host: str) -> ReportContext:
        """Return the same report of one host alone."""
        settings = self.settings
        experiment = settings.experiment.model_copy(update={"hosts": (host,)})
        return replace(
            self,
            settings=settings.model_copy(update={"experiment": experiment}),
            records=self.records.by_host().get(host, Records()),
            frame=self.frame[self.frame["host"] == host],
        )

    def tables_of(self, section: Section) -> list[Table]:
        """Return a section's tables, without the column of hosts where there is one host."""
        tables = [self.tracer.traced(table) for table in section.tables(self)]
        return tables if len(self.hosts) > 1 else [table.without(HOST.key) for table in tables]

    @property
    def reference(self) -> str:
        """The precision that others are compared with."""
        return self.settings.reference


class Section:
    """A section of the report: a subclass overrides what it has.

    A file ``template.html.j2`` beside the subclass lays the section out: it gets ``tables`` (by name, with
    ``tables.NAME.groups`` empty where a table has no rows), ``figures`` and what :meth:`context` returns. Without one,
    the tables with rows and then the figures follow each other.

    Attributes
    ----------
    anchor : str
        The section's id on the page.
    title, question : str
        Its heading, and the question that it answers, both shown in the table of contents.
    """

    anchor: ClassVar[str]
    title: ClassVar[str]
    question: ClassVar[str]

    def tables(self, report: ReportContext) -> list[Table]:  # noqa: ARG002  (what a subclass may need)
        """Make the tables; each is written to files too, also where it has no rows."""
        return []

    def figures(self, report: ReportContext) -> list[Plot]:  # noqa: ARG002
        """Draw the figures for which there are data."""
        return []

    def files(self, report: ReportContext) -> dict[str, str]:  # noqa: ARG002
        """Return further files of text, by their names in the report's folder ``graphs/``."""
        return {}

    def findings(self, report: ReportContext) -> list[Finding]:  # noqa: ARG002
        """Say what the page's head should tell of this section, about the experiment as a whole."""
        return []

    def method(self, report: ReportContext) -> list[str]:  # noqa: ARG002
        """Say how it was measured: paragraphs for the section on measuring."""
        return []

    def context(self, report: ReportContext) -> dict[str, Any]:  # noqa: ARG002
        """Return what the template needs besides tables and figures."""
        return {}

    def is_shown(self, report: ReportContext, tables: Sequence[Table], figures: Sequence[Plot]) -> bool:  # noqa: ARG002
        """Tell whether there is anything to show: by default, a table with rows or a figure."""
        return bool(figures) or any(table.rows for table in tables)

    @property
    def template(self) -> str | None:
        """Text of the section's own template, None where the default is enough."""
        path = Path(inspect.getfile(type(self))).with_name(TEMPLATE)
        return path.read_text(encoding="utf-8") if path.is_file() else None
