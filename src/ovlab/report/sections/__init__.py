"""The sections of the report, in the order of the page.

A new section is a folder here, with a subclass of :class:`ovlab.report.section.Section`, and one line in the list.
"""

from __future__ import annotations

from ovlab.report.section import Section
from ovlab.report.sections.accuracy import Accuracy
from ovlab.report.sections.answer import Answer
from ovlab.report.sections.calibration import Calibration
from ovlab.report.sections.changes import Changes
from ovlab.report.sections.claims import Claims
from ovlab.report.sections.devices import Devices
from ovlab.report.sections.devices_at_once import SeveralDevices
from ovlab.report.sections.environment import Environment
from ovlab.report.sections.findings import Findings
from ovlab.report.sections.goals import Goals
from ovlab.report.sections.hosts import Hosts
from ovlab.report.sections.layers import Layers
from ovlab.report.sections.measuring import Measuring
from ovlab.report.sections.models import Models
from ovlab.report.sections.not_measured import NotMeasured
from ovlab.report.sections.remarks import Remarks
from ovlab.report.sections.results import Results
from ovlab.report.sections.server import Server
from ovlab.report.sections.settings import Settings
from ovlab.report.sections.sweep import Sweep

SECTIONS: tuple[Section, ...] = (
    Answer(),
    Goals(),
    Changes(),
    Results(),
    Server(),
    Sweep(),
    Layers(),
    Accuracy(),
    Findings(),
    Claims(),
    Hosts(),
    Calibration(),
    SeveralDevices(),
    Devices(),
    Remarks(),
    Measuring(),
    Models(),
    Environment(),
    NotMeasured(),
    Settings(),
)
