"""Is every cell accounted for? The last word of a run, and its exit code."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from ovlab.errors import OvlabError
from ovlab.files import read_json, write_text

log = logging.getLogger("ovlab.verdict")


def summarise(results: pd.DataFrame) -> str:
    """Count the cells by status in one line."""
    counts = results["status"].value_counts()
    parts = [f"{counts.get(status, 0)} {status}" for status in ("ok", "unavailable", "failed")]
    return f"{len(results)} {'cell' if len(results) == 1 else 'cells'}: {', '.join(parts)}"


def conclude(results: Path, records: Iterable[Path], verdict: Path) -> None:
    """Write the verdict if no cell failed.

    Otherwise the records of failed steps are put aside (``NAME.failed.json``): the report has taken in what they say,
    and the next run tries just these steps again.

    Raises
    ------
    OvlabError
        If a cell failed, naming each reason once.
    """
    frame = pd.read_csv(results)
    summary = summarise(frame)
    failed = frame[frame["status"] == "failed"]
    if failed.empty:
        log.info("%s", summary)
        write_text(verdict, summary + "\n")
        return
    for reason, cells in failed.groupby("reason", sort=False):
        names = ", ".join("/".join(cell) for cell in cells[["model", "precision", "device", "scenario"]].to_numpy())
        log.error("failed: %s [%s]", reason, names)
    for record in records:
        if record.exists() and read_json(record)["status"] == "failed":
            record.replace(record.with_name(f"{record.stem}.failed.json"))
    raise OvlabError(f"{summary}; the next run tries the failed steps again")
