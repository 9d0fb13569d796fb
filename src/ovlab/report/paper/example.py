"""A small paper that uses what the report writes for papers, and compiles as it is."""

from __future__ import annotations

from collections.abc import Sequence

from ovlab.report.format import escape_latex
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
    speedups = [name for name in numbers.shown if name.endswith("/speedup")]
    best = max(speedups, key=lambda name: float(numbers.shown[name].value), default="")
    if best and numbers.shown[best].low:
        parts.append(rf"The largest speed-up is \ovlab{{{best}}} (95\,\% interval \ovlabinterval{{{best}}}).")
    parts += [_figure(one) for name in SHOWN_FIGURES for one in figures if one.name == name]
    written = {table.name for table in tables if table.rows}
    parts += [rf"\input{{../tables/{name}}}" for name in SHOWN_TABLES if name in written]
    parts += [r"\bibliographystyle{plain}", r"\bibliography{references}", r"\end{document}", ""]
    return "\n".join(parts)


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
