"""What the page tells of a cell that a reader asks for: its full record, and the command that makes it anew."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from ovlab.records import Record
from ovlab.report.format import LATEX, MARKDOWN, Estimate, show, shown_text
from ovlab.report.page.tables import CELL
from ovlab.report.records import Records, SessionKey
from ovlab.report.result_columns import meaning_of
from ovlab.report.results import COUNTS
from ovlab.report.section import ReportContext
from ovlab.specs import ReportSettings
from ovlab.text import visible_json

BOUNDS = ("_low", "_high")
WITHOUT_UNIT = ("", "ratio", "count")


def page_data(report: ReportContext) -> Markup:
    """Return what the scripts need, as JSON that no text in it can leave.

    Returns
    -------
    Markup
        ``cells`` in the order of the results, the records that they rest on, and how LaTeX and Markdown escape text.
    """
    records, frame = report.records, report.frame
    environments = {_text_of(one): number for number, one in enumerate(_environments(records))}

    def origin(record: Record) -> dict[str, Any]:
        return _origin(record) | {"environment": environments[_text_of(record.environment)]}

    columns = [str(name) for name in frame.columns]
    data = {
        "columns": columns,
        "cells": [_cell(row, columns, report) for row in frame.to_dict("records")],
        "sessions": {_key(*names): origin(one) | _path(names, report) for names, one in records.sessions.items()},
        "variants": {_key(*names): origin(one) for names, one in records.variants.items()},
        "accuracies": {
            _key(*names): origin(one) for names, one in (records.accuracies | records.device_accuracies).items()
        },
        "environments": [json.loads(text) for text in environments],
        "escapes": {"latex": LATEX, "markdown": MARKDOWN},
    }
    text = visible_json(json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False))
    return Markup(text.replace("<", "\\u003c"))  # noqa: S704  (no sign in it begins a tag)


def cell_numbers(frame: pd.DataFrame) -> dict[tuple[str, ...], int]:
    """Return the number of each cell by its names, the host's only where there are several."""
    shown = frame.assign(host="") if frame["host"].nunique() < 2 else frame
    return {tuple(str(row[key]) for key in CELL): number for number, row in enumerate(shown.to_dict("records"))}


def _key(*names: str) -> str:
    return json.dumps(names, ensure_ascii=False, separators=(",", ":"))


def _cell(row: dict[Any, Any], columns: list[str], report: ReportContext) -> dict[str, Any]:
    """Return a row of the results, by column: as it is shown, and raw (true: the same); None for what is missing."""
    known = [name for name in columns if not _is_missing(row[name])]
    texts = {name: _text(name, row) for name in known}
    shown = [None if name.endswith(BOUNDS) else texts.get(name) for name in columns]
    raw = [
        None if name not in texts else True if row[name] == text else _plain(row[name])
        for name, text in zip(columns, shown, strict=True)
    ]
    model, precision, device, scenario = (str(row[key]) for key in ("model", "precision", "device", "scenario"))
    host = str(row["host"])
    session = report.records.sessions.get((model, device, scenario, host))
    apart = report.records.of_host(host).validates_apart(report.settings, device)
    outcome = session.data.get("rows", {}).get(precision) if session is not None else None
    return {
        "names": [model, precision, report.records.place(device, host), scenario],
        "shown": shown,
        "raw": raw,
        "session": _key(model, device, scenario, host),
        "variant": _key(model, precision),
        "accuracy": _key(model, precision, *[device] * apart),
        "effective": (outcome or {}).get("effective") or {},
    }


def _is_missing(value: object) -> bool:
    return value is None or value == "" or bool(pd.isna(value))  # type: ignore[call-overload]


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _text(name: str, row: dict[Any, Any]) -> str:
    value = row[name]
    if isinstance(value, str):
        return value
    if name in COUNTS:
        return f"{int(value)}"
    known = meaning_of(name)
    unit = f" {known.unit}" if known is not None and known.unit not in WITHOUT_UNIT else ""
    return shown_text(show(Estimate.of_row(row, name)), unit)


def _path(names: SessionKey, report: ReportContext) -> dict[str, str]:
    """Return where a session's record lies and how it is made anew, if that is known."""
    folder = report.records.folders.get(names)
    if folder is None:
        return {}
    record = folder / "session.json"
    return {"record": str(record), "command": reproduction(report.settings, record)}


def reproduction(settings: ReportSettings, record: Path) -> str:
    """Return the command that measures a session anew: only that, with what it needs and what the run was given."""
    config = [f"experiment={settings.name}", *settings.options]
    return shlex.join(["snakemake", "--cores", "all", str(record), "--force", "--config", *config])


def _origin(record: Record) -> dict[str, Any]:
    """Return where numbers come from: the run, its date, status, and the hashes of what went in and came out."""
    origin = {"run": record.run_id, "created": record.created, "inputs": record.inputs, "files": record.files}
    return {name: value for name, value in origin.items() if value}


def _environments(records: Records) -> list[dict[str, Any]]:
    """Return the different environments of the records."""
    return list({_text_of(record.environment): record.environment for record in records.everything()}.values())


def _text_of(environment: dict[str, Any]) -> str:
    return json.dumps(environment, sort_keys=True, ensure_ascii=False)
