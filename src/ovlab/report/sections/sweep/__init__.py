"""Sweep: which batch, number of requests and number of streams is best."""

from __future__ import annotations

from ovlab.report.format import counted
from ovlab.report.section import ReportContext, Section
from ovlab.report.sections.sweep.figure import sweep_figures
from ovlab.report.sections.sweep.points import finalists, sweep_points, sweep_table
from ovlab.report.style import Plot
from ovlab.report.table import Table
from ovlab.specs import ReportSettings
from ovlab.specs.scenario import SweepSpec


class Sweep(Section):
    """The points of each sweep, and the one that was chosen."""

    anchor = "sweep-section"
    title = "Sweep"
    question = "Which batch, requests in flight and streams are best?"

    def tables(self, report: ReportContext) -> list[Table]:
        """Make the table of finalists; its CSV file has every point."""
        return [finalists(sweep_table(sweep_points(report.records)))]

    def figures(self, report: ReportContext) -> list[Plot]:
        """Draw a matrix for each session with a sweep."""
        return sweep_figures(report.settings, sweep_points(report.records))

    def method(self, report: ReportContext) -> list[str]:
        """Say how the sweeps were made."""
        return sweep_paragraphs(report.settings)


def sweep_paragraphs(settings: ReportSettings) -> list[str]:
    """Describe how sweeps were made: a paragraph for each of these scenarios."""
    scenarios = {name: settings.scenarios.get(name) for name in settings.experiment.scenarios}
    return [_paragraph(name, one.sweep) for name, one in scenarios.items() if one is not None and one.sweep]


def _paragraph(name: str, sweep: SweepSpec) -> str:
    limit = (
        f" whose latency p{sweep.limit_percentile} is within {sweep.latency_limit_ms:g} ms"
        if sweep.latency_limit_ms is not None
        else ""
    )
    return (
        f"{name}: {counted(len(sweep.points()), 'point')} of batch, requests in flight and streams. "
        f"{counted(sweep.coarse_launches, 'coarse launch')} of {sweep.duration_s:g} s each; the best "
        f"{counted(sweep.finalists, 'point')}{limit} (and what the hint alone leads to) are launched "
        f"{sweep.finalist_launches} times again, and the fastest of these is chosen, for each precision by itself. "
        "What is reported comes from launches made after the choice."
    )
