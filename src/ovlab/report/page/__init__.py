"""The page: one self-contained HTML file."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import Any

import jinja2
from markupsafe import Markup

import ovlab
from ovlab.report.format import joined
from ovlab.report.page.assets import resource, script, style
from ovlab.report.page.cells import cell_numbers, page_data
from ovlab.report.page.figures import ShownFigure, choose_drawn
from ovlab.report.page.host import dates, host_line
from ovlab.report.page.tables import CellNumbers, shown_table
from ovlab.report.results import NOISY, absent_devices
from ovlab.report.section import ReportContext, Section
from ovlab.report.table import Table
from ovlab.text import visible
from ovlab.verdict import summarise

NO_BREAK = "\u00a0"
TOGETHER = re.compile(
    r"(?<=\d) (?=(?:%|points?|ms|MB|images/s|times|×)(?!\w))"  # a number and its unit
    r"|(?<=[\w%×]) (?=\[[−+\d])|(?<=\d,) (?=[−+\d.]+\])"  # an estimate and its interval, and the bounds of this
)


@dataclass
class ShownSection:
    """A section with its tables and figures.

    Attributes
    ----------
    visible : bool
        Whether it has anything to show; its tables are written all the same.
    """

    section: Section
    tables: list[Table]
    figures: list[ShownFigure]
    visible: bool


def show_sections(report: ReportContext) -> list[ShownSection]:
    """Make the tables and figures of all sections; figures are numbered in the page's order."""
    shown: list[ShownSection] = []
    number = 0
    for section in report.sections:
        tables, plots = report.tables_of(section), section.figures(report)
        figures = [ShownFigure(number + i, plot) for i, plot in enumerate(plots, 1)]
        number += len(plots)
        shown.append(ShownSection(section, tables, figures, section.is_shown(report, tables, plots)))
    return shown


def render_page(report: ReportContext, shown: list[ShownSection]) -> str:
    """Render the page.

    Parameters
    ----------
    report : ReportContext
        The experiment and its results.
    shown : list of ShownSection
        Its sections, the figures with their SVG text.

    Returns
    -------
    str
        HTML that needs no other file and no network.
    """
    visible = [one for one in shown if one.visible]
    choose_drawn(one.figures for one in visible)
    numbers = cell_numbers(report.frame)
    context: dict[str, Any] = {
        "title": report.settings.experiment.title or report.settings.name,
        "name": report.settings.name,
        "description": report.settings.experiment.description,
        "status": summarise(report.frame),
        "noisy": _noisy(report),
        "failed": int((report.frame["status"] == "failed").sum()),
        "dates": dates(report.records),
        "host": host_line(report.records),
        "sections": [(one.section, _render_section(report, one, numbers)) for one in visible],
        "version": ovlab.__version__,
        "absent": joined(absent_devices(report.placed)),
        "several_hosts": len(report.hosts) > 1,
        "css": style(),
        "script": script(),
        "data": page_data(report),
    }
    return _environment().get_template("page.html.j2").render(context)


def _noisy(report: ReportContext) -> int:
    """Count the measured cells that are marked as noisy."""
    return int(report.ok["reason"].fillna("").astype(str).str.startswith(NOISY).sum())


def _render_section(report: ReportContext, shown: ShownSection, numbers: CellNumbers) -> Markup:
    own = shown.section.template
    template = _environment().get_template("section.html.j2") if own is None else _compiled(own)
    tables = {table.name: shown_table(table, numbers) for table in shown.tables}
    context = {"tables": tables, "figures": shown.figures, "reference": report.reference}
    # Rendered with escaping: the text is markup by now.
    return Markup(template.render(context | shown.section.context(report)))  # noqa: S704


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(resource),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        finalize=_seen,
    )
    environment.filters["unbroken"] = _unbroken
    return environment


def _unbroken(text: str) -> str:
    """Keep an interval, and a number with its unit, in one line."""
    return TOGETHER.sub(NO_BREAK, text)


def _seen(value: Any) -> Any:
    """Make text of others visible where a template puts it in; markup is the templates' own."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


@functools.cache
def _compiled(template: str) -> jinja2.Template:
    return _environment().from_string(template)
