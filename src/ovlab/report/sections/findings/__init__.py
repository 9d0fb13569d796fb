"""Findings: what was found, in sentences, at the head of the page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from ovlab.report.format import joined
from ovlab.report.section import Finding, ReportContext, Section
from ovlab.report.sections.findings.precisions import model_findings
from ovlab.report.style import Plot
from ovlab.report.table import Table
from ovlab.specs import ReportSettings


class Findings(Section):
    """What each precision gains and costs, and what the other sections have to say of the whole experiment."""

    anchor = "findings"
    title = "Findings"
    question = "What does each precision gain, and what does it cost?"

    def findings(self, report: ReportContext) -> list[Finding]:
        """Say where virtual devices ran."""
        sentences = redirections(report.settings, report.ok)
        return [Finding("Executed on", sentences)] if sentences else []

    def context(self, report: ReportContext) -> dict[str, Any]:
        """Gather the findings of all sections."""
        return {
            "models": model_findings(report.settings, report.ok, report.records),
            "general": general_findings(report),
        }

    def is_shown(self, report: ReportContext, tables: Sequence[Table], figures: Sequence[Plot]) -> bool:  # noqa: ARG002
        """Show it always: that nothing was measured is a finding too."""
        return True


def general_findings(report: ReportContext) -> list[Finding]:
    """Return what every section says of the experiment as a whole."""
    return [finding for section in report.sections for finding in section.findings(report)]


def redirections(settings: ReportSettings, ok: pd.DataFrame) -> list[str]:
    """Say on which devices a virtual device ran."""
    sentences = []
    several = len(settings.experiment.hosts) > 1
    for (device, host), rows in ok.groupby(["device", "host"], sort=False):
        asked = settings.devices[str(device)].device
        found = sorted({str(one) for one in rows["execution_devices"].dropna() if one})
        if found and found != [asked]:
            sentences.append(f"{device} ({asked}){f' of {host}' if several else ''} ran on {joined(found)}.")
    return sentences
