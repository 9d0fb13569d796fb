"""Devices: which were measured, on what they ran; those that are not here, in one line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from ovlab.report.columns import HOST
from ovlab.report.format import MISSING, Estimate, counted, joined
from ovlab.report.results import absent_devices
from ovlab.report.section import ReportContext, Section
from ovlab.report.style import Plot
from ovlab.report.table import Column, Entry, Table
from ovlab.specs import ReportSettings


class Devices(Section):
    """The devices of the experiment."""

    anchor = "devices-section"
    title = "Devices"
    question = "Which devices were measured, and on what did they run?"

    def tables(self, report: ReportContext) -> list[Table]:
        """Make the table of devices; its file has the absent ones too."""
        return [devices_table(report.settings, report.frame)]

    def context(self, report: ReportContext) -> dict[str, Any]:
        """Say in a line which devices are not here."""
        return {"absent": absent_line(report.placed)}

    def is_shown(self, report: ReportContext, tables: Sequence[Table], figures: Sequence[Plot]) -> bool:  # noqa: ARG002
        """Show it where there is more to say than the name of the only device."""
        return len(report.settings.devices) > 1 or bool(absent_devices(report.frame))


def devices_table(settings: ReportSettings, frame: pd.DataFrame) -> Table:
    """Make the table of devices: one row each that was measured, all of them in its file."""
    columns = [
        Column("device", "device"),
        HOST,
        Column("openvino_device", "OpenVINO’s name"),
        Column("execution_devices", "executed on"),
        Column("ok", "cells measured", numeric=True, whole=True),
        Column("unavailable", "unavailable", numeric=True, whole=True),
        Column("failed", "failed", numeric=True, whole=True),
    ]
    rows: list[list[Entry]] = []
    absent: set[tuple[str, str]] = set()
    for (device, host), cells in frame.groupby(["device", "host"], sort=False):
        counts = [Estimate.of(int((cells["status"] == status).sum())) for status in ("ok", "unavailable", "failed")]
        found = sorted({str(one) for one in cells["execution_devices"].dropna() if one})
        if absent_devices(cells):
            absent.add((str(device), str(host)))
        rows.append([str(device), str(host), settings.devices[str(device)].device, joined(found) or MISSING, *counts])
    caption = "The devices of the experiment, and those that the compiled models said that they ran on."
    whole = Table("devices", caption, columns, rows, made_from=("session",))
    return Table(
        "devices",
        caption,
        columns,
        [row for row in rows if (row[0], row[1]) not in absent],
        whole=whole,
        made_from=("session",),
    )


def absent_line(frame: pd.DataFrame) -> str:
    """Say in one sentence which devices are not on this host, why, and how many cells that leaves out."""
    absent = absent_devices(frame)
    if not absent:
        return ""
    cells = frame[frame["device"].isin(absent)]
    reasons: dict[str, list[str]] = {}
    for device, own in cells.groupby("device", sort=False):
        reasons.setdefault("; ".join(dict.fromkeys(own["reason"])), []).append(str(device))
    why = "; ".join(f"{joined(devices)}: {reason.rstrip('.')}" for reason, devices in reasons.items())
    return f"Not measured for want of the device: {counted(len(cells), 'cell')} ({why})."
