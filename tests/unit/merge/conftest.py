"""The generator of synthetic experiments is the report's; what most tests merge."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))

from merged import SMALL
from report_factory import Recipe
from result_folders import Made, write_results

from ovlab.merge import merging
from ovlab.report import report
from ovlab.report.sections import SECTIONS
from ovlab.report.sections.findings import Findings
from ovlab.report.sections.merged import MergedResults
from ovlab.report.sections.results import Results as AllResults


@pytest.fixture(autouse=True)
def short(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write what this is about, and no figures, which take longest, but where a test looks at the whole."""
    if "whole" not in request.node.name:
        sections = [one for one in SECTIONS if isinstance(one, MergedResults | AllResults | Findings)]
        monkeypatch.setattr(merging, "report", partial(report, sections=sections))
        monkeypatch.setattr(AllResults, "figures", lambda *_: [])


@pytest.fixture
def pair(tmp_path: Path) -> list[Path]:
    """Two folders of one machine, measured with other settings."""
    second = Made(Recipe(scenarios=["single_stream"], precisions=["fp32", "int8"], latency_ms=5.0))
    second.settings = {"measurement": {"duration_s": 3.0}}
    return [write_results(tmp_path / "a", Made(SMALL)), write_results(tmp_path / "b", second)]
