"""The report step: one page, tables and figures from the records of an experiment."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

from ovlab.errors import OvlabError
from ovlab.files import folders_flushed_once, read_json, write_atomically, write_json, write_text
from ovlab.report.data_files import NAMES, write_data
from ovlab.report.page import ShownSection, render_page, show_sections
from ovlab.report.paper import FOLDER, paper_files
from ovlab.report.records import Records, read_reported
from ovlab.report.results import results_frame
from ovlab.report.section import ReportContext, Section
from ovlab.report.sections import SECTIONS
from ovlab.report.style import SUFFIXES as FIGURE_SUFFIXES
from ovlab.report.style import WIDTHS, drawn_for, fits_page, save_all, save_pdf
from ovlab.report.table_files import SUFFIXES as TABLE_SUFFIXES
from ovlab.report.table_files import write_table
from ovlab.specs import ReportSettings
from ovlab.verdict import summarise

__all__ = ["Records", "read_reported", "report", "results_frame"]

log = logging.getLogger("ovlab.report")
LISTING, SCHEMA = "files.json", "ovlab/report-files/1"
SETTINGS = "settings.json"
"""What the report was made with, beside the page: with the records it is all that makes the report again."""
TABLES, FIGURES, GRAPHS, PAPER = "tables", "figures", "graphs", FOLDER
RESULTS = [f"{TABLES}/{name}" for name in NAMES]


def report(
    settings: ReportSettings,
    records: Records,
    page: Path,
    sections: Sequence[Section] = SECTIONS,
    *,
    verdict: Path | None = None,
    processes: int = 1,
) -> list[ShownSection]:
    """Write the report of an experiment.

    Parameters
    ----------
    settings : ReportSettings
        The experiment.
    records : Records
        What its steps left; with the sessions' folders, the distribution of latencies is drawn too.
    page : Path
        The HTML file to write, last of all. ``tables/`` (CSV, LaTeX, Markdown), ``figures/`` (SVG, PDF, PNG) and
        ``graphs/`` (what sections write besides) lie beside it, and ``settings.json``. ``files.json`` lists the
        files, so that the next report removes those which it has not got.
    sections : sequence of Section
        What the page consists of, in its order.
    verdict : Path, optional
        The verdict on an earlier report, removed before anything is written: it says nothing of this one.
    processes : int
        How many may draw many figures (:func:`ovlab.report.style.save_all`).

    Returns
    -------
    list of ShownSection
        The sections with their tables and figures, those without anything to show included.

    Raises
    ------
    OvlabError
        If there is no record at all, or a session's samples cannot be read.
    """
    if not records.everything():
        raise OvlabError(f"{page}: no record of experiment {settings.name} was given, expected those of its steps")
    frame = results_frame(settings, records)
    context = ReportContext(settings, records, frame, sections)
    shown = show_sections(context)
    folder = page.parent
    texts = {f"{GRAPHS}/{name}": text for one in sections for name, text in one.files(context).items()}
    figures = [figure.plot for section in shown for figure in section.figures]
    texts |= paper_files(context, [table for section in shown for table in section.tables], figures)
    files = [*RESULTS, *(name for section in shown for name in _files_of(section)), *texts]
    earlier = _earlier_files(folder)
    _list_files(folder, {*earlier, *files})  # before they are written: a killed report leaves nothing unlisted
    if verdict is not None:
        verdict.unlink(missing_ok=True)
    with folders_flushed_once():
        write_data(frame, folder / TABLES)
        drawings = save_all(figures, folder / FIGURES, processes)
        for section in shown:
            for table in section.tables:
                write_table(table, folder / TABLES)
            for figure in section.figures:
                figure.svg = drawings[figure.plot.name]
                figure.pdf = (folder / FIGURES / f"{figure.plot.name}.pdf").read_bytes()
            _write_widths(context, section, folder / FIGURES)
        for name, text in texts.items():
            write_text(folder / name, text)
    for name in earlier - set(files):
        (folder / name).unlink(missing_ok=True)
    _list_files(folder, files)
    write_text(folder / SETTINGS, settings.to_json() + "\n")
    write_text(page, render_page(context, shown))
    log.info("%s: %s", page, summarise(frame))
    return shown


def _write_widths(context: ReportContext, section: ShownSection, folder: Path) -> None:
    """Write the figures of a section as PDF in the two widths of a paper: one that has it already is copied."""
    for name, width in WIDTHS.items():
        wanted = [figure for figure in section.figures if fits_page(figure.plot.figure, width)]
        others = [figure.plot.name for figure in wanted if figure.plot.figure.get_figwidth() != width]
        with drawn_for(width):
            drawn = {plot.name: plot for plot in section.section.figures(context)} if others else {}
        for figure in wanted:
            path = folder / f"{figure.plot.name}-{name}.pdf"
            if figure.plot.name in others:
                save_pdf(drawn[figure.plot.name], path)
            else:
                write_atomically(path, functools.partial(Path.write_bytes, data=figure.pdf))


def _files_of(section: ShownSection) -> list[str]:
    tables = [f"{TABLES}/{table.name}.{suffix}" for table in section.tables for suffix in TABLE_SUFFIXES]
    figures = [f"{FIGURES}/{one.plot.name}.{suffix}" for one in section.figures for suffix in FIGURE_SUFFIXES]
    widths = [
        (one.plot, name)
        for one in section.figures
        for name, width in WIDTHS.items()
        if fits_page(one.plot.figure, width)
    ]
    return [*tables, *figures, *(f"{FIGURES}/{plot.name}-{name}.pdf" for plot, name in widths)]


def _list_files(folder: Path, files: Iterable[str]) -> None:
    write_json(folder / LISTING, {"schema": SCHEMA, "files": sorted(files)})


def _earlier_files(folder: Path) -> set[str]:
    """Return what an earlier report wrote; files of others in these folders are none of ours."""
    try:
        names = set(map(str, read_json(folder / LISTING)["files"]))
    except (OSError, ValueError, KeyError, TypeError):
        return set()  # there is no list, or nothing to rely on
    return {name for name in names if Path(name).parent in {Path(TABLES), Path(FIGURES), Path(GRAPHS), Path(PAPER)}}
