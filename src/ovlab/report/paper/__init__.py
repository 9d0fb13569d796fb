"""What an author takes into a paper: numbers by name, the experimental set-up in words, references, an example."""

from __future__ import annotations

from collections.abc import Sequence

from ovlab.report.paper.example import example, example_qmd, example_typ
from ovlab.report.paper.numbers import headline_numbers, numbers_tex, numbers_typ, numbers_yml
from ovlab.report.paper.setup import references_bib, setup_markdown, setup_tex, setup_typ
from ovlab.report.section import ReportContext
from ovlab.report.style import Plot
from ovlab.report.table import Table

FOLDER = "paper"


def paper_files(report: ReportContext, tables: Sequence[Table], figures: Sequence[Plot]) -> dict[str, str]:
    """Return the files for a paper by their names in the report's folder.

    Parameters
    ----------
    report : ReportContext
        The experiment and its results.
    tables : sequence of Table
        The report's tables.
    figures : sequence of Plot
        Its figures.
    """
    numbers = headline_numbers(report)
    texts = {
        "numbers.tex": numbers_tex(numbers),
        "numbers.typ": numbers_typ(numbers),
        "numbers.yml": numbers_yml(numbers),
        "setup.tex": setup_tex(report),
        "setup.md": setup_markdown(report),
        "references.bib": references_bib(report),
        "setup.typ": setup_typ(report),
        "example.tex": example(numbers, tables, figures),
        "example.typ": example_typ(numbers, tables, figures),
        "example.qmd": example_qmd(numbers, tables, figures),
    }
    return {f"{FOLDER}/{name}": text for name, text in texts.items()}
