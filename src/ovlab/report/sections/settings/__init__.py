"""Settings: what compiled models say of themselves, and the experiment's configuration."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from ovlab.report.format import MISSING, joined, plain_value, significant
from ovlab.report.records import Records
from ovlab.report.section import ReportContext, Section
from ovlab.report.style import Plot
from ovlab.report.table import Table
from ovlab.specs import ReportSettings


class Settings(Section):
    """Effective settings of each session, and the configuration as YAML."""

    anchor = "settings"
    title = "Settings"
    question = "With which settings exactly?"

    def context(self, report: ReportContext) -> dict[str, Any]:
        """Return the settings that were read back, and the configuration."""
        return {"effective": effective_settings(report.records), "configuration": configuration(report.settings)}

    def is_shown(self, report: ReportContext, tables: Sequence[Table], figures: Sequence[Plot]) -> bool:  # noqa: ARG002
        """Show it always."""
        return True


@dataclass(frozen=True, slots=True)
class EffectiveSettings:
    """What was read back in a session: one row a property, with a value for each precision (one if all agree)."""

    title: str
    precisions: list[str]
    rows: list[tuple[str, list[str]]]


def effective_settings(records: Records) -> list[EffectiveSettings]:
    """Return what each session's compiled models said of themselves."""
    found = []
    for (model, device, scenario, host), session in records.sessions.items():
        read = {
            precision: dict(_properties(row["effective"]))
            for precision, row in session.data.get("rows", {}).items()
            if row.get("effective")
        }
        if not read:
            continue
        rows = []
        for name in dict.fromkeys(name for values in read.values() for name in values):
            values = [one.get(name, MISSING) for one in read.values()]
            rows.append((name, values[:1] if len(set(values)) == 1 else values))
        found.append(EffectiveSettings(", ".join([model, records.place(device, host), scenario]), list(read), rows))
    return found


def _properties(effective: dict[str, Any]) -> Iterable[tuple[str, str]]:
    for name, value in effective.items():
        if name == "members":
            for device, inner in value.items():
                yield from ((f"{device}: {key}", plain_value(one)) for key, one in inner.items())
        elif name == "executed_shares":
            shares = [f"{precision} {significant(100 * share)} %" for precision, share in value.items()]
            yield "executed multiply-accumulates", joined(shares) or MISSING
        elif name == "executed_kernels":
            kernels = [f"{kernel} {significant(100 * share)} %" for kernel, share in value.items()]
            yield "kernels of the multiply-accumulates", joined(kernels) or MISSING
        elif name == "executed_layers":
            for precision, types in value.items():
                yield f"executed layers in {precision}", joined([f"{n} {kind}" for kind, n in types.items()]) or MISSING
        elif name == "executed_precision":
            yield "executed precision", plain_value(value)
        elif name == "operations_by_device":
            yield from _split_over_devices(value)
        elif name == "gathered_requests":
            yield "requests gathered into one inference", plain_value(value)
        else:
            yield name, plain_value(value)


def _split_over_devices(split: dict[str, Any]) -> Iterable[tuple[str, str]]:
    for device, part in split.items():
        kinds = joined([f"{len(names)} {kind}" for kind, names in part["operations"].items()])
        share = part["mac_share"]
        macs = "" if share is None else f" ({significant(100 * share)} % of the multiply-accumulates)"
        yield f"operations on {device or 'no device'}", f"{kinds}{macs}"


def configuration(settings: ReportSettings) -> str:
    """Return the exact configuration as YAML."""
    text: str = yaml.safe_dump(settings.plain(), sort_keys=False, allow_unicode=True, width=100)
    return text
