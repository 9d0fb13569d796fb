"""The report step: one page, tables and figures from the records of an experiment."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pandas as pd

from ovlab.files import write_atomically, write_text
from ovlab.report.accuracy import SHOWN_CLASSES, classes_table, compared_pairs, power_table, significance_table
from ovlab.report.calibration import control_table, ledger_table, seeds_table
from ovlab.report.claims import claims_table
from ovlab.report.details import environment_facts, variants_table
from ovlab.report.figures import latency_figures, speedup_figure, tradeoff_figure
from ovlab.report.layers import SHOWN_LAYERS, distance_table, layer_figures, layers_table
from ovlab.report.loads import (
    costs_table,
    finalists,
    server_figure,
    server_table,
    sweep_figures,
    sweep_points,
    sweep_table,
)
from ovlab.report.members import members_table
from ovlab.report.noise import noise_table
from ovlab.report.page import render_page, status_line
from ovlab.report.remarks import condensed_remarks, remarks_table
from ovlab.report.results import Records, results_frame
from ovlab.report.style import Plot, save
from ovlab.report.tables import (
    Table,
    accuracy_table,
    condensed,
    environment_table,
    headline_table,
    speedup_table,
    spread_table,
    unavailable_table,
    write_table,
)
from ovlab.specs import ReportSettings

__all__ = ["Records", "report", "results_frame"]

log = logging.getLogger("ovlab.report")
PLAIN = (
    "headline",
    "speedup",
    "accuracy",
    "costs",
    "server",
    "significance",
    "power",
    "distance",
    "claims",
    "members",
    "environment",
    "noise",
)
CALIBRATION = ("accuracy_control", "ledger", "calibration_seeds")


def report(settings: ReportSettings, records: Records, page: Path) -> None:
    """Write the report of an experiment.

    Parameters
    ----------
    settings : ReportSettings
        The experiment.
    records : Records
        What its steps left; with the sessions' folders, the distribution of latencies is drawn too.
    page : Path
        The HTML file to write, last of all. ``tables/`` (CSV, LaTeX, Markdown) and ``figures/`` (SVG, PDF, PNG) lie
        beside it; figures of an earlier report that this one has not got are removed.

    Raises
    ------
    OvlabError
        If a session's samples cannot be read.
    """
    frame = results_frame(settings, records)
    write_atomically(page.parent / "tables" / "results.csv", lambda path: frame.to_csv(path, index=False))
    tables = make_tables(settings, records, frame)
    whole = {"classes": classes_table(settings, records), "layers": layers_table(settings, records)}
    for name in (*PLAIN, *whole):
        write_table(tables[name], page.parent / "tables", whole.get(name))
    for name in CALIBRATION:
        _write_if_filled(tables[name], page.parent / "tables")
    write_table(condensed(tables["unavailable"]), page.parent / "tables", tables["unavailable"])
    write_table(condensed_remarks(tables["remarks"]), page.parent / "tables", tables["remarks"])
    write_table(finalists(tables["sweep"]), page.parent / "tables", tables["sweep"])
    plots = make_plots(settings, records, frame[frame["status"] == "ok"]) + layer_figures(settings, records)
    folder = page.parent / "figures"
    drawn = [(plot, save(plot, folder)) for plot in plots]
    _remove_outdated(folder, {plot.name for plot in plots})
    write_text(page, render_page(settings, records, frame, tables, drawn))
    log.info("%s: %s", page, status_line(frame))


def make_tables(settings: ReportSettings, records: Records, frame: pd.DataFrame) -> dict[str, Table]:
    """Make all tables of the report, by name."""
    ok = frame[frame["status"] == "ok"]
    pairs = compared_pairs(settings, records)
    tables = [
        headline_table(ok, settings.reference),
        speedup_table(ok, settings.reference),
        accuracy_table(frame, settings.reference),
        unavailable_table(frame),
        members_table(settings, ok),
        remarks_table(ok),
        spread_table(ok),
        noise_table(records),
        costs_table(ok),
        server_table(ok),
        sweep_table(sweep_points(records)),
        environment_table(environment_facts(records)),
        variants_table(settings, records),
        claims_table(settings, records, frame),
        significance_table(pairs),
        power_table(pairs, settings.reference),
        classes_table(settings, records, SHOWN_CLASSES),
        distance_table(settings, records),
        layers_table(settings, records, SHOWN_LAYERS),
        control_table(settings, records),
        ledger_table(settings, records),
        seeds_table(settings, records),
    ]
    return {table.name: table for table in tables}


def make_plots(settings: ReportSettings, records: Records, ok: pd.DataFrame) -> list[Plot]:
    """Draw all figures for which there are data."""
    single = [speedup_figure(ok, settings.reference), tradeoff_figure(ok), server_figure(ok)]
    plots = [plot for plot in single if plot is not None] + sweep_figures(settings, sweep_points(records))
    return plots + latency_figures(ok, records.samples)


def _write_if_filled(table: Table, folder: Path) -> None:
    """Write a table that few experiments have; one of an earlier report is removed where there is none now."""
    if table.rows:
        write_table(table, folder)
        return
    for suffix in ("csv", "tex", "md"):
        (folder / f"{table.name}.{suffix}").unlink(missing_ok=True)


def _remove_outdated(folder: Path, names: set[str]) -> None:
    if not folder.exists():
        return
    for path in folder.iterdir():
        ours = re.fullmatch(r"(speedup|accuracy_latency|server|(latency|layers|sweep)_.+)\.(svg|pdf|png)", path.name)
        if ours and path.stem not in names:
            path.unlink()
