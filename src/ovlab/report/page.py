"""The page: one self-contained HTML file."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

import ovlab
from ovlab.report import details
from ovlab.report.calibration import missed_targets
from ovlab.report.disagreements import galleries
from ovlab.report.findings import general_findings, model_findings
from ovlab.report.format import MISSING, Estimate, interval_text, typographic
from ovlab.report.layers import suggestions
from ovlab.report.loads import finalists, load_paragraphs
from ovlab.report.noise import noise_paragraphs
from ovlab.report.remarks import condensed_remarks
from ovlab.report.results import Records
from ovlab.report.style import Plot, inline_svg
from ovlab.report.tables import Column, Entry, Table, condensed
from ovlab.specs import ReportSettings


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table on the page.

    Attributes
    ----------
    text, interval : str
        The number and, below it, its interval; or plain text.
    pad : str
        What is missing behind the number so that the column's decimal points come under each other.
    """

    text: str
    interval: str = ""
    pad: str = ""
    numeric: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Rows under a common heading."""

    names: list[str]
    rows: list[list[Cell]]


@dataclass(frozen=True, slots=True)
class ShownTable:
    """A table as the page shows it."""

    name: str
    caption: str
    columns: list[Column]
    groups: list[Group]


def shown_table(table: Table) -> ShownTable:
    """Turn a table's entries into text, numbers aligned at their decimal points."""
    columns = table.columns[table.grouped :]
    groups = [([str(name) for name in names], rows) for names, rows in table.groups()]
    everything = [row for _, rows in groups for row in rows]
    tails = [
        max((_tail(column, row[i]) for row in everything), key=len, default="") for i, column in enumerate(columns)
    ]
    return ShownTable(
        table.name,
        table.caption,
        columns,
        [
            Group(
                names,
                [[_cell(c, entry, tail) for c, entry, tail in zip(columns, row, tails, strict=True)] for row in rows],
            )
            for names, rows in groups
        ],
    )


def _tail(column: Column, entry: Entry) -> str:
    """Return a number's part from its decimal point on."""
    text = column.shown(entry).value if column.numeric else ""
    return text[text.index(".") :] if "." in text and "e" not in text else ""


def _cell(column: Column, entry: Entry, tail: str) -> Cell:
    if not column.numeric or not isinstance(entry, Estimate):
        return Cell(str(entry), numeric=column.numeric)
    shown = column.shown(entry)
    pad = "" if shown.value == MISSING or "e" in shown.value else tail[len(_tail(column, entry)) :]
    return Cell(typographic(shown.value), interval_text(shown), pad, numeric=True)


def status_line(frame: pd.DataFrame) -> str:
    """Return how many cells there are, by status."""
    counts = frame["status"].value_counts()
    parts = [f"{counts.get(status, 0)} {status}" for status in ("ok", "unavailable", "failed")]
    return f"{len(frame)} {'cell' if len(frame) == 1 else 'cells'}: {', '.join(parts)}"


def render_page(
    settings: ReportSettings,
    records: Records,
    frame: pd.DataFrame,
    tables: dict[str, Table],
    plots: list[tuple[Plot, str]],
) -> str:
    """Render the page.

    Parameters
    ----------
    frame : DataFrame
        The results, one row a cell.
    tables : dict
        The tables by name: ``headline``, ``claims``, ``members``, ``remarks``, ``unavailable``, ``spread``, ``noise``,
        ``environment``, ``variants``, ``accuracy_control``, ``ledger``, ``calibration_seeds``, ``costs``, ``server``,
        ``sweep``, and those of the section on accuracy.
    plots : list of (Plot, str)
        The figures with their SVG text.

    Returns
    -------
    str
        HTML that needs no other file and no network.
    """
    ok = frame[frame["status"] == "ok"]
    context: dict[str, Any] = {
        "title": settings.experiment.title or settings.name,
        "name": settings.name,
        "description": settings.experiment.description,
        "status": status_line(frame),
        "failed": int((frame["status"] == "failed").sum()),
        "dates": details.dates(records),
        "host": details.host_line(records),
        "models_told": model_findings(settings, ok, records),
        "general": general_findings(settings, frame),
        "headline": shown_table(tables["headline"]),
        "claims": shown_table(tables["claims"]),
        "spread": shown_table(tables["spread"]),
        "noise": shown_table(tables["noise"]),
        "costs": shown_table(tables["costs"]),
        "server": shown_table(tables["server"]),
        "sweep": shown_table(finalists(tables["sweep"])),
        "unavailable": shown_table(condensed(tables["unavailable"])),
        "members": shown_table(tables["members"]),
        "remarks": shown_table(condensed_remarks(tables["remarks"])),
        "environment": shown_table(tables["environment"]),
        "control": shown_table(tables["accuracy_control"]),
        "ledger": shown_table(tables["ledger"]),
        "seeds": shown_table(tables["calibration_seeds"]),
        "missed": missed_targets(settings, records),
        "variants": shown_table(tables["variants"]),
        # Made by matplotlib from escaped text: the only markup that is not the template's own.
        "plots": [(plot, Markup(inline_svg(svg, f"figure-{i}"))) for i, (plot, svg) in enumerate(plots, 1)],  # noqa: S704
        "method": details.method(settings, ok)
        + load_paragraphs(settings)
        + noise_paragraphs(settings.measurement.noise, records),
        "models": details.describe_models(settings, records),
        "datasets": details.describe_datasets(settings, records),
        **{name: shown_table(tables[name]) for name in ("significance", "power", "classes", "distance", "layers")},
        "reference": settings.reference,
        "galleries": galleries(settings, records),
        "suggestions": suggestions(settings, records),
        "effective": details.effective_settings(records),
        "configuration": details.configuration(settings),
        "version": ovlab.__version__,
        "css": Markup(_resource("page.css")),  # noqa: S704
    }
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_resource),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template("page.html.j2").render(context)


def _resource(name: str) -> str:
    return resources.files("ovlab.report").joinpath(name).read_text(encoding="utf-8")
