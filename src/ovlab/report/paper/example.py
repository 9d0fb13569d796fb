"""Small papers that use what the report writes for papers, and compile as they are."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ovlab.report.format import escape_latex, escape_markdown, one_line
from ovlab.report.paper.numbers import Numbers
from ovlab.report.style import Plot
from ovlab.report.table import Table

SHOWN_TABLES = ("headline", "speedup", "accuracy", "significance")
SHOWN_FIGURES = ("accuracy_latency", "speedup")


def example(numbers: Numbers, tables: Sequence[Table], figures: Sequence[Plot]) -> str:
    """Return the example's LaTeX: the set-up, a number by its name, tables and figures."""
    parts = [
        r"% Written by ovlab: a paper to begin with. Here: pdflatex example, bibtex example, pdflatex twice.",
        r"\documentclass[10pt]{article}",
        r"\usepackage[T1]{fontenc}",
        r"\IfFileExists{lmodern.sty}{\usepackage{lmodern}}{}",
        r"\usepackage[a4paper,margin=19mm]{geometry}",
        r"\usepackage{booktabs,longtable,siunitx,graphicx,url}",
        r"\setlength{\belowcaptionskip}{6pt}",
        r"\input{numbers}",
        r"\begin{document}",
        r"\section{Experimental set-up}",
        r"\input{setup}",
        r"\section{Results}",
    ]
    if best := _best(numbers):
        parts.append(rf"The largest speed-up is \ovlab{{{best}}} (95\,\% interval \ovlabinterval{{{best}}}).")
    parts += [_figure(one) for one in _shown_figures(figures)]
    parts += [rf"\input{{../tables/{name}}}" for name in _shown_tables(tables)]
    parts += [r"\bibliographystyle{plain}", r"\bibliography{references}", r"\end{document}", ""]
    return "\n".join(parts)


def example_typ(numbers: Numbers, tables: Sequence[Table], figures: Sequence[Plot]) -> str:
    """Return the example's Typst."""
    best = _best(numbers)
    value, interval = (f"#ovlab.at({json.dumps(name)})" for name in (best, f"{best}-interval"))
    drawn = [
        f'#figure(image("../figures/{one.name}.svg"), caption: {json.dumps(one_line(one.caption), ensure_ascii=False)})'
        for one in _shown_figures(figures)
    ]
    parts = [
        "// Written by ovlab: a paper to begin with. Here: typst compile --root .. example.typ",
        '#import "numbers.typ": ovlab',
        '#set page(paper: "a4", margin: 19mm)',
        "#set text(size: 10pt)",
        "#show figure: set block(breakable: true)",
        "#show figure.where(kind: table): set text(size: 5.5pt)",
        "#show figure.where(kind: table): set figure.caption(position: top)",
        "= Experimental set-up",
        '#include "setup.typ"',
        "= Results",
        *([f"The largest speed-up is {value} (95 % interval {interval})."] if best else []),
        *drawn,
        *(f'#include "../tables/{name}.typ"' for name in _shown_tables(tables)),
        '#bibliography("references.bib")',
        "",
    ]
    return "\n".join(parts)


def example_qmd(numbers: Numbers, tables: Sequence[Table], figures: Sequence[Plot]) -> str:
    """Return the example's Quarto: its numbers are variables of the project."""
    best = _best(numbers).replace(".", "-").replace("/", ".")
    drawn = [f"![{escape_markdown(one.caption)}](../figures/{one.name}.svg)" for one in _shown_figures(figures)]
    parts = [
        "---",
        "title: Results",
        "bibliography: references.bib",
        "---",
        "",
        "<!-- Written by ovlab: a paper to begin with. Quarto takes numbers from a project's _variables.yml. Here: -->",
        "<!-- cp numbers.yml _variables.yml; echo 'project: {type: default}' > _quarto.yml; -->",
        "<!-- quarto render example.qmd -->",
        "",
        "# Experimental set-up",
        "",
        "{{< include setup.md >}}",
        "",
        "# Results",
        "",
    ]
    if best:
        said = f"{{{{< var ovlab.{best} >}}}} (95 % interval {{{{< var ovlab.{best}-interval >}}}})"
        parts += [f"The largest speed-up is {said}.", ""]
    parts += [line for one in drawn for line in (one, "")]
    parts += [line for name in _shown_tables(tables) for line in (f"{{{{< include ../tables/{name}.md >}}}}", "")]
    return "\n".join(parts)


def _best(numbers: Numbers) -> str:
    """Return the name of the largest speed-up that has an interval; empty if there is none."""
    names = [name for name, shown in numbers.shown.items() if name.endswith("/speedup") and shown.low]
    return max(names, key=lambda name: float(numbers.shown[name].value), default="")


def _shown_figures(figures: Sequence[Plot]) -> list[Plot]:
    return [one for name in SHOWN_FIGURES for one in figures if one.name == name]


def _shown_tables(tables: Sequence[Table]) -> list[str]:
    written = {table.name for table in tables if table.rows}
    return [name for name in SHOWN_TABLES if name in written]


def _figure(plot: Plot) -> str:
    lines = [
        r"\begin{figure}",
        r"\centering",
        rf"\includegraphics{{../figures/{plot.name}.pdf}}",
        rf"\caption{{{escape_latex(plot.caption)}}}",
        rf"\label{{fig:{plot.name}}}",
        r"\end{figure}",
    ]
    return "\n".join(lines)
